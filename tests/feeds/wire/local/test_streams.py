from __future__ import annotations

import doctest

import pytest

from genesis_lib.errors import InputError
from genesis_lib.feeds.wire.local import streams
from genesis_lib.feeds.wire.local.streams import is_served, parse_stream


def test_example():
    assert doctest.testmod(streams).failed == 0


@pytest.mark.parametrize(
    ("name", "market", "native", "key"),
    [
        ("btcusdt@depth", "binance-usdm", 0, "btcusdt@depth@250ms"),
        ("btcusdt@depth", "binance-spot", 0, "btcusdt@depth@1000ms"),
        ("btcusdt@depth@0ms", "binance-usdm", 0, "btcusdt@depth"),
        ("btcusdt@depth@100ms", "binance-usdm", 100, "btcusdt@depth"),
        ("btcusdt@depth20@500ms", "binance-usdm", 0, "btcusdt@depth20@500ms"),
        ("btcusd_perp@depth@500ms", "binance-coinm", 0, "btcusd_perp@depth@500ms"),
        ("btcusdt@trade", "binance-spot", 0, "btcusdt@trade"),
        ("btcusdt@kline_5m", "binance-spot", 0, "btcusdt@kline_5m"),
        ("btcusdt@markPrice@1s", "binance-usdm", 0, "btcusdt@markPrice"),
        ("!miniTicker@arr", "binance-spot", 0, "@miniTicker"),
    ],
)
def test_a_name_means_the_messages_of_its_key(name, market, native, key):
    assert parse_stream(name, market, native).key == key


@pytest.mark.parametrize(
    "name",
    [
        *("btcusdt", "BTCUSDT@depth", "btcusdt@depth7", "btcusdt@depth@99ms", "btcusdt@depth@1s", "btcusdt@nothing"),
        *("btcusdt@kline_7m", "btcusdt@kline", "btcusdt@trade_1m", "btcusdt@trade@100ms", "!nothing@arr", "@depth", ""),
    ],
)
def test_what_no_market_has_is_no_stream(name):
    assert parse_stream(name, "binance-usdm") is None


def test_spot_has_no_mark_price_and_no_other_market_is_known():
    assert parse_stream("btcusdt@markPrice", "binance-spot") is None
    with pytest.raises(InputError, match="market must be one of binance-usdm, binance-coinm, binance-spot, got 'ftx'"):
        parse_stream("btcusdt@depth", "ftx")


@pytest.mark.parametrize(
    ("name", "routes"),
    [
        ("btcusdt@depth@0ms", {"", "public"}),
        ("btcusdt@bookTicker", {"", "public"}),
        ("btcusdt@trade", {"", "public", "market"}),
        ("btcusdt@aggTrade", {"market"}),
        ("btcusdt@markPrice@1s", {"market"}),
        ("btcusdt@kline_1m", {"market"}),
    ],
)
def test_usdm_serves_a_stream_on_its_path_alone(name, routes):
    stream = parse_stream(name, "binance-usdm")
    assert {
        route for route in ("", "public", "market", "private") if is_served(stream, "binance-usdm", route)
    } == routes
    spot = parse_stream("btcusdt@aggTrade", "binance-spot")
    assert is_served(spot, "binance-spot", "")
