from __future__ import annotations

import json

import numpy as np
import pytest

from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire.local.fault_plan import FaultPlan
from genesis_lib.feeds.wire.local.faults import Faults
from genesis_lib.feeds.wire.local.playback import open_playbacks
from genesis_lib.feeds.wire.local.request_weights import RequestWeights
from genesis_lib.feeds.wire.local.rest import Rest
from genesis_lib.feeds.wire.local.subscribers import Subscribers


def made(market: str = "binance-usdm", limit: float = 1e9) -> tuple[Rest, Faults]:
    playbacks = open_playbacks([Simulator(1, "SIMBTC", 0.4), Simulator(2, "SIMETH", 0.4)], market)
    for playback in playbacks:
        for message in playback:
            list(playback.take(message))
    faults = Faults(FaultPlan(), Subscribers(market, {}))
    return Rest({one.instrument.symbol: one for one in playbacks}, market, RequestWeights(limit), faults), faults


@pytest.fixture(scope="module", params=["binance-usdm", "binance-spot"])
def rest(request):
    return made(request.param)[0]


def ask(rest: Rest, request: str):
    name, answer = rest.answer("GET", "/api/v3/" + request)
    assert (name, answer.status) == (request.partition("?")[0], 200), answer
    return json.loads(answer.body)


def is_spot(rest: Rest) -> bool:
    return rest._spot


def test_the_book_is_told_in_the_form_of_the_market(rest):
    told = ask(rest, "depth?symbol=SIMETH&limit=10")
    playback = rest._playbacks["SIMETH"]
    levels = np.array(
        [[*map(float, bid), *map(float, ask_)] for bid, ask_ in zip(told["bids"], told["asks"], strict=True)]
    )
    assert np.array_equal(levels, playback.top(10))
    assert told["lastUpdateId"] == playback.last_id
    assert set(told) == {"lastUpdateId", "bids", "asks"} | (set() if is_spot(rest) else {"E", "T"})
    assert len(told["bids"][0][0].partition(".")[2]) == (8 if is_spot(rest) else 2)


def test_trades_candles_and_the_day_agree(rest):
    trades = ask(rest, "trades?symbol=SIMBTC&limit=1000")
    day = ask(rest, "ticker/24hr?symbol=SIMBTC")
    candles = ask(rest, "klines?symbol=SIMBTC&interval=1m")
    assert day["count"] == sum(candle[8] for candle in candles) == len(trades)
    assert float(day["volume"]) == pytest.approx(sum(float(trade["qty"]) for trade in trades))
    assert float(day["highPrice"]) == max(float(trade["price"]) for trade in trades)
    assert ask(rest, "ticker/price?symbol=SIMBTC")["price"] == trades[-1]["price"] == day["lastPrice"]
    assert ask(rest, "trades?symbol=SIMBTC&limit=3") == trades[-3:]
    aggregates = ask(rest, "aggTrades?symbol=SIMBTC&limit=1000")
    assert aggregates[0]["f"] == trades[0]["id"]
    assert all(a["l"] + 1 == b["f"] for a, b in zip(aggregates, aggregates[1:]))  # noqa: RUF007


def test_without_a_symbol_every_symbol_is_told(rest):
    for request in ("ticker/price", "ticker/bookTicker", "ticker/24hr"):
        assert [one["symbol"] for one in ask(rest, request)] == ["SIMBTC", "SIMETH"]
    assert rest.answer("GET", "/fapi/v2/ticker/price")[1].body == rest.answer("GET", "/fapi/v1/ticker/price")[1].body
    best = ask(rest, "ticker/bookTicker?symbol=SIMBTC")
    top = rest._playbacks["SIMBTC"].top(1)[0]
    names = ("bidPrice", "bidQty", "askPrice", "askQty")
    assert [float(best[name]) for name in names] == top.tolist()


def test_rules_and_grid_are_told(rest):
    told = ask(rest, "exchangeInfo")
    assert [one["symbol"] for one in told["symbols"]] == ["SIMBTC", "SIMETH"]
    assert ask(rest, 'exchangeInfo?symbols=["SIMETH"]')["symbols"] == told["symbols"][1:]
    limits = {one["rateLimitType"]: one for one in told["rateLimits"]}
    assert limits["REQUEST_WEIGHT"]["limit"] == 1e9
    for one, tick in zip(told["symbols"], (0.1, 0.01)):
        filters = {each["filterType"]: each for each in one["filters"]}
        assert float(filters["PRICE_FILTER"]["tickSize"]) == tick
        assert {"LOT_SIZE", "MIN_NOTIONAL", "MARKET_LOT_SIZE"} <= set(filters)


@pytest.mark.parametrize(
    ("market", "method", "path", "status", "code"),
    [
        ("binance-usdm", "GET", "/fapi/v1/depth?symbol=NO", 400, -1121),
        ("binance-usdm", "GET", "/fapi/v1/trades", 400, -1102),
        ("binance-usdm", "GET", "/fapi/v1/trades?symbol=SIMBTC&limit=0", 400, -1130),
        ("binance-usdm", "GET", "/fapi/v1/depth?symbol=SIMBTC&limit=12", 400, -4021),
        ("binance-spot", "GET", "/api/v3/depth?symbol=SIMBTC&limit=-1", 400, -1100),
        ("binance-spot", "GET", "/api/v3/klines?symbol=SIMBTC", 400, -1120),
        ("binance-spot", "GET", "/api/v3/premiumIndex", 404, -5000),
        ("binance-spot", "POST", "/api/v3/depth", 404, -5000),
        ("binance-spot", "GET", "/index.html", 404, -5000),
    ],
)
def test_wrong_requests_get_binances_codes(market, method, path, status, code):
    _, answer = made(market)[0].answer(method, path)
    assert (answer.status, json.loads(answer.body)["code"]) == (status, code)


def test_spot_takes_any_depth():
    told = ask(made("binance-spot")[0], "depth?symbol=SIMBTC&limit=7")
    assert len(told["bids"]) == len(told["asks"]) == 7


def test_weights_are_counted_and_enforced():
    rest, _ = made(limit=30)
    statuses, used = [], []
    for _ in range(4):
        _, answer = rest.answer("GET", "/fapi/v1/depth?symbol=SIMBTC&limit=500")
        statuses.append(answer.status)
        used.append(answer.headers["X-MBX-USED-WEIGHT-1M"])
    assert (statuses, used) == ([200, 200, 200, 429], ["10", "20", "30", "40"])
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert json.loads(answer.body)["code"] == -1003


def test_faults_of_depth_requests_are_done_and_logged():
    rest, faults = made()
    faults.order("http418", 2.5)
    faults.order("stale_snapshot", 4)
    path = "/fapi/v1/depth?symbol=SIMBTC&limit=5"
    _, banned = rest.answer("GET", path)
    assert (banned.status, banned.headers["Retry-After"]) == (418, "2.5")
    told = json.loads(rest.answer("GET", path)[1].body)
    assert rest.too_early == 1, "2.5 seconds have not passed"
    assert told["lastUpdateId"] < rest._playbacks["SIMBTC"].last_id == ask(rest, "depth?symbol=SIMBTC")["lastUpdateId"]
    assert [(one.kind, one.last_id) for one in faults.injected] == [
        ("http418", -1),
        ("stale_snapshot", told["lastUpdateId"]),
    ]
