"""Orders that carry no intent at all: quote stuffing."""

from __future__ import annotations

from collections import deque

from genesis_lib.clock import NS
from genesis_lib.detectors.base import Alert, Detector, Episode, Habit, detector
from genesis_lib.detectors.manipulation import SIDES
from genesis_lib.detectors.recurrence import Recurrence
from genesis_lib.detectors.view import View

MS = NS // 1000
LEARN_NS = NS // 10  # a baseline of minutes needs no more values than this


@detector
class QuoteStuffing(Detector):
    """A machine adds and cancels small orders behind the best price, that neither trades nor a move of the mid explain.

    Notes
    -----
    Its trace is one quantity that comes and goes on many levels of a side, within a second far oftener than that
    quantity's own habit explains, at a pace that the rest of the book does not share. Makers who follow the price do
    that with each of its steps: while the mid moves it takes `MOVING` times the surprise. A second trace, for orders of
    many sizes: messages many times the usual.

    References
    ----------
    Egginton, Van Ness and Van Ness (2016), Quote stuffing, Financial Management 45.
    """

    kind = "quote_stuffing"
    summary = "a burst of orders added and cancelled without trades"
    SPAN_NS, WARMUP_NS = NS, 10 * NS
    HOLD_NS, GAP_NS = 50 * MS, 200 * MS  # rows of the market alone may come between two of the agent's
    NATS, MOVING = 80.0, 3.0  # nats of surprise; times that while the mid moves
    LEAST, LEVELS, SMALL, EVEN = 12, 5, 0.25, 0.25
    TIMES, DEVIATIONS, MESSAGES = 4.0, 8.0, 60.0
    STILL, TRADING = 2.0, 6.0  # deviations

    def __init__(self) -> None:
        self._sizes = Recurrence(self.SPAN_NS)
        self._recent: deque[tuple[int, int, float, int, bool]] = deque(maxlen=4096)  # time, side, size, tick, came
        self._rows: deque[tuple[int, float, float, int]] = deque(maxlen=4096)  # time, mid, trades, messages
        self._messages, self._trades, self._move, self._best = Habit(), Habit(), Habit(), Habit()
        self._sums = [0.0, 0]
        self._learnt = self._found = 0
        self._episode = Episode(self.HOLD_NS)

    def forget(self) -> None:
        self._sizes.clear()
        self._recent.clear()
        self._rows.clear()
        self._sums = [0.0, 0]
        self._found = 0
        self._episode.clear()

    def look(self, view: View) -> Alert | None:
        ts = view.ts
        suspects = self._take(view)
        move, trades, messages = abs(view.mid - self._rows[0][1]), self._sums[0], self._sums[1]
        found: tuple[float, str, dict] | None = None
        if self._move.ready_for(self.WARMUP_NS) and trades <= self._limit(self._trades, self.TRADING, 2.0):
            still = move <= self._limit(self._move, self.STILL, view.spread)
            found = self._repeated(view, suspects, self.NATS if still else self.MOVING * self.NATS)
            if found is None and still and self._messages.ready:
                found = self._many(messages)
        usual = self._messages.mean
        if ts - self._learnt >= LEARN_NS:
            self._learnt = ts
            for habit, value in ((self._messages, messages), (self._trades, trades), (self._move, move)):
                habit.learn(ts, value)
            self._best.learn(ts, (view.bids[0][1] + view.asks[0][1]) / 2.0)
        if found is not None:
            self._found = ts
        elif ts - self._found < self.GAP_NS:
            return None
        if not self._episode.step(ts, found is not None):
            return None
        excess, message, evidence = found
        return self.alert(
            view, excess, message, messages=messages, usual_messages=usual, trades=int(trades), **evidence
        )

    def _limit(self, habit: Habit, deviations: float, least: float) -> float:
        return max(least, habit.mean + deviations * habit.deviation)

    def _take(self, view: View) -> set[tuple[int, float]]:
        """Take in the row; give the sizes that came or went on it often lately."""
        ts, sizes, suspects = view.ts, self._sizes, set()
        sizes.advance(ts)
        for side, tick, was, now in view.changes:
            if tick == view.sides[side][0][0]:
                continue
            key = side, round(abs(now - was), 8)
            if sizes.push(ts, key) >= self.LEAST:
                suspects.add(key)
            self._recent.append((ts, *key, tick, now > was))
        told = max(len(view.updates), 1)
        self._rows.append((ts, view.mid, view.flow[0], told))
        self._sums[0] += view.flow[0]
        self._sums[1] += told
        while self._rows[0][0] <= ts - self.SPAN_NS:
            _, _, trades, messages = self._rows.popleft()
            self._sums[0] -= trades
            self._sums[1] -= messages
        while self._recent and self._recent[0][0] <= ts - self.SPAN_NS:
            self._recent.popleft()
        return suspects

    def _repeated(self, view: View, suspects: set[tuple[int, float]], least: float) -> tuple[float, str, dict] | None:
        found = None
        for side, size in sorted(suspects):
            nats = self._sizes.surprise(view.ts, (side, size))
            if nats < least or size > self.SMALL * self._best.mean or (found and found[0] * self.NATS >= nats):
                continue
            own = [entry for entry in self._recent if entry[1] == side and entry[2] == size]
            came, levels = sum(entry[4] for entry in own), len({entry[3] for entry in own})
            if levels < self.LEVELS or min(came, len(own) - came) < self.EVEN * len(own):
                continue
            usual = self._sizes.expected(view.ts, (side, size))
            message = (
                f"{len(own)} times in a second {SIDES[side]}s of {size:g} came or went on {levels} levels, usually "
                f"{usual:.1f} times, and nothing traded for it."
            )
            evidence = {"side": SIDES[side], "size": size, "changes": len(own), "added": came, "levels": levels}
            found = nats / self.NATS, message, evidence | {"usual_changes": usual}
        return found

    def _many(self, messages: int) -> tuple[float, str, dict] | None:
        habit = self._messages
        limit = max(self.MESSAGES, self.TIMES * habit.mean, habit.mean + self.DEVIATIONS * habit.deviation)
        if messages < limit:
            return None
        return messages / limit, f"{messages} book messages in a second, usually {habit.mean:.0f}.", {"side": "both"}
