"""The rules of `_checks`, where the books alone do not show them."""

from __future__ import annotations

import numpy as np
import pytest

from orderbook_ext import _checks


@pytest.mark.parametrize(
    ("tick_size", "scale"), [(0.1, 10.0), (0.01, 100.0), (0.25, 4.0), (1 / 3, 3.0), (1.0, 0.0), (2.5, 0.0), (0.3, 0.0)]
)
def test_scale_is_the_whole_inverse_of_the_tick(tick_size, scale):
    assert _checks.grid(tick_size, 1.0, 10) == (tick_size, 1.0, scale, 10)


@pytest.mark.parametrize("tick_size", [0.1, 0.01, 1e-8, 0.25, 1.0, 5.0])
def test_ticks_of_inverts_the_price(tick_size):
    ticks = np.array([0, 1, 7, 281_451, 99_999_999, 2**40])
    scale = _checks.grid(tick_size, 1.0, 10)[2]
    prices = ticks / scale if scale else ticks * tick_size
    np.testing.assert_array_equal(_checks.ticks_of(prices, tick_size, scale), ticks)
    # A venue's rounding up to a thousandth of a tick is forgiven, more is not.
    np.testing.assert_array_equal(_checks.ticks_of(prices[:4] + 5e-4 * tick_size, tick_size, scale), ticks[:4])
    with pytest.raises(ValueError, match=r"prices\[1\] must be a multiple of the tick size"):
        _checks.ticks_of(prices[:4] + np.array([0, 2e-3, 0, 0]) * tick_size, tick_size, scale)


def test_column_gives_back_what_already_fits():
    array = np.arange(3.0)
    assert _checks.column("prices", array, np.float64) is array
    assert _checks.column("sides", [1, 0], np.int8).dtype == np.int8
    with pytest.raises(ValueError, match=r"sides\[0\] must be 0 \(bid\) or 1 \(ask\), got 256"):
        _checks.column("sides", [256], np.int8)  # a cast alone would make a bid of it


def test_explain_never_returns():
    with pytest.raises(ValueError, match="equally long"):
        _checks.explain([0], [1, 2], [1.0], 0.1, None)
    with pytest.raises(AssertionError):
        _checks.explain([0], [1], [1.0], 0.1, None)
