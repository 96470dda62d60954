"""Orders added and cancelled by the dozen are found; trading, news and a market that is always so are not."""

import numpy as np
import pytest

from genesis_lib.detectors import make_detectors

MS = 1_000_000
both = pytest.mark.parametrize("side", [0, 1])


def steady(market, seconds=60.0):
    """A market whose levels change one at a time, ten times a second."""
    levels = market.levels()
    held = {"sizes": levels[:, 1::2].copy()}

    def change(levels):
        held["sizes"][market.draw.integers(1, 10), market.draw.integers(0, 2)] = market.draw.uniform(8, 12)
        levels[:, 1::2] = held["sizes"]

    market.calm = change
    market.add(int(seconds * 20), change=change)


def stuff(market, side, rows=60, size=0.7, step=20 * MS, own=0, **flow):
    """A machine that puts orders of one size on random levels behind the best and takes them back in the next row.

    `own` rows of the market alone come after each of its own.
    """
    for _ in range(rows):
        chosen = market.draw.choice(np.arange(1, 10), 3, replace=False)

        def change(levels, chosen=chosen):
            market.calm(levels)
            levels[chosen, 1 + 2 * side] += size

        market.add(1, change=change, step=step, **flow)
        market.add(own, change=market.calm, step=step, **flow)
    market.add(100, change=market.calm)


@pytest.fixture
def market(make_market):
    market = make_market(1.0)
    steady(market)
    return market


def alarms(market):
    return market.alarms(make_detectors(["quote_stuffing"])[0])


@both
def test_quote_stuffing(market, side):
    start = market.ts
    stuff(market, side, buys=0.0, sells=0.0)
    (alert,) = alarms(market)
    evidence = alert.evidence
    assert start < alert.timestamp < start + 700 * MS
    assert evidence["side"] == ("bid", "ask")[side] and evidence["size"] == pytest.approx(0.7)
    assert evidence["levels"] >= 5 and evidence["changes"] > 20 and evidence["usual_changes"] < 5


@both
def test_rows_of_the_market_between_those_of_the_machine_do_not_hide_it(market, side):
    start = market.ts
    stuff(market, side, step=10 * MS, own=2, buys=0.0, sells=0.0)
    (alert,) = alarms(market)
    assert start < alert.timestamp < start + 1000 * MS and alert.evidence["size"] == pytest.approx(0.7)


def test_ten_seconds_of_a_market_are_enough_to_know_it(make_market):
    market = make_market(1.0)
    steady(market, 11.0)
    stuff(market, 0, buys=0.0, sells=0.0)
    assert len(alarms(market)) == 1
    market = make_market(1.0)
    steady(market, 5.0)
    stuff(market, 0, buys=0.0, sells=0.0)
    assert alarms(market) == []


def test_a_mid_that_wanders_meanwhile_does_not_hide_it(market):
    calm = market.calm
    for step in range(60):
        up = 0.5 * (step // 4)

        def change(levels, up=up):
            calm(levels)
            levels[:, [0, 2]] += up

        market.calm = change
        chosen = market.draw.choice(np.arange(1, 10), 3, replace=False)

        def stuffed(levels, chosen=chosen, change=change):
            change(levels)
            levels[chosen, 1] += 0.7

        market.add(1, change=stuffed, step=20 * MS, buys=0.0, sells=0.0)
    (alert,) = alarms(market)
    assert alert.evidence["side"] == "bid" and alert.evidence["size"] == pytest.approx(0.7)


def test_messages_by_the_hundred_are_stuffing_whatever_their_sizes(market):
    market.add(400, buys=0.0, sells=0.0, step=2 * MS)
    market.add(100)
    (alert,) = alarms(market)
    assert alert.evidence["messages"] >= 100 and alert.evidence["usual_messages"] == pytest.approx(20, abs=2)


@pytest.mark.parametrize("flow", [{"buys": 1.0, "sells": 1.0, "trades": 2.0}])
def test_a_burst_with_trades_is_trading(market, flow):
    stuff(market, 0, **flow)
    assert alarms(market) == []


def test_a_burst_with_a_move_is_news(market):
    for _ in range(400):
        market.bid += 1
        market.add(1, buys=0.0, sells=0.0, step=2 * MS)
    assert alarms(market) == []


def test_large_orders_are_no_stuffing(market):
    stuff(market, 0, size=30.0, buys=0.0, sells=0.0)
    assert alarms(market) == []


def test_an_invalid_row_ends_the_burst(market):
    for _ in range(10):
        stuff(market, 0, rows=4, buys=0.0, sells=0.0)
        market.add(1, valid=False)
        for rows in (market.rows, market.told):
            del rows[-100:-1]
    assert alarms(market) == []
