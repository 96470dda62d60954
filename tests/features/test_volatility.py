"""Volatility, range, spread and pace against pandas."""

import numpy as np
import pandas as pd

from genesis_lib.features import FeatureSet


def column(rows, *names):
    return FeatureSet(names).batch(rows).T


def test_realised_volatility(rows):
    moves = pd.Series(rows.mid).diff() / 0.1
    for span in (10, 50, 100):
        plain, logs = column(rows, f"realised_vol_{span}", f"log_realised_vol_{span}")
        want = np.sqrt((moves**2).rolling(span).sum())
        np.testing.assert_allclose(plain, want, rtol=1e-6)
        np.testing.assert_allclose(logs, np.log1p(want), rtol=1e-6)


def test_a_market_that_stands_still_is_exactly_calm(make):
    rows = make(300)
    rows.levels[:] = rows.levels[0]
    vol, z, reach, where = column(rows, "realised_vol_100", "spread_zscore", "mid_range_100", "mid_position")
    assert set(vol[100:]) == set(z[100:]) == set(reach[100:]) == set(where[100:]) == {0.0}


def test_range_and_position(rows):
    mid = pd.Series(np.round(rows.mid * 20) / 2)  # ticks, exact
    reach, where = column(rows, "mid_range_100", "mid_position")
    low, high = mid.rolling(100).min(), mid.rolling(100).max()
    np.testing.assert_array_equal(reach, high - low)
    np.testing.assert_allclose(where, (2 * mid - high - low) / (high - low), atol=1e-12)
    assert np.nanmax(np.abs(where)) == 1.0


def test_spread_against_its_habit(rows):
    spread = pd.Series(np.round((rows.levels[:, 0, 2] - rows.levels[:, 0, 0]) * 10))
    window = spread.rolling(100)
    np.testing.assert_allclose(
        column(rows, "spread_zscore")[0], (spread - window.mean()) / window.std(ddof=0), atol=1e-9
    )


def test_pace_follows_the_exchanges_clock(rows):
    seconds = pd.Series(rows.ts_exchange).diff() / 1e9
    np.testing.assert_allclose(column(rows, "row_rate_50")[0], np.log1p(50 / seconds.rolling(50).sum()), rtol=1e-6)


def test_rows_at_one_instant_have_a_finite_pace(make):
    rows = make(120)
    rows.ts_exchange[:] = rows.ts_exchange[0]
    assert np.isfinite(column(rows, "row_rate_50")[0, 50:]).all()
