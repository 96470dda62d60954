from __future__ import annotations

import pytest

from genesis_lib.feeds.wire.live.clock_watch import ClockWatch

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


class Feed:
    """Messages 20 ms apart, with the two clocks and the network set by the test."""

    def __init__(self, speed: float = 1.0) -> None:
        self.steady, self.speed = 0, speed
        self.exchange, self.local = START, START + 30_000_000
        self.watch = ClockWatch(lambda: self.steady)

    def run(self, seconds: float, delay: int = 0) -> list[str]:
        told = []
        for _ in range(int(seconds * 50)):
            self.steady += 20_000_000
            self.local += 20_000_000
            self.exchange += int(20_000_000 * self.speed)
            told.append(self.watch.see(self.exchange - delay, self.local))
        return [text for text in told if text]


def test_clocks_that_run_alike_tell_nothing_but_their_difference():
    feed = Feed()
    assert feed.run(10) == []
    assert feed.watch.skew == 30_000_000


def test_a_replay_that_runs_faster_drifts_and_does_not_jump():
    for speed in (0.5, 5.0, 20.0):
        assert Feed(speed).run(10) == []


@pytest.mark.parametrize("seconds", [30, 3, 0.8, -0.7, -3])
def test_the_exchanges_clock_jumps(seconds):
    feed = Feed()
    feed.run(5)
    feed.exchange += int(seconds * SECOND)
    (told,) = feed.run(5)
    assert told.startswith("the exchange's clock jumped by ")
    assert float(told.split()[-2]) == pytest.approx(seconds, abs=0.021)


def test_a_jump_shows_in_a_fast_replay_too_and_a_pause_of_the_market_does_not():
    feed = Feed(20.0)
    feed.run(5)
    feed.steady += SECOND // 4
    feed.local += SECOND // 4
    feed.exchange += 5 * SECOND
    assert feed.run(3) == []
    feed.exchange += 3 * SECOND
    (told,) = feed.run(3)
    assert told.startswith("the exchange's clock jumped by +3.")


@pytest.mark.parametrize("seconds", [2, -2])
def test_this_machines_clock_jumps(seconds):
    feed = Feed()
    feed.run(5)
    feed.local += seconds * SECOND
    assert feed.run(5) == [f"this machine's clock jumped by {seconds:+.3f} s"]


def test_a_slow_message_is_no_jump():
    feed = Feed()
    feed.run(5)
    feed.watch.see(feed.exchange - 4 * SECOND // 5, feed.local)
    feed.run(0.5, delay=SECOND * 9 // 10)
    assert feed.run(5) == []
