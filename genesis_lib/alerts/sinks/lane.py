"""One sink's way: what waits for it, when it may be tried again, and what came of it so far."""

from __future__ import annotations

import logging
from collections import deque
from typing import Any

from genesis_lib.alerts.sinks.address import Address
from genesis_lib.alerts.sinks.letter import Letter
from genesis_lib.alerts.sinks.pending import Parcel, Pending
from genesis_lib.alerts.sinks.targets import Outcome, Target
from genesis_lib.detectors import SEVERITIES
from genesis_lib.feeds.wire.backoff import Backoff

LOG = logging.getLogger("genesis.sinks")
FIRST_WAIT_S = 0.5
BURST = 5  # letters that may go at once before `per_minute` holds them back


class Lane:
    """Keeps a sink's letters and its manners; the caller sees to it that one thread at a time is in here.

    It logs nothing until `say`, which alone may be called beside the others: whoever adds a letter waits for no log.

    Parameters
    ----------
    name
        What may be told of the sink.
    address, target
        What is sent there at all, and how.
    queue, attempts, longest_wait_s
        Letters that may wait; attempts before a letter is given up; longest wait between two attempts.
    now
        Monotonic time, seconds.
    """

    def __init__(
        self,
        name: str,
        address: Address,
        target: Target,
        *,
        queue: int,
        attempts: int,
        longest_wait_s: float,
        now: float,
    ) -> None:
        self.name, self.target = name, target
        self._least = SEVERITIES.index(address.least_severity)
        self._pending, self._attempts = Pending(queue), attempts
        self._backoff = Backoff(min(FIRST_WAIT_S, longest_wait_s), longest_wait_s)
        self._rate, self._burst = address.per_minute / 60.0, min(float(BURST), max(1.0, address.per_minute))
        self._tokens, self._at = self._burst, now
        self._retry_at = now
        self._under_way = 0
        self._said_full = self._said_given_up = False
        self.sent = self.retried = self.given_up = 0
        self.failure = ""
        self._words: deque[tuple[int, str, tuple]] = deque(maxlen=100)

    @property
    def waiting(self) -> int:
        """Letters that were neither sent nor given up."""
        return len(self._pending) + self._under_way

    def add(self, letter: Letter) -> None:
        """Take a letter in, unless it is too quiet for this sink."""
        if letter.rank < self._least:
            return
        if not self._pending.add(letter):
            self._full()

    def ready_in(self, now: float) -> float | None:
        """Seconds until the next letter may be sent; None when none waits."""
        if not len(self._pending):
            return None
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        short = (1.0 - self._tokens) / self._rate if self._tokens < 1.0 - 1e-9 else 0.0
        return max(0.0, self._retry_at - now, short)

    def take(self) -> Parcel:
        """The next letter, which is under way from now on; `settle` says what came of it."""
        self._tokens -= 1.0
        self._under_way = 1
        return self._pending.take()

    def settle(self, parcel: Parcel, outcome: Outcome, now: float) -> None:
        """Take down what came of an attempt."""
        self._under_way = 0
        if not outcome.failure:
            self.sent += 1
            if self.failure:
                self._note(logging.INFO, "alerts: %s takes them again", self.name)
            self.failure, self._said_given_up = "", False
            self._backoff.reset()
            if not len(self._pending):
                self._said_full = False
            return
        if not self.failure:
            self._note(logging.WARNING, "alerts: %s does not take them: %s", self.name, outcome.failure)
        self.failure = outcome.failure
        parcel.attempts += 1
        self._retry_at = now + max(self._backoff.next(), outcome.after_s or 0.0)
        if not outcome.again or parcel.attempts >= self._attempts:
            self.given_up += 1
            if not self._said_given_up:  # once until it takes one again: a dead sink shall not fill the log
                number, attempts = parcel.letter.notice.id, parcel.attempts
                words = "alerts: given up on %d for %s at attempt %d; more may follow"
                self._note(logging.WARNING, words, number, self.name, attempts)
            self._said_given_up = True
            return
        self.retried += 1
        if not self._pending.put_back(parcel):
            self._full()

    def _full(self) -> None:
        if not self._said_full:
            self._note(
                logging.WARNING, "alerts: too many wait for %s: the oldest of the least severe are dropped", self.name
            )
        self._said_full = True

    def _note(self, level: int, words: str, *about: object) -> None:
        self._words.append((level, words, about))

    def say(self) -> None:
        """Log what there is to say since the last time."""
        while self._words:
            level, words, about = self._words.popleft()
            LOG.log(level, words, *about)

    def status(self) -> dict[str, Any]:
        """What may be told of it."""
        return {
            "sink": self.name,
            "sent": self.sent,
            "waiting": self.waiting,
            "retried": self.retried,
            "given_up": self.given_up,
            "dropped": self._pending.dropped,
            "failure": self.failure or None,
        }
