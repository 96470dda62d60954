"""Trades that stand out: their size and their pace."""

from __future__ import annotations

import math
from collections import deque

from genesis_lib.clock import NS
from genesis_lib.detectors.base import Alert, Detector, Episode, Habit, detector
from genesis_lib.detectors.view import View

MEMORY = 20_000  # rows that a window may hold at most


@detector
class UnusualTradeSize(Detector):
    """The mean size of a row's trades is far above its habit, in logarithms."""

    kind = "unusual_trade_size"
    summary = "trades far larger than usual"
    DEVIATIONS, TIMES = 3.0, 30.0

    def __init__(self) -> None:
        self._habit, self._episode = Habit(), Episode()

    def forget(self) -> None:
        self._episode.clear()

    def look(self, view: View) -> Alert | None:
        count, buy, sell = view.flow[:3]
        size = (buy + sell) / count if count > 0 else 0.0
        if size <= 0.0:
            self._episode.step(view.ts, False)
            return None
        habit, value = self._habit, math.log(size)
        rise, usual = value - habit.mean, math.exp(habit.mean)
        limit = max(math.log(self.TIMES), self.DEVIATIONS * habit.deviation)
        over = habit.ready and rise >= limit
        habit.learn(view.ts, value)
        if not self._episode.step(view.ts, over):
            return None
        side = "buy" if buy > sell else "sell"
        message = f"{count:.0f} {side} trade{'s' * (count > 1)} of {size:g} each, {math.exp(rise):.0f} times the usual."
        return self.alert(view, rise / limit, message, side=side, size=size, usual_size=usual, trades=int(count))


class RowWindow:
    """Sums over the last `span_ns` of event time."""

    def __init__(self, span_ns: int, width: int) -> None:
        self.span_ns, self.width = span_ns, width
        self.clear()

    def clear(self) -> None:
        self.rows: deque = deque(maxlen=MEMORY)
        self.sums = [0.0] * self.width

    def push(self, ts: int, *values: float) -> list[float]:
        if len(self.rows) == MEMORY:
            self._drop()
        self.rows.append((ts, *values))
        for k, value in enumerate(values):
            self.sums[k] += value
        while self.rows[0][0] <= ts - self.span_ns:
            self._drop()
        return self.sums

    def _drop(self) -> None:
        _, *values = self.rows.popleft()
        for k, value in enumerate(values):
            # An empty window sums to 0 exactly, so rounding never adds up.
            self.sums[k] = self.sums[k] - value if self.rows else 0.0


@detector
class RapidTrading(Detector):
    """Trades of one second far above what a second usually sees."""

    kind = "rapid_trading"
    summary = "trades came far faster than usual"
    DEVIATIONS, TIMES, LEAST = 12.0, 25.0, 50.0

    def __init__(self) -> None:
        self._window, self._habit, self._episode = RowWindow(NS, 1), Habit(), Episode()

    def forget(self) -> None:
        self._window.clear()
        self._episode.clear()

    def look(self, view: View) -> Alert | None:
        (count,) = self._window.push(view.ts, view.flow[0])
        habit = self._habit
        limit = max(self.LEAST, self.TIMES * habit.mean, habit.mean + self.DEVIATIONS * habit.deviation)
        over, usual = habit.ready and count >= limit, habit.mean
        habit.learn(view.ts, count)
        if not self._episode.step(view.ts, over):
            return None
        message = f"{count:.0f} trades within a second, usually {usual:.1f}."
        return self.alert(view, count / limit, message, trades=int(count), usual_trades=usual)
