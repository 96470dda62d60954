"""Orders that were not meant to trade: spoofing and layering.

Both read the visible levels and the trades: they see the traces of such orders, never who sent them. An alarm is a
reason to look, no verdict.
"""

from __future__ import annotations

from collections import deque

from genesis_lib.clock import NS
from genesis_lib.detectors.base import Alert, Detector, Episode, detector
from genesis_lib.detectors.placements import Placement, PlacementTracker
from genesis_lib.detectors.view import View

MS = NS // 1000
SIDES = ("bid", "ask")
TOGETHER_NS = 300 * MS  # what an order is held against: what else went from its side in this time
REQUOTED_NS = 100 * MS  # orders that are back within this time were moved
APART_NS = 2000 * MS  # layers come within this time
LAYERS = 3


class FalseDepth(Detector):
    """What spoofing and layering share: large orders followed until they go, and whether that served their owner.

    Orders of makers who leave (a shock) go from both sides at once, those of makers who requote come again: the depth
    of the orders' side must fall by most of what was withdrawn, that of the other side must not, and nothing like them
    may come soon. And they did something for their owner: the mid had gone their way by a tick, or somebody traded
    against their lean soon after.
    """

    TIMES, OF_BEHIND = 0.4, 3.0  # of the habitual best level, of a level behind it
    SHORTEST_NS, LONGEST_NS, AFTER_NS = 290 * MS, 12 * NS, 900 * MS
    STROKE_NS = 60 * MS  # orders that go within this time go at one stroke
    FALL, OTHER, LIKE, RETURN = 0.3, 0.5, 0.5, 0.5
    TRADED, GAIN = 0.03, 1.0  # of the habitual best level; ticks
    NEAR, SPREADS = 12, 3.0  # ticks, habitual spreads from the best price: farther orders lean on nobody

    def __init__(self) -> None:
        self._orders = PlacementTracker(self.TIMES, self.OF_BEHIND, self.LONGEST_NS)
        self._gone: deque[Placement] = deque(maxlen=64)
        self._falls: deque[tuple[int, float, float]] = deque(maxlen=64)  # time, what bids and asks lost untraded
        self._waiting: deque[list[Placement]] = deque(maxlen=16)
        self._episode = Episode(0, 2 * NS)

    def forget(self) -> None:
        self._orders.forget()
        for memory in (self._gone, self._falls, self._waiting):
            memory.clear()
        self._episode.clear()

    def look(self, view: View) -> Alert | None:
        ts, orders = view.ts, self._orders
        near = max(self.NEAR, self.SPREADS * orders.spread)
        gone = [o for o in orders.step(view) if ts - o.came >= self.SHORTEST_NS and o.distance <= near]
        while self._gone and self._gone[0].gone < ts - TOGETHER_NS:
            self._gone.popleft()
        if orders.standing or gone or self._falls:
            self._fall(view)
        if gone:
            self._gone.extend(gone)
            self._waiting.extend(suspects for suspects in self._suspects(ts, gone) if self._fell(suspects))
        found: list[Placement] = []
        for suspects in list(self._waiting):
            found = (self._judge(view, suspects) and suspects) or found
        return self._tell(view, found) if self._episode.step(ts, bool(found)) else None

    def _fall(self, view: View) -> None:
        """Remember what each side lost with this row beyond what was taken from it."""
        lost = [0.0, 0.0]
        for side, _, was, now in view.changes:
            lost[side] += was - now
        for (side, _), volume in view.taken.items():
            lost[side] -= volume
        self._falls.append((view.ts, *lost))
        while self._falls and self._falls[0][0] < view.ts - self.STROKE_NS:
            self._falls.popleft()

    def _fell(self, suspects: list[Placement]) -> bool:
        """Whether their side lost most of what went, and the other side did not as well."""
        own, other = (1, 2) if suspects[0].side == 0 else (2, 1)
        size = sum(order.size for order in suspects)
        fallen, beside = sum(fall[own] for fall in self._falls), sum(fall[other] for fall in self._falls)
        return fallen >= self.FALL * size and beside <= self.OTHER * size

    def _suspects(self, ts: int, gone: list[Placement]) -> list[list[Placement]]:
        """Of the orders that went with this row, those that may have been false."""
        raise TypeError(f"{type(self).__name__} must define _suspects(ts, gone)")

    def _alone(self, order: Placement) -> bool:
        """Whether it can be told of this order as it stands."""
        return True

    def _tell(self, view: View, found: list[Placement]) -> Alert:
        raise TypeError(f"{type(self).__name__} must define _tell(view, found)")

    def _judge(self, view: View, suspects: list[Placement]) -> bool:
        """Whether suspects turn out to be false at this row; those that cannot any more wait no longer."""
        last = suspects[-1]
        since = view.ts - last.gone
        last.against += sum(volume for (hit, _), volume in view.taken.items() if hit == last.side)
        again = self.RETURN * len(suspects) <= sum(
            o.side == last.side and 0 <= o.came - last.gone <= REQUOTED_NS and o.size >= self.LIKE * last.size
            for o in self._orders.standing.values()
        )
        if since > self.AFTER_NS or again or not self._alone(last):
            self._waiting.remove(suspects)
            return False
        worked = last.gain >= self.GAIN or last.against >= self.TRADED * self._orders.usual
        if since < TOGETHER_NS // 2 or not worked:
            return False
        self._waiting.remove(suspects)
        return True


@detector
class Spoofing(FalseDepth):
    """A large order away from the best price leans on the market for up to seconds and is withdrawn before it trades.

    Notes
    -----
    Alone, a large order that comes and goes is common. It becomes an alarm when it was many times the habitual best
    level, was not one of several layers, and served its owner (see `FalseDepth`). An order that is moved is one order.

    References
    ----------
    Lee, Eom and Park (2013), Microstructure-based manipulation: strategic behavior and performance of spoofing traders.
    """

    kind = "spoofing"
    summary = "a large order away from the best price, withdrawn before it traded"
    LARGE, LAYER = 2.8, 0.3

    def _suspects(self, ts: int, gone: list[Placement]) -> list[list[Placement]]:
        return [[order] for order in gone if order.times >= self.LARGE]

    def _alone(self, order: Placement) -> bool:
        others = (*self._gone, *self._orders.standing.values())
        layers = (
            o is not order
            and o.side == order.side
            and abs(o.came - order.came) <= APART_NS
            and o.size >= self.LAYER * order.size
            for o in others
        )
        return sum(layers) < LAYERS - 1

    def _tell(self, view: View, found: list[Placement]) -> Alert:
        (order,) = found
        side, life = SIDES[order.side], (order.gone - order.came) / MS
        message = (
            f"{('A bid', 'An ask')[order.side]} of {order.size:g}, {order.times:.1f} times the usual best level and "
            f"{order.distance} ticks behind it, stood {life:.0f} ms and was withdrawn untouched."
        )
        return self.alert(
            view,
            order.times / self.LARGE,
            message,
            side=side,
            tick=order.tick,
            size=order.size,
            times_best=order.times,
            distance_ticks=order.distance,
            came=order.came,
            gone=order.gone,
            life_ms=life,
            moves=order.moves,
            gain_ticks=order.gain,
            lured=order.lured,
            against=order.against,
        )


@detector
class Layering(FalseDepth):
    """Large orders on three and more levels of a side come within a second or so and are withdrawn at one stroke.

    References
    ----------
    Lee, Eom and Park (2013), Microstructure-based manipulation: strategic behavior and performance of spoofing traders.
    """

    kind = "layering"
    summary = "orders on several levels of a side, withdrawn together"
    TIMES, OF_BEHIND, TRADED = 0.3, 2.0, 0.01
    UNEVEN = 2.0

    def _suspects(self, ts: int, gone: list[Placement]) -> list[list[Placement]]:
        found = []
        for side in (0, 1):
            stroke = [o for o in self._gone if o.side == side and o.gone >= ts - self.STROKE_NS]
            groups = ([o for o in stroke if self._like(first, o)] for first in stroke)
            layers = max(groups, key=len, default=[])
            if len({order.tick for order in layers}) >= LAYERS:
                found.append(layers)
        return found

    def _like(self, first: Placement, order: Placement) -> bool:
        """Whether an order came with or soon after another and is about as large."""
        together = 0 <= order.came - first.came <= APART_NS
        return together and first.size / self.UNEVEN <= order.size <= first.size * self.UNEVEN

    def _tell(self, view: View, found: list[Placement]) -> Alert:
        side, usual = SIDES[found[0].side], max(self._orders.usual, 1e-12)
        total, levels = sum(order.size for order in found), len({order.tick for order in found})
        came, gone = min(order.came for order in found), max(order.gone for order in found)
        message = (
            f"{levels} {side} levels with {total:g} in all, {total / usual:.1f} times the usual best level, came and "
            f"were withdrawn together after {(gone - came) / MS:.0f} ms."
        )
        return self.alert(
            view,
            total / (LAYERS * self.TIMES * usual),
            message,
            side=side,
            levels=levels,
            ticks=[order.tick for order in found],
            sizes=[order.size for order in found],
            size=total,
            came=came,
            gone=gone,
            life_ms=(gone - came) / MS,
            gain_ticks=found[-1].gain,
            against=found[-1].against,
        )
