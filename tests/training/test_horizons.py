import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.training.horizons import Clock, moved, whole_units
from genesis_lib.training.labels import run_starts


@given(
    waits=st.lists(st.integers(-3, 9), min_size=1, max_size=60),
    broken=st.lists(st.integers(0, 59), max_size=4),
    span=st.integers(1, 20),
)
@settings(max_examples=150, deadline=None)
def test_ahead_and_behind_equal_the_search_of_each_streak(waits, broken, span):
    n = len(waits)
    time, valid = np.cumsum(waits), np.ones(n, bool)
    valid[[i for i in broken if i < n]] = False
    starts = run_starts(valid)
    clock = Clock.of(time, starts, span * 1e-9)
    ahead, behind = clock.ahead(), clock.behind()
    for p, i in enumerate(clock.rows):
        streak = [j for j in range(n) if starts[j] == starts[i]]
        newest = {j: max(time[m] for m in streak if m <= j) for j in streak}
        later = [j for j in streak if newest[j] >= newest[i] + span]
        before = [j for j in streak if newest[j] <= newest[i] - span]
        assert (clock.rows[ahead[p]] if ahead[p] >= 0 else -1) == (later[0] if later else -1)
        assert (clock.rows[behind[p]] if behind[p] >= 0 else -1) == (before[-1] if before else -1)


def test_no_usable_row_has_no_horizon():
    clock = Clock.of(np.arange(3), np.full(3, -1), 1.0)
    assert len(clock.ahead()) == len(clock.behind()) == 0


def test_sums_that_wrap_round_still_give_exact_areas():
    """Days of nanoseconds times a price in half-ticks pass 64 bits; what is asked for is one horizon of it."""
    n = 5_000
    time = np.arange(n) * (40 * 10**9)
    units = np.arange(n) % 7 + 10**6
    clock = Clock.of(time, np.zeros(n, np.int64), 80.0)
    last = clock.ahead()
    first = np.flatnonzero(last >= 0)
    area = clock.area(units, first, last[first])
    assert int(units[:-1].sum()) * 40 * 10**9 > 2**63
    assert area.tolist() == [40 * 10**9 * int(units[i + 1] - units[i]) for i in first]


def test_mids_become_half_ticks_where_they_lie_on_a_grid():
    mid = np.array([28145.15, 28145.1, 28145.2, (100.1 + 100.3) / 2 + 28045, (100.0 + 100.4) / 2 + 28045])
    units, step = whole_units(mid, 10**9)
    assert units.dtype == np.int64 and step == 0.05
    assert units.tolist() == [0, -1, 1, 1, 1], "the same price, whatever the spread it is the middle of"
    units, step = whole_units(mid * np.pi, 10**9)
    assert units.dtype == np.float64 and step == 1.0
    assert whole_units(np.array([1e-8, 5e4]), 10**15)[0].dtype == np.float64, "sums that would not fit 64 bits"


def test_moved_looks_between_two_positions_alone():
    units = np.array([1, 1, 2, 2, 1])
    first, last = np.array([0, 0, 2, 2, 3]), np.array([1, 2, 3, 4, 3])
    assert moved(units, first, last).tolist() == [False, True, False, True, False]
