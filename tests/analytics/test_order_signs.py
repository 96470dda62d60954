from __future__ import annotations

import pytest

from genesis_lib.analytics.order_signs import OrderSigns
from genesis_lib.types import Trade


def trade(ts: int, side: int, quantity: float = 1.0) -> Trade:
    return Trade("X", ts, ts, 0, 100, quantity, side)


def observed(*trades: Trade) -> OrderSigns:
    orders = OrderSigns()
    orders.quote((99, 4.0, 100, 8.0))
    for each in trades:
        orders.observe(each)
    orders.forget()
    return orders


def test_trades_of_one_side_at_one_time_are_one_order() -> None:
    orders = observed(trade(1, 1, 2.0), trade(1, 1, 2.0), trade(2, 1), trade(2, -1), trade(3, 0))
    facts = orders.facts(10.0)
    assert facts["trades_per_second"] == 0.5
    assert facts["orders_per_second"] == 0.3
    assert orders.relative.at(1.0) == pytest.approx(0.5, rel=0.01)  # 4 of the 8 on the ask
    assert orders.relative.at(0.01) == pytest.approx(0.125, rel=0.01)  # 1 of them


def test_signs_that_alternate_are_anticorrelated_and_a_sell_meets_the_bids() -> None:
    orders = observed(*(trade(i, (-1) ** i) for i in range(400)))
    facts = orders.facts(1.0)
    assert facts["sign_acf_1"] == pytest.approx(-1.0)
    assert facts["sign_acf_2"] == pytest.approx(1.0)
    assert orders.relative.above(0.2) == 0.5  # 1 of 4 bids, 1 of 8 asks


def test_a_single_large_order_does_not_make_signs_persist() -> None:
    one = observed(*(trade(i // 50, (-1) ** (i // 50)) for i in range(1000)))
    assert one.facts(1.0)["sign_acf_1"] == pytest.approx(-1.0)


def test_facts_can_be_asked_for_at_any_time() -> None:
    orders = OrderSigns()
    orders.quote((99, 4.0, 100, 8.0))
    orders.observe(trade(1, 1))
    assert orders.facts(1.0) == pytest.approx(orders.facts(1.0), nan_ok=True)
    orders.observe(trade(1, 1))
    orders.observe(trade(2, 1))
    assert orders.facts(1.0)["orders_per_second"] == 1.0
