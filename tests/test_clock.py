from __future__ import annotations

import datetime as dt
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.clock import EventClock, WallClock, from_iso, instant, iso
from genesis_lib.errors import InputError


def test_times_are_written_in_utc() -> None:
    assert iso(0) == "1970-01-01T00:00:00.000000Z"
    assert iso(1_721_347_020_984_480_942) == "2024-07-18T23:57:00.984480Z"


@given(st.integers(0, 4 * 10**15))
def test_what_is_written_is_read_back(microseconds: int) -> None:
    assert from_iso(iso(microseconds * 1000)) == microseconds * 1000


@given(st.lists(st.integers(0, 2**62), min_size=1))
def test_event_time_never_runs_back(times: list[int]) -> None:
    clock = EventClock()
    seen = [clock.advance(ns) for ns in times]
    assert seen == sorted(seen)
    assert clock.now() == max(times)


def test_the_wall_clock_is_the_machines() -> None:
    before = time.time_ns()
    assert before <= WallClock().now() <= time.time_ns()


def test_another_time_may_lie_before() -> None:
    clock = EventClock(100)
    clock.clear()
    assert (clock.now(), clock.advance(7)) == (0, 7)


def test_an_instant_is_said_in_many_ways() -> None:
    midnight = 1_721_347_200 * 10**9
    for said in (midnight, str(midnight), "2024-07-19", dt.date(2024, 7, 19), dt.datetime(2024, 7, 19)):
        assert instant(said) == midnight
    assert instant("2024-07-19T02:00:00.000000007+02:00") == midnight + 7
    assert instant(np.datetime64("2024-07-19T00:00:01")) == midnight + 10**9
    for wrong in ("", "noon", 1.5, None, True, 10**30, np.datetime64("NaT"), dt.time(12)):
        with pytest.raises(InputError, match="start must be whole nanoseconds since 1970"):
            instant(wrong, "start")
