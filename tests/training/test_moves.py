"""Moves over seconds, against the definition computed one row at a time in exact fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.training.labels import KINDS, Label, run_starts
from genesis_lib.training.moves import past_volatility

S, SPAN, SECOND = 3.0, 5, 10**9
NS = int(S * SECOND)


@st.composite
def timed_markets(draw):
    n = draw(st.integers(8, 60))
    steps = draw(st.lists(st.integers(-2, 2), min_size=n, max_size=n))
    mid = (1000 + np.cumsum(steps)) / 2.0
    waits = draw(st.lists(st.sampled_from([0, 1, 250, 1000, 1500, 4000]), min_size=n, max_size=n))
    time = 1_700_000_000 * SECOND + np.cumsum(waits) * (SECOND // 1000)
    valid = np.ones(n, bool)
    valid[draw(st.lists(st.integers(0, n - 1), max_size=3))] = False
    session = np.zeros(n, np.int64)
    session[draw(st.integers(0, n)) :] = 1
    return mid, valid, session, time.astype(np.int64)


def mean_between(mid, time, begin, end, rows):
    """Mean of the mid over [begin, end], as a fraction; `rows` are those of the streak in order."""
    area = Fraction(0)
    for j, after in zip(rows, [*rows[1:], None]):
        until = end if after is None else min(int(time[after]), end)
        area += Fraction(mid[j]) * max(until - max(int(time[j]), begin), 0)
    return area / (end - begin)


def slow(kind, mid, valid, session, time, i):
    """Move and end of row i by the words of the definition, or None."""
    if not valid[i]:
        return None
    first = i
    while first > 0 and valid[first - 1] and session[first - 1] == session[i]:
        first -= 1
    last = i
    while last + 1 < len(mid) and valid[last + 1] and session[last + 1] == session[i]:
        last += 1
    rows, now = list(range(first, last + 1)), int(time[i])
    later = [j for j in rows if time[j] >= now + NS]
    if not later:
        return None
    end, base = later[0], Fraction(mid[i])
    if kind.startswith("smoothed"):
        ahead = mean_between(mid, time, now, now + NS, [j for j in rows if j >= i])
        if kind == "smoothed":
            return float((ahead - base) / base), end
        if time[first] > now - NS:
            return None
        back = mean_between(mid, time, now - NS, now, [j for j in rows if j <= i])
        return float((ahead - back) / back), end
    if i - SPAN < first:
        return None
    squares = [(mid[j] / mid[j - 1] - 1) ** 2 for j in range(i - SPAN + 1, i + 1)]
    elapsed = max(now - int(time[i - SPAN]), 1)
    scale = math.sqrt(sum(squares) / SPAN) * math.sqrt(NS / (elapsed / SPAN))
    inside = [j for j in rows if i < j <= end and time[j] <= now + NS]  # a second row at that very time is not known
    if kind == "volatility":
        change = mid[inside[-1] if inside else i] / mid[i] - 1
        return (0.0 if change == 0 else change / scale if scale else math.copysign(math.inf, change)), end
    for j in inside:
        change = mid[j] / mid[i] - 1
        if abs(change) > scale:
            return math.copysign(1.0, change), j
    return 0.0, end


@pytest.mark.parametrize("kind", KINDS)
@given(market=timed_markets())
@settings(max_examples=60, deadline=None)
def test_moves_over_seconds_equal_the_slow_definition(kind, market):
    mid, valid, session, time = market
    label = Label(kind, span=SPAN, seconds=S)
    move, end = label.moves(mid, run_starts(valid, session), time)
    for i in range(len(mid)):
        expected = slow(kind, mid, valid, session, time, i)
        if expected is None:
            assert np.isnan(move[i]) and end[i] == -1
            continue
        assert end[i] == expected[1]
        assert move[i] == pytest.approx(expected[0], rel=1e-9, abs=1e-13)
        if expected[0] == 0:
            assert move[i] == 0, "exactly: a symmetric excursion is no move"


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_after_its_end_changes_a_timed_label(kind):
    rng = np.random.default_rng(0)
    mid = (1000 + rng.integers(-2, 3, 200).cumsum()) / 2.0
    time = np.cumsum(rng.integers(1, 900, 200)) * (SECOND // 1000)
    label, starts = Label(kind, span=SPAN, seconds=S), run_starts(np.ones(200, bool))
    move, end = label.moves(mid, starts, time)
    assert (move[[20, 77, 150]] != 0).any()
    for i in (20, 77, 150):
        other, late = mid.copy(), time.copy()
        other[end[i] + 1 :] += rng.integers(1, 50, 199 - end[i]) / 2.0
        late[end[i] + 1 :] += 40 * SECOND
        again, ends = label.moves(other, starts, late)
        assert again[i] == move[i] and ends[i] == end[i]
        late = time.copy()
        if kind == "triple-barrier":
            late[end[i] :] += 40 * SECOND
            assert label.moves(mid, starts, late)[0][i] == 0, "what is passed past the horizon is not passed"
        else:
            late[end[i]] = time[i] + NS - 1
            assert label.moves(mid, starts, late)[1][i] == end[i] + 1, "known a row later"


def test_a_quiet_market_is_neutral_exactly_however_long_it_ran():
    """Running sums of floats would drift away from 0 over a day; whole half-ticks do not."""
    n = 200_000
    mid = np.where(np.arange(n) < n // 2, 28145.15, 28145.1)
    time = np.cumsum(np.random.default_rng(0).integers(1, 10**9, n))
    move, _ = Label(seconds=60).moves(mid, run_starts(np.ones(n, bool)), time)
    moving = np.abs(np.arange(n) - n // 2) < 1000
    assert (move[~moving & np.isfinite(move)] == 0).all()
    off_grid = mid * math.pi
    move, _ = Label(seconds=60).moves(off_grid, run_starts(np.ones(n, bool)), time)
    assert (move[~moving & np.isfinite(move)] == 0).all()


def test_prices_off_any_grid_agree_with_those_on_one():
    rng = np.random.default_rng(3)
    mid = 100 + rng.integers(-3, 4, 4000).cumsum() * 0.05
    time = np.cumsum(rng.integers(0, 10**8, 4000))
    starts = run_starts(np.ones(4000, bool))
    for kind in ("smoothed", "smoothed-past"):
        label = Label(kind, seconds=5)
        on, off = label.moves(mid, starts, time)[0], label.moves(mid * math.pi, starts, time)[0]
        np.testing.assert_allclose(off, on, rtol=1e-7, atol=1e-14)


def test_a_clock_that_steps_back_goes_by_the_newest_time_seen():
    time = np.array([0, 1, 5, 3, 4, 6, 9]) * SECOND
    mid = np.array([10.0, 11, 12, 13, 14, 15, 16])
    move, end = Label(seconds=4).moves(mid, run_starts(np.ones(7, bool)), time)
    assert end.tolist() == [2, 2, 6, 6, 6, -1, -1]
    # From the row at 5 s on (the next two come in the same instant): 14 for a second, 15 for three.
    assert move[2] == pytest.approx(((14 * 1 + 15 * 3) / 4 - 12) / 12)


def test_the_spread_is_what_a_move_under_it_is_counted_in():
    mid = np.array([100.0, 100, 101, 101, 101, 99, 99, 99])
    spread = np.array([0.5, 1, 1, 1, 4, 1, 1, 1.0])
    starts = run_starts(np.ones(8, bool))
    plain, _ = Label("smoothed", 1).moves(mid, starts)
    counted, end = Label("smoothed", 1, "spread", fee_bps=5).moves(mid, starts, spread=spread)
    assert counted[:-1] == pytest.approx(plain[:-1] / (spread / mid + 10e-4)[:-1])
    assert end.tolist() == [1, 2, 3, 4, 5, 6, 7, -1]
    label = Label("smoothed", 1, "spread")
    move, _ = label.moves(mid, starts, spread=spread)
    assert label.fit(move) is label
    assert label.classes(move).tolist() == [1, 1, 1, 1, 1, 1, 1, -1], "a move of one whole spread is no money yet"
    assert label.classes(label.moves(mid, starts, spread=spread * 0.9)[0]).tolist() == [1, 2, 1, 1, 1, 1, 1, -1]


def test_barriers_may_lie_unevenly_and_at_the_spread():
    mid = np.array([100.0, 100.3, 100.6, 99.5, 99.0, 100.0])
    starts, time = run_starts(np.ones(6, bool)), np.arange(6) * SECOND
    spread = np.full(6, 0.5)
    for horizon in ({"horizon": 5}, {"seconds": 5.0}):
        even = Label("triple-barrier", threshold="spread", **horizon)
        move, end = even.moves(mid, starts, time, spread)
        assert (move[0], end[0]) == (1.0, 2)
        far = Label("triple-barrier", threshold="spread", width=1.5, width_down=0.9, **horizon)
        move, end = far.moves(mid, starts, time, spread)
        assert (move[0], end[0]) == (-1.0, 3)
        assert far.fit(move).classes(move).tolist() == [0, -1, -1, -1, -1, -1]


def test_past_volatility_uses_the_past_only():
    rng = np.random.default_rng(1)
    mid = 100 + np.cumsum(rng.normal(size=100)) * 0.1
    before = past_volatility(mid, SPAN)
    mid[60:] *= 3
    assert np.array_equal(before[SPAN:60], past_volatility(mid, SPAN)[SPAN:60])
