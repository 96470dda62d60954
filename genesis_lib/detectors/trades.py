"""Trades that stand out: their size, their pace, and bursts that push the price and give it back."""

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


@detector
class MomentumIgnition(Detector):
    """A burst of one-sided trades moves the mid far beyond its habit, and half of the move is given back at once.

    Stages: a two-second window whose aggressive volume is one-sided and many times the usual and whose mid moved many
    deviations; then, within five seconds of the turning point, the mid comes back by half. Only then is it an alarm:
    without the return it is a price move like others.
    """

    kind = "momentum_ignition"
    summary = "a burst of trades pushed the price, and it came back"
    BURST_NS, RETURN_NS = 2 * NS, 5 * NS
    ONE_SIDED, TIMES, DEVIATIONS, TICKS, BACK = 0.7, 8.0, 6.0, 5.0, 0.5

    def __init__(self) -> None:
        self._window = RowWindow(self.BURST_NS, 2)
        self._mids: deque = deque(maxlen=MEMORY)
        self._volume, self._move = Habit(), Habit()
        self._episode = Episode(0, self.RETURN_NS)
        self._burst: dict | None = None

    def forget(self) -> None:
        self._window.clear()
        self._mids.clear()
        self._episode.clear()
        self._burst = None

    def look(self, view: View) -> Alert | None:
        ts = view.ts
        mid = view.mid
        buy, sell = self._window.push(ts, view.flow[1], view.flow[2])
        self._mids.append((ts, mid))
        while self._mids[0][0] <= ts - self.BURST_NS:
            self._mids.popleft()
        move, volume = mid - self._mids[0][1], buy + sell
        if self._burst is None:
            self._ignite(ts, mid, move, volume, buy - sell)
        self._volume.learn(ts, volume)
        self._move.learn(ts, abs(move))
        return self._come_back(view, mid)

    def _ignite(self, ts: int, mid: float, move: float, volume: float, signed: float) -> None:
        if not (self._volume.ready and self._move.ready) or signed * move <= 0.0:
            return
        limit = max(self.TICKS, self._move.mean + self.DEVIATIONS * self._move.deviation)
        if abs(move) >= limit and volume >= self.TIMES * self._volume.mean and abs(signed) >= self.ONE_SIDED * volume:
            usual = max(self._volume.mean, 1e-12)
            self._burst = {"start": mid - move, "peak": mid, "turned": ts, "limit": limit, "times": volume / usual}

    def _come_back(self, view: View, mid: float) -> Alert | None:
        burst, ts = self._burst, view.ts
        if burst is None:
            self._episode.step(ts, False)
            return None
        up = burst["peak"] > burst["start"]
        if (mid > burst["peak"]) if up else (mid < burst["peak"]):
            burst["peak"], burst["turned"] = mid, ts
        push = abs(burst["peak"] - burst["start"])
        back = abs(burst["peak"] - mid)
        if ts - burst["turned"] > self.RETURN_NS:
            self._burst = None
        elif back >= self.BACK * push:
            self._burst = None
            if self._episode.step(ts, True):
                side = "buy" if up else "sell"
                message = (
                    f"A {side} burst of {burst['times']:.0f} times the usual volume moved the mid {push:.0f} ticks, "
                    f"{back / push:.0%} of which came back."
                )
                return self.alert(
                    view,
                    push / burst["limit"],
                    message,
                    side=side,
                    push_ticks=push,
                    back_ticks=back,
                    volume_times=burst["times"],
                )
        return None
