"""The mid price of a session on a grid of seconds: returns, volatility and its memory, order flow and what it moves."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from genesis_lib.analytics.running_statistics import Autocorrelation, Fit, Moments, Quantiles

NS = 1_000_000_000
SPANS = (1, 5, 15, 60)  # seconds of the signature plot
ABS_LAGS = tuple(range(1, 61))
MINUTE_LAGS = (1, 2, 5)
LEAST_MINUTES = 20  # under which an autocorrelation of minutes tells nothing
AFTER_MOVE = NS  # how long after a move the touch is looked at again
MEMORY = 2_000  # rows of the running mean of the touch


class MidPrices:
    """Take the touch after each row; a second's mid is the last one before its end."""

    def __init__(self) -> None:
        self.moves = Quantiles(0.4, 1e6)  # ticks, of rows where the mid moved
        self.row_moves = Autocorrelation((1, 2, 5))
        self.returns = Autocorrelation((1, 2, 5))  # of one second
        self.returns_5 = Autocorrelation((1,))
        self.absolute = Autocorrelation(ABS_LAGS)
        self.minutes = Autocorrelation(MINUTE_LAGS)  # of a minute's root mean square return
        self.second = Moments()  # bp
        self.signature = {span: Moments() for span in SPANS}
        self.flow, self.flow_ahead = Fit(), Fit()
        self._touch: tuple[int, float, int, float] | None = None
        self._after, self._later = Moments(), Moments()  # touch over its running mean, at a move and a second after
        self._waiting: deque[int] = deque(maxlen=1_000)
        self._usual, self._rows = 0.0, 0
        self._clear()

    def _clear(self) -> None:
        self._second: int | None = None
        self._mids: deque[float] = deque(maxlen=max(SPANS) + 1)  # log mid at the ends of seconds
        self._imbalance, self._last_flow = 0.0, math.nan
        self._minute: list[float] = []

    def quote(self, ts: int, touch: tuple[int, float, int, float]) -> None:
        """Take exchange time (ns), best bid tick, its quantity, best ask tick, its quantity."""
        second, before = ts // NS, self._touch
        if self._second is not None and before is not None:
            for _ in range(min(second - self._second, 3_600)):
                self._end_second(before)
        self._second = second
        self._touch = touch
        self._resilience(ts, before, touch)
        if before is None:
            return
        move = (touch[0] + touch[2] - before[0] - before[2]) / 2
        if move:
            self.moves.add(abs(move))
        self.row_moves.add(move)
        bid, bids, ask, asks = touch
        bid_, bids_, ask_, asks_ = before
        self._imbalance += (bid >= bid_) * bids - (bid <= bid_) * bids_ - (ask <= ask_) * asks + (ask >= ask_) * asks_

    def forget(self) -> None:
        """Begin anew: something is missing here."""
        self._touch = None
        self._waiting.clear()
        for series in (self.row_moves, self.returns, self.returns_5, self.absolute, self.minutes):
            series.forget()
        self._clear()

    def facts(self, seconds: float) -> dict[str, float]:
        """Statistics by name, of a session so long."""
        return {
            "moves_per_second": self.moves.n / seconds,
            "move_p50": self.moves.at(0.5),
            "move_p95": self.moves.at(0.95),
            "row_return_acf": self.row_moves.at(1),
            "return_acf_1s": self.returns.at(1),
            "return_acf_5s": self.returns_5.at(1),
            "volatility": self.second.deviation,
            **{f"signature_{span}": held.root_mean_square / math.sqrt(span) for span, held in self.signature.items()},
            **{f"abs_acf_{lag}": self.absolute.at(lag) for lag in (1, 5, 10, 30, 60)},
            "minute_acf": self.minutes.at(1) if self.minutes.n >= LEAST_MINUTES else math.nan,
            "kurtosis": self.second.excess_kurtosis,
            "ofi_r2": self.flow.r_squared,
            "ofi_r2_ahead": self.flow_ahead.r_squared,
            "touch_after_move": self._after.mean,
            "touch_second_later": self._later.mean,
        }

    def _end_second(self, touch: tuple[int, float, int, float]) -> None:
        mids = self._mids
        mids.append(math.log((touch[0] + touch[2]) / 2))
        flow, self._imbalance = self._imbalance, 0.0
        if len(mids) < 2:
            return
        change = (mids[-1] - mids[-2]) * 1e4
        self.second.add(change)
        self.returns.add(change)
        self.absolute.add(abs(change))
        self.flow.add(flow, change)
        if not math.isnan(self._last_flow):
            self.flow_ahead.add(self._last_flow, change)
        self._last_flow = flow
        for span, held in self.signature.items():
            if len(mids) > span:
                held.add((mids[-1] - mids[-1 - span]) * 1e4)
        self._minute.append(change)
        if len(self._minute) % 5 == 0:
            self.returns_5.add(sum(self._minute[-5:]))
        if len(self._minute) == 60:
            self.minutes.add(float(np.sqrt(np.mean(np.square(self._minute)))))
            self._minute = []

    def _resilience(self, ts: int, before: tuple | None, touch: tuple[int, float, int, float]) -> None:
        held = touch[1] + touch[3]
        self._rows = min(self._rows + 1, MEMORY)
        self._usual += (held - self._usual) / self._rows
        usual = self._usual
        while self._waiting and ts - self._waiting[0] >= AFTER_MOVE:
            self._waiting.popleft()
            self._later.add(held / usual)
        if before is not None and (touch[0] != before[0] or touch[2] != before[2]):
            self._after.add(held / usual)
            self._waiting.append(ts)
