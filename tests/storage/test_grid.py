"""Rows on a grid of time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.errors import InputError
from genesis_lib.storage.grid import resample
from genesis_lib.types import Instrument, Snapshots


def series(times: list[int], valid: list[bool] | None = None) -> Snapshots:
    n = len(times)
    levels = np.arange(n * 4.0).reshape(n, 1, 4)
    valid = [True] * n if valid is None else valid
    ts = np.array(times, np.int64)
    return Snapshots(Instrument("v", "s", 1.0, 1.0), ts, ts + 3, levels, np.ones((n, 7)), np.array(valid))


def test_the_grid_shows_what_was_known_and_nothing_later() -> None:
    rows = series([5, 10, 10, 11, 40, 41], [True, True, True, False, True, True])
    grid = resample(rows, 10)
    assert grid.ts_exchange.tolist() == [10, 20, 30, 40]
    assert grid.levels[:, 0, 0].tolist() == [8.0, 12.0, 12.0, 16.0], "of equal times the last row"
    assert grid.flow[:, 0].tolist() == [3.0, 1.0, 0.0, 1.0]
    assert grid.valid.tolist() == [True, False, False, True]
    assert resample(rows, 10, by="ts_receive").levels[:, 0, 0].tolist() == [0.0, 12.0, 12.0, 12.0]
    for wrong, cause in (
        (lambda: resample(rows, 0), "step_ns must be at least 1"),
        (lambda: resample(rows, 1.5), "step_ns must be at least 1 and whole"),
        (lambda: resample(rows, 1, max_age_ns=-1), "max_age_ns must be at least 0"),
        (lambda: resample(rows, 5, by="date"), "by must be one of ts_exchange, ts_receive"),
        (lambda: resample(rows, 1000), "no multiple of 1000 ns"),
        (lambda: resample(series([5, 4]), 1), "in order of exchange time"),
    ):
        with pytest.raises(InputError, match=cause):
            wrong()


def test_the_grid_stops_in_holes() -> None:
    rows = series([10, 20, 95, 105, 118], [True, True, False, True, True])
    assert resample(rows, 10).ts_exchange.tolist() == [10, 20, 100, 110], "nothing from 20 to the invalid row at 95"
    assert resample(rows, 10).valid.tolist() == [True, True, False, True]
    assert resample(rows, 10).flow[:, 0].tolist() == [1.0, 1.0, 1.0, 1.0]
    aged = resample(series([5, 39, 50, 60]), 10, max_age_ns=14)
    assert aged.ts_exchange.tolist() == [10, 40, 50, 60] and aged.valid.tolist() == [True, False, True, True]
    assert resample(rows, 10, max_age_ns=float("inf")).ts_exchange.tolist() == [10, 20, 100, 110]


def test_too_many_points_are_refused_before_they_are_made() -> None:
    rows = series([0, 450 * 86_400 * 10**9])
    with pytest.raises(InputError, match=r"step_ns 1000000000 makes 38,880,001 grid times .* max_age_ns"):
        resample(rows, 10**9)
    assert len(resample(rows, 10**9, max_age_ns=10**9)) == 3


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=30).map(sorted), st.integers(1, 20), st.randoms())
def test_a_grid_by_hand(times: list[int], step: int, random) -> None:
    rows = series(times, [random.random() < 0.8 for _ in times])
    points = []
    for t in range(-(-times[0] // step) * step, times[-1] + 1, step):
        known = max(i for i, time in enumerate(times) if time <= t)
        if t == times[known] or known + 1 == len(times) or rows.valid[known + 1]:
            points.append(t)
    if not points:
        with pytest.raises(InputError):
            resample(rows, step)
        return
    grid = resample(rows, step)
    assert grid.ts_exchange.tolist() == points
    for place, point in enumerate(points):
        last = max(i for i, t in enumerate(times) if t <= point)
        before = -1 if place == 0 else max(i for i, t in enumerate(times) if t <= points[place - 1])
        assert grid.levels[place, 0, 0] == rows.levels[last, 0, 0]
        assert grid.flow[place, 0] == last - before
        goes_on = place == 0 or point - points[place - 1] == step
        assert grid.valid[place] == (goes_on and rows.valid[before + 1 : last + 1].all() and rows.valid[last])
