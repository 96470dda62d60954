"""Formulas: shared nodes, derived warm-up, and the program they become."""

import math

import numpy as np
import pytest

from genesis_lib.errors import InputError
from genesis_lib.features.expression import Row, compile_program, total


def evaluate(rows, *build):
    row = Row(rows.depth)
    program = compile_program(rows.depth, [make(row) for make in build])
    return program.run(rows.levels, rows.flow, rows.ts_exchange, rows.instrument.tick_size, rows.valid).T


def test_equal_formulas_are_one_node():
    row = Row(2)
    assert row.mid is row.mid and row.mid.lag(1) is row.mid.lag(1)
    assert row.mid.lag(1) is not row.mid.lag(2) and row.mid * 2.0 is not row.mid * 3.0


def test_arithmetic_from_both_sides(rows):
    got = evaluate(rows, lambda r: 1.0 + r.mid, lambda r: 1.0 - r.mid, lambda r: 2.0 * r.mid, lambda r: 1.0 / r.mid)
    for value, want in zip(got, (1.0 + rows.mid, 1.0 - rows.mid, 2.0 * rows.mid, 1.0 / rows.mid)):
        assert np.array_equal(value, want)


def test_comparisons_bounds_and_logs(rows):
    x = rows.flow[:, 4]
    got = evaluate(
        rows,
        lambda r: r.signed_lee_ready >= 0.0,
        lambda r: r.signed_lee_ready <= 0.0,
        lambda r: r.signed_lee_ready.least(0.5).greatest(-0.5),
        lambda r: r.signed_lee_ready.signed_log(),
        lambda r: -r.signed_lee_ready,
        lambda r: abs(r.signed_lee_ready).sqrt(),
    )
    slog = np.array([math.copysign(math.log1p(abs(v)), v) for v in x])
    for value, want in zip(got, (x >= 0, x <= 0, np.clip(x, -0.5, 0.5), slog, -x, np.sqrt(np.abs(x)))):
        np.testing.assert_array_max_ulp(value, want.astype(float), maxulp=int(want is slog))


def test_windows(rows):
    mean, low, high, std = evaluate(
        rows, lambda r: r.mid.mean(7), lambda r: r.mid.min(7), lambda r: r.mid.max(7), lambda r: r.mid.std(7)
    )
    windows = np.lib.stride_tricks.sliding_window_view(rows.mid, 7)
    for value, want in ((mean, windows.mean(1)), (low, windows.min(1)), (high, windows.max(1)), (std, windows.std(1))):
        assert np.isnan(value[:6]).all()
        np.testing.assert_allclose(value[6:], want, rtol=1e-12, atol=1e-9)


def test_warmup_adds_up_along_a_formula():
    row = Row(1)
    assert row.mid.warmup == 0 and row.mid.lag(3).warmup == 3 and row.elapsed.warmup == 1
    assert row.mid.lag(3).sum(10).warmup == 12 and (row.mid.lag(3).sum(10) - row.mid.max(50)).warmup == 49


def test_prices_become_whole_ticks(rows):
    bid, mid = evaluate(rows, lambda r: r.bid_tick[0], lambda r: r.mid_tick * 2.0)
    assert np.array_equal(bid, np.round(rows.levels[:, 0, 0] * 10)) and np.array_equal(mid, np.round(mid))


def test_total_adds_from_the_first(rows):
    (got,) = evaluate(rows, lambda r: total(r.bid_size))
    want = rows.levels[:, 0, 1].copy()
    for i in range(1, rows.depth):
        want += rows.levels[:, i, 1]
    assert np.array_equal(got, want)


def test_formulas_belong_to_a_depth():
    with pytest.raises(InputError, match="levels must be 2"):
        compile_program(3, [Row(2).mid])
