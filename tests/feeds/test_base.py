from __future__ import annotations

import math
import time

import pytest

from genesis_lib.errors import InputError
from genesis_lib.feeds.base import EndOfSource, ReplaySource, Source
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
