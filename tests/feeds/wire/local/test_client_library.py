"""A public client library, written against Binance, pointed at the venue: proof that it speaks the protocol."""

from __future__ import annotations

import asyncio
import os

import numpy as np
import pytest

from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire.local.venue import LocalVenue

if os.environ.get("GENESIS_CI") == "1":
    import binance
else:
    binance = pytest.importorskip("binance", reason="python-binance is not installed (pip install .[test])")
depthcache = pytest.importorskip("binance.ws.depthcache")

UPDATES, SETTLED = 120, 60  # after so many its reinitialised book has passed the id of its snapshot
PATIENCE = 10.0  # s for any one answer


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """The library asks the environment for a proxy."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def run(work, market: str):
    with LocalVenue([Simulator(1, "SIMBTC"), Simulator(2, "SIMETH")], market=market, speed=10.0, wait_for=0) as venue:

        async def bounded():
            client = binance.AsyncClient()
            client.API_URL, client.FUTURES_URL = venue.rest_url + "/api", venue.rest_url + "/fapi"
            manager = binance.BinanceSocketManager(client)
            manager.STREAM_URL = manager.FSTREAM_URL = venue.websocket_url + "/"
            try:
                async with asyncio.timeout(6 * PATIENCE):
                    return await work(venue, client, manager)
            finally:
                await client.close_connection()

        return asyncio.run(bounded())


def test_its_depth_cache_is_the_true_book(truth):
    async def work(venue, client, manager):
        true, compared = truth(Simulator(1, "SIMBTC")), 0
        cache = depthcache.DepthCacheManager(client, "SIMBTC", limit=1000, bm=manager, ws_interval=100)
        async with cache:
            for number in range(UPDATES):
                book = await asyncio.wait_for(cache.recv(), PATIENCE)
                if number >= SETTLED:
                    levels = np.hstack([book.get_bids()[:20], book.get_asks()[:20]])
                    assert np.array_equal(levels, true.row(cache._last_update_id).levels)
                    compared += 1
        return compared

    assert run(work, "binance-spot") == UPDATES - SETTLED


def test_its_requests_are_answered_in_the_form_that_it_reads():
    async def work(venue, client, manager):
        assert await client.ping() == {}
        info = await client.get_exchange_info()
        assert [symbol["symbol"] for symbol in info["symbols"]] == ["SIMBTC", "SIMETH"]
        assert float((await client.get_symbol_info("SIMETH"))["filters"][0]["tickSize"]) == 0.01
        while not (trades := await client.get_recent_trades(symbol="SIMBTC", limit=5)):
            await asyncio.sleep(0.02)
        assert float((await client.get_symbol_ticker(symbol="SIMBTC"))["price"]) > 0
        assert (await client.get_ticker(symbol="SIMBTC"))["firstId"] <= trades[-1]["id"]
        assert len((await client.get_klines(symbol="SIMBTC", interval="1m"))[0]) == 12
        best = await client.get_orderbook_ticker(symbol="SIMBTC")
        assert float(best["bidPrice"]) < float(best["askPrice"])
        assert int(client.response.headers["x-mbx-used-weight-1m"]) > 0
        with pytest.raises(binance.exceptions.BinanceAPIException) as refused:
            await client.get_order_book(symbol="NOSUCH")
        assert (refused.value.status_code, refused.value.code) == (400, -1121)

    run(work, "binance-spot")


def test_its_futures_socket_brings_an_unbroken_chain_of_several_symbols():
    async def work(venue, client, manager):
        names = ["simbtc@depth@0ms", "simeth@depth@0ms", "simbtc@bookTicker"]
        last: dict[str, int] = {}
        async with manager.futures_multiplex_socket(names, category="public") as socket:
            for _ in range(200):
                told = await asyncio.wait_for(socket.recv(), PATIENCE)
                data = told["data"]
                if data["e"] == "depthUpdate":
                    assert data["pu"] == last.get(data["s"], data["pu"])
                    last[data["s"]] = data["u"]
        book = await client.futures_order_book(symbol="SIMETH", limit=100)
        assert book["lastUpdateId"] >= last["SIMETH"]
        marks = manager.futures_multiplex_socket(["simbtc@markPrice@1s"], category="market")
        async with marks as socket:
            assert (await asyncio.wait_for(socket.recv(), PATIENCE))["data"]["e"] == "markPriceUpdate"
        return set(last)

    assert run(work, "binance-usdm") == {"SIMBTC", "SIMETH"}
