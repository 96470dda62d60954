"""Liquidity that goes away: wide spreads, thin books, holes near the touch, one-sided books."""

from __future__ import annotations

import math

from genesis_lib.clock import NS
from genesis_lib.detectors.base import Alert, Detector, Episode, Habit, detector
from genesis_lib.detectors.view import View

MS = NS // 1000
SIDES = ("bid", "ask")


@detector
class SpreadShock(Detector):
    """The spread is many times its habit and stays so for 50 ms."""

    kind = "spread_shock"
    summary = "the spread opened far beyond its habit"
    TIMES, DEVIATIONS, TICKS, HOLD_NS = 5.0, 8.0, 6.0, 50 * MS

    def __init__(self) -> None:
        self._habit, self._episode = Habit(), Episode(self.HOLD_NS)

    def forget(self) -> None:
        self._episode.clear()

    def look(self, view: View) -> Alert | None:
        spread = view.spread
        habit = self._habit
        limit = max(self.TICKS, self.TIMES * habit.mean, habit.mean + self.DEVIATIONS * habit.deviation)
        over = habit.ready and spread >= limit - 1e-6
        usual = habit.mean
        habit.learn(view.ts, spread)
        if not self._episode.step(view.ts, over):
            return None
        message = f"Spread of {spread:.0f} ticks, usually {usual:.1f}."
        return self.alert(view, spread / limit, message, spread_ticks=spread, usual_ticks=usual, limit_ticks=limit)


@detector
class DepthShock(Detector):
    """The quantity of the first ten levels falls to a small part of its habit and stays there.

    Measured in logarithms, so that depth which often falls low has a wide habit and needs a deeper fall. A side alone
    empties whenever the price is about to move: it must stay empty for a second, both sides together for 0.3 s.
    """

    kind = "depth_shock"
    summary = "the book lost nearly all of its depth"
    # what is watched -> share of the habit, deviations, how long
    LIMITS = (
        ("bid", 0.07, 4.0, NS),
        ("ask", 0.07, 4.0, NS),
        ("both", 0.2, 3.0, 300 * MS),
    )

    def __init__(self) -> None:
        self._habits = [Habit() for _ in self.LIMITS]
        self._episodes = [Episode(hold) for *_, hold in self.LIMITS]
        self._told = Episode()  # the three tell of one shock once

    def forget(self) -> None:
        for episode in (*self._episodes, self._told):
            episode.clear()

    def look(self, view: View) -> Alert | None:
        found, ts, any_over = None, view.ts, False
        bid, ask = (math.log(max(view.depth(side), 1e-12)) for side in (0, 1))
        depths = bid, ask, (bid + ask) / 2.0
        for depth, habit, episode, (side, share, deviations, _) in zip(
            depths, self._habits, self._episodes, self.LIMITS
        ):
            fall, usual = habit.mean - depth, math.exp(habit.mean)
            limit = max(-math.log(share), deviations * habit.deviation)
            over = habit.ready and fall >= limit
            habit.learn(ts, depth)
            any_over = any_over or over
            if episode.step(ts, over) and found is None:
                left = math.exp(-fall)
                message = f"Depth ({side}) fell to {left:.0%} of its habit."
                found = self.alert(
                    view, fall / limit, message, side=side, depth=math.exp(depth), usual_depth=usual, share=left
                )
        if found is not None:
            return found if self._told.step(ts, True) else None
        if not any_over:
            self._told.step(ts, False)
        return None


@detector
class LiquidityGap(Detector):
    """Between two of the first four levels of a side lies a hole far wider than usual, for 200 ms.

    The hole to the other side of the touch is the spread's; this one is what a large order would fall through.
    """

    kind = "liquidity_gap"
    summary = "a hole opened between the first levels of a side"
    TIMES, DEVIATIONS, TICKS, HOLD_NS = 7.0, 8.0, 10.0, 200 * MS

    def __init__(self) -> None:
        self._habits = Habit(), Habit()
        self._episodes = Episode(self.HOLD_NS), Episode(self.HOLD_NS)

    def forget(self) -> None:
        for episode in self._episodes:
            episode.clear()

    def look(self, view: View) -> Alert | None:
        found = None
        for k, (habit, episode) in enumerate(zip(self._habits, self._episodes)):
            hole, at = 0.0, 0
            levels = view.sides[k][:4]
            for i in range(1, len(levels)):
                width = float(abs(levels[i][0] - levels[i - 1][0]))
                if width > hole:
                    hole, at = width, i
            limit = max(self.TICKS, self.TIMES * habit.mean, habit.mean + self.DEVIATIONS * habit.deviation)
            over, usual = habit.ready and hole >= limit - 1e-6, habit.mean
            habit.learn(view.ts, hole)
            if episode.step(view.ts, over) and found is None:
                message = f"A hole of {hole:.0f} ticks behind {SIDES[k]} level {at}, usually {usual:.1f}."
                found = self.alert(
                    view, hole / limit, message, side=SIDES[k], level=at, gap_ticks=hole, usual_ticks=usual
                )
        return found


@detector
class HeavyImbalance(Detector):
    """Nearly all of the book's first ten levels has stood on one side, on average, for seconds.

    The imbalance is a weighted mean over `TAU_NS` of event time; one-sidedness of a moment is normal.
    """

    kind = "heavy_imbalance"
    summary = "the book stood on one side for seconds"
    LIMIT, TAU_NS, DEVIATIONS, HOLD_NS = 0.9, 5 * NS, 2.5, 2 * NS

    def __init__(self) -> None:
        self._habit = Habit()
        self._recent = Habit(self.TAU_NS)
        self._episode = Episode(self.HOLD_NS, 30 * NS)

    def forget(self) -> None:
        self._recent = Habit(self.TAU_NS)
        self._episode.clear()

    def look(self, view: View) -> Alert | None:
        bid, ask = view.depth(0), view.depth(1)
        value = (bid - ask) / (bid + ask) if bid + ask > 0 else 0.0
        self._recent.learn(view.ts, value)
        lean = self._recent.mean
        limit = max(self.LIMIT, min(0.98, self.DEVIATIONS * self._habit.deviation))
        over = self._habit.ready and self._recent.ready_for(self.TAU_NS) and abs(lean) >= limit
        self._habit.learn(view.ts, lean)
        if not self._episode.step(view.ts, over):
            return None
        side = SIDES[lean < 0]
        # The range is bounded: the excess is how much of the way from the limit to 1 was gone.
        excess = 1.0 + 2.0 * (abs(lean) - limit) / (1.0 - limit)
        message = f"{(1 + abs(lean)) / 2:.0%} of the book has stood on the {side} side for seconds."
        return self.alert(view, excess, message, side=side, imbalance=lean, limit=limit)
