from __future__ import annotations

import doctest

import pytest

from genesis_lib.errors import InputError, SessionError
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire.live import exchange_info
from genesis_lib.feeds.wire.live.exchange_info import Directory, instrument_of, market_of, weight_per_minute
from genesis_lib.feeds.wire.local.venue import LocalVenue


def answer(**filters) -> dict:
    return {"symbols": [{"symbol": "BTCUSDT", "filters": [{"filterType": k, **v} for k, v in filters.items()]}]}


FULL = answer(PRICE_FILTER={"tickSize": "0.10"}, LOT_SIZE={"stepSize": "0.00100000"}, MIN_NOTIONAL={"notional": "5"})


def test_example():
    assert doctest.testmod(exchange_info).failed == 0


def test_tick_and_lot_size_come_from_the_filters():
    instrument = instrument_of("binance-usdm", "BTCUSDT", FULL)
    assert (instrument.name, instrument.tick_size, instrument.lot_size) == ("binance-usdm:BTCUSDT", 0.1, 0.001)


def test_an_unlisted_symbol_is_refused_naming_near_ones():
    with pytest.raises(InputError, match="knows no symbol 'BTCUSDC'; near are BTCUSDT"):
        instrument_of("binance-usdm", "BTCUSDC", FULL)


@pytest.mark.parametrize(
    "wrong",
    [{}, [], {"symbols": 1}, answer(LOT_SIZE={"stepSize": "1"}), answer(PRICE_FILTER={"tickSize": "x"}, LOT_SIZE={})],
)
def test_an_unreadable_answer_is_one_clear_error(wrong):
    with pytest.raises(InputError, match="binance-usdm tells no readable grid for BTCUSDT"):
        instrument_of("binance-usdm", "BTCUSDT", wrong)


@pytest.mark.parametrize(
    ("answer", "weight"),
    [
        (
            {
                "rateLimits": [
                    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 1200}
                ]
            },
            1200,
        ),
        ({"rateLimits": [{"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1200}]}, None),
        ({"rateLimits": [{"rateLimitType": "REQUEST_WEIGHT"}]}, None),
        ({}, None),
        ([], None),
    ],
)
def test_the_venue_says_how_much_may_be_asked_for(answer, weight):
    assert weight_per_minute(answer) == weight


def test_a_directory_asks_once_for_what_one_answer_holds():
    simulators = [Simulator(1, symbol) for symbol in ("SIMBTC", "SIMETH")]
    with LocalVenue(simulators, wait_for=1, weight_limit=777) as venue:
        directory = Directory("binance-usdm", venue.rest_url)
        assert [directory.instrument(name).symbol for name in ("simbtc", "SIMETH", "SIMBTC")] == [
            *("SIMBTC", "SIMETH", "SIMBTC")
        ]
        assert venue.requests["exchangeInfo"] == 2, "the local venue tells one symbol at a time, as spot does"
        assert directory.provenance == "simulated"
        assert directory.limiter.per_minute == 777
        with pytest.raises(InputError, match="binance-usdm knows no symbol 'ABC'"):
            directory.instrument("ABC")


def test_a_venue_that_refuses_is_one_clear_error():
    with LocalVenue(Simulator(1), wait_for=1, weight_limit=1) as venue:
        directory = Directory("binance-usdm", venue.rest_url)
        with pytest.raises(SessionError, match=r"answers HTTP 429|must not be asked for another"):
            for _ in range(5):
                directory._answers.clear()
                directory.instrument("SIMBTC")


MARKETS = ("binance-usdm", "binance-coinm", "binance-spot")


@pytest.mark.parametrize("spoken", MARKETS)
def test_a_venue_that_speaks_another_market_is_refused(spoken):
    with LocalVenue(Simulator(1), market=spoken) as venue:
        assert Directory(spoken, venue.rest_url).instrument("SIMBTC").venue == spoken
        for named in set(MARKETS) - {spoken}:
            with pytest.raises(InputError, match=f"its SIMBTC is of {spoken}, not of {named}"):
                Directory(named, venue.rest_url).instrument("SIMBTC")


@pytest.mark.parametrize("body", [FULL, {}, [], None, {"symbols": [1]}, {"symbols": [{}]}])
def test_an_answer_that_tells_no_market_is_of_none(body):
    assert market_of(body, "BTCUSDT") is None
