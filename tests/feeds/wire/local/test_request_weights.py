from __future__ import annotations

import doctest

import pytest

from genesis_lib.feeds.wire.local import request_weights
from genesis_lib.feeds.wire.local.request_weights import PATIENCE, RequestWeights, weight_of


class Clock:
    now = 6_000_000_010.0  # ten seconds into a minute

    def __call__(self) -> float:
        return self.now


def test_example():
    assert doctest.testmod(request_weights).failed == 0


@pytest.mark.parametrize(
    ("market", "request_", "query", "weight"),
    [
        ("binance-usdm", "depth", {"limit": "50"}, 2),
        ("binance-usdm", "depth", {}, 10),
        ("binance-spot", "depth", {}, 5),
        ("binance-spot", "depth", {"limit": "5000"}, 250),
        ("binance-spot", "depth", {"limit": "many"}, 25),
        ("binance-usdm", "klines", {"limit": "1500"}, 10),
        ("binance-spot", "exchangeInfo", {}, 20),
        ("binance-usdm", "exchangeInfo", {}, 1),
        ("binance-usdm", "ticker/24hr", {}, 40),
        ("binance-usdm", "ping", {}, 1),
    ],
)
def test_weights_are_those_of_the_documentation(market, request_, query, weight):
    assert weight_of(market, request_, query) == weight


def test_what_is_above_the_limit_waits_for_the_next_minute():
    clock = Clock()
    weights = RequestWeights(100, clock)
    assert [weights.take(50).status for _ in range(3)] == [200, 200, 429]
    refused = weights.take(50)
    assert (refused.retry_after, weights.too_early) == (50, 1)
    assert "current limit is 100 request weight per 1 MINUTE" in refused.message
    clock.now += refused.retry_after
    assert weights.take(50) == (200, 50, 0, "")


def test_who_does_not_stop_is_banned_and_longer_each_time():
    clock, waits = Clock(), []
    weights = RequestWeights(1, clock)
    for _ in range(3):
        assert weights.take(1).status == 200
        refused = [weights.take(1) for _ in range(PATIENCE + 3)]
        assert [one.status for one in refused] == [429] * PATIENCE + [418] * 3
        waits.append(refused[-1].retry_after)
        assert f"IP banned until {round(1000 * (clock.now + waits[-1]))}" in refused[-1].message
        clock.now += waits[-1]
        clock.now += 60 - clock.now % 60  # into a fresh minute
    assert waits == [120, 240, 480]
