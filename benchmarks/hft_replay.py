"""hftbacktest's own replay loop, compiled by numba; imported only where the package is installed."""

from __future__ import annotations

import hftbacktest
import numpy as np
from hftbacktest import BacktestAsset, ROIVectorMarketDepthBacktest, event_dtype
from numba import njit

from benchmarks.streams import Stream
from genesis_lib.types import Instrument

FOREVER = 1 << 60  # ns


def events_of(stream: Stream) -> np.ndarray:
    """The stream in hftbacktest's event format: one microsecond apart, the same time at both ends."""
    # The wait for the last event reports the end of the data instead: a repeated one takes that place.
    n = len(stream)
    events = np.zeros(n + 1, event_dtype)
    sides = np.where(stream.sides == 0, hftbacktest.BUY_EVENT, hftbacktest.SELL_EVENT).astype(np.uint64)
    both = hftbacktest.DEPTH_EVENT | hftbacktest.EXCH_EVENT | hftbacktest.LOCAL_EVENT
    events["exch_ts"] = events["local_ts"] = 1_000_000 + 1000 * np.arange(n + 1)
    events["ev"][:n] = np.uint64(both) | sides
    events["px"][:n], events["qty"][:n] = stream.instrument.price(stream.ticks), stream.quantities
    events[n] = events[n - 1]
    events["exch_ts"][n] = events["local_ts"][n] = events["local_ts"][n - 1] + 1000
    return events


def build(events: np.ndarray, instrument: Instrument, low: float, high: float) -> ROIVectorMarketDepthBacktest:
    """A backtest of one asset without latency over events, which the caller keeps alive."""
    asset = (
        BacktestAsset()
        .data([events])
        .linear_asset(1.0)
        .constant_order_latency(0, 0)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(0.0, 0.0)
        .tick_size(instrument.tick_size)
        .lot_size(instrument.lot_size)
        .roi_lb(low)
        .roi_ub(high)
        .last_trades_capacity(0)
    )
    return ROIVectorMarketDepthBacktest([asset])


@njit
def replay(backtest):
    """Feed every event; the number of them."""
    count = 0
    while backtest.wait_next_feed(False, FOREVER) == 2:
        count += 1
    return count


@njit
def replay_tops(backtest, out):
    """Feed every event and write the best levels to `out` (n, 4) after each."""
    count, depth = 0, out.shape[0]
    while backtest.wait_next_feed(False, FOREVER) == 2:
        book = backtest.depth(0)
        bids, asks, low, tick_size = book.bid_depth, book.ask_depth, book.roi_lb_tick, book.tick_size
        at, level = book.best_bid_tick - low, 0
        while level < depth and 0 <= at < len(bids):
            if bids[at] > 0:
                out[level, 0] = (at + low) * tick_size
                out[level, 1] = bids[at]
                level += 1
            at -= 1
        for i in range(level, depth):
            out[i, 0] = out[i, 1] = np.nan
        at, level = book.best_ask_tick - low, 0
        while level < depth and 0 <= at < len(asks):
            if asks[at] > 0:
                out[level, 2] = (at + low) * tick_size
                out[level, 3] = asks[at]
                level += 1
            at += 1
        for i in range(level, depth):
            out[i, 2] = out[i, 3] = np.nan
        count += 1
    return count
