"""Orders that were not meant to trade: spoofing, layering, quote stuffing.

All three read rows of the first ten levels: they see the traces of such orders, never who sent them. An alarm is a
reason to look, no verdict.
"""

from __future__ import annotations

from collections import deque

from genesis_lib.clock import NS
from genesis_lib.detectors.base import Alert, Detector, Episode, Habit, detector
from genesis_lib.detectors.liquidity import MS, SIDES
from genesis_lib.detectors.placements import Placement, PlacementTracker
from genesis_lib.detectors.trades import RowWindow
from genesis_lib.detectors.view import View


@detector
class Spoofing(Detector):
    """A large order away from the best price attracts trades against it and is withdrawn within seconds.

    Notes
    -----
    Alone, a large order that comes and goes is common. It becomes an alarm when it was many times the habitual level,
    stood at the best price for no more than half a second, lived at least 100 ms and at most 10 s, and meanwhile the
    side it leans on traded or the mid went its way by a tick.

    References
    ----------
    Lee, Eom and Park (2013), Microstructure-based manipulation: strategic behavior and performance of spoofing traders.
    """

    kind = "spoofing"
    summary = "a large order away from the best price, withdrawn after it had moved others"
    TIMES, OF_BEST, SHORTEST_NS, LONGEST_NS, TRADED = 15.0, 3.5, 100 * MS, 10 * NS, 0.003

    def __init__(self) -> None:
        self._orders = PlacementTracker(self.TIMES, self.OF_BEST, self.LONGEST_NS)
        self._episode = Episode(0, 2 * NS)

    def forget(self) -> None:
        self._orders.forget()
        self._episode.clear()

    def look(self, view: View) -> Alert | None:
        ts = view.ts
        mid = view.mid
        suspects = [order for order in self._orders.step(view) if self._worked(order, ts, mid)]
        worst = max(suspects, key=lambda order: order.excess, default=None)
        if not self._episode.step(ts, worst is not None):
            return None
        side, life = SIDES[worst.side], (ts - worst.came) / MS
        message = (
            f"A {side} of {worst.size:g}, {worst.distance} ticks from the best, stood {life:.0f} ms and was withdrawn "
            f"untouched; {worst.against:g} traded the way it leaned."
        )
        return self.alert(
            view,
            worst.excess,
            message,
            side=side,
            tick=worst.tick,
            size=worst.size,
            distance_ticks=worst.distance,
            life_ms=life,
            traded=worst.against,
        )

    def _worked(self, order: Placement, ts: int, mid: float) -> bool:
        moved = (mid - order.mid) * (1 if order.side == 0 else -1)
        return ts - order.came >= self.SHORTEST_NS and (order.against >= self.TRADED * order.size or moved >= 1.0)


@detector
class Layering(Detector):
    """Large orders on three and more levels of one side come within seconds and are withdrawn together, not replaced.

    Makers who requote withdraw several levels at once too, within milliseconds, and put them back a tick further: the
    orders must have stood for half a second, and the side's visible depth must fall by most of what was withdrawn.
    """

    kind = "layering"
    summary = "orders on several levels of a side, withdrawn together"
    TIMES, OF_BEST, SHORTEST_NS, LONGEST_NS = 5.0, 1.0, 500 * MS, 10 * NS
    TOGETHER_NS, LEVELS, FALL = 300 * MS, 3, 0.7

    def __init__(self) -> None:
        self._orders = PlacementTracker(self.TIMES, self.OF_BEST, self.LONGEST_NS)
        self._gone: deque[tuple[int, Placement]] = deque(maxlen=64)
        self._depths: deque[tuple[int, float, float]] = deque(maxlen=1024)  # time, bid and ask quantity
        self._episode = Episode(0, 2 * NS)

    def forget(self) -> None:
        self._orders.forget()
        self._gone.clear()
        self._depths.clear()
        self._episode.clear()

    def look(self, view: View) -> Alert | None:
        ts = view.ts
        self._gone.extend((ts, order) for order in self._orders.step(view) if ts - order.came >= self.SHORTEST_NS)
        while self._gone and self._gone[0][0] <= ts - self.TOGETHER_NS:
            self._gone.popleft()
        self._depths.append((ts, *self._orders.depths))
        while self._depths[0][0] <= ts - self.TOGETHER_NS:
            self._depths.popleft()
        layers: dict[int, Placement] = {}
        side = 0
        for k in (0, 1):
            own = {order.tick: order for _, order in self._gone if order.side == k}
            came = [order.came for order in own.values()]
            if len(own) <= len(layers) or max(came) - min(came) > self.LONGEST_NS / 2:
                continue
            fall = max(depth[1 + k] for depth in self._depths) - self._depths[-1][1 + k]
            if fall >= self.FALL * sum(order.size for order in own.values()):
                layers, side = own, k
        if not self._episode.step(ts, len(layers) >= self.LEVELS):
            return None
        total = sum(order.size for order in layers.values())
        span = self.TOGETHER_NS // MS
        message = f"{len(layers)} {SIDES[side]} levels with {total:g} in all were withdrawn within {span} ms."
        excess = len(layers) / self.LEVELS * min(2.0, max(order.excess for order in layers.values()) ** 0.5)
        first = min(order.came for order in layers.values())
        return self.alert(
            view, excess, message, side=SIDES[side], levels=len(layers), size=total, life_ms=(ts - first) / MS
        )


@detector
class QuoteStuffing(Detector):
    """Far more book messages in half a second than usual, that neither trades nor a move of the mid explain.

    References
    ----------
    Egginton, Van Ness and Van Ness (2016), Quote stuffing, Financial Management 45.
    """

    kind = "quote_stuffing"
    summary = "a burst of book messages without trades"
    SPAN_NS, TIMES, DEVIATIONS, LEAST, RATIO, STILL = 500 * MS, 4.0, 6.0, 40.0, 1.5, 2.0

    def __init__(self) -> None:
        self._window = RowWindow(self.SPAN_NS, 2)
        self._messages, self._trades, self._move = Habit(), Habit(), Habit()
        self._episode = Episode()
        self._mids: deque[tuple[int, float]] = deque(maxlen=64)

    def forget(self) -> None:
        self._window.clear()
        self._mids.clear()
        self._episode.clear()

    def look(self, view: View) -> Alert | None:
        ts = view.ts
        messages, trades = self._window.push(ts, 1.0, view.flow[0])
        mid = view.mid
        # One mid a tenth of the window is enough to see whether it stood.
        if not self._mids or ts - self._mids[-1][0] >= self.SPAN_NS // 10:
            self._mids.append((ts, mid))
        while self._mids[0][0] <= ts - self.SPAN_NS and len(self._mids) > 1:
            self._mids.popleft()
        habit, move = self._messages, abs(mid - self._mids[0][1])
        limit = max(self.LEAST, self.TIMES * habit.mean, habit.mean + self.DEVIATIONS * habit.deviation)
        usual = habit.mean
        ratio = self.RATIO * self._trades.mean / max(usual, 1.0)
        # As far as a random walk of so many messages goes is still no news.
        walk = (self._move.mean + self.STILL * self._move.deviation) * max(messages / max(usual, 1.0), 1.0) ** 0.5
        still = move <= max(2.0, walk)
        over = habit.ready and messages >= limit and trades <= max(ratio, 0.05) * messages and still
        for learner, value in ((habit, messages), (self._trades, trades), (self._move, move)):
            learner.learn(ts, value)
        if not self._episode.step(ts, over):
            return None
        message = f"{messages:.0f} book messages in half a second, usually {usual:.0f}, with {trades:.0f} trades."
        return self.alert(view, messages / limit, message, messages=int(messages), usual=usual, trades=int(trades))
