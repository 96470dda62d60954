"""Large resting orders as the rows show them: where they came, how they moved, how long they stood, what traded.

Rows hold levels, not orders. An order is seen as the jump of a level's quantity from one row to the next at a price
behind the best one; it is withdrawn when most of the jump is gone again and too little traded there to explain it. An
order of the same size that comes as one goes is that order, moved.
"""

from __future__ import annotations

from dataclasses import dataclass

from genesis_lib.clock import NS
from genesis_lib.detectors.base import Habit
from genesis_lib.detectors.view import View

MAXIMUM = 64  # placements followed at a time, the oldest given up first
WITHDRAWN = 0.8  # part of the quantity that must be gone
FILLED = 0.2  # more than this part traded: the order was meant
ALIKE = 0.1  # sizes that differ by no more are one order's
WARMUP_NS = 10 * NS  # of a market before its orders are followed
LEARN_NS = NS // 10  # a baseline of minutes needs no more values than this


@dataclass(slots=True)
class Placement:
    """A large order that appeared away from the best price."""

    side: int  # 0 bid, 1 ask
    tick: int
    size: float
    before: float  # quantity of the level before it came
    came: int  # ns
    distance: int  # ticks from the best price when it came
    times: float  # size over the habitual quantity of a best level
    mid: float  # mid then, ticks
    lured: float = 0.0  # volume since then that took the other way: what the order's pressure would attract
    filled: float = 0.0  # volume taken from its level since then
    moves: int = 0
    gone: int = 0  # ns
    gain: float = 0.0  # ticks by which the mid had gone the way the order leans when it went
    against: float = 0.0  # volume taken against its lean since it went


class PlacementTracker:
    """Follows large orders of both sides; `step` gives those withdrawn at this row.

    Parameters
    ----------
    times
        An order is large from this many times the habitual quantity of the best level.
    of_behind
        ... and from this many times that of a level behind it.
    longest_ns
        Orders that stand longer are given up: they were meant.

    Attributes
    ----------
    standing : dict
        (side, tick) -> placement.
    """

    def __init__(self, times: float, of_behind: float, longest_ns: int) -> None:
        self.times, self.of_behind, self.longest_ns = times, of_behind, longest_ns
        self._behind, self._best, self._spread = Habit(), Habit(), Habit()
        self._learnt = 0
        self.standing: dict[tuple[int, int], Placement] = {}

    def forget(self) -> None:
        """Drop the orders that stand."""
        self.standing.clear()

    @property
    def usual(self) -> float:
        """Habitual quantity of the best level."""
        return self._best.mean

    @property
    def spread(self) -> float:
        """Habitual spread, ticks."""
        return self._spread.mean

    def step(self, view: View) -> list[Placement]:
        """Take a valid row; give the orders that were withdrawn since the one before."""
        withdrawn = self._withdrawn(view) if self.standing else []
        if self._behind.ready_for(WARMUP_NS) and view.before is not None:
            self._appeared(view, withdrawn)
        if view.ts - self._learnt >= LEARN_NS:
            self._learn(view)
        return withdrawn

    def _learn(self, view: View) -> None:
        ts = self._learnt = view.ts
        self._spread.learn(ts, view.spread)
        for levels in view.sides:
            self._best.learn(ts, levels[0][1])
            if len(levels) > 1:
                self._behind.learn(ts, sum(quantity for _, quantity in levels[1:]) / (len(levels) - 1))
        for key in [key for key, order in self.standing.items() if ts - order.came > self.longest_ns]:
            del self.standing[key]

    def _appeared(self, view: View, withdrawn: list[Placement]) -> None:
        limit = max(self.times * self._best.mean, self.of_behind * self._behind.mean)
        for side, tick, was, now in view.changes:
            size = now - was
            if size < limit:
                continue
            best = view.sides[side][0][0]
            if tick == best or tick == view.before.sides[side][0][0]:
                continue
            key, distance = (side, tick), abs(best - tick)
            earlier = next((o for o in withdrawn if o.side == side and abs(o.size - size) <= ALIKE * size), None)
            if earlier is not None:
                withdrawn.remove(earlier)
                earlier.tick, earlier.size, earlier.before, earlier.gone = tick, size, was, 0
                earlier.moves += 1
                self.standing[key] = earlier
                continue
            if key not in self.standing and len(self.standing) >= MAXIMUM:
                del self.standing[next(iter(self.standing))]
            times = size / max(self._best.mean, 1e-12)
            self.standing[key] = Placement(side, tick, size, was, view.ts, distance, times, view.mid)

    def _withdrawn(self, view: View) -> list[Placement]:
        found = []
        taken, standing = view.taken, self.standing
        if taken:
            lured = [sum(volume for (hit, _), volume in taken.items() if hit == 1 - side) for side in (0, 1)]
            for key, order in standing.items():
                order.lured += lured[order.side]
                order.filled += taken.get(key, 0.0)
        for side, tick, _, now in view.changes:
            order = standing.get((side, tick))
            if order is not None and now <= order.before + (1 - WITHDRAWN) * order.size:
                del standing[side, tick]
                if order.filled <= FILLED * order.size:
                    order.gone = view.ts
                    order.gain = (view.mid - order.mid) * (1 if side == 0 else -1)
                    found.append(order)
        return found
