"""One value again and again: how much oftener than its own habit a value came lately."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Hashable

from genesis_lib.detectors.base import HABIT_NS

KEYS = 4096  # values whose habit is kept, the longest unseen given up first
MEMORY = 20_000  # entries that a window may hold
LARGEST = 1e9  # weight at which the weights begin anew


class Recurrence:
    """Counts of values in a window of event time, each held against its own frequency before.

    Parameters
    ----------
    span_ns
        Length of the window. What leaves it becomes habit.
    tau_ns
        Time after which a habit's weight has fallen to 1/e.
    unseen
        How often a window has a value that was never seen.

    Notes
    -----
    The surprise of a value that came k times where e were expected is the log-likelihood ratio of Poisson counts,
    k ln(k / e) - (k - e): by Chernoff, chance alone does it with a probability of at most exp(-surprise).
    """

    __slots__ = ("_first", "_habit", "_origin", "_total", "_window", "counts", "span_ns", "tau_ns", "unseen")

    def __init__(self, span_ns: int, tau_ns: int = HABIT_NS, unseen: float = 0.5) -> None:
        self.span_ns, self.tau_ns, self.unseen = span_ns, tau_ns, unseen
        self.counts: dict[Hashable, int] = {}
        self._window: deque[tuple[int, Hashable]] = deque()
        # Instead of fading what is old, what is new weighs more: exp(time since the origin / tau).
        self._habit: dict[Hashable, float] = {}
        self._total = 0.0
        self._origin = 0
        self._first: int | None = None

    def clear(self) -> None:
        """Empty the window; habits stay."""
        self._window.clear()
        self.counts.clear()

    def push(self, ts: int, key: Hashable) -> int:
        """Take a value in; how often the window holds it now."""
        if self._first is None:
            self._first = self._origin = ts
        if len(self._window) == MEMORY:
            self._leave()
        self._window.append((ts, key))
        self.counts[key] = count = self.counts.get(key, 0) + 1
        return count

    def advance(self, ts: int) -> None:
        """Let the values leave that are older than the window."""
        window = self._window
        while window and window[0][0] <= ts - self.span_ns:
            self._leave()

    def _weight(self, ts: int) -> float:
        weight = math.exp(min((ts - self._origin) / self.tau_ns, 700.0))
        if weight > LARGEST:
            self._habit = {key: count / weight for key, count in self._habit.items()}
            self._total /= weight
            self._origin = ts
            return 1.0
        return weight

    def _leave(self) -> None:
        ts, key = self._window.popleft()
        weight = self._weight(ts + self.span_ns)
        left = self.counts[key] - 1
        if left:
            self.counts[key] = left
        else:
            del self.counts[key]
        habit = self._habit
        held = habit.pop(key, 0.0)
        if len(habit) == KEYS:
            del habit[next(iter(habit))]
        habit[key] = held + weight
        self._total += weight

    def expected(self, ts: int, key: Hashable) -> float:
        """How often a window as busy as this one has the value, at least `unseen`.

        It is as busy as the other values in it say, and never less than usual.
        """
        if self._first is None:
            return self.unseen
        seen = max(ts - self.span_ns - self._first, self.span_ns)
        windows = self._weight(ts) * self.tau_ns * (1.0 - math.exp(-seen / self.tau_ns)) / self.span_ns
        usual, total = self._habit.get(key, 0.0) / windows, max(self._total / windows, 1.0)
        busy = max(1.0, (len(self._window) - self.counts.get(key, 0)) / total)
        return (usual + self.unseen) * busy

    def surprise(self, ts: int, key: Hashable) -> float:
        """Nats by which the count in the window exceeds what chance explains; 0 where it does not."""
        count, usual = self.counts.get(key, 0), self.expected(ts, key)
        return count * math.log(count / usual) - (count - usual) if count > usual else 0.0
