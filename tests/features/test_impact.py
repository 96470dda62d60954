"""Costs and impact of trading against plain readings of the papers."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.features import FEATURES, FeatureSet


def slope(y, x, span=100):
    """Least-squares slope with an intercept, for each window."""
    out = np.full(len(y), np.nan)
    for end in range(span, len(y)):
        here, there = x[end - span + 1 : end + 1], y[end - span + 1 : end + 1]
        if np.ptp(here) > 0:
            centred = here - here.mean()
            out[end] = (centred @ there) / (centred @ centred)
    return out


def roll(x, span=100):
    """Roll's spread of the rows with trades of each window, the changes from the trade before whenever it was."""
    trades = [i for i in range(x.rows) if x.volume[i] > 0]
    price = {i: x.notional[i] / x.volume[i] / x.tick for i in trades}
    change = {i: price[i] - price[before] for before, i in pairwise(trades)}
    pairs = {i: (change[i], change[before]) for before, i in pairwise(trades[1:])}
    out = np.full(x.rows, np.nan)
    for end in range(span + 1, x.rows):
        window = np.array([pairs[i] for i in range(end - span + 1, end + 1) if i in pairs])
        if len(window):
            now, then = window.T
            bounce = now.mean() * then.mean() - (now * then).mean()
            out[end] = 2 * np.sqrt(max(bounce, 0.0))
    return out


def read(x):
    net, change = x.buys - x.sells, np.diff(x.mid, prepend=np.nan)
    root = np.sign(net) * np.sqrt(np.abs(net) * x.mid * x.tick)
    moved, money = pd.Series(x.mid).diff(20).abs() / x.mid * 1e4, pd.Series(x.notional).rolling(20).sum().round(6)
    bars = (moved / (money / 1e6)).where(money > 0)
    mean = bars.rolling(100, min_periods=1).mean()
    mean[: 20 + 99] = np.nan
    paid = pd.Series(x.effective).rolling(50).sum().shift(50)
    kept = pd.Series(x.signed_notional).shift(50) - x.mid * x.tick * pd.Series(x.signed).shift(50)
    sold = pd.Series(x.volume).rolling(50).sum().shift(50).round(9)
    return {
        "relative_spread": x.spread / x.mid * 1e4,
        "kyle_lambda_100": slope(change, net),
        "hasbrouck_lambda_100": slope(change / x.mid * 1e4, root),
        "amihud_100": mean,
        "price_impact_50": (paid - (2 * kept).rolling(50).sum()) / sold.where(sold > 0) / x.tick,
        "roll_spread_100": roll(x),
    }


@given(seed=st.integers(0, 2**16), levels=st.sampled_from([1, 10]), invalid=st.sampled_from([0.0, 0.01]))
@settings(max_examples=5, deadline=None)
def test_on_made_rows(make, agree, seed, levels, invalid):
    agree(make(400, levels, seed, invalid), read, rtol=1e-5, atol=1e-5)


def test_on_the_simulator(simulated, agree):
    agree(simulated[:2000], read, rtol=1e-4, atol=1e-4)


def test_on_a_recording(recorded, agree):
    columns = agree(recorded[:4000], read, rtol=1e-4, atol=1e-4)
    assert np.nanmean(columns["kyle_lambda_100"]) > 0, "buying lifts the price"
    assert np.nanmedian(columns["relative_spread"]) == pytest.approx(0.0156, abs=1e-3)


def test_a_market_without_trades_has_no_impact(make):
    rows = make(300, 1)
    rows.flow[:] = 0.0
    names = [n for n in FEATURES if FEATURES[n].build.__module__.endswith("impact") and FEATURES[n].sparse]
    assert len(names) == 5 and np.isnan(FeatureSet(names).batch(rows)).all()


def test_buys_that_differ_by_rounding_alone_tell_no_slope(make):
    rows = make(300, 1)
    rows.flow[:, 1:3] = 0.1, 0.0
    rows.flow[::2, 1:3] = 100.1, 100.0
    assert 100.1 - 100.0 != 0.1
    assert np.isnan(FeatureSet(["kyle_lambda_100"]).batch(rows)).all()


def test_kyles_lambda_is_found_again(make):
    rows = make(400, 1, seed=4)
    net = np.random.default_rng(2).integers(-3, 4, 400).astype(float)
    rows.flow[:, 1], rows.flow[:, 2] = np.maximum(net, 0), np.maximum(-net, 0)
    mid = 20_000 + np.cumsum(5 * net)
    rows.levels[:, 0, 0], rows.levels[:, 0, 2] = rows.instrument.price(mid), rows.instrument.price(mid + 1)
    np.testing.assert_allclose(FeatureSet(["kyle_lambda_100"]).batch(rows)[100:, 0], 5.0)


def test_roll_sees_the_bounce_between_bid_and_ask(make):
    rows = make(400, 1, seed=4)
    side = np.random.default_rng(3).choice([-1, 1], 400)
    rows.levels[:, 0, 0], rows.levels[:, 0, 2] = rows.instrument.price(20_000), rows.instrument.price(20_006)
    rows.flow[:, 0], rows.flow[:, 1], rows.flow[:, 2] = 1.0, side > 0, side < 0
    rows.flow[:, 3] = rows.instrument.price(20_003 + 3 * side)
    spread = FeatureSet(["roll_spread_100"]).batch(rows)[110:, 0]
    assert spread.mean() == pytest.approx(6.0, rel=0.1)
    rows.flow[:, 3] = rows.instrument.price(20_003 + 3 * np.arange(400))  # a trend: nothing bounces
    assert FeatureSet(["roll_spread_100"]).batch(rows)[-1, 0] == pytest.approx(0.0, abs=1e-3)
