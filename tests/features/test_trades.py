"""Signs, sizes and rates of trades against plain readings."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.features import FeatureSet


def autocorrelation(x, lag, span=100):
    """Mean product of the signs of two trades, `lag` apart among the trades, for those of the window."""
    trades = [i for i in range(x.rows) if x.volume[i] > 0]
    sign = np.sign(x.buys - x.sells)
    pairs = {i: sign[i] * sign[trades[k]] for k, i in enumerate(trades[lag:])}
    out = np.full(x.rows, np.nan)
    for end in range(span - 1, x.rows):
        window = [pairs[i] for i in range(end - span + 1, end + 1) if i in pairs]
        out[end] = np.mean(window) if window else np.nan
    out[: lag + span - 1] = np.nan  # no pair could be known before
    return out


def read(x):
    took = pd.Series(np.maximum(x.elapsed, 1e-6)).rolling(50).sum()
    count, volume = pd.Series(x.count).rolling(50).sum(), pd.Series(x.volume).rolling(50).sum().round(9)
    net = x.buys - x.sells
    return {
        "trade_sign": np.sign(net),
        "trade_sign_lee_ready": np.sign(x.signed),
        "net_volume": net,
        "net_volume_50": pd.Series(net).rolling(50).sum(),
        "sign_autocorrelation_1": autocorrelation(x, 1),
        "sign_autocorrelation_5": autocorrelation(x, 5),
        "trade_rate_50": count / took,
        "volume_rate_50": volume / took,
        "trade_size_50": volume / count.where(count > 0),
    }


@given(seed=st.integers(0, 2**16), levels=st.sampled_from([1, 10]), invalid=st.sampled_from([0.0, 0.01]))
@settings(max_examples=5, deadline=None)
def test_on_made_rows(make, agree, seed, levels, invalid):
    agree(make(400, levels, seed, invalid), read)


def test_on_the_simulator(simulated, agree):
    agree(simulated[:2000], read)


def test_on_a_recording(recorded, agree):
    columns = agree(recorded[:5000], read)
    assert np.nanmean(columns["sign_autocorrelation_1"]) > 0.05, "large orders are split: signs persist"
    flag, rule = columns["trade_sign"], columns["trade_sign_lee_ready"]
    assert (flag == rule).mean() > 0.9


@pytest.mark.parametrize(
    ("pattern", "first", "fifth"), [([1], 1.0, 1.0), ([1, -1], -1.0, -1.0), ([1, 1, -1, -1], 0.0, 0.0)]
)
def test_signs_that_repeat(make, pattern, first, fifth):
    rows = make(400, 1)
    side = np.resize(pattern, 400)
    rows.flow[:] = 0.0
    there = np.arange(400) % 3 == 0  # rows without trades between them do not count
    side = np.repeat(side[: -(-400 // 3)], 3)[:400] * there
    rows.flow[:, 0], rows.flow[:, 1], rows.flow[:, 2] = there, side > 0, side < 0
    names = ["sign_autocorrelation_1", "sign_autocorrelation_5"]
    assert FeatureSet(names).batch(rows)[-1].tolist() == pytest.approx([first, fifth], abs=0.1)


def test_trades_without_a_side_are_no_trades(make):
    rows = make(300, 1)
    rows.flow[:, 1:3] = 0.0
    assert np.isnan(FeatureSet(["sign_autocorrelation_1"]).batch(rows)).all()
