"""Arrivals, cancels and depletion of the best queues against a reading of the events one by one."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.features import FEATURES, FeatureSet


def lean(a, b):
    return np.where(a + b == 0, 0.0, (a - b) / np.where(a + b == 0, 1.0, a + b)) + 0.0 * (a + b)


def read(x, span=50):
    def summed(values):
        return pd.Series(values).rolling(span).sum().to_numpy()

    took = summed(np.maximum(x.elapsed, 1e-6))
    (ab, cb), (aa, ca) = x.events("bid"), x.events("ask")
    # pandas' rolling sums subtract: what should be 0 is not quite
    ab, cb, aa, ca, db, da, sold = (
        np.round(summed(v), 9) for v in (ab, cb, aa, ca, cb + x.sells, ca + x.buys, x.volume)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        out = {}
        for side, a, c, d, q in (("bid", ab, cb, db, x.bid_size[:, 0]), ("ask", aa, ca, da, x.ask_size[:, 0])):
            out[f"{side}_arrival_rate_50"] = a / took
            out[f"{side}_cancel_rate_50"] = c / took
            out[f"{side}_depletion_rate_50"] = d / took
            out[f"{side}_depletion_time_50"] = np.log1p(np.where(d == 0, np.nan, q * took / d))
        out["depletion_imbalance_50"] = lean(x.bid_size[:, 0] * da, x.ask_size[:, 0] * db)
        out["arrival_imbalance_50"], out["cancel_imbalance_50"] = lean(ab, aa), lean(ca, cb)
        gone = cb + ca
        out["cancel_ratio_50"] = np.where(gone + sold == 0, np.nan, gone / (gone + sold))
        out["order_to_trade_50"] = np.where(sold == 0, np.nan, np.log1p((ab + aa + gone) / sold))
    return out


@given(seed=st.integers(0, 2**16), levels=st.sampled_from([1, 10]), invalid=st.sampled_from([0.0, 0.01]))
@settings(max_examples=6, deadline=None)
def test_on_made_rows(make, agree, seed, levels, invalid):
    agree(make(400, levels, seed, invalid, 0.05 if levels > 1 else 0.0), read)


def test_on_the_simulator(simulated, agree):
    agree(simulated[:2000], read, rtol=1e-6, atol=1e-6)


def test_on_a_recording(recorded, agree):
    columns = agree(recorded, read, rtol=1e-6, atol=1e-6)
    ratio = columns["cancel_ratio_50"]
    assert 0 <= np.nanmin(ratio) < np.nanmax(ratio) <= 1 and np.nanmedian(ratio) > 0.5


def test_trades_stand_in_the_row_of_the_queue_they_took_from(recorded):
    tick, size, sold = recorded.levels[:, 0, 0], recorded.levels[:, 0, 1], recorded.flow[:, 2]
    same = np.concatenate([[False], (np.diff(tick) == 0) & recorded.valid[1:] & recorded.valid[:-1]])
    fall = -np.diff(size, prepend=size[0])[same]
    early, now, late = (np.corrcoef(fall, np.roll(sold, lag)[same])[0, 1] for lag in (1, 0, -1))
    assert now > 0.1 > max(early, late)


def still(make, rows):
    """A book in which nothing ever happens."""
    book = make(rows, 2)
    book.levels[:] = book.levels[0]
    book.flow[:] = 0.0
    return book


def last(rows, *names):
    return FeatureSet(names).batch(rows)[-1]


def test_a_still_book_has_no_events(make):
    names = [name for name in FEATURES if FEATURES[name].build.__module__.endswith("queues")]
    for name, value in zip(names, last(still(make, 60), *names)):
        assert value == 0.0 or (FEATURES[name].sparse and np.isnan(value)), name


def test_what_is_traded_is_not_cancelled(make):
    rows = still(make, 60)
    rows.levels[:, 0, 1], rows.levels[30:, 0, 1] = 5.0, 3.5
    rows.flow[30, [0, 2]] = 1.0, 1.2
    assert last(rows, "cancel_ratio_50")[0] == pytest.approx(0.3 / 1.5)
    rows.flow[30, 2] = 1.5
    assert last(rows, "cancel_ratio_50")[0] == 0.0


def test_quantities_that_are_no_binary_fractions_leave_no_events(make):
    rows = still(make, 60)
    rows.levels[:30, 0, 1], rows.levels[30:, 0, 1] = 0.3, 0.1
    rows.flow[30, [0, 2]] = 1.0, 0.2  # 0.1 - 0.3 + 0.2 is not 0 in floating point
    assert 0.1 - 0.3 + 0.2 != 0.0
    assert last(rows, "arrival_imbalance_50", "cancel_imbalance_50").tolist() == [0.0, 0.0]


def test_the_queue_that_is_eaten_faster_goes_first(make):
    rows = still(make, 60)
    rows.levels[:, 0, 1] = 10.0
    rows.levels[:, 0, 3] = np.linspace(10.0, 4.0, 60)
    lean, bid, ask = last(rows, "depletion_imbalance_50", "bid_depletion_time_50", "ask_depletion_time_50")
    assert lean == 1.0 and np.isnan(bid)
    took = (rows.ts_exchange[-1] - rows.ts_exchange[-51]) / 1e9
    assert np.expm1(ask) == pytest.approx(4.0 * took / (50 * 6.0 / 59), rel=1e-6)
