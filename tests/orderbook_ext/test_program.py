"""Column programs: what they refuse, how blocks, resets and clocks go, and the compiled one against its twin."""

import math
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderbook_ext import _program_py
from orderbook_ext._layout import FLOW, OPS

try:
    from orderbook_ext import _program

    MODULES = [_program, _program_py]
except ImportError:
    MODULES = [_program_py]
IDS = ["compiled", "twin"][-len(MODULES) :]
both = pytest.mark.parametrize("module", MODULES, ids=IDS)
needs_compiled = pytest.mark.skipif(len(MODULES) == 1, reason="orderbook_ext._program is not built")
INPUTS = 4 + FLOW + 3  # of one level
BLOCK = 192  # rows that the compiled program works through at once


def stream(rows: int, seed: int, invalid: float = 0.0, empty: float = 0.05, levels: int = 1):
    """Arguments of `run`: numbers of all sizes, some of them missing."""
    draw = np.random.default_rng(seed)
    book = draw.normal(0, 1, (rows, levels, 4)) * 10.0 ** draw.integers(-3, 5, (rows, levels, 4))
    book[draw.random(book.shape) < empty] = np.nan
    flow = draw.integers(0, 4, (rows, FLOW)).astype(float)
    times = 1_700_000_000_000_000_000 + np.cumsum(draw.integers(-1_000_000, 300_000_000, rows))
    return book, flow, times, 0.5, draw.random(rows) >= invalid


def code(op: str, *args: int, span: int = 0, param: float = 0.0) -> tuple:
    return OPS.index(op), args, span, param


def every_kernel(span: int, seconds: float) -> list[tuple]:
    """One instruction of each operation with a memory, over the inputs of one level."""
    lean, spread, trades, dt = 0, 1, 4, 4 + FLOW + 1
    return [
        *(code(op, lean, span=span) for op in ("lag", "sum", "min", "max", "var", "ema")),
        code("vpin", trades + 1, trades + 2, span=span),
        code("decay", trades, dt, param=seconds),
        code("seconds", trades, dt, param=seconds),
        code("hold", spread),
        code("since", trades, dt),
        code("component", 0, 1, 2, 3, span=span),
        code("move", lean, spread, trades, span=span),
    ]


@needs_compiled
@given(
    seed=st.integers(0, 2**16),
    span=st.integers(1, 40),
    rows=st.integers(0, 3 * BLOCK),
    seconds=st.sampled_from([0.2, 5.0, 1000.0]),
    invalid=st.sampled_from([0.0, 0.01, 0.3]),
)
@settings(max_examples=30, deadline=None)
def test_kernels_of_the_twins_are_equal_to_the_bit(seed, span, rows, seconds, invalid):
    program = every_kernel(span, seconds)
    arguments = stream(rows, seed, invalid)
    first, second = (m.Program(1, [], program, range(INPUTS + len(program))).run(*arguments) for m in MODULES)
    assert np.array_equal(first, second, equal_nan=True)


@both
@given(seed=st.integers(0, 2**16), cuts=st.lists(st.integers(0, 300), max_size=4), invalid=st.sampled_from([0.0, 0.05]))
@settings(max_examples=10, deadline=None)
def test_pushing_and_any_cuts_of_a_run_give_the_same(module, seed, cuts, invalid):
    code = every_kernel(7, 2.0)
    program = module.Program(1, [], code, range(INPUTS + len(code)))
    book, flow, times, tick, valid = stream(300, seed, invalid)
    whole = program.fresh().run(book, flow, times, tick, valid)
    pieces = []
    for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), 300]):
        part = slice(start, stop)
        pieces.append(program.run(book[part], flow[part], times[part], tick, valid[part]))
    assert np.array_equal(np.concatenate(pieces), whole, equal_nan=True)
    pushed = program.fresh()
    rows = [pushed.push(book[i], flow[i], int(times[i]), tick, bool(valid[i])) for i in range(300)]
    assert np.array_equal(rows, whole, equal_nan=True)


@both
@pytest.mark.parametrize("rows", [BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_blocks_leave_no_seams(module, rows):
    values = np.arange(float(rows))
    book = np.repeat(values, 4).reshape(rows, 1, 4)
    program = module.Program(1, [], [code("lag", 0, span=5), code("sum", 0, span=200)], [0, INPUTS, INPUTS + 1])
    got = program.run(book, np.zeros((rows, FLOW)), np.arange(rows), 1.0, np.ones(rows, bool))
    assert np.array_equal(got[:, 0], values) and np.array_equal(got[5:, 1], values[:-5])
    want = [values[i - 199 : i + 1].sum() if i >= 199 else math.nan for i in range(rows)]
    assert np.array_equal(got[:, 2], want, equal_nan=True)


@both
def test_an_invalid_row_clears_every_memory(module):
    code = every_kernel(3, 0.5)
    program = module.Program(1, [], code, range(INPUTS, INPUTS + len(code)))
    book, flow, times, tick, valid = stream(400, 1)
    valid[200] = False
    got = program.run(book, flow, times, tick, valid)
    alone = program.fresh().run(book[201:], flow[201:], times[201:], tick, valid[201:])
    assert np.isnan(got[200]).all() and np.array_equal(got[201:], alone, equal_nan=True)
    assert np.isfinite(got[-50:]).any(axis=0).all(), "a kernel that never speaks is not tested by this"


@both
def test_elapsed_starts_unknown_and_never_runs_backwards(module):
    program = module.Program(1, [], [], [4 + FLOW + 1])
    rows = [program.push(np.zeros((1, 4)), np.zeros(FLOW), ts, 1.0, ts != 7)[0] for ts in (5, 10**9 + 5, 3, 7, 9)]
    assert np.array_equal(rows, [math.nan, 1.0, 0.0, math.nan, math.nan], equal_nan=True)


@both
def test_seconds_of_the_day_are_utc(module):
    program = module.Program(1, [], [], [4 + FLOW + 2])
    day = 86_400_000_000_000
    for ts, want in ((0, 0.0), (19_000 * day + 1_500_000_000, 1.5), (day - 1, 86_400.0 - 1e-9), (-1, 86_400.0 - 1e-9)):
        assert program.push(np.zeros((1, 4)), np.zeros(FLOW), ts, 1.0, True)[0] == pytest.approx(want, abs=1e-9)


@both
def test_what_does_not_fit_is_refused(module):
    program = module.Program(2, [], [], [0])
    with pytest.raises(ValueError, match="shape"):
        program.push(np.zeros((3, 4)), np.zeros(FLOW), 0, 1.0, True)
    with pytest.raises(ValueError, match="shape"):
        program.run(np.zeros((3, 1, 4)), np.zeros((3, FLOW)), np.zeros(3, np.int64), 1.0, np.ones(3, bool))
    with pytest.raises(ValueError, match="same length"):
        program.run(np.zeros((3, 2, 4)), np.zeros((3, FLOW)), np.zeros(2, np.int64), 1.0, np.ones(3, bool))
    with pytest.raises(ValueError, match="earlier registers"):
        module.Program(1, [], [code("add", 99, 0)], [])


@both
def test_fresh_shares_nothing(module):
    program = module.Program(1, [], [code("sum", 0, span=2)], [INPUTS])
    row = np.ones((1, 4)), np.zeros(FLOW), 0, 1.0, True
    program.push(*row)
    assert math.isnan(program.fresh().push(*row)[0]) and program.push(*row)[0] == 2.0
    program.reset()
    assert math.isnan(program.push(*row)[0])


@needs_compiled
def test_a_running_program_is_not_touched_by_another_thread():
    program = MODULES[0].Program(1, [], [code("var", 0, span=50)] * 4, [INPUTS, INPUTS + 3])
    book, flow, times, tick, valid = stream(1_000_000, 3, empty=0.0)
    row = book[0], flow[0], 0, tick, True
    worker = threading.Thread(target=program.run, args=(book, flow, times, tick, valid), daemon=True)
    refused, calls = 0, [lambda: program.push(*row), program.reset, lambda: program.run(book, flow, times, tick, valid)]
    while refused < len(calls):
        if not worker.is_alive():
            worker = threading.Thread(target=program.run, args=(book, flow, times, tick, valid), daemon=True)
            worker.start()
        try:
            calls[refused]()
        except RuntimeError as error:
            assert "another thread" in str(error)
            refused += 1
    worker.join()
    program.reset()
    assert np.isnan(program.push(*row)).all()


@both
def test_no_column_is_a_program_too(module):
    assert module.Program(1, [], [], []).run(*stream(5, 0)).shape == (5, 0)
