"""Hawkes intensities against the sum over every past trade, and clocks since the last event."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.features import FEATURES, FeatureSet


def kernel_sum(x, counts, half_life):
    """The definition, event by event: no recursion."""
    out, clock = np.full(x.rows, np.nan), np.nancumsum(x.elapsed)
    for i in range(1, x.rows):
        if clock[i] >= 5 * half_life:
            age = (x.ts[i] - x.ts[: i + 1]) / 1e9
            out[i] = (counts[: i + 1] * 2.0 ** (-age / half_life)).sum() * np.log(2) / half_life
    return out


def since(x, happened):
    out, last = np.full(x.rows, np.nan), None
    for i in range(x.rows):
        last = x.ts[i] if happened[i] else last
        out[i] = np.nan if last is None else (x.ts[i] - last) / 1e9
    return out


def read(x):
    want = {}
    share = np.divide(x.buys, x.volume, out=np.zeros(x.rows), where=x.volume > 0)
    other = np.divide(x.sells, x.volume, out=np.zeros(x.rows), where=x.volume > 0)
    for h in (1, 10):
        buy, sell = kernel_sum(x, x.count * share, h), kernel_sum(x, x.count * other, h)
        both = buy + sell
        want[f"hawkes_buy_{h}s"], want[f"hawkes_sell_{h}s"] = buy, sell
        want[f"hawkes_imbalance_{h}s"] = np.where(both == 0, 0.0, (buy - sell) / np.where(both == 0, 1.0, both))
        want[f"row_intensity_{h}s"] = kernel_sum(x, np.ones(x.rows), h)
    want["seconds_since_trade"] = since(x, x.volume > 0)
    want["seconds_since_move"] = since(x, np.diff(x.mid, prepend=x.mid[0]) != 0)
    return want


@given(
    seed=st.integers(0, 2**16),
    levels=st.sampled_from([1, 10]),
    invalid=st.sampled_from([0.0, 0.002]),
    hole=st.sampled_from([0, 10**10, 10**14]),
)
@settings(max_examples=5, deadline=None)
def test_on_made_rows(make, agree, seed, levels, invalid, hole):
    rows = make(1200, levels, seed, invalid)
    rows.ts_exchange[900:] += hole  # nothing for ten seconds, or for a day
    agree(rows, read)


def test_on_the_simulator(simulated, agree):
    columns = agree(simulated, read)
    assert np.isfinite(columns["hawkes_buy_1s"][-1])


def test_on_a_recording(recorded, agree):
    columns = agree(recorded[:3000], read)
    assert np.nanmin(columns["hawkes_buy_1s"]) >= 0 and np.nanmax(columns["hawkes_buy_1s"]) > 10


def test_a_half_life_is_one(make):
    rows = make(800, 1)
    rows.ts_exchange[:] = rows.ts_exchange[0] + np.arange(800) * 100_000_000
    rows.flow[:] = 0.0
    rows.flow[700, [0, 1]] = 8.0, 1.0
    buy, sell, lean = FeatureSet(["hawkes_buy_1s", "hawkes_sell_1s", "hawkes_imbalance_1s"]).batch(rows).T
    assert buy[700] == pytest.approx(8 * np.log(2)) and buy[710] == pytest.approx(buy[700] / 2)
    assert buy[720] == pytest.approx(buy[700] / 4) and (sell[60:] == 0).all()
    assert (lean[60:700] == 0).all() and (lean[700:] == 1).all()


def test_warms_up_for_five_half_lives(make):
    rows = make(800, 1)
    rows.ts_exchange[:] = rows.ts_exchange[0] + np.arange(800) * 100_000_000
    for name, seconds in (("hawkes_buy_1s", 5.0), ("hawkes_buy_10s", 50.0)):
        column = FeatureSet([name]).batch(rows)[:, 0]
        first = np.flatnonzero(np.isfinite(column))[0]
        assert FEATURES[name].warmup_seconds == seconds and FEATURES[name].warmup == 1
        assert first - seconds * 10 in (0, 1)  # tenths of a second add up to a hair more or less
