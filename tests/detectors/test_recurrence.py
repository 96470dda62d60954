"""Counts in a window of event time, held against what is usual."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.detectors import recurrence
from genesis_lib.detectors.recurrence import Recurrence

NS = 1_000_000_000


def test_counts_what_came_within_the_window():
    values = Recurrence(10)
    assert [values.push(ts, "a") for ts in (0, 5, 9)] == [1, 2, 3]
    values.advance(10)
    assert values.counts == {"a": 2} and values.push(12, "b") == 1
    values.advance(100)
    assert values.counts == {}


def test_the_usual_is_the_rate_before_the_window():
    values = Recurrence(NS, unseen=0.0)
    for k in range(6000):  # five a second
        values.advance(k * NS // 5)
        values.push(k * NS // 5, "a")
    assert values.expected(1200 * NS, "a") == pytest.approx(5.0, rel=0.02)
    assert values.expected(1200 * NS, "never") == 0.0
    # What has long not come is forgotten.
    assert values.expected(1200 * NS + 120 * NS, "a") == pytest.approx(5.0 / math.e, rel=0.02)


def test_the_surprise_is_the_log_likelihood_ratio_of_counts():
    values = Recurrence(NS, unseen=0.5)
    for _ in range(8):
        values.push(5, "a")
    assert values.surprise(5, "a") == pytest.approx(8 * math.log(8 / 0.5) - 7.5)
    assert values.surprise(5, "b") == 0.0


def test_a_value_that_always_came_is_no_surprise_and_neither_is_a_busy_window():
    values = Recurrence(NS)
    for k in range(1200):
        for key in range(10):
            values.advance(k * NS // 2)
            values.push(k * NS // 2, key)
    ts = 600 * NS
    for _ in range(30):
        values.push(ts, 3)
    alone = values.surprise(ts, 3)
    assert alone > 30
    for key in range(1000, 1400):
        values.push(ts, key)
    assert values.surprise(ts, 3) < alone / 10, "everything came oftener"


def test_weights_begin_anew_before_they_overflow():
    short, steady = Recurrence(NS, tau_ns=NS), Recurrence(NS, tau_ns=NS)
    for k in range(4000):  # many times the memory: the weights have begun anew
        short.advance(k * NS // 10)
        short.push(k * NS // 10, "a")
    for k in range(300):
        steady.advance(k * NS // 10)
        steady.push(k * NS // 10, "a")
    assert short.expected(4000 * NS // 10, "a") == pytest.approx(steady.expected(300 * NS // 10, "a"), rel=1e-6)
    short.advance(10**6 * NS)
    assert 0.0 <= short.expected(10**6 * NS, "a") < 1.0


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5)), max_size=200))
def test_counts_equal_those_of_the_window(entries):
    values, ts, kept = Recurrence(100), 0, []
    for step, key in entries:
        ts += step
        values.advance(ts)
        values.push(ts, key)
        kept = [(at, old) for at, old in [*kept, (ts, key)] if at > ts - 100]
    assert values.counts == {key: sum(old == key for _, old in kept) for _, key in kept}


def test_memory_is_bounded():
    values = Recurrence(10**18)
    for k in range(recurrence.MEMORY + 2 * recurrence.KEYS):
        values.push(k, k)
    assert len(values.counts) == recurrence.MEMORY and len(values._habit) == recurrence.KEYS
    values.clear()
    assert values.counts == {}
