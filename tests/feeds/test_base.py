from __future__ import annotations

import math
import time

import pytest

from genesis_lib.errors import InputError
from genesis_lib.feeds.base import EndOfSource, ReplaySource, Source, parse_speed
from genesis_lib.types import Instrument, Trade

BTC = Instrument("v", "S", 0.1, 0.001)


def trades(*milliseconds: int) -> list[Trade]:
    return [Trade("S", ms * 10**6, ms * 10**6, i, 1000, 1.0, 1) for i, ms in enumerate(milliseconds)]


def replay(events, speed=math.inf) -> ReplaySource:
    return ReplaySource(lambda: events, BTC, name="test", speed=speed)


def drain(source: Source) -> list:
    seen = []
    while True:
        try:
            event = source.poll(1.0)
        except EndOfSource:
            return seen
        if event is not None:
            seen.append(event)


def test_everything_comes_once_and_in_order() -> None:
    source = replay(trades(3, 1, 2))
    assert isinstance(source, Source)
    assert drain(source) == trades(3, 1, 2)
    assert list(source.events()) == trades(3, 1, 2)


def test_an_event_that_is_not_due_is_waited_for_and_not_lost() -> None:
    source = replay(trades(0, 60_000), speed=1.0)
    assert source.poll(0.0).trade_id == 0
    before = time.monotonic()
    assert source.poll(0.05) is None
    assert time.monotonic() - before >= 0.05
    assert source.poll(0.0) is None


def test_speed_is_kept() -> None:
    before = time.monotonic()
    assert len(drain(replay(trades(*range(0, 1000, 10)), speed=10.0))) == 100
    assert time.monotonic() - before >= 0.099


def test_a_clock_that_jumps_back_does_not_stop_the_replay() -> None:
    assert len(drain(replay(trades(50, 0, 10, 60), speed=1.0))) == 4


@pytest.mark.parametrize("speed", [0.0, -1.0, math.nan])
def test_a_speed_must_be_positive(speed: float) -> None:
    with pytest.raises(InputError, match="speed must be greater than 0"):
        replay([], speed)


def test_closing_ends_the_stream_it_opened() -> None:
    closed = []

    def stream():
        try:
            yield from trades(1, 2)
        finally:
            closed.append(True)

    source = ReplaySource(stream, BTC, name="test")
    source.poll(0.0)
    source.close()
    assert closed == [True]


@pytest.fixture
def tracked():
    """Sixty events, a millisecond apart, that can be entered anywhere."""
    events = trades(*range(1, 61))
    source = replay(events, speed=1.0)
    source.track()
    while source.refresh().can_grow:
        time.sleep(0.01)
    yield source, events
    source.close()


def test_it_is_entered_anywhere_and_goes_on_from_there(tracked):
    source, events = tracked
    assert source.take() == events[0] and source.position == 1
    source.enter(40)
    assert (source.take(), source.position) == (events[40], 41)
    source.enter(0)
    assert [source.poll(0.1) for _ in range(3)] == events[:3]
    source.enter(60)
    with pytest.raises(EndOfSource):
        source.take()
    source.enter(59)  # an end is not for ever
    assert source.take() == events[59] and source.position == 60
    for wrong in (-1, 61):
        with pytest.raises(InputError, match=f"position must be 0 to 60 events, got {wrong}"):
            source.enter(wrong)


def test_a_step_does_not_wait_and_the_pace_goes_on_from_it(tracked):
    source, events = tracked
    source.speed = 1e-9  # an event in a million years
    assert source.poll(0) == events[0] and source.poll(0) is None
    assert [source.take(), source.take()] == events[1:3] and source.position == 3
    assert source.poll(0) is None
    source.rebase(math.inf)
    assert source.poll(0) == events[3]


def test_speeds_are_told_in_words_and_numbers():
    assert [parse_speed(speed) for speed in (2, 0.5, "10x", "MAX", math.inf)] == [2.0, 0.5, 10.0, math.inf, math.inf]
    for wrong in (0, -1.0, math.nan, True, None, "", "fast", "1e3", [1]):
        with pytest.raises(InputError, match=r"speed must be a positive number such as 1, 10 or 0\.5, or max"):
            parse_speed(wrong)
