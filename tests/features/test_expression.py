"""Formulas: shared nodes, derived warm-up, and the program they become."""

import math

import numpy as np
import pytest

from genesis_lib.features.compiling import compile_program
from genesis_lib.features.expression import Row, expected_move, first_component, total


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


def test_memories_of_event_time(rows):
    x = rows.flow[:, 0]
    clock = (rows.ts_exchange - rows.ts_exchange[0]) * 1e-9
    decayed, last, since, rows_since, rate = evaluate(
        rows,
        lambda r: r.trade_count.decayed(2.0),
        lambda r: r.trade_count.sum_seconds(2.0),
        lambda r: (r.trade_count >= 1.0).seconds_since(),
        lambda r: (r.trade_count >= 1.0).rows_since(),
        lambda r: r.trade_count.decayed(2.0) / r.elapsed.decayed(2.0),
    )
    full = clock >= 2.0
    assert np.isnan(decayed[~full]).all() and np.isnan(last[~full]).all()
    seen = np.flatnonzero(x)
    for i in (np.flatnonzero(full)[0], 500, len(x) - 1):
        age = clock[i] - clock[: i + 1]
        assert decayed[i] == pytest.approx((x[: i + 1] * 0.5 ** (age / 2.0)).sum())
        assert x[: i + 1][age < 2.0 * 31 / 32].sum() <= last[i] <= x[: i + 1][age < 2.0 + 1e-9].sum()
        newest = seen[seen <= i][-1]
        assert since[i] == pytest.approx(clock[i] - clock[newest], abs=1e-9) and rows_since[i] == i - newest
    assert np.nanmean(rate[clock > 10]) == pytest.approx(x.sum() / clock[-1], rel=0.1)


def test_choices_held_values_and_the_time_of_day(rows):
    traded = rows.flow[:, 0] > 0
    chosen, held, ema, day, wave, grown = evaluate(
        rows,
        lambda r: (r.trade_count >= 1.0).select(r.mid, 0.0),
        lambda r: (r.trade_count / r.trade_count * r.mid).hold(),
        lambda r: r.mid.ema(5),
        lambda r: r.seconds_of_day,
        lambda r: r.seconds_of_day.sin() * r.seconds_of_day.sin() + r.seconds_of_day.cos() * r.seconds_of_day.cos(),
        lambda r: r.trade_count.exp(),
    )
    assert np.array_equal(chosen, np.where(traded, rows.mid, 0.0))
    newest = np.maximum.accumulate(np.where(traded, np.arange(len(rows)), -1))
    assert np.array_equal(held, np.where(newest >= 0, rows.mid[newest], np.nan), equal_nan=True)
    assert np.isnan(ema[:4]).all() and np.abs(ema[4:] - rows.mid[4:]).max() < 2.0
    np.testing.assert_allclose(day, rows.ts_exchange % 86_400_000_000_000 * 1e-9, rtol=1e-12)
    np.testing.assert_allclose(wave, 1.0, rtol=1e-12)
    np.testing.assert_allclose(grown, np.exp(rows.flow[:, 0]), rtol=1e-15)


def test_what_is_learned_warms_up_and_knows_no_future(rows):
    def build(r):
        return [
            first_component([size.or_zero() for size in r.bid_size[:3]], 200),
            expected_move(r.bid_size[0] / (r.bid_size[0] + r.ask_size[0]), r.ask_tick[0] - r.bid_tick[0], r.mid_tick),
        ]

    warmups = [formula.warmup for formula in build(Row(rows.depth))]
    assert warmups == [100, 99]
    whole, part = (evaluate(some, lambda r: build(r)[0], lambda r: build(r)[1]) for some in (rows, rows[:700]))
    assert np.array_equal(whole[:, :700], part, equal_nan=True)
    for column, warmup in zip(whole, warmups):
        assert np.isnan(column[:warmup]).all() and np.isfinite(column[warmup:]).all()


def test_warmup_in_seconds():
    row = Row(1)
    assert row.mid.warmup_seconds == 0.0 and row.volume.decayed(2.0).warmup_seconds == 2.0
    both = row.volume.decayed(2.0) + row.volume.sum_seconds(5.0).lag(3)
    assert (both.warmup, both.warmup_seconds) == (3, 5.0)
    assert row.mid.lag(1).or_zero().warmup == 0, "what hides the NaN has no warm-up"
    assert row.mid.ema(10).warmup == 9 and (row.mid >= 1.0).seconds_since().warmup == 0
