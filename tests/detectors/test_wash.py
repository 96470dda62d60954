"""Trades of one size that the book does not miss are found; takers of one size, and sizes that are common, are not."""

import pytest

from genesis_lib.detectors import make_detectors

both = pytest.mark.parametrize("side", [-1, 1])


def steady(market):
    """A market whose best levels stand still: what is taken there shows."""
    levels = market.levels()

    def change(now):
        now[:, 1::2] = levels[:, 1::2]

    return change


def usual(market, rows, change, sizes=(0.2, 5.0)):
    """Trades of all sizes; each is put back in the next row, as makers do."""
    for k in range(rows):
        size, way = float(market.draw.uniform(*sizes)), 1 if market.draw.random() < 0.5 else -1
        trade = (market.bid + (way > 0), size, way)
        market.add(1, change=change, tape=[trade] if k % 4 == 0 else ())


@pytest.fixture
def market(make_market):
    market = make_market(1.0)
    usual(market, 1300, steady(market))
    return market


def alarms(market):
    return market.alarms(make_detectors(["wash_trading"])[0])


def wash(market, way, trades=12, sizes=lambda k: 1.5, taken=False):
    for k in range(trades):
        size = sizes(k)
        whole = steady(market)

        def change(levels, whole=whole, size=size):
            whole(levels)
            if taken:
                levels[0, 3 if way > 0 else 1] -= size

        market.add(1, change=change, tape=[(market.bid + (way > 0), size, way)])
        market.add(4, change=whole)
    market.add(200)


@both
def test_wash_trading(market, side):
    way, start = side, market.ts
    wash(market, way)
    (alert,) = alarms(market)
    evidence = alert.evidence
    assert start < alert.timestamp <= start + 3_500_000_000
    assert evidence["side"] == ("ask" if way > 0 else "bid") and evidence["tick"] == market.bid + (way > 0)
    assert evidence["trades"] >= 7 and 1.4 < evidence["smallest"] <= 1.5 <= evidence["largest"] < 1.6
    assert evidence["first"] > start - 12_000_000_000 and evidence["last"] == alert.timestamp


@both
def test_sizes_may_differ_a_little(market, side):
    wash(market, side, 20, lambda k: 1.5 * (0.98 + 0.002 * k))
    (alert,) = alarms(market)
    assert 1.4 < alert.evidence["smallest"] < alert.evidence["largest"] < 1.6


@both
def test_a_taker_of_one_size_empties_the_book(market, side):
    wash(market, side, taken=True)
    assert alarms(market) == []


@both
def test_trades_of_many_sizes_are_a_market(market, side):
    wash(market, side, 40, lambda k: float(market.draw.uniform(0.2, 5.0)))
    assert alarms(market) == []


@both
def test_a_size_that_is_always_traded_is_no_sign(make_market, side):
    market = make_market(1.0)
    usual(market, 1500, steady(market), sizes=(1.5, 1.5))
    wash(market, side)
    assert alarms(market) == []


@both
def test_a_few_equal_trades_are_chance(market, side):
    wash(market, side, 5)
    assert alarms(market) == []


def test_many_fills_of_one_order_count_once(market):
    market.add(1, tape=[(market.bid, 1.5, -1)] * 30)
    market.add(100)
    assert alarms(market) == []


def test_an_invalid_row_ends_the_series(market):
    for _ in range(4):
        wash(market, 1, 3)
        market.add(1, valid=False)
        for rows in (market.rows, market.told):
            del rows[-201:-1]
    assert alarms(market) == []
