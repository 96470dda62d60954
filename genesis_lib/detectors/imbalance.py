"""A book that stands on one side."""

from __future__ import annotations

import math

from genesis_lib.clock import NS
from genesis_lib.detectors.base import Alert, Detector, Episode, Habit, detector
from genesis_lib.detectors.liquidity import SIDES
from genesis_lib.detectors.tail import Tail
from genesis_lib.detectors.view import View

HOUR = 3600 * NS


@detector
class HeavyImbalance(Detector):
    """Nearly all of the visible book has stood on one side, on average, for seconds.

    The imbalance is a weighted mean over `TAU_NS` of event time; one-sidedness of a moment is normal. It must pass what
    this book passes once in hours, and `LEAST`.
    """

    kind = "heavy_imbalance"
    summary = "the book stood on one side for seconds"
    LEAST, MOST, TAU_NS, HOLD_NS, REARM_NS = 0.85, 0.97, 5 * NS, 2 * NS, 60 * NS
    PERIOD_NS, LEARN_NS, LEARN_VALUES = 2 * HOUR, 45 * NS, 40

    def __init__(self) -> None:
        self._tail = Tail(self.PERIOD_NS)
        self._recent = Habit(self.TAU_NS)
        self._episode = Episode(self.HOLD_NS, self.REARM_NS)
        self._second = 0
        self._widest = 0.0

    def forget(self) -> None:
        self._recent = Habit(self.TAU_NS)
        self._episode.clear()

    def look(self, view: View) -> Alert | None:
        ts = view.ts
        bid, ask = view.depth(0), view.depth(1)
        self._recent.learn(ts, (bid - ask) / (bid + ask) if bid + ask > 0.0 else 0.0)
        lean = self._recent.mean
        tail = self._tail
        limit = min(max(self.LEAST, math.tanh(tail.level)), self.MOST)
        known = tail.ready(self.LEARN_VALUES, self.LEARN_NS) and self._recent.ready_for(self.TAU_NS)
        over = known and abs(lean) >= limit
        self._widest = max(self._widest, abs(lean))
        if ts // NS != self._second:
            self._second = ts // NS
            tail.learn(ts, math.atanh(min(self._widest, 0.999999)))
            self._widest = 0.0
        if not self._episode.step(ts, over):
            return None
        side = SIDES[lean < 0.0]
        excess = math.atanh(min(abs(lean), 0.999999)) / math.atanh(limit)
        message = f"{(1 + abs(lean)) / 2:.0%} of the book has stood on the {side} side for seconds."
        return self.alert(
            view,
            excess,
            message,
            side=side,
            imbalance=lean,
            limit=limit,
            bid_depth=bid,
            ask_depth=ask,
            seconds=self.TAU_NS / NS,
        )
