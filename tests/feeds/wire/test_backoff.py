from __future__ import annotations

import doctest

import pytest

from genesis_lib.errors import InputError
from genesis_lib.feeds.wire import backoff
from genesis_lib.feeds.wire.backoff import Backoff


def test_example():
    assert doctest.testmod(backoff).failed == 0


def test_waits_fill_the_whole_range_and_never_pass_the_longest():
    waits = Backoff(0.5, 4.0)
    drawn = [[waits.next() for _ in range(6)] for _ in range(400) if waits.reset() is None]
    for n, bound in enumerate((0.5, 1.0, 2.0, 4.0, 4.0, 4.0)):
        nth = [row[n] for row in drawn]
        assert 0.0 <= min(nth) < 0.1 * bound
        assert 0.9 * bound < max(nth) <= bound


def test_a_success_begins_anew():
    waits = Backoff(1.0, 60.0, draw=lambda: 1.0)
    assert [waits.next() for _ in range(3)] == [1.0, 2.0, 4.0]
    waits.reset()
    assert (waits.next(), waits.failures) == (1.0, 1)


def test_it_may_fail_for_ever():
    waits = Backoff(1.0, 60.0, draw=lambda: 1.0)
    assert {waits.next() for _ in range(5000)} == {1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0}


def test_a_wait_of_nothing_would_be_a_storm():
    with pytest.raises(InputError, match=r"got 0 and 5"):
        Backoff(0, 5)
