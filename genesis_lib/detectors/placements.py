"""Large resting orders as the rows show them: where they came, how long they stood, whether they traded.

Rows hold levels, not orders. An order is seen as the jump of a level's quantity from one row to the next while its
price is inside the visible range in both; it is withdrawn when most of the jump is gone again and too little traded to
explain it. Levels that merely enter or leave the visible range are neither.
"""

from __future__ import annotations

from dataclasses import dataclass

from genesis_lib.clock import NS
from genesis_lib.detectors.base import Habit
from genesis_lib.detectors.view import View

MAXIMUM = 256  # placements followed at a time, the oldest given up first
WITHDRAWN = 0.8  # part of the quantity that must be gone
FILLED = 0.2  # more than this part traded: the order was meant
TOUCH_NS = NS // 2  # an order that stands at the best price for longer was meant to trade


@dataclass(slots=True)
class Placement:
    """A large order that appeared away from the best price."""

    side: int  # 0 bid, 1 ask
    tick: int
    size: float
    before: float  # quantity of the level before it came
    came: int  # ns
    distance: int  # ticks from the best price when it came
    excess: float  # size over the threshold
    mid: float  # mid then, ticks
    against: float = 0.0  # aggressive volume since then that the order's pressure would attract
    touched: int | None = None  # ns at which it became the best price
    filled: float = 0.0  # aggressive volume since then that may have taken it


class PlacementTracker:
    """Follows large orders of both sides; `step` gives those withdrawn at this row.

    Parameters
    ----------
    times
        An order is large from this many times the habitual quantity of a level behind the best.
    of_best
        ... and from this share of the habitual quantity of the best level.
    longest_ns
        Orders that stand longer are given up: they were meant.
    """

    def __init__(self, times: float, of_best: float, longest_ns: int) -> None:
        self.times, self.of_best, self.longest_ns = times, of_best, longest_ns
        self._behind, self._best = Habit(), Habit()
        self._before: tuple[dict[int, float], dict[int, float]] | None = None
        self.standing: dict[tuple[int, int], Placement] = {}
        self.depths = (0.0, 0.0)  # quantity of the visible bids and asks

    def forget(self) -> None:
        """Drop the previous row and the orders that stand."""
        self._before = None
        self.standing.clear()

    @property
    def limit(self) -> float:
        """Quantity from which an order is large."""
        return max(self.times * self._behind.mean, self.of_best * self._best.mean)

    def step(self, view: View) -> list[Placement]:
        """Take a valid row; give the orders that were withdrawn since the one before."""
        ts = view.ts
        sides: tuple[dict[int, float], dict[int, float]] = dict(view.bids), dict(view.asks)
        self.depths = sum(sides[0].values()), sum(sides[1].values())
        best = max(sides[0]), min(sides[1])
        mid = (best[0] + best[1]) / 2.0
        withdrawn = self._withdrawn(ts, sides, best, view)
        if self._before is not None and self._behind.ready:
            for side in (0, 1):
                self._appeared(ts, side, sides[side], best[side], mid)
        for side in (0, 1):
            sizes = list(sides[side].values())
            self._best.learn(ts, sizes[0])
            if len(sizes) > 1:
                self._behind.learn(ts, sum(sizes[1:]) / (len(sizes) - 1))
        self._before = sides
        return withdrawn

    def _appeared(self, ts: int, side: int, now: dict[int, float], best: int, mid: float) -> None:
        before, limit = self._before[side], self.limit
        if not before:
            return
        edges = min(before), max(before)
        for tick, size in now.items():
            added = size - before.get(tick, 0.0)
            if added < limit or tick == best or not edges[0] <= tick <= edges[1]:
                continue
            if (side, tick) not in self.standing and len(self.standing) >= MAXIMUM:
                del self.standing[next(iter(self.standing))]
            self.standing[side, tick] = Placement(
                side, tick, added, size - added, ts, abs(best - tick), added / limit, mid
            )

    def _withdrawn(self, ts: int, sides, best: tuple[int, int], view: View) -> list[Placement]:
        found = []
        bought, sold = view.flow[1:3]
        for (side, tick), order in list(self.standing.items()):
            now = sides[side]
            edges = min(now), max(now)
            # A large bid is meant to make others buy, into asks that the same hand holds.
            order.against += sold if side else bought
            if order.touched is not None:
                order.filled += bought if side else sold
            elif tick == best[side]:
                order.touched = ts
                order.filled = bought if side else sold
            beyond = tick > best[0] if side == 0 else tick < best[1]
            gone = beyond or (
                edges[0] <= tick <= edges[1] and now.get(tick, 0.0) <= order.before + (1 - WITHDRAWN) * order.size
            )
            stayed = order.touched is not None and ts - order.touched > TOUCH_NS
            if gone or stayed or ts - order.came > self.longest_ns:
                del self.standing[side, tick]
                if gone and order.filled <= FILLED * order.size:
                    found.append(order)
        return found
