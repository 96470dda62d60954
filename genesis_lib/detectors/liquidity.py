"""Liquidity that goes away at one stroke: wide spreads, thin books, holes behind the touch.

What is scarce at a moment is scarce all day long in a quiet market: a queue that trades away, a price that moves into
levels nobody stands at. A shock is told by how it begins. One message takes most of what stood at the same prices while
the price stays where it is, and it is not made good for some tenths of a second.
"""

from __future__ import annotations

import math
from itertools import pairwise

from genesis_lib.clock import NS
from genesis_lib.detectors.base import Alert, Detector, Episode, Habit, detector
from genesis_lib.detectors.losses import Loss, knows, lost_levels
from genesis_lib.detectors.view import View

MS = NS // 1000
SIDES = ("bid", "ask")
PLACE_TICKS, PLACE_SHARE = 3.0, 0.25  # how far, in ticks or in the usual reach of the book, a touch may step and stay


@detector
class SpreadShock(Detector):
    """The spread opens to many times its habit around a price that stays, and is not closed for 0.3 s.

    Where one side steps back the mid moves by half of the new spread; where it moves farther the price has moved, and
    the spread is what a move leaves.
    """

    kind = "spread_shock"
    summary = "the spread opened far beyond its habit and stayed open"
    TIMES, DEVIATIONS, TICKS = 3.5, 6.0, 4.0
    STAYS = 0.75  # of the spread, by which the mid may have moved
    HOLD_NS, SLACK_NS = 300 * MS, 50 * MS

    def __init__(self) -> None:
        self._habit, self._episode = Habit(), Episode()
        self._loss: Loss | None = None

    def forget(self) -> None:
        self._episode.clear()
        self._loss = None

    def look(self, view: View) -> Alert | None:
        ts, spread, habit = view.ts, view.spread, self._habit
        usual = habit.mean
        limit = max(self.TICKS, self.TIMES * usual, usual + self.DEVIATIONS * habit.deviation)
        wide = spread >= limit - 1e-6
        if self._loss is not None:
            if not self._loss.step(ts, not wide):
                self._loss = None
        elif wide and knows(habit) and view.before is not None:
            self._loss = Loss(ts, view.before.mid, self.SLACK_NS)
        habit.learn(ts, spread)
        loss = self._loss
        over = loss is not None and loss.held(ts, self.HOLD_NS) and abs(view.mid - loss.was) <= self.STAYS * spread
        if not self._episode.step(ts, over):
            return None
        moved = view.mid - loss.was
        side = "bid" if moved < -0.25 * spread else "ask" if moved > 0.25 * spread else "both"
        message = f"Spread of {spread:.0f} ticks for {(ts - loss.began) / MS:.0f} ms, usually {usual:.1f}."
        return self.alert(
            view,
            spread / limit,
            message,
            side=side,
            spread_ticks=spread,
            usual_ticks=usual,
            limit_ticks=limit,
            held_ms=(ts - loss.began) / MS,
        )


@detector
class DepthShock(Detector):
    """Most of what stood on nearly every level of a side is gone in one message, and is not made good for 0.35 s.

    The touch must be where it was, then and some time before: a price that moves uncovers levels that were always thin.
    Nearly all levels must have lost, not the largest alone: that one is somebody's order. And all that the side then
    shows must be little beside what it showed before, for behind a hole the book stands as ever. A side alone must also
    be short of its habit; that both sides lose at once happens in no book by itself.
    """

    kind = "depth_shock"
    summary = "nearly every level of a side lost most of its quantity at once"
    LEVELS, TOGETHER = 0.8, 0.6  # share of the levels that lost, and where both sides lost in one message
    LEFT, LEAST, LOST = 0.4, 3, 0.76  # what is left of each, how many to compare, what of their quantity is gone
    THIN, SCARCE = math.log(1 / 0.45), math.log(1 / 0.33)  # below the row before, below the habit
    HOLD_NS, TELL_NS, SLACK_NS = 350 * MS, 550 * MS, 60 * MS
    STOOD_NS = 100 * MS  # since the touch last stepped away

    def __init__(self) -> None:
        self._depths, self._reach = (Habit(), Habit()), (Habit(), Habit())
        self._stepped = [0, 0]
        self._lot, self._weighed = math.inf, 0  # smallest quantity seen
        self._losses: list[Loss | None] = [None, None]
        self._episode = Episode()

    def forget(self) -> None:
        self._losses = [None, None]
        self._episode.clear()

    def look(self, view: View) -> Alert | None:
        ts = view.ts
        if ts - self._weighed >= NS:
            self._weighed = ts
            sizes = (size for levels in view.sides for _, size in levels if size > 0.0)
            self._lot = min(self._lot, min(sizes, default=math.inf))
        falls = [self._fall(view, side) for side in (0, 1)]
        self._settle(ts)
        losses = [
            (falls[side], side, loss) for side, loss in enumerate(self._losses) if loss and falls[side] >= self.THIN
        ]
        over = any(
            loss.held(ts, self.HOLD_NS)
            and ts - loss.began <= self.TELL_NS
            and (len(losses) == 2 or math.log(loss.was) - fall <= self._depths[side].mean - self.SCARCE)
            for fall, side, loss in losses
        )
        if not self._episode.step(ts, over):
            return None
        fall, side, loss = max(losses, key=lambda item: item[0])
        share, name = math.exp(-fall), "both" if len(losses) == 2 else SIDES[side]
        message = (
            f"Depth ({name}) fell to {share:.0%} in one message, on {loss.evidence['levels_lost']} of "
            f"{loss.evidence['levels']} levels."
        )
        return self.alert(
            view,
            fall / self.THIN,
            message,
            side=name,
            share=share,
            depth=loss.was * share,
            depth_before=loss.was,
            usual_depth=math.exp(self._depths[side].mean),
            held_ms=(ts - loss.began) / MS,
            **loss.evidence,
        )

    def _settle(self, ts: int) -> None:
        """Drop a loss of too few levels, unless the other side lost in the same message."""
        fresh = [loss for loss in self._losses if loss is not None and loss.began == ts]
        if len(fresh) == 1 and fresh[0].evidence["levels_lost"] < self.LEVELS * fresh[0].evidence["levels"]:
            self._losses[self._losses.index(fresh[0])] = None

    def _fall(self, view: View, side: int) -> float:
        """Follow one side; how far its depth stands below where the loss began, in logarithms."""
        ts, levels, before, habit = view.ts, view.sides[side], view.before, self._depths[side]
        depth = max(sum(quantity for _, quantity in levels), 1e-12)
        stays = before is not None and abs(levels[0][0] - before.sides[side][0][0]) <= max(
            PLACE_TICKS, PLACE_SHARE * self._reach[side].mean
        )
        fall, loss = 0.0, self._losses[side]
        if loss is not None:
            fall = math.log(loss.was / depth)
            if not loss.step(ts, fall < self.THIN):
                self._losses[side] = None
        elif stays and ts - self._stepped[side] >= self.STOOD_NS and knows(habit):
            was = before.depth(side)
            if was * math.exp(-self.THIN) >= depth:
                self._losses[side] = self._stroke(view, side, was)
                fall = math.log(was / depth)
        if not stays:
            self._stepped[side] = ts
        habit.learn(ts, math.log(depth))
        self._reach[side].learn(ts, float(abs(levels[-1][0] - levels[0][0])))
        return fall

    def _stroke(self, view: View, side: int, was: float) -> Loss | None:
        now = view.sides[side]
        share, gone, count = lost_levels(view.before.sides[side], now, side, self.LEFT, self._lot)
        if count < self.LEAST or share < self.TOGETHER or gone < self.LOST:
            return None
        return Loss(view.ts, was, self.SLACK_NS, levels=count, levels_lost=round(share * count), touch=now[0][0])


@detector
class LiquidityGap(Detector):
    """Behind a touch that stays, half of the visible levels vanish in one message; the hole stays empty for 0.45 s.

    The hole to the other side of the touch is the spread's; this one is what a large order would fall through. It is
    wide beside the widest hole that the side usually shows, and beside the widest it showed just before.
    """

    kind = "liquidity_gap"
    summary = "a hole opened behind the touch of a side and nobody filled it"
    TIMES, WIDER, TICKS = 1.8, 1.4, 15.0  # of the usual widest hole, of the widest just before, and no less than
    GONE = 0.5  # of the visible levels stood in the hole
    TOUCH = 3.0  # times, by which the quantity at the touch may have changed
    EMPTY = 0.93  # of the hole's width
    HOLD_NS, SLACK_NS = 450 * MS, 100 * MS

    def __init__(self) -> None:
        self._habits = Habit(), Habit()
        self._losses: list[Loss | None] = [None, None]
        self._episode = Episode()

    def forget(self) -> None:
        self._losses = [None, None]
        self._episode.clear()

    def look(self, view: View) -> Alert | None:
        ts, found = view.ts, None
        for side, habit in enumerate(self._habits):
            levels, loss = view.sides[side], self._losses[side]
            holes = [abs(one[0] - other[0]) for one, other in pairwise(levels)]
            hole = float(holes[0]) if holes else 0.0
            if loss is not None:
                if not loss.step(ts, hole < self.EMPTY * loss.was):
                    self._losses[side] = None
                elif loss.held(ts, self.HOLD_NS):
                    found = side
            elif hole >= max(self.TICKS, self.TIMES * habit.mean) and knows(habit) and view.before is not None:
                self._losses[side] = self._opened(view, side, hole)
            habit.learn(ts, float(max(holes, default=0)))
        if not self._episode.step(ts, found is not None):
            return None
        loss = self._losses[found]
        usual = loss.evidence["usual_ticks"]
        message = (
            f"A hole of {loss.was:.0f} ticks behind the {SIDES[found]} touch for {(ts - loss.began) / MS:.0f} ms; "
            f"the widest is usually {usual:.1f}."
        )
        return self.alert(
            view,
            loss.was / max(self.TICKS, self.TIMES * usual),
            message,
            side=SIDES[found],
            gap_ticks=loss.was,
            held_ms=(ts - loss.began) / MS,
            **loss.evidence,
        )

    def _opened(self, view: View, side: int, hole: float) -> Loss | None:
        then, (touch, quantity) = view.before.sides[side], view.sides[side][0]
        if then[0][0] != touch or not then[0][1] / self.TOUCH <= quantity <= then[0][1] * self.TOUCH:
            return None
        widest = max((abs(one[0] - other[0]) for one, other in pairwise(then)), default=0)
        inside = [level for level in then if 0 < abs(level[0] - touch) < hole]
        if hole < self.WIDER * widest or len(inside) < max(2.0, self.GONE * len(then)):
            return None
        usual = self._habits[side].mean
        taken = sum(size for _, size in inside)
        return Loss(view.ts, hole, self.SLACK_NS, usual_ticks=usual, level=1, levels_gone=len(inside), quantity=taken)
