"""Integrated order flow against the eigenvectors of the same covariance."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.features import FeatureSet
from genesis_lib.features.integrated import LEARNING_SPAN
from orderbook_ext._learned_py import Component

NAMES = ["ofi_integrated", "nofi_integrated", "nofi_integrated_10", "nofi_integrated_50"]


def flows(rows):
    return FeatureSet([f"ofi_{i}" for i in range(1, min(rows.depth, 10) + 1)]).batch(rows)


def test_the_memory_is_two_hundred_rows(make):
    rows = make(400, 10, 3)
    twin = Component(200)
    want = [twin.advance(*row) for row in flows(rows).tolist()]
    assert np.array_equal(FeatureSet(["ofi_integrated"]).batch(rows)[:, 0], want, equal_nan=True)


def by_eigenvectors(ofi):
    """Projection on the first eigenvector of the fading covariance of the rows before, numpy's own."""
    out, mean, cov, count = np.full(len(ofi), np.nan), np.zeros(ofi.shape[1]), np.zeros((ofi.shape[1],) * 2), 0
    for i, x in enumerate(ofi):
        if np.isnan(x[0]):
            continue
        x = np.nan_to_num(x)
        if count >= 100:
            weights = np.linalg.eigh(cov)[1][:, -1]
            weights *= np.sign(weights.sum())
            out[i] = weights @ x / np.abs(weights).sum()
        count += 1
        alpha = max(1 / count, 2 / (LEARNING_SPAN + 1))
        delta = x - mean
        mean = mean + alpha * delta
        cov = (1 - alpha) * (cov + alpha * np.outer(delta, delta))
    return out


def correlation(a, b):
    known = np.isfinite(a) & np.isfinite(b)
    assert known.sum() > 100 and np.array_equal(np.isfinite(a), np.isfinite(b))
    return np.corrcoef(a[known], b[known])[0, 1]


# Where two components are nearly equal they take turns, and one step of the power method a row lags behind.
@pytest.mark.parametrize(("source", "least"), [("simulated", 0.9), ("recorded", 0.97)])
def test_is_the_first_principal_component(source, least, request):
    rows = request.getfixturevalue(source)[3:2_000]
    got = FeatureSet(["ofi_integrated"]).batch(rows)[:, 0]
    assert correlation(got, by_eigenvectors(flows(rows))) > least


def test_finds_the_factor_that_moves_all_levels(make):
    rows, draw = make(2_000, 10, 3), np.random.default_rng(0)
    rows.levels[:, :, 0] = rows.instrument.price(20_000 - np.arange(10))
    rows.levels[:, :, 2] = rows.instrument.price(20_001 + np.arange(10))
    rows.levels[:, :, 3] = 100.0
    factor, loads = draw.standard_normal(2_000), np.linspace(1.0, 2.0, 10)
    rows.levels[:, :, 1] = 1_000.0 + np.cumsum(
        factor[:, None] * loads + 0.1 * draw.standard_normal((2_000, 10)), axis=0
    )
    got = FeatureSet(["ofi_integrated"]).batch(rows)[300:, 0]
    # a share of each level by its load: sum of squares over sum
    np.testing.assert_allclose(got, factor[300:] * (loads @ loads) / loads.sum(), atol=0.3)


@given(seed=st.integers(0, 2**16), invalid=st.sampled_from([0.0, 0.005]), empty=st.sampled_from([0.0, 0.1]))
@settings(max_examples=4, deadline=None)
def test_scaled_sums(make, seed, invalid, empty):
    rows = make(600, 10, seed, invalid, empty)
    flow, *scaled = FeatureSet(NAMES).batch(rows).T
    depth = np.where(rows.valid, np.nansum(rows.levels[:, :10, 1::2], axis=(1, 2)) / 20, np.nan)
    depth = pd.Series(depth).rolling(100).mean()
    for span, column in zip((1, 10, 50), scaled):
        ratio = pd.Series(flow).rolling(span).sum() / depth
        want = np.sign(ratio) * np.log1p(np.abs(ratio))
        np.testing.assert_allclose(column, want, atol=1e-9)


def test_one_level_alone_is_no_sum_of_levels(make):
    with pytest.raises(Exception, match="'ofi_integrated' needs 2 levels"):
        FeatureSet(["ofi_integrated"]).batch(make(3, 1))
