"""What becomes of formulas: shared work is done once, unused inputs are not read, depths must agree."""

import numpy as np
import pytest

from genesis_lib.errors import InputError
from genesis_lib.features import FEATURES, compiling
from genesis_lib.features.compiling import CODES, compile_program
from genesis_lib.features.expression import Row
from orderbook_ext import COMPILED, _program_py


def test_each_node_is_computed_once(monkeypatch):
    made = []
    monkeypatch.setattr(compiling, "Program", lambda *source: made.append(source))
    row = Row(2)
    compile_program(2, [row.mid, row.mid.lag(1) * 2.0, row.mid.lag(1) - row.mid])
    ((levels, constants, code, outputs),) = made
    assert levels == 2 and constants == [2.0] and len(outputs) == 3
    assert [op for op, *_ in code] == [CODES[op] for op in ("add", "div", "lag", "mul", "sub")]
    assert code[2][2] == 1 and code[2][3] == 0.0


def test_spans_and_seconds_reach_their_kernels(rows):
    row = Row(rows.depth)
    program = compile_program(rows.depth, [row.mid.lag(3), row.elapsed.hold(), row.volume.decayed(0.5), row.tick_size])
    got = program.run(rows.levels, rows.flow, rows.ts_exchange, rows.instrument.tick_size, rows.valid)
    assert np.array_equal(got[3:, 0], rows.mid[:-3])
    assert np.array_equal(got[1:, 1], np.diff(rows.ts_exchange).astype(float) * 1e-9)
    assert np.isfinite(got[-1, 2]) and (got[:, 3] == rows.instrument.tick_size).all()


def test_formulas_belong_to_a_depth():
    with pytest.raises(InputError, match="levels must be 2"):
        compile_program(3, [Row(2).mid])


@pytest.mark.skipif(not COMPILED, reason="there is nothing to compare the twin with")
def test_the_twin_computes_every_feature_to_the_bit(make, monkeypatch):
    rows = make(260, 10, 7, 0.004, 0.02)
    source = rows.levels, rows.flow, rows.ts_exchange, rows.instrument.tick_size, rows.valid
    row = Row(10)
    formulas = [item.build(row) for item in FEATURES.values()]
    compiled = compile_program(10, formulas)
    monkeypatch.setattr(compiling, "Program", _program_py.Program)
    twin = compile_program(10, formulas)
    assert type(twin) is not type(compiled)
    first, second = compiled.run(*source), twin.run(*source)
    different = [n for n, a, b in zip(FEATURES, first.T, second.T) if not np.array_equal(a, b, equal_nan=True)]
    assert different == [] and np.isfinite(first).mean() > 0.5
