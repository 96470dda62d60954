"""Trades of somebody with himself: wash trading."""

from __future__ import annotations

import math
from collections import Counter, deque

from genesis_lib.clock import NS
from genesis_lib.detectors.base import WARMUP_NS, Alert, Detector, Episode, detector
from genesis_lib.detectors.manipulation import SIDES
from genesis_lib.detectors.recurrence import Recurrence
from genesis_lib.detectors.view import View

Key = tuple[int, int]  # side that was hit, size class


@detector
class WashTrading(Detector):
    """Trades of (nearly) one size come again and again within seconds, and the book misses none of it.

    Notes
    -----
    Who trades with himself meets his own order: what rests at that price is as much after the trade as before. Only
    such trades count, once a row, by the side they hit and the logarithm of their size in classes `WIDTH` wide; two
    rows of classes, half a width apart, so that no size lies at an edge of both. The alarm is a class that came far
    oftener than its own habit explains (`Recurrence`).

    References
    ----------
    Cumming, Johan and Li (2011), Exchange trading rules and stock market liquidity. Cong, Li, Tang and Yang (2023),
    Crypto wash trading, Management Science 69.
    """

    kind = "wash_trading"
    summary = "trades of one size again and again, that the book does not miss"
    SPAN_NS, REARM_NS = 12 * NS, 6 * NS
    WIDTH, KEPT, UNSEEN = 0.06, 0.9, 0.2
    NATS, LEAST, PAUSE_NS = 12.5, 7, 3 * NS

    def __init__(self) -> None:
        self._classes = Recurrence(self.SPAN_NS, unseen=self.UNSEEN), Recurrence(self.SPAN_NS, unseen=self.UNSEEN)
        self._recent: deque[tuple[int, int, int, float]] = deque(maxlen=8192)  # time, side, tick, size
        self._warm = 0
        self._episode = Episode(0, self.REARM_NS)

    def forget(self) -> None:
        for classes in self._classes:
            classes.clear()
        self._recent.clear()
        self._episode.clear()

    def look(self, view: View) -> Alert | None:
        ts = view.ts
        self._warm = self._warm or ts + WARMUP_NS
        nats, k, key = 0.0, 0, (0, 0)
        if view.trades and view.before is not None:
            nats, k, key = self._take(view)
        own: list[tuple[int, int, int, float]] = []
        if nats >= self.NATS and ts >= self._warm:
            own = [entry for entry in self._recent if (entry[1], self._class(entry[3], k)) == key]
        going = (
            len(own) > 1 and ts - max(entry[0] for entry in own if entry[0] < ts or entry is own[0]) <= self.PAUSE_NS
        )
        if not self._episode.step(ts, going):
            return None
        side = key[0]
        sizes, prices = [entry[3] for entry in own], Counter(entry[2] for entry in own)
        count, usual = self._classes[k].counts[key], self._classes[k].expected(ts, key)
        span = (own[-1][0] - own[0][0]) / NS
        for classes in self._classes:
            classes.clear()  # the next alarm takes as many trades again
        message = (
            f"{count} trades of about {sum(sizes) / len(sizes):g} hit the {SIDES[side]} within {span:.1f} s, usually "
            f"{usual:.1f}, and what rested there stayed as it was."
        )
        return self.alert(
            view,
            nats / self.NATS,
            message,
            side=SIDES[side],
            tick=prices.most_common(1)[0][0],
            trades=count,
            usual_trades=usual,
            smallest=min(sizes),
            largest=max(sizes),
            volume=sum(sizes),
            first=own[0][0],
            last=own[-1][0],
        )

    def _class(self, size: float, k: int) -> int:
        return math.floor(math.log(size) / self.WIDTH + 0.5 * k)

    def _take(self, view: View) -> tuple[float, int, Key]:
        """Take in the trades; the surprise of the most surprising class, which row of classes it is of, and itself."""
        ts, best = view.ts, (0.0, 0, (0, 0))
        kept = dict(view.taken)
        for side, tick, was, now in view.changes:
            if (side, tick) in kept:
                kept[side, tick] += now - was
        for classes in self._classes:
            classes.advance(ts)
        while self._recent and self._recent[0][0] <= ts - self.SPAN_NS:
            self._recent.popleft()
        seen: set[tuple[int, int, int]] = set()
        for trade in view.trades:
            side = 1 if trade.side > 0 or (trade.side == 0 and trade.tick > view.before.mid) else 0
            if trade.quantity <= 0.0 or kept.get((side, trade.tick), 0.0) < self.KEPT * trade.quantity:
                continue
            self._recent.append((ts, side, trade.tick, trade.quantity))
            for k, classes in enumerate(self._classes):
                key = side, self._class(trade.quantity, k)
                if (k, *key) not in seen:
                    seen.add((k, *key))
                    if classes.push(ts, key) >= self.LEAST:
                        best = max(best, (classes.surprise(ts, key), k, key))
        return best
