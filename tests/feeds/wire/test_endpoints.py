from __future__ import annotations

import pytest

from genesis_lib.errors import InputError
from genesis_lib.feeds.wire.endpoints import ENDPOINTS, checked


def test_usdm_futures_need_a_connection_for_books_and_one_for_trades():
    endpoints, symbol = checked("binance-usdm", "btcusdt")
    assert symbol == "BTCUSDT"
    assert endpoints.websocket_urls(symbol) == [
        "wss://fstream.binance.com/public/stream?streams=btcusdt@depth@0ms/btcusdt@bookTicker",
        "wss://fstream.binance.com/market/stream?streams=btcusdt@trade/btcusdt@markPrice@1s",
    ]
    assert endpoints.rest("depth") == "https://fapi.binance.com/fapi/v1/depth"


def test_addresses_may_be_replaced():
    endpoints, symbol = checked("binance-spot", "ETHBTC")
    assert endpoints.websocket_urls(symbol, "ws://127.0.0.1:9")[0].startswith("ws://127.0.0.1:9/stream?streams=ethbtc@")
    assert endpoints.rest("ping", "http://127.0.0.1:9") == "http://127.0.0.1:9/api/v3/ping"


@pytest.mark.parametrize("symbol", ["", "BTC/USDT", "BTC USDT", "A", "BTCUSDT@depth", "BTCUSD_PERP_2", "Ж"])
def test_a_symbol_that_cannot_be_is_refused(symbol):
    with pytest.raises(InputError, match="symbol must be letters and digits"):
        checked("binance-usdm", symbol)


def test_an_unknown_venue_is_refused_with_those_that_are():
    with pytest.raises(InputError, match=f"{', '.join(ENDPOINTS)}, got 'mtgox'"):
        checked("mtgox", "BTCUSDT")
