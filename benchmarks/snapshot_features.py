"""Forty features after every book update in numpy: the peer, as one writes it for a live feed."""

from __future__ import annotations

import numpy as np

from genesis_lib.types import Snapshot

LEVELS = 10
WEIGHTS = np.exp(-0.5 * np.arange(5))
COLUMNS = (
    *(
        "mid",
        "spread",
        "spread_ticks",
        "microprice",
        "microprice_divergence",
        "vwap_bid",
        "vwap_ask",
        "vwap_divergence",
    ),
    *("bid_volume", "ask_volume", "obi_1", "obi_5", "obi_total", "log_depth_ratio"),
    *("depth_slope_bid", "depth_slope_ask", "depth_slope_imbalance"),
    *(f"ofi_{i}" for i in range(1, LEVELS + 1)),
    *("ofi_total", "ofi_sum_10", "ofi_sum_50", "ofi_sum_100", "signed_volume_50", "trade_imbalance_50"),
    *("return_1", "return_10", "return_50", "realised_vol_50", "realised_vol_100", "mid_range_100", "spread_zscore"),
)
HISTORY = 101  # a hundred changes
ROOM = 4096  # rows of history before it is moved back to the front


class SnapshotFeatures:
    """`COLUMNS` of the newest row from its 10 x 4 array, the levels of the row before, and a history of six numbers.

    The history is an array that is written onwards, so that every window is a plain slice of it.
    """

    def __init__(self, tick_size: float) -> None:
        self.tick = tick_size
        self.history = np.full((6, ROOM), np.nan)  # mid and spread in ticks, best order flow, bought, sold, signed
        self.reset()

    def reset(self) -> None:
        """Forget every row."""
        self.history[:, :HISTORY] = np.nan
        self.end = HISTORY
        self.before: np.ndarray | None = None

    def step(self, row: Snapshot) -> np.ndarray:
        """Values (40,) of a row; NaN where a window is not full."""
        if not row.valid:
            self.reset()
            return np.full(len(COLUMNS), np.nan)
        out = np.empty(len(COLUMNS))
        book = row.levels
        bid, ask = book[0, 0], book[0, 2]
        ticks = np.rint(book[:, ::2] / self.tick)
        sizes = book[:, 1::2]
        mid_tick, spread_tick = (ticks[0, 0] + ticks[0, 1]) / 2.0, ticks[0, 1] - ticks[0, 0]
        lean = sizes[0, 0] / (sizes[0, 0] + sizes[0, 1])
        away = ticks - mid_tick
        sums = np.cumsum(sizes, axis=0)
        volume = sums[-1]
        vwap = (book[:, ::2] * sizes).sum(axis=0) / volume
        out[:5] = (bid + ask) / 2.0, ask - bid, spread_tick, bid + lean * (ask - bid), (lean - 0.5) * spread_tick
        out[5:7] = vwap
        out[7] = ((away * sizes).sum(axis=0) / volume).sum() / 2.0
        out[8:10] = volume
        out[10] = 2.0 * lean - 1.0
        near = WEIGHTS @ sizes[:5]
        out[11] = (near[0] - near[1]) / (near[0] + near[1])
        out[12] = (volume[0] - volume[1]) / (volume[0] + volume[1])
        out[13] = np.log(volume[0] / volume[1])
        distance = np.abs(away)
        slope = (distance * sums).sum(axis=0) / (distance * distance).sum(axis=0)
        out[14:16] = slope
        out[16] = (slope[0] - slope[1]) / (slope[0] + slope[1])
        flow = out[17:27]
        if self.before is None:
            flow[:] = np.nan
        else:
            old = self.before
            flow[:] = (
                (book[:, 0] >= old[:, 0]) * book[:, 1]
                - (book[:, 0] <= old[:, 0]) * old[:, 1]
                - (book[:, 2] <= old[:, 2]) * book[:, 3]
                + (book[:, 2] >= old[:, 2]) * old[:, 3]
            )
        self.before = book
        out[27] = flow.sum()
        self._windows(out, mid_tick, spread_tick, row)
        return out

    def _windows(self, out: np.ndarray, mid: float, spread: float, row: Snapshot) -> None:
        if self.end == ROOM:
            self.history[:, :HISTORY] = self.history[:, -HISTORY:]
            self.end = HISTORY
        self.history[:, self.end] = mid, spread, out[17], row.flow[1], row.flow[2], row.flow[4]
        self.end += 1
        mids, spreads, flows = self.history[:3, self.end - HISTORY : self.end]
        bought, sold, signed = self.history[3:, self.end - 50 : self.end].sum(axis=1)
        flows, spreads, recent = flows[1:], spreads[1:], mids[1:]
        out[28:31] = flows[-10:].sum(), flows[-50:].sum(), flows.sum()
        out[31] = signed
        out[32] = 0.0 if bought + sold == 0.0 else (bought - sold) / (bought + sold)
        out[33:36] = mid - mids[-2], mid - mids[-11], mid - mids[-51]
        squares = np.diff(mids)
        squares *= squares
        out[36:38] = np.sqrt(squares[-50:].sum()), np.sqrt(squares.sum())
        out[38] = recent.max() - recent.min()
        deviation = spreads.std()
        out[39] = 0.0 if deviation == 0.0 else (spread - spreads.mean()) / deviation
