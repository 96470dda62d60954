"""The rolling kernels against numpy at each prefix, and the compiled ones against their twin, bit for bit."""

import importlib
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderbook_ext import _rolling_py

try:
    MODULES = [importlib.import_module("orderbook_ext._rolling"), _rolling_py]
except ImportError:
    MODULES = [_rolling_py]
IDS = ["compiled", "twin"][-len(MODULES) :] if len(MODULES) == 2 else ["twin"]
both = pytest.mark.parametrize("module", MODULES, ids=IDS)
needs_compiled = pytest.mark.skipif(len(MODULES) == 1, reason="orderbook_ext._rolling is not built")

VALUES = st.lists(st.floats(-1e9, 1e9) | st.sampled_from([0.0, math.nan, 1.0, -1.0]), max_size=60)
PLAIN = {
    "sum": np.sum,
    "mean": np.mean,
    "min": np.min,
    "max": np.max,
    "var": np.var,
    "std": np.std,
}


def plain(kind: str, span: int, values: np.ndarray) -> np.ndarray:
    """What numpy says of each window."""
    out = np.full(len(values), np.nan)
    for i in range(len(values)):
        if kind == "lag":
            out[i] = values[i - span] if i >= span else np.nan
        elif i + 1 >= span:
            out[i] = PLAIN[kind](values[i + 1 - span : i + 1])
    return out


@both
@pytest.mark.parametrize("kind", _rolling_py.KINDS)
@given(values=VALUES, span=st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_equal_to_numpy_at_each_prefix(module, kind, values, span):
    values = np.array(values, np.float64)
    scale = max(1.0, np.nanmax(np.abs(values))) if np.isfinite(values).any() else 1.0
    tolerance = 1e-12 * (scale * scale if kind == "var" else scale) * span
    got, want = module.Rolling(kind, span).run(values), plain(kind, span, values)
    if kind == "std":  # the root of a variance that rounding made differ from 0
        got, want, tolerance = got * got, want * want, 1e-12 * scale * scale * span
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=tolerance)


@both
@pytest.mark.parametrize("kind", _rolling_py.KINDS)
@given(values=VALUES, span=st.integers(1, 12), data=st.data())
@settings(max_examples=20, deadline=None)
def test_push_is_run_and_an_invalid_value_resets(module, kind, values, span, data):
    valid = np.array(data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values))), bool)
    run = module.Rolling(kind, span).run(values, valid)
    rolling, pushed = module.Rolling(kind, span), []
    for value, ok in zip(values, valid):
        if not ok:
            rolling = module.Rolling(kind, span)
        pushed.append(rolling.push(value) if ok else math.nan)
    assert np.array_equal(run, np.array(pushed, np.float64), equal_nan=True)


@needs_compiled
@pytest.mark.parametrize("kind", _rolling_py.KINDS)
@given(values=VALUES, span=st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_twins_are_equal_to_the_bit(kind, values, span):
    first, second = (module.Rolling(kind, span).run(values) for module in MODULES)
    assert np.array_equal(first, second, equal_nan=True)


@both
def test_no_drift_and_a_nan_leaves_with_its_row(module):
    values = np.r_[np.full(10, 1e18), np.nan, np.full(20, 0.1)]
    got = module.Rolling("sum", 5).run(values)
    assert np.isnan(got[10:15]).all()
    np.testing.assert_allclose(got[15:], 0.5, rtol=1e-15)
    assert module.Rolling("var", 5).run(np.full(30, 0.1))[4:].tolist() == [0.0] * 26


@both
def test_reset_forgets(module):
    rolling = module.Rolling("mean", 2)
    rolling.push(1.0)
    assert rolling.push(2.0) == 1.5
    rolling.reset()
    assert math.isnan(rolling.push(5.0))


@both
@pytest.mark.parametrize(("kind", "span", "word"), [("median", 3, "kind"), ("sum", 0, "span"), ("sum", 1.5, "span")])
def test_bad_arguments_are_named(module, kind, span, word):
    with pytest.raises(ValueError, match=word):
        module.Rolling(kind, span)


@both
def test_valid_must_fit(module):
    with pytest.raises(ValueError, match="valid must have the 3"):
        module.Rolling("sum", 2).run([1.0, 2.0, 3.0], [True])


@needs_compiled
def test_twins_share_their_kinds():
    assert MODULES[0].KINDS == MODULES[1].KINDS
