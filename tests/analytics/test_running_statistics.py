from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kurtosis

from genesis_lib.analytics.running_statistics import Autocorrelation, Fit, Moments, Quantiles, power_law
from genesis_lib.errors import InputError

NUMBERS = st.lists(st.floats(-50, 50), min_size=3, max_size=60)


@given(st.lists(st.floats(0.01, 1e6), min_size=1, max_size=200), st.floats(0.01, 0.99))
def test_a_quantile_is_right_to_within_a_bin(values: list[float], share: float) -> None:
    held = Quantiles(0.001, 1e7)
    held.add_many(np.array(values))
    exact = np.quantile(values, share, method="inverted_cdf")
    assert held.at(share) == pytest.approx(exact, rel=0.011)
    assert held.mean == pytest.approx(np.mean(values))


@given(st.lists(st.floats(0, 100), min_size=1, max_size=50))
def test_one_at_a_time_is_as_many_at_once(values: list[float]) -> None:
    one, many = Quantiles(0.001, 1e3), Quantiles(0.001, 1e3)
    for value in values:
        one.add(value)
    many.add_many(np.array(values))
    shares = (0.01, 0.5, 0.9)
    assert one.n == many.n and one.zeros == many.zeros
    # an edge of a bin may round either way: neighbouring bins differ by the ratio
    assert [one.at(s) for s in shares] == pytest.approx([many.at(s) for s in shares], rel=0.0101)


def test_zeros_nan_and_what_lies_beyond_are_counted_where_they_belong() -> None:
    held = Quantiles(1.0, 100.0)
    for value in (0.0, 0.0, 0.5, 1e9, math.nan):
        held.add(value)
    assert (held.n, held.zeros, held.at(0.5)) == (4, 2, 0.0)
    assert held.at(1.0) == pytest.approx(100, rel=0.03)
    assert held.above(50.0) == 0.25
    assert math.isnan(Quantiles().at(0.5)) and math.isnan(Quantiles().above(1.0))


def test_bins_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match=r"0 < lowest < highest and ratio > 1, got 2, 1, 1.1"):
        Quantiles(2, 1, 1.1)


@given(NUMBERS)
def test_moments_are_numpys(values: list[float]) -> None:
    held = Moments()
    for value in values:
        held.add(value)
    assert held.mean == pytest.approx(np.mean(values), abs=1e-9)
    assert held.deviation == pytest.approx(np.std(values), abs=1e-5)
    assert held.root_mean_square == pytest.approx(np.sqrt(np.mean(np.square(values))), abs=1e-9)
    if np.std(values) > 0.5:
        assert held.excess_kurtosis == pytest.approx(kurtosis(values), rel=1e-3, abs=1e-3)


@given(NUMBERS, st.integers(1, 4))
def test_autocorrelation_is_the_definition(values: list[float], lag: int) -> None:
    held, x = Autocorrelation((lag,)), np.array(values)
    for value in values:
        held.add(value)
    if np.std(x) < 0.1 or len(x) <= lag:
        return
    expected = (np.mean(x[lag:] * x[:-lag]) - x.mean() ** 2) / x.var()
    assert held.at(lag) == pytest.approx(expected, abs=1e-6)


def test_no_pair_reaches_over_a_break() -> None:
    held = Autocorrelation((1,))
    for value in (1.0, -1.0):
        held.add(value)
    held.forget()
    for value in (-1.0, 1.0):
        held.add(value)
    assert held.at(1) == -1.0


def test_a_constant_series_has_no_autocorrelation_and_no_kurtosis() -> None:
    held, moments = Autocorrelation((1,)), Moments()
    for _ in range(9):
        held.add(0.1)
        moments.add(0.5)
    assert math.isnan(held.at(1)) and math.isnan(moments.excess_kurtosis)
    with pytest.raises(InputError, match="lags"):
        Autocorrelation(())


def test_a_fit_explains_what_numpy_says() -> None:
    rng, held = np.random.default_rng(3), Fit()
    x = rng.normal(size=400)
    y = x + rng.normal(size=400)
    for pair in zip(x, y):
        held.add(*pair)
    assert held.r_squared == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2)
    assert math.isnan(Fit().r_squared)


def test_a_power_law_needs_four_positive_values() -> None:
    assert power_law((1, 2, 4, 8, 16), np.array([1, 0.5, -1, 0.125, 0.0625])) == pytest.approx(1.0)
    assert math.isnan(power_law((1, 2, 4, 8), np.array([1, 0.5, -0.1, 0.2])))
