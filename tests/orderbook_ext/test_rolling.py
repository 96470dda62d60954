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


def operate(module, op: str, x: float, y: float) -> float:
    """One instruction on two constants."""
    inputs = 4 + module.FLOW + 2
    program = module.Program(1, [x, y], [(module.OPS.index(op), inputs, inputs + 1, 0)], [inputs + 2])
    return program.push(np.zeros((1, 4)), np.zeros(module.FLOW), 0, 1.0, True)[0]


NUMBERS = st.floats(width=64) | st.sampled_from([0.0, -0.0, 0.5, 1.5, 2.5, -1.0, 1e308])


@needs_compiled
@pytest.mark.parametrize("op", list(_rolling_py.STATELESS))
@given(x=NUMBERS, y=NUMBERS)
@settings(max_examples=60, deadline=None)
def test_stateless_instructions_of_the_twins(op, x, y):
    first, second = (operate(module, op, x, y) for module in MODULES)
    assert np.array_equal(first, second, equal_nan=True), (op, x, y, first, second)


@both
def test_meaning_of_the_guarded_instructions(module):
    assert math.isnan(operate(module, "div", 1.0, 0.0)) and operate(module, "ratio", 1.0, 0.0) == 0.0
    assert math.isnan(operate(module, "ratio", math.nan, 0.0))
    assert operate(module, "ge", 1.0, 1.0) == 1.0 and math.isnan(operate(module, "ge", math.nan, 1.0))
    assert operate(module, "log1p", 0.25, 0.0) == math.log1p(0.25) and math.isnan(operate(module, "log1p", -1.0, 0.0))
    assert [operate(module, "rint", x, 0.0) for x in (0.5, 1.5, -0.4)] == [0.0, 2.0, 0.0]


@both
def test_elapsed_starts_unknown_and_never_runs_backwards(module):
    program = module.Program(1, [], [], [4 + module.FLOW + 1])
    rows = [
        program.push(np.zeros((1, 4)), np.zeros(module.FLOW), ts, 1.0, ts != 7)[0] for ts in (5, 10**9 + 5, 3, 7, 9)
    ]
    assert np.array_equal(rows, [math.nan, 1.0, 0.0, math.nan, math.nan], equal_nan=True)


@both
def test_programs_refuse_what_does_not_fit(module):
    with pytest.raises(ValueError, match="earlier registers"):
        module.Program(1, [], [(0, 99, 0, 0)], [])
    with pytest.raises(ValueError, match="span"):
        module.Program(1, [], [(module.OPS.index("sum"), 0, 0, 0)], [])
    with pytest.raises(ValueError, match="outputs"):
        module.Program(1, [], [], [99])
    program = module.Program(2, [], [], [0])
    with pytest.raises(ValueError, match="shape"):
        program.push(np.zeros((3, 4)), np.zeros(module.FLOW), 0, 1.0, True)
    with pytest.raises(ValueError, match="same length"):
        program.run(np.zeros((3, 2, 4)), np.zeros((3, module.FLOW)), np.zeros(2, np.int64), 1.0, np.ones(3, bool))


@both
def test_fresh_shares_nothing(module):
    inputs = 4 + module.FLOW + 2
    program = module.Program(1, [], [(module.OPS.index("sum"), 0, 0, 2)], [inputs])
    row = np.ones((1, 4)), np.zeros(module.FLOW), 0, 1.0, True
    program.push(*row)
    assert math.isnan(program.fresh().push(*row)[0]) and program.push(*row)[0] == 2.0


@needs_compiled
def test_twins_share_codes_and_constants():
    first, second = MODULES
    for name in ("OPS", "KINDS", "FLOW", "VPIN_ROWS", "VPIN_SCALE"):
        assert getattr(first, name) == getattr(second, name)
