"""Prices that are taken whole and refilled alike are found; a queue that makers rebuild now and then is not."""

import pytest

from genesis_lib.detectors import make_detectors
from genesis_lib.detectors.hidden import Chance

NS = 1_000_000_000
both = pytest.mark.parametrize("side", [0, 1])


def best(side, quantity):
    def change(levels):
        levels[0, 1 + 2 * side] = quantity

    return change


def taken(market, side, volume, left, pause=10):
    """Take this much at the best price of a side; so much stands there afterwards, and until the next time."""
    tick, way = (market.bid, -1) if side == 0 else (market.bid + 1, 1)
    market.add(1, change=best(side, left), tape=[(tick, volume, way)])
    market.add(pause, change=best(side, left), buys=0.0, sells=0.0)


def iceberg(market, side, refills, shown=lambda k: 2.0, pause=10):
    left = shown(0)
    market.add(1, change=best(side, left))
    for k in range(refills):
        taken(market, side, left, shown(k), pause)
        left = shown(k)
    market.add(200)


def alarms(market):
    return market.alarms(make_detectors(["iceberg"])[0])


@both
def test_iceberg(market, side):
    start = market.ts
    iceberg(market, side, 8)
    (alert,) = alarms(market)
    evidence = alert.evidence
    assert start < alert.timestamp < start + 4 * NS
    assert evidence["side"] == ("bid", "ask")[side] and evidence["tick"] == market.bid + side
    assert evidence["refills"] >= 3 and evidence["shown"] == pytest.approx(2.0) and evidence["volume"] >= 6.0
    assert len(evidence["times"]) == len(evidence["sizes"]) == evidence["refills"]


@both
def test_what_it_shows_may_differ(market, side):
    iceberg(market, side, 10, lambda k: (2.0, 1.6, 2.5)[k % 3])
    assert len(alarms(market)) == 1


@both
def test_a_price_refilled_once_or_twice_is_a_market(market, side):
    for _ in range(4):
        iceberg(market, side, 2)
        market.add(300)
    assert alarms(market) == []


@both
def test_refills_far_apart_are_not_one_order(market, side):
    iceberg(market, side, 6, pause=450)  # 22 s
    assert alarms(market) == []


@both
def test_what_is_not_taken_whole_tells_nothing(market, side):
    for _ in range(10):
        taken(market, side, 1.0, 2.0)
    assert alarms(market) == []


@both
def test_a_price_that_gives_way_holds_no_iceberg(market, side):
    for _ in range(10):
        taken(market, side, 12.0, 2.0, 0)
        market.bid += -1 if side == 0 else 1
        market.add(10)
    assert alarms(market) == []


@both
def test_refills_of_unlike_sizes_are_many_peoples(market, side):
    iceberg(market, side, 6, lambda k: 3.0**k)
    assert alarms(market) == []


@both
def test_a_market_in_which_prices_are_refilled_all_the_time_takes_more_to_surprise(make_market, side):
    market = make_market()
    for k in range(60):
        iceberg(market, side, 2 + (k % 3 == 0), pause=2)
        market.bid += 1
        market.add(5)
    early = market.rows[0].ts_exchange + 300 * NS
    assert all(alert.timestamp < early for alert in alarms(market))
    iceberg(market, side, 14)
    assert alarms(market)[-1].timestamp > market.ts - 20 * NS


def test_an_invalid_row_ends_what_was_seen(market):
    for _ in range(4):
        iceberg(market, 0, 2)
        for rows in (market.rows, market.told):
            del rows[-200:]
        market.add(1, valid=False)
    assert alarms(market) == []


def test_chance_by_hand():
    chance = Chance(100 * NS)
    assert chance.per_hour(0, 1) == 300.0 and chance.per_hour(0, 3) == pytest.approx(300 * 0.05**2)
    for k in range(100):
        chance.learn(k * NS, 1)
    rare = chance.per_hour(100 * NS, 3)
    for k in range(100, 200):
        chance.learn(k * NS, 4)
    assert chance.per_hour(200 * NS, 3) > 100 * rare
    assert chance.per_hour(200 * NS, 4) < chance.per_hour(200 * NS, 3) < chance.per_hour(200 * NS, 2)
    assert chance.per_hour(2000 * NS, 3) < chance.per_hour(200 * NS, 3), "what was long ago fades"
