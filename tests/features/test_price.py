"""Prices against plain numpy."""

import numpy as np
import pandas as pd
import pytest

from genesis_lib.features import FeatureSet, model_inputs


def column(rows, *names):
    return FeatureSet(names).batch(rows).T


def test_model_inputs(rows):
    values = FeatureSet(model_inputs()).batch(rows).reshape(len(rows), 10, 4)
    book, mid = rows.levels, rows.mid[:, None]
    np.testing.assert_allclose(values[:, :, 0], (book[:, :, 2] - mid) / 0.1, atol=1e-8)
    np.testing.assert_allclose(values[:, :, 1], np.log1p(book[:, :, 3]), rtol=1e-14)
    np.testing.assert_allclose(values[:, :, 2], (book[:, :, 0] - mid) / 0.1, atol=1e-8)
    np.testing.assert_allclose(values[:, :, 3], np.log1p(book[:, :, 1]), rtol=1e-14)
    assert np.array_equal(values[:, :, [0, 2]] * 2, np.round(values[:, :, [0, 2]] * 2)), "ticks are exact halves"


def test_model_inputs_do_not_know_the_price(rows):
    names = model_inputs()
    before = FeatureSet(names).batch(rows)
    moved = rows.levels.copy()
    moved[:, :, [0, 2]] = np.round(moved[:, :, [0, 2]] * 10 + 5000) / 10
    after = FeatureSet(names).batch(type(rows)(rows.instrument, *(rows.ts_exchange,) * 2, moved, rows.flow, rows.valid))
    assert np.array_equal(before, after)


def test_an_empty_level_is_nan_and_only_it(make):
    rows = make(1)
    rows.levels[0, 6:, 2:] = np.nan
    values = FeatureSet(model_inputs()).batch(rows)[0].reshape(10, 4)
    assert np.isnan(values[6:, :2]).all() and np.isfinite(values[:6]).all() and np.isfinite(values[:, 2:]).all()


def test_mid_spread_microprice(rows):
    mid, spread, ticks, log_spread, micro, lean = column(
        rows, "mid", "spread", "spread_ticks", "log_spread", "microprice", "microprice_divergence"
    )
    bid, qb, ask, qa = rows.levels[:, 0].T
    assert np.array_equal(mid, rows.mid) and np.array_equal(spread, ask - bid)
    assert np.array_equal(ticks, np.round((ask - bid) * 10))
    np.testing.assert_allclose(log_spread, np.log1p(ticks), rtol=1e-15)
    np.testing.assert_allclose(micro, (bid * qa + ask * qb) / (qa + qb), rtol=1e-14)
    np.testing.assert_allclose(lean, (micro - mid) / 0.1, atol=1e-7)
    assert (np.abs(lean) <= ticks / 2).all()


def test_vwap_of_a_side(rows):
    bid, ask, divergence = column(rows, "vwap_bid", "vwap_ask", "vwap_divergence")
    for value, k in ((bid, 0), (ask, 2)):
        np.testing.assert_allclose(value, np.average(rows.levels[:, :, k], axis=1, weights=rows.levels[:, :, k + 1]))
    np.testing.assert_allclose(divergence, ((bid + ask) / 2 - rows.mid) / 0.1, atol=1e-6)


def test_vwap_leaves_empty_levels_out(make):
    rows = make(1)
    rows.levels[0, 1:, :2] = np.nan
    assert column(rows, "vwap_bid")[0, 0] == pytest.approx(rows.levels[0, 0, 0], rel=1e-15)


def test_returns(rows):
    mid = pd.Series(rows.mid)
    for span in (1, 10, 50, 100):
        ticks, logs = column(rows, f"return_{span}", f"log_return_{span}")
        np.testing.assert_allclose(ticks, mid.diff(span) / 0.1, atol=1e-7)
        np.testing.assert_allclose(logs, np.log(mid / mid.shift(span)), atol=1e-15)
