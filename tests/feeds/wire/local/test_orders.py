from __future__ import annotations

from collections import Counter

import pytest

from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire.local.orders import OPEN, OrderDesk


def opened() -> tuple[OrderDesk, object]:
    simulator = Simulator(1)
    events = iter(simulator)
    next(events)
    return OrderDesk(simulator, simulator.instrument), events


def test_a_market_order_trades_at_once_and_its_fills_add_up():
    desk, _ = opened()
    order = desk.place("MARKET", 0, 3000, None, "GTC", "a")
    assert (order.status, order.filled) == ("FILLED", 3000)
    assert sum(fill.lots for fill in order.fills) == 3000
    news = list(desk.news())
    assert [one.change for one in news] == ["NEW"] + ["TRADE"] * len(order.fills)
    assert news[-1].status == "FILLED"
    assert [one.filled for one in news] == sorted(one.filled for one in news)
    assert order.notional == pytest.approx(
        sum(desk.instrument.price(fill.tick) * desk.quantity(fill.lots) for fill in order.fills)
    )


def test_a_resting_order_is_filled_by_the_crowd_in_its_time():
    desk, events = opened()
    order = desk.place("LIMIT", 0, 500, desk.best(0), "GTC", "bid")
    assert order.status in OPEN
    seen = []
    for _ in range(200_000):
        next(events)
        seen += desk.news()
        if order.status == "FILLED":
            break
    assert order.status == "FILLED"
    assert all(fill.maker for fill in order.fills)
    assert [one.change for one in seen[1:]] == ["TRADE"] * len(order.fills)
    assert not desk.cancel(order)


def test_cancelled_expired_and_refused_orders_say_so():
    desk, _ = opened()
    far = desk.place("LIMIT", 0, 10, desk.best(0) - 50, "GTC", "far")
    assert desk.cancel(far)
    assert not desk.cancel(far)
    assert far.status == "CANCELED"
    assert desk.place("LIMIT", 0, 10, desk.best(1), "GTX", "post") is None
    assert desk.find(None, "post") is None
    whole = desk.place("LIMIT", 0, 10**9, desk.best(1), "FOK", "fok")
    assert (whole.status, whole.filled) == ("EXPIRED", 0)
    part = desk.place("LIMIT", 0, 10**6, desk.best(1), "IOC", "ioc")
    assert part.status == "EXPIRED"
    assert 0 < part.filled < 10**6
    assert desk.find(far.number, None) is far
    assert Counter(one.change for one in desk.news())["EXPIRED"] == 2
    assert [order.client_id for order in desk.orders] == ["far", "fok", "ioc"]
