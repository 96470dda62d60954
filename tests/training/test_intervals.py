import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.errors import InputError
from genesis_lib.training.intervals import (
    DAY,
    cut_between,
    cut_evenly,
    days,
    opposite,
    overlaps,
    piece_of,
    ranks,
    recorded,
)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9)), max_size=12),
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9)), max_size=12),
)
@settings(max_examples=200, deadline=None)
def test_overlaps_equals_the_double_loop(mine, theirs):
    a = np.array(mine, np.int64).reshape(-1, 2)
    b = np.array(theirs, np.int64).reshape(-1, 2)
    got = overlaps(a[:, 0], a.sum(axis=1), b[:, 0], b.sum(axis=1))
    assert got.tolist() == [any(s <= t + m and t <= s + k for t, m in theirs) for s, k in mine]


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)), min_size=1, max_size=20), st.integers(1, 6))
@settings(max_examples=100, deadline=None)
def test_recorded_time_is_all_but_the_holes(intervals, hole):
    start, length = np.array(intervals).T
    end = start + length
    covered = sorted({moment for s, k in intervals for moment in range(s, s + k + 1)})
    steps = np.diff(covered)
    assert recorded(start, end, hole) == steps[steps <= hole].sum()


def test_equal_times_rank_equally_and_pieces_are_even():
    assert ranks(np.array([5, 3, 5, 9])).tolist() == [1, 0, 1, 3]
    assert cut_evenly(10, 3).tolist() == [0, 3, 6, 10]
    assert piece_of(np.array([0, 2, 3, 9]), np.array([0, 3, 6, 10])).tolist() == [0, 0, 1, 2]


@given(st.lists(st.integers(1, 50), min_size=2, max_size=12), st.integers(2, 6))
@settings(max_examples=100, deadline=None)
def test_whole_units_are_never_parted(sizes, count):
    if len(sizes) < count:
        with pytest.raises(InputError, match="whole stretch"):
            cut_between(np.array(sizes), count, "stretch")
        return
    edges = cut_between(np.array(sizes), count, "stretch")
    assert len(edges) == count + 1 and (np.diff(edges) > 0).all()
    assert set(edges) <= set(np.cumsum([0, *sizes]).tolist())


def test_a_day_is_where_a_stretch_begins():
    start = np.array([0, DAY - 1, DAY - 1, DAY + 5, 9 * DAY])
    assert days(start, np.array([0, 1, 1, 2, 3])).tolist() == [0, 0, 0, 1, 2]


@given(st.integers(20, 200), st.integers(2, 7), st.data())
@settings(max_examples=80, deadline=None)
def test_the_opposite_is_untested_and_as_large_as_asked(n, count, data):
    tested = data.draw(st.sets(st.integers(0, count - 1), min_size=1, max_size=count - 1))
    edges = cut_evenly(n, count)
    held = opposite(np.arange(n), edges, tuple(tested), 0.1)
    assert not np.isin(piece_of(np.flatnonzero(held), edges), list(tested)).any()
    assert held.sum() == min(round(0.1 * n), max(held.sum(), 0)) and held.any()
