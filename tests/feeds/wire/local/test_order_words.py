from __future__ import annotations

import pytest

from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire.local.order_words import OrderWords
from genesis_lib.feeds.wire.local.orders import OrderDesk
from genesis_lib.feeds.wire.local.playback import Playback


@pytest.mark.parametrize("market", ["binance-usdm", "binance-spot"])
def test_answers_and_events_tell_the_same_order(market):
    playback = Playback(Simulator(1), market)
    desk = OrderDesk(playback.simulator, playback.instrument)
    words = OrderWords(desk, playback.market.writer)
    order = desk.place("LIMIT", 1, 10**6, desk.best(0), "GTC", "mine")  # some of it trades, the rest waits
    placed, asked, trades = words.placed(order), words.order(order), words.trades(order)
    assert placed["clientOrderId"] == asked["clientOrderId"] == "mine"
    assert (asked["side"], asked["type"], asked["status"]) == ("SELL", "LIMIT", order.status)
    assert float(asked["executedQty"]) == pytest.approx(sum(float(trade["qty"]) for trade in trades))
    events = [words.event(one) for one in desk.news()]
    bodies = [event if market == "binance-spot" else event["o"] for event in events]
    assert [body["x"] for body in bodies] == ["NEW"] + ["TRADE"] * len(trades)
    assert [body["t"] for body in bodies[1:]] == [trade["id"] for trade in trades]
    assert float(bodies[-1]["z"]) == float(asked["executedQty"])
    assert {event["e"] for event in events} == {"executionReport" if market == "binance-spot" else "ORDER_TRADE_UPDATE"}
    if market == "binance-spot":
        assert [fill["tradeId"] for fill in placed["fills"]] == [trade["id"] for trade in trades]
        assert float(placed["cummulativeQuoteQty"]) == pytest.approx(order.notional)
    else:
        assert float(placed["avgPrice"]) * float(placed["executedQty"]) == pytest.approx(order.notional)
    desk.cancel(order)
    assert words.cancelled(order)["status"] == "CANCELED"
