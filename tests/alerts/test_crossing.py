import math
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.alerts import FeatureRule
from genesis_lib.alerts.crossing import Crossing, Recent

S = 1_000_000_000


def raised(rule, values, step=S):
    crossing = Crossing(rule)
    return [k for k, value in enumerate(values) if crossing.step(k * step, value)]


def test_it_must_last_without_a_break():
    rule = FeatureRule(feature="spread", above=5.0, for_s=2.0)
    assert raised(rule, [6, 6, 4, 6, 6, 6, 6, 6]) == [5]
    assert raised(rule, [6, 6, math.nan, 6, 6, 6]) == [5]


def test_it_must_come_back_before_it_is_raised_again():
    rule = FeatureRule(feature="spread", above=5.0, clear=2.0)
    assert raised(rule, [6, 4, 6, math.nan, 6, 2, 6]) == [0, 6]
    assert raised(FeatureRule(feature="spread", above=5.0), [6, 5, 6]) == [0, 2]


def test_below_is_the_mirror():
    rule = FeatureRule(feature="spread", below=-1.0, clear=1.0)
    assert raised(rule, [0, -1, -2, 0, -2, 1, -2]) == [2, 6]


@given(st.lists(st.floats(-10, 10), max_size=40), st.floats(-5, 5), st.floats(0, 5))
def test_between_two_alarms_it_came_back(values, limit, width):
    rule = FeatureRule(feature="spread", above=limit, clear=limit - width)
    found = raised(rule, values)
    assert all(values[k] > limit for k in found)
    assert all(min(values[a:b]) <= limit - width for a, b in pairwise(found))
    assert bool(found) == any(value > limit for value in values)


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=80))
def test_recent_counts_what_is_in_the_window_to_a_sixtieth(steps):
    recent, now, kept = Recent(60 * S), 0, []
    for wait, part in steps:
        now += wait * S
        recent.step(now, part)
        kept.append((now, part))
        held = [part for at, part in kept if now // S - at // S <= 59]
        assert (recent.total, recent.part) == (len(held), sum(held))
    recent.forget()
    assert recent.total == 0


def test_recent_is_bounded():
    recent = Recent(60 * S)
    for k in range(10_000):
        recent.step(k * S // 10)
    assert len(recent._buckets) <= 60
