"""Recovery from shocks, replenishment and mean reversion against plain readings."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.features import FeatureSet


def reversion(values):
    """Slope of the next change on the present value, by numpy's own fit, for each window of 100 pairs."""
    out = np.full(len(values), np.nan)
    for end in range(100, len(values)):
        past, change = values[end - 100 : end], np.diff(values[end - 100 : end + 1])
        if np.ptp(past) > 0:
            centred = past - past.mean()
            out[end] = -(centred @ change) / (centred @ centred)
    return out


def read(x):
    want = {}
    spread = pd.Series(x.spread)
    usual, widest = spread.rolling(100).mean().shift(50), spread.rolling(50).max()
    share = (widest - spread) / (widest - usual).where(widest - usual >= 1)
    want["spread_recovery_50"] = share.clip(upper=1)
    for side, sizes, traded in (("bid", x.bid_size, x.sells), ("ask", x.ask_size, x.buys)):
        volume = pd.Series(np.nansum(sizes[:, :5], axis=1))
        usual, least = volume.rolling(100).mean().shift(50), volume.rolling(50).min()
        share = (volume - least) / (usual - least).where(least <= usual / 2)
        want[f"{side}_recovery_50"] = share.clip(upper=1)
        sold = pd.Series(traded).rolling(50).sum().round(9)
        joined = pd.Series(x.events(side)[0]).rolling(50).sum().round(9)
        want[f"{side}_replenishment_50"] = np.log1p(joined / sold.where(sold > 0))
    want["spread_resiliency_100"] = reversion(x.spread)
    want["depth_resiliency_100"] = reversion(np.log(x.bid_size[:, 0] + x.ask_size[:, 0]))
    return want


@given(seed=st.integers(0, 2**16), levels=st.sampled_from([1, 3, 10]), invalid=st.sampled_from([0.0, 0.005]))
@settings(max_examples=5, deadline=None)
def test_on_made_rows(make, agree, seed, levels, invalid):
    agree(make(500, levels, seed, invalid, 0.05 if levels > 1 else 0.0), read, rtol=1e-6, atol=1e-6)


def test_on_the_simulator(simulated, agree):
    agree(simulated[:1500], read, rtol=1e-5, atol=1e-5)


def test_on_a_recording(recorded, agree):
    columns = agree(recorded[:4000], read, rtol=1e-5, atol=1e-5)
    for name in ("spread_recovery_50", "bid_recovery_50", "ask_recovery_50"):
        known = columns[name][np.isfinite(columns[name])]
        assert len(known) and known.min() == 0.0 and known.max() == 1.0, name


@pytest.fixture
def calm(make):
    """A book of constant shape: a spread of one tick, a quantity of one everywhere."""
    rows = make(280, 5)
    rows.levels[:, :, 0] = rows.instrument.price(20_000 - np.arange(5))
    rows.levels[:, :, 2] = rows.instrument.price(20_001 + np.arange(5))
    rows.levels[:, :, 1::2] = 1.0
    rows.flow[:] = 0.0
    return rows


def test_a_spread_that_closes_again_recovers(calm):
    calm.levels[200:210, :, 2] += 0.8  # eight ticks
    calm.levels[210:220, :, 2] += 0.4
    share = FeatureSet(["spread_recovery_50"]).batch(calm)[:, 0]
    assert np.isnan(share[:200]).all() and (share[200:210] == 0.0).all()
    np.testing.assert_allclose(share[210:220], 0.5)
    assert (share[220:249] == 1.0).all() and np.isnan(share[269])


def test_a_side_that_is_refilled_recovers(calm):
    calm.levels[200:230, :, 1] = np.linspace(0.2, 1.0, 30)[:, None]
    bid, ask = FeatureSet(["bid_recovery_50", "ask_recovery_50"]).batch(calm).T
    np.testing.assert_allclose(bid[200:230], np.linspace(0.0, 1.0, 30), atol=1e-12)
    assert np.isnan(bid[199]) and np.isnan(ask).all()


def test_what_stands_still_has_no_rate_of_return(calm):
    names = ["spread_resiliency_100", "depth_resiliency_100"]
    assert np.isnan(FeatureSet(names).batch(calm)).all()
    calm.levels[::2, :, 1::2] = 0.37  # back and forth: all of a deviation is lost, and as much again
    assert FeatureSet(names).batch(calm)[-1, 1] == pytest.approx(2.0)


def test_a_half_replenished_queue(calm):
    calm.levels[200:, 0, 1], calm.flow[200, [0, 2]] = 0.4, (1.0, 0.6)
    calm.levels[205:, 0, 1] = 0.7
    ratio = FeatureSet(["bid_replenishment_50"]).batch(calm)[:, 0]
    assert np.isnan(ratio[199]) and ratio[204] == 0.0 and np.expm1(ratio[205]) == pytest.approx(0.5)
