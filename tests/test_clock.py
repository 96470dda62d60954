from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.clock import EventClock, WallClock, from_iso, iso


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
