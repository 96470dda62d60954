"""Kernels of event time, volume and the last known value, each against a plain way of saying the same."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderbook_ext import _kernels_py as kernels

NUMBER = st.floats(-1e6, 1e6) | st.just(math.nan)
GAP = st.sampled_from([0.0, 0.05, 0.3, 1.0, 7.0])
STREAM = st.lists(st.tuples(NUMBER, GAP), min_size=1, max_size=120)


def unfold(stream) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values, seconds since the one before (NaN first), and the clock."""
    x, gaps = (np.array(column) for column in zip(*stream))
    gaps[0] = math.nan
    return x, gaps, np.nancumsum(gaps)


@given(stream=STREAM, half=st.sampled_from([0.1, 2.0, 50.0]))
@settings(max_examples=60, deadline=None)
def test_decay_is_the_sum_of_what_is_left(stream, half):
    x, gaps, clock = unfold(stream)
    kernel = kernels.Decay(half)
    for i in range(len(x)):
        got = kernel.advance(x[i], gaps[i])
        if math.isnan(x[i]) or clock[i] < half * (1 - 1e-12):
            assert math.isnan(got)
        elif clock[i] > half * (1 + 1e-12):
            want = np.nansum(x[: i + 1] * 0.5 ** ((clock[i] - clock[: i + 1]) / half))
            assert got == pytest.approx(want, rel=1e-9, abs=1e-6)


def test_a_rate_by_decay_is_free_of_the_beginning():
    events, time = kernels.Decay(5.0), kernels.Decay(5.0)
    rates = []
    for i in range(4000):
        dt = math.nan if i == 0 else 0.01
        rates.append(events.advance(0.03, dt) / time.advance(dt, dt) if i else math.nan)
    assert np.isnan(rates[:500]).all() and rates[600:] == pytest.approx([3.0] * 3400, rel=0.005)


@given(stream=STREAM, seconds=st.sampled_from([0.5, 4.0, 32.0]))
@settings(max_examples=60, deadline=None)
def test_seconds_sum_whole_buckets_of_the_clock(stream, seconds):
    x, gaps, clock = unfold(stream)
    kernel, width = kernels.Seconds(seconds), seconds / kernels.BUCKETS
    buckets = np.array([int(c / width) for c in clock])
    for i in range(len(x)):
        got = kernel.advance(x[i], gaps[i])
        inside = buckets[: i + 1] > buckets[i] - kernels.BUCKETS
        want = x[: i + 1][inside].sum() if buckets[i] >= kernels.BUCKETS else math.nan
        assert got == pytest.approx(want, rel=1e-9, abs=1e-6, nan_ok=True)
        assert clock[i] - clock[: i + 1][inside].min() < seconds + 1e-9, "nothing older than the window"
    assert len(kernel.ring) == kernels.BUCKETS


def test_a_nan_leaves_the_seconds_with_its_bucket():
    kernel = kernels.Seconds(1.0)
    got = [kernel.advance(math.nan if i == 200 else 1.0, 0.01) for i in range(400)]
    unknown = np.flatnonzero(np.isnan(got[150:])) + 150
    assert unknown[0] == 200 and 296 <= unknown[-1] <= 300


@given(x=st.lists(NUMBER, min_size=1, max_size=80), span=st.integers(1, 20))
@settings(max_examples=60, deadline=None)
def test_ema_is_that_of_pandas(x, span):
    kernel, known = kernels.Ema(span), np.array([v for v in x if v == v])
    got = np.array([kernel.advance(v) for v in x])
    assert np.array_equal(np.isnan(got[: len(x)][np.isnan(x)]), np.ones(np.isnan(x).sum(), bool))
    want = pd.Series(known).ewm(span=span, adjust=False, min_periods=span).mean()
    np.testing.assert_allclose(got[~np.isnan(x)], want, rtol=1e-9, atol=1e-9)


@given(x=st.lists(NUMBER, min_size=1, max_size=40))
def test_hold_fills_forward(x):
    kernel = kernels.Hold()
    assert np.array_equal([kernel.advance(v) for v in x], pd.Series(x).ffill(), equal_nan=True)
    kernel.reset()
    assert math.isnan(kernel.advance(math.nan))


def test_since_counts_rows_or_seconds():
    conditions = [0.0, math.nan, 1.0, 0.0, math.nan, 0.0, 2.0, 0.0]
    rows, seconds = kernels.Since(), kernels.Since()
    assert np.array_equal(
        [rows.advance(c, 1.0) for c in conditions], [math.nan, math.nan, 0, 1, 2, 3, 0, 1], equal_nan=True
    )
    gaps = [math.nan, 0.5, 0.5, 0.25, 0.25, 1.0, 1.0, 2.0]
    assert np.array_equal(
        [seconds.advance(c, g) for c, g in zip(conditions, gaps)],
        [math.nan, math.nan, 0, 0.25, 0.5, 1.5, 0, 2.0],
        equal_nan=True,
    )
    rows.reset()
    assert math.isnan(rows.advance(0.0, 1.0))


def test_vpin_of_one_sided_and_balanced_trading():
    for buy, sell, want in ((1.0, 0.0, 1.0), (1.0, 1.0, 0.0), (3.0, 1.0, 0.5)):
        kernel = kernels.Vpin(5)
        got = [kernel.advance(buy, sell) for _ in range(kernels.VPIN_ROWS + 6 * int(kernels.VPIN_SCALE))]
        assert math.isnan(got[kernels.VPIN_ROWS]) and got[-1] == pytest.approx(want)
        assert len(kernel.ring) == 5
