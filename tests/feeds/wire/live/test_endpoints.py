from __future__ import annotations

import pytest

from genesis_lib.config import Feeds
from genesis_lib.errors import InputError
from genesis_lib.feeds.wire.live.endpoints import ENDPOINTS, checked


def test_usdm_futures_speak_of_books_and_trades_on_one_path_and_of_marks_on_another():
    endpoints, symbol = checked("binance-usdm", "btcusdt")
    assert symbol == "BTCUSDT"
    assert endpoints.streams(symbol, Feeds()) == [
        ("/public", "btcusdt@depth@0ms"),
        ("/public", "btcusdt@bookTicker"),
        ("/public", "btcusdt@trade"),
        ("/market", "btcusdt@markPrice@1s"),
    ]
    assert endpoints.websocket("/market") == "wss://fstream.binance.com/market/stream"
    assert endpoints.rest("depth") == "https://fapi.binance.com/fapi/v1/depth"


def test_streams_are_chosen_by_the_configuration():
    endpoints, symbol = checked("binance-usdm", "ETHUSDT")
    chosen = endpoints.streams(symbol, Feeds(depth_speed="100ms", trades="aggTrade"))
    assert ("/public", "ethusdt@depth@100ms") in chosen
    assert ("/market", "ethusdt@aggTrade") in chosen
    assert not [name for _, name in chosen if name.endswith("@trade")]


def test_spot_has_no_mark_price():
    endpoints, symbol = checked("binance-spot", "BTCUSDT")
    assert [name for _, name in endpoints.streams(symbol, Feeds())] == [
        "btcusdt@depth@100ms",
        "btcusdt@bookTicker",
        "btcusdt@trade",
    ]


def test_addresses_may_be_replaced():
    endpoints, _ = checked("binance-spot", "ETHBTC")
    assert endpoints.websocket("", "ws://127.0.0.1:9") == "ws://127.0.0.1:9/stream"
    assert endpoints.rest("ping", "http://127.0.0.1:9") == "http://127.0.0.1:9/api/v3/ping"


@pytest.mark.parametrize(
    ("venue", "levels", "weight"),
    [
        *(("binance-usdm", levels, weight) for levels, weight in ((5, 2), (50, 2), (100, 5), (500, 10), (1000, 20))),
        ("binance-coinm", 1000, 20),
        *(("binance-spot", levels, weight) for levels, weight in ((100, 5), (500, 25), (1000, 50), (5000, 250))),
    ],
)
def test_a_deeper_snapshot_costs_more(venue, levels, weight):
    assert ENDPOINTS[venue].depth_weight(levels) == weight


def test_a_snapshot_deeper_than_there_is_is_refused():
    with pytest.raises(InputError, match="snapshot_levels must be at most 1000 here, got 1001"):
        ENDPOINTS["binance-usdm"].depth_weight(1001)


@pytest.mark.parametrize("symbol", ["", "BTC/USDT", "BTC USDT", "A", "BTCUSDT@depth", "BTCUSD_PERP_2", "Ж"])
def test_a_symbol_that_cannot_be_is_refused(symbol):
    with pytest.raises(InputError, match="symbol must be letters and digits"):
        checked("binance-usdm", symbol)


def test_an_unknown_venue_is_refused_with_those_that_are():
    with pytest.raises(InputError, match=f"{', '.join(ENDPOINTS)}, got 'mtgox'"):
        checked("mtgox", "BTCUSDT")
