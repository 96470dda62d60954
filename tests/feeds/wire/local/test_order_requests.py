"""Orders over the wire, on both kinds of market: requests, Binance's refusals, and the user data stream."""

from __future__ import annotations

import json

import httpx
import pytest
from websockets.sync import client

from genesis_lib.feeds.simulation.labelled import write_labelled
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire.local.venue import LocalVenue

PREFIX = {"binance-usdm": "/fapi/v1/", "binance-spot": "/api/v3/"}


class Trader:
    """Sends requests about orders to a venue."""

    def __init__(self, venue: LocalVenue) -> None:
        self.venue, self.spot = venue, venue.market == "binance-spot"
        self._url = venue.rest_url + PREFIX[venue.market]

    def ask(self, method: str, name: str, body: bool = False, **query) -> tuple[int, object]:
        given = {"data": query} if body else {"params": query}
        answer = httpx.request(method, self._url + name, **given, trust_env=False)
        return answer.status_code, answer.json()

    def place(self, **change) -> tuple[int, dict]:
        order = {"symbol": "SIMBTC", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.5"}
        return self.ask("POST", "order", **{key: value for key, value in (order | change).items() if value is not None})


@pytest.fixture(scope="module", params=["binance-usdm", "binance-spot"])
def trader(request):
    with LocalVenue(
        [Simulator(1, "SIMBTC"), Simulator(2, "SIMETH")], market=request.param, speed=20.0, wait_for=0
    ) as one:
        yield Trader(one)


def test_an_order_lives_and_dies(trader):
    status, placed = trader.place(price="29000.0", newClientOrderId="first")
    assert (status, placed["status"], placed["clientOrderId"]) == (200, "NEW", "first")
    number = placed["orderId"]
    assert trader.ask("GET", "order", symbol="SIMBTC", orderId=number)[1]["origQty"].startswith("0.500")
    assert trader.ask("GET", "order", symbol="SIMBTC", origClientOrderId="first")[1]["orderId"] == number
    assert [order["orderId"] for order in trader.ask("GET", "openOrders", symbol="SIMBTC")[1]] == [number]
    book = trader.ask("GET", "depth", symbol="SIMBTC", limit=1000)[1]
    while not any(float(price) == 29000.0 for price, _ in book["bids"]):  # it shows with the next depth message
        book = trader.ask("GET", "depth", symbol="SIMBTC", limit=1000)[1]
    status, gone = trader.ask("DELETE", "order", symbol="SIMBTC", orderId=number)
    assert (status, gone["status"]) == (200, "CANCELED")
    assert trader.ask("DELETE", "order", symbol="SIMBTC", orderId=number)[1]["code"] == -2011
    assert trader.ask("GET", "openOrders")[1] == []


def test_a_market_order_fills_and_shows_among_the_trades(trader):
    body = {"symbol": "SIMBTC", "side": "SELL", "type": "MARKET", "quantity": "1.234"}
    status, sold = trader.ask("POST", "order", body=True, **body)
    assert (status, sold["status"], float(sold["executedQty"])) == (200, "FILLED", 1.234)
    own = trader.ask("GET", "myTrades" if trader.spot else "userTrades", symbol="SIMBTC")[1]
    own = [trade for trade in own if trade["orderId"] == sold["orderId"]]
    assert sum(float(trade["qty"]) for trade in own) == pytest.approx(1.234)
    for _ in range(200):
        public = {trade["id"] for trade in trader.ask("GET", "trades", symbol="SIMBTC", limit=1000)[1]}
        if {trade["id"] for trade in own} <= public:
            break
    assert {trade["id"] for trade in own} <= public, "everyone sees the same trades"


@pytest.mark.parametrize(
    ("change", "futures", "spot"),
    [
        ({"symbol": None}, -1102, -1102),
        ({"symbol": "NOSUCH"}, -1121, -1121),
        ({"side": "HOLD"}, -1117, -1117),
        ({"type": "STOP"}, -1116, -1116),
        ({"timeInForce": "GTD"}, -1115, -1115),
        ({"timeInForce": None}, -1102, -1102),
        ({"price": None}, -1102, -1102),
        ({"price": "29000.05"}, -4014, -1013),
        ({"price": "0.0"}, -4014, -1013),
        ({"price": "-1"}, -1100, -1100),
        ({"price": "cheap"}, -1100, -1100),
        ({"quantity": "0.0005"}, -4003, -1013),
        ({"quantity": "0"}, -4003, -1013),
        ({"quantity": "NaN"}, -1100, -1100),
        ({"quantity": "0.001", "price": "100"}, -4164, -1013),
        ({"newClientOrderId": "no blanks"}, -1100, -1100),
    ],
)
def test_what_cannot_be_is_refused_in_binances_words(trader, change, futures, spot):
    status, told = trader.place(**({"price": "29000.0"} | change))
    assert (status, told["code"]) == (400, spot if trader.spot else futures)


def test_names_are_not_given_twice_and_makers_do_not_take(trader):
    assert trader.place(price="28000.0", newClientOrderId="twice")[0] == 200
    assert trader.place(price="28000.0", newClientOrderId="twice")[1]["code"] == (-2010 if trader.spot else -4116)
    maker = {"type": "LIMIT_MAKER", "timeInForce": None} if trader.spot else {"timeInForce": "GTX"}
    assert trader.place(price="40000.0", **maker)[1]["code"] == (-2010 if trader.spot else -5022)
    assert trader.place(price="40000.0", timeInForce="FOK", quantity="100000")[1]["status"] == "EXPIRED"
    assert trader.ask("GET", "order", symbol="SIMBTC", orderId=999_999_999)[1]["code"] == -2013
    assert trader.ask("GET", "order", symbol="SIMBTC")[1]["code"] == -1102
    assert trader.ask("DELETE", "openOrders" if trader.spot else "allOpenOrders", symbol="SIMBTC")[0] == 200
    assert trader.ask("GET", "openOrders")[1] == []


def test_the_user_data_stream_tells_what_becomes_of_an_order(trader):
    key = trader.ask("POST", "userDataStream" if trader.spot else "listenKey")[1]["listenKey"]
    path = f"/ws/{key}" if trader.spot else f"/private/ws?listenKey={key}&events=ORDER_TRADE_UPDATE"
    with client.connect(trader.venue.websocket_url + path, proxy=None, close_timeout=0.2) as stream:
        best = trader.ask("GET", "ticker/bookTicker", symbol="SIMETH")[1]
        below = f"{float(best['bidPrice']) - 1.00:.2f}"  # the market may have moved since
        trader.place(symbol="SIMETH", price=below, quantity="0.5", newClientOrderId="rests")
        sweep = {"type": "MARKET", "timeInForce": None, "newClientOrderId": "sweeps"}
        assert trader.place(symbol="SIMETH", side="SELL", quantity="20000", **sweep)[0] == 200
        changes: dict[str, list] = {"rests": [], "sweeps": []}
        while not changes["sweeps"] or changes["sweeps"][-1][1] not in ("FILLED", "EXPIRED"):
            told = json.loads(stream.recv(20))
            assert told["e"] == ("executionReport" if trader.spot else "ORDER_TRADE_UPDATE")
            body = told if trader.spot else told["o"]
            if body["c"] in changes:
                changes[body["c"]].append((body["x"], body["X"], float(body["z"]), body["m"]))
    assert changes["rests"][0] == ("NEW", "NEW", 0.0, False)
    assert changes["rests"][-1] == ("TRADE", "FILLED", 0.5, True), "it rested in the way of the other"
    assert changes["sweeps"][0][:2] == ("NEW", "NEW")
    assert {change for change, *_ in changes["sweeps"][1:-1]} == {"TRADE"}


def test_a_recording_takes_no_orders(tmp_path):
    path = write_labelled(tmp_path, Simulator(3, minutes=0.1))["path"]
    with LocalVenue([path, Simulator(2, "SIMETH")], speed=5.0, wait_for=0) as venue:
        status, told = Trader(venue).place(price="29000.0")
        assert (status, told["code"], "played from a recording" in told["msg"]) == (400, -2010, True)
    with LocalVenue(path, speed=5.0, wait_for=0) as venue:
        assert Trader(venue).place(price="29000.0")[0] == 404
