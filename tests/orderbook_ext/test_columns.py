"""Operations without a memory: what they mean, the logarithms against libm, the compiled ones against their twins."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderbook_ext import _program_py
from orderbook_ext._columns_py import STATELESS
from orderbook_ext._layout import ARITY, FLOW, OPS

try:
    from orderbook_ext import _program

    MODULES = [_program, _program_py]
except ImportError:
    MODULES = [_program_py]
IDS = ["compiled", "twin"][-len(MODULES) :]
both = pytest.mark.parametrize("module", MODULES, ids=IDS)
needs_compiled = pytest.mark.skipif(len(MODULES) == 1, reason="orderbook_ext._program is not built")
INPUTS = 4 + FLOW + 3

NUMBERS = st.floats(width=64) | st.sampled_from([0.0, -0.0, 0.5, 1.5, 2.5, -1.0, 1e308, 5e-324, -1.0 + 2**-53])


def operate(module, op: str, *columns) -> np.ndarray:
    """One instruction on columns of numbers."""
    columns = np.atleast_1d(*(np.asarray(c, np.float64) for c in columns))
    columns = columns if isinstance(columns, tuple) else (columns,)
    n = len(columns[0])
    book = np.zeros((n, 1, 4))
    for k, values in enumerate(columns):
        book[:, 0, k] = values
    program = module.Program(1, [], [(OPS.index(op), tuple(range(ARITY.get(op, 1))), 0, 0.0)], [INPUTS])
    return program.run(book, np.zeros((n, FLOW)), np.arange(n), 1.0, np.ones(n, bool))[:, 0]


@needs_compiled
@pytest.mark.parametrize("op", list(STATELESS))
@given(values=st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_twins_are_equal_to_the_bit(op, values):
    first, second = (operate(module, op, *np.array(values).T) for module in MODULES)
    assert np.array_equal(first, second, equal_nan=True), (op, values, first, second)
    known = ~np.isnan(first)
    assert np.array_equal(np.signbit(first[known]), np.signbit(second[known])), (op, values, "a zero's sign")


@both
@given(values=st.lists(NUMBERS, min_size=1, max_size=40), op=st.sampled_from(["log", "log1p", "slog"]))
@settings(max_examples=100, deadline=None)
def test_a_column_of_numbers_is_each_of_them_alone(module, values, op):
    together = operate(module, op, values)
    assert np.array_equal(together, [operate(module, op, [x])[0] for x in values], equal_nan=True)


def sweep(rows: int) -> np.ndarray:
    """Positive numbers: dense in the size of sizes, around the joints of the method, and over all exponents."""
    draw = np.random.default_rng(0)
    joints = np.array(
        [0.41421356237309503, 0.2928932188134524, math.sqrt(2) - 1, math.sqrt(0.5), math.sqrt(2), 1.0, 3.0]
    )
    around = np.concatenate([joint * (1 + np.arange(-200, 201) * 2.0**-52) for joint in joints])
    parts = (
        draw.uniform(0, 2, rows),
        10 ** draw.uniform(-6, 9, rows),
        np.ldexp(draw.uniform(1, 2, rows), draw.integers(-1070, 1023, rows)),
    )
    grid = np.arange(rows) / 1000  # quantities are whole lots
    return np.concatenate([*parts, around, grid, [5e-324, 2.2250738585072014e-308, 1.7976931348623157e308]])


def ulps(got: np.ndarray, want: np.ndarray) -> float:
    assert np.array_equal(np.isnan(got), np.isnan(want)) and np.array_equal(np.isinf(got), np.isinf(want))
    finite = np.isfinite(want)
    return float(np.max(np.abs(got[finite] - want[finite]) / np.spacing(np.abs(want[finite]))))


@both
def test_logarithms_are_within_one_ulp_of_libm(module):
    x = sweep(200_000 if module is MODULES[0] and len(MODULES) == 2 else 2_000)
    below = -x[x < 1]
    for op, plain, values in (("log", math.log, x[x > 0]), ("log1p", math.log1p, np.concatenate([x, below]))):
        want = np.array([plain(v) for v in values.tolist()])
        assert ulps(operate(module, op, values), want) <= 1.0, op
    assert np.array_equal(operate(module, "slog", x), operate(module, "log1p", x))
    assert np.array_equal(operate(module, "slog", -x), -operate(module, "log1p", x))


@both
def test_logarithms_of_what_has_none(module):
    special = [math.nan, -1.0, -2.0, -math.inf, math.inf, 0.0]
    assert np.array_equal(operate(module, "log1p", special), [math.nan] * 4 + [math.inf, 0.0], equal_nan=True)
    assert np.array_equal(operate(module, "log", special), [math.nan] * 4 + [math.inf, math.nan], equal_nan=True)
    np.testing.assert_allclose(
        operate(module, "slog", special[2:]), [-math.log(3), -math.inf, math.inf, 0.0], rtol=1e-15
    )
    assert operate(module, "log", [1.0])[0] == 0.0


@both
def test_meaning_of_the_guarded_operations(module):
    nan, inf = math.nan, math.inf
    table = [
        ("div", (1.0, 0.0), nan),
        ("div", (1.0, -0.0), nan),
        ("ratio", (1.0, 0.0), 0.0),
        ("ratio", (nan, 0.0), nan),
        ("ge", (1.0, 1.0), 1.0),
        ("ge", (nan, 1.0), nan),
        ("le", (2.0, 1.0), 0.0),
        ("le", (1.0, nan), nan),
        ("min2", (1.0, nan), nan),
        ("min2", (nan, 1.0), nan),
        ("min2", (1.0, 2.0), 1.0),
        ("max2", (nan, 1.0), nan),
        ("max2", (1.0, nan), nan),
        ("max2", (1.0, 2.0), 2.0),
        ("select", (1.0, 5.0, nan), 5.0),
        ("select", (0.0, nan, 6.0), 6.0),
        ("select", (-0.0, nan, 6.0), 6.0),
        ("select", (nan, 5.0, 6.0), nan),
        ("sqrt", (4.0,), 2.0),
        ("sqrt", (-4.0,), nan),
        ("rint", (0.5,), 0.0),
        ("rint", (1.5,), 2.0),
        ("rint", (inf,), inf),
        ("or_zero", (nan,), 0.0),
        ("or_zero", (3.0,), 3.0),
        ("sin", (0.5,), math.sin(0.5)),
        ("sin", (inf,), nan),
        ("cos", (0.5,), math.cos(0.5)),
        ("exp", (1.0,), math.e),
        ("exp", (1e4,), inf),
    ]
    for op, columns, want in table:
        assert np.array_equal(operate(module, op, *columns), [want], equal_nan=True), (op, columns)
