"""Trades that stand out: by their size and by their pace."""

from __future__ import annotations

import math
from collections import deque

from genesis_lib.clock import NS
from genesis_lib.detectors.base import Alert, Detector, Episode, detector
from genesis_lib.detectors.tail import Tail
from genesis_lib.detectors.view import View

MEMORY = 20_000  # rows that a window may hold at most
HOUR = 3600 * NS


def orders(view: View) -> list[tuple[float, int, int]]:
    """Sizes of the market orders since the row before, with their side (+1 buyer, -1 seller, 0 unknown) and trades.

    An order that takes several resting ones makes a trade with each, all at one time and of one side. Where the source
    has no single trades, the row's volume stands for as many equal orders of its larger side as it has trades.
    """
    if not view.trades:
        count, buy, sell = view.flow[:3]
        volume = buy + sell
        return [(volume / count, 1 if buy > sell else -1, 1)] * int(count) if count > 0 and volume > 0.0 else []
    found: list[tuple[float, int, int]] = []
    last = None
    for trade in view.trades:
        key = trade.ts_exchange, trade.side
        if key == last:
            size, side, count = found[-1]
            found[-1] = size + trade.quantity, side, count + 1
        else:
            found.append((trade.quantity, trade.side, 1))
        last = key
    return found


@detector
class UnusualTradeSize(Detector):
    """A market order is larger than this market sees in hours, by the tail of the sizes it sees.

    Sizes have heavy tails: a hundred times the median comes every minute in some markets and never in others. So the
    limit is the level that the fitted tail passes once in `PERIOD_NS`, and at least `LEAST` times the median.
    """

    kind = "unusual_trade_size"
    summary = "a trade far larger than usual"
    LEAST, PERIOD_NS, LEARN_NS, LEARN_VALUES = 10.0, HOUR, 45 * NS, 100
    MOST_LEARNT = 200  # orders of a row

    def __init__(self) -> None:
        self._tail, self._episode = Tail(self.PERIOD_NS), Episode()

    def forget(self) -> None:
        self._episode.clear()

    def look(self, view: View) -> Alert | None:
        sizes, ts, tail = orders(view), view.ts, self._tail
        if not sizes:
            self._episode.step(ts, False)
            return None
        size, sign, trades = max(sizes)
        limit = max(tail.level, tail.median + math.log(self.LEAST))
        known = tail.ready(self.LEARN_VALUES, self.LEARN_NS)
        value, median = math.log(size), tail.median
        over = known and value >= limit
        for one, _, _ in sizes[: self.MOST_LEARNT]:
            if one > 0.0:
                tail.learn(ts, math.log(one))
        if not self._episode.step(ts, over):
            return None
        side = "buy" if sign > 0 else "sell" if sign < 0 else "unknown"
        usual = math.exp(median)
        message = f"A {side} order of {size:g} traded, {size / usual:.0f} times the usual."
        return self.alert(
            view,
            (value - median) / (limit - median),
            message,
            side=side,
            size=size,
            usual_size=usual,
            limit_size=math.exp(limit),
            trades=trades,
        )


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
    """Market orders of one second are more than this market sees in hours, by the tail of its seconds."""

    kind = "rapid_trading"
    summary = "orders traded far faster than usual"
    LEAST, TIMES, BEYOND = 30.0, 3.0, 2.5  # orders, times the median, times what the tail passes once in `PERIOD_NS`
    PERIOD_NS, LEARN_NS, LEARN_VALUES = 2 * HOUR, 45 * NS, 40
    REARM_NS = 30 * NS
    QUIET = 600  # seconds without a row that count at most

    def __init__(self) -> None:
        self._window, self._tail = RowWindow(NS, 1), Tail(self.PERIOD_NS)
        self._episode = Episode(0, self.REARM_NS)
        self._second, self._most = 0, 0.0

    def forget(self) -> None:
        self._window.clear()
        self._episode.clear()
        self._second = 0

    def look(self, view: View) -> Alert | None:
        ts, tail = view.ts, self._tail
        (count,) = self._window.push(ts, float(len(orders(view))))
        median = math.expm1(tail.median)
        limit = max(self.LEAST, self.TIMES * median, self.BEYOND * math.expm1(min(tail.level, 50.0)))
        over = tail.ready(self.LEARN_VALUES, self.LEARN_NS) and count >= limit
        second = ts // NS
        if second != self._second:
            if self._second:
                tail.learn(ts, math.log1p(self._most))
                quiet = min(second - self._second - 1, self.QUIET)
                if quiet > 0:
                    tail.learn(ts, 0.0, quiet)
            self._second, self._most = second, 0.0
        self._most = max(self._most, count)
        if not self._episode.step(ts, over):
            return None
        message = f"{count:.0f} market orders within a second, usually {median:.1f}."
        excess = (math.log1p(count) - tail.median) / (math.log1p(limit) - tail.median)
        return self.alert(view, max(excess, 1.0), message, orders=int(count), usual_orders=median, limit_orders=limit)
