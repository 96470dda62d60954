"""Volumes, imbalances and slopes against plain numpy."""

import numpy as np
import pandas as pd

from genesis_lib.features import FEATURES, FeatureSet


def column(rows, *names):
    return FeatureSet(names).batch(rows).T


def test_volumes_and_imbalances(rows):
    bids, asks = rows.levels[:, :, 1], rows.levels[:, :, 3]
    bid, ask, first, five, whole, log_ratio = column(
        rows, "bid_volume", "ask_volume", "obi_1", "obi_5", "obi_total", "log_depth_ratio"
    )
    np.testing.assert_allclose(bid, bids.sum(1))
    np.testing.assert_allclose(ask, asks.sum(1))
    np.testing.assert_allclose(first, (bids - asks)[:, 0] / (bids + asks)[:, 0])
    weights = np.exp(-np.arange(5) / 2)
    np.testing.assert_allclose(five, (bids - asks)[:, :5] @ weights / ((bids + asks)[:, :5] @ weights))
    np.testing.assert_allclose(whole, (bid - ask) / (bid + ask))
    np.testing.assert_allclose(log_ratio, np.log(bid / ask), atol=1e-14)


def test_imbalances_stay_in_their_range(make):
    rows = make(500, empty=0.3, seed=2)
    names = [name for name in FEATURES if name.startswith("obi_") and "change" not in name]
    values = FeatureSet(names).batch(rows)
    assert len(names) == 7 and np.isfinite(values).all() and (np.abs(values) <= 1).all()


def test_single_levels(rows):
    bids, asks = rows.levels[:, :, 1], rows.levels[:, :, 3]
    for i in (2, 3, 4, 5):
        want = (bids - asks)[:, i - 1] / (bids + asks)[:, i - 1]
        np.testing.assert_allclose(column(rows, f"obi_level_{i}")[0], want)


def test_change_against_the_recent_mean(rows):
    first, change, queue = column(rows, "obi_1", "obi_1_change", "queue_change")
    np.testing.assert_allclose(change, first - pd.Series(first).rolling(50).mean(), atol=1e-12)
    volume = pd.Series(rows.levels[:, :, 1::2].sum((1, 2)))
    np.testing.assert_allclose(queue, (volume - volume.shift(10)) / (volume + volume.shift(10)), atol=1e-12)


def test_slopes_are_least_squares_through_the_origin(rows):
    bid, ask, lean = column(rows, "depth_slope_bid", "depth_slope_ask", "depth_slope_imbalance")
    for value, k in ((bid, 0), (ask, 2)):
        for i in (0, 77, 500):
            distance = np.abs(rows.levels[i, :, k] - rows.mid[i]) / 0.1
            sums = np.cumsum(rows.levels[i, :, k + 1])
            slope = np.linalg.lstsq(distance[:, None], sums, rcond=None)[0][0]
            np.testing.assert_allclose(value[i], slope, rtol=1e-9)
    np.testing.assert_allclose(lean, (bid - ask) / (bid + ask))
