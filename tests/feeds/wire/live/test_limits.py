from __future__ import annotations

import asyncio
import time

import pytest

from genesis_lib.errors import InputError
from genesis_lib.feeds.wire.live.limits import BAN, SHARE, TOGETHER, Pace, WeightLimiter, limiter_of


class Clock:
    def __init__(self) -> None:
        self.now = 600.0

    def __call__(self) -> float:
        return self.now


def limiter(clock: Clock, per_minute: int = 100) -> WeightLimiter:
    return WeightLimiter(per_minute, wall=clock, monotonic=clock)


def ask(host: WeightLimiter, weight: int, status: int = 200, **headers: str) -> float:
    assert host.reserve(weight) == 0.0
    return host.answered(status, {name.replace("_", "-"): value for name, value in headers.items()})


def test_a_minute_has_so_much_weight_and_the_next_has_it_again():
    clock = Clock()
    host = limiter(clock)
    for _ in range(4):
        ask(host, 20)
    assert host.used == 80 == 100 * SHARE
    clock.now += 12.0
    assert host.reserve(20) == pytest.approx(48.05)
    clock.now += 48.05
    ask(host, 20)
    assert host.used == 20


def test_what_the_host_counts_counts():
    host = limiter(Clock())
    ask(host, 5, X_MBX_USED_WEIGHT_1M="70")
    assert host.used == 70
    assert host.reserve(20) > 59
    ask(host, 5, X_MBX_USED_WEIGHT_1M="3")  # answers overtake each other
    assert host.used == 75


def test_one_request_that_is_dearer_than_the_share_is_still_made():
    assert limiter(Clock(), 100).reserve(250) == 0.0


def test_a_refusal_stops_everyone_until_it_is_over_and_then_one_tries():
    clock = Clock()
    host = limiter(clock)
    assert ask(host, 1, 429, Retry_After="7") == 7.0
    assert host.reserve(1) == 7.0
    clock.now += 7.0
    assert host.reserve(1) == 0.0
    assert host.reserve(1) > 0.0, "one at a time until one is answered"
    assert host.answered(429, {"Retry-After": "3"}) == 3.0
    clock.now += 3.0
    assert host.reserve(1) == 0.0
    host.answered(200, {})
    assert [host.reserve(1) for _ in range(TOGETHER)] == [0.0] * TOGETHER
    assert host.reserve(1) > 0.0
    assert host.refusals == 2


def test_a_ban_without_a_time_is_a_long_one():
    clock = Clock()
    assert ask(limiter(clock), 1, 418) == BAN
    for nonsense in ("nan", "inf", "soon"):
        assert ask(limiter(clock), 1, 418, Retry_After=nonsense) == BAN
    clock.now += 20.0
    assert ask(limiter(clock), 1, 429, Retry_After="Wed, 21 Oct 2026 07:28:00 GMT") == 40.0, "to the minute's end"


def test_a_request_without_an_answer_makes_room():
    host = limiter(Clock())
    for _ in range(TOGETHER):
        assert host.reserve(1) == 0.0
    assert host.reserve(1) > 0.0
    host.gave_up()
    assert host.reserve(1) == 0.0


def test_a_host_has_one_limiter():
    assert limiter_of("127.0.0.1:1", 10) is limiter_of("127.0.0.1:1", 20)
    assert limiter_of("127.0.0.1:1", 10) is not limiter_of("127.0.0.1:2", 10)


def test_a_limit_of_nothing_is_refused():
    with pytest.raises(InputError, match="per_minute must be at least 1, got 0"):
        WeightLimiter(0)


def test_messages_keep_their_pace():
    async def send(times: list[float]) -> None:
        await pace.wait()
        times.append(time.monotonic())

    async def run() -> list[float]:
        times: list[float] = []
        began = time.monotonic()
        await asyncio.gather(*(send(times) for _ in range(4)))
        return [at - began for at in times]

    pace = Pace(100.0)
    for n, after in enumerate(asyncio.run(run())):
        assert after >= 0.02 * n - 0.002
