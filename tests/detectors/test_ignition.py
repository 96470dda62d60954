"""Bursts that push the price and are given back are found; moves that stay, or that nobody traded, are not."""

import pytest

from genesis_lib.detectors import make_detectors

NS = 1_000_000_000
ways = pytest.mark.parametrize("way", [1, -1])
HIGH = 20_000  # a tick is half a basis point there


@pytest.fixture
def market(make_market):
    market = make_market(0.0)
    market.bid = HIGH
    for _ in range(1300):
        market.bid = HIGH + int(market.draw.integers(-1, 2))
        market.add(1)
    return market


def drive(market, way, ticks, rows=20, volume=20.0):
    """Move the price by so many ticks with one-sided trades, evenly."""
    start = market.bid
    for k in range(rows):
        market.bid = start + way * round(ticks * (k + 1) / rows)
        market.add(1, buys=volume if way > 0 else 0.0, sells=volume if way < 0 else 0.0, trades=5.0)


def alarms(market, kind="momentum_ignition"):
    return market.alarms(make_detectors([kind])[0])


@ways
def test_momentum_ignition(market, way):
    start = market.ts
    drive(market, way, 20)
    peak = market.ts
    market.add(10)
    drive(market, -way, 14)
    end = market.ts
    market.add(200)
    (alert,) = alarms(market)
    evidence = alert.evidence
    assert peak < alert.timestamp <= end
    assert evidence["trades"] == ("buy" if way > 0 else "sell") and evidence["push_ticks"] == pytest.approx(20, abs=4)
    assert abs(evidence["start"] - start) < 4 * NS and abs(evidence["peak"] - peak) < NS and evidence["volume"] >= 300
    assert alarms(market, "flash_crash") == []


@ways
def test_flash_crash(market, way):
    drive(market, way, 60, 80)
    peak = market.ts
    market.add(10)
    drive(market, -way, 36, 100)
    end = market.ts
    market.add(200)
    (alert,) = alarms(market, "flash_crash")
    assert peak < alert.timestamp <= end and alert.evidence["push_share"] == pytest.approx(0.003, abs=3e-4)
    assert alarms(market) == [], "a crash is told apart from an ignition"


@ways
@pytest.mark.parametrize("kind", ["momentum_ignition", "flash_crash"])
def test_a_move_that_stays_is_a_move(market, way, kind):
    drive(market, way, 20 if kind == "momentum_ignition" else 60)
    market.add(700)
    drive(market, -way, 20)
    market.add(100)
    assert [a for a in alarms(market, kind) if a.timestamp < market.ts - 10 * NS] == []


@ways
def test_a_move_without_trades_is_no_ignition(market, way):
    for sign in (way, -way):
        drive(market, sign, 20, volume=0.05)
    market.add(100)
    assert alarms(market) == []


@ways
def test_a_return_that_nobody_trades_is_no_unwinding(market, way):
    drive(market, way, 20)
    for _ in range(20):
        market.bid -= way
        market.add(1, buys=5.0, sells=5.0, trades=2.0)
    market.add(300, buys=1.0, sells=1.0, trades=2.0)
    assert alarms(market) == []


@ways
def test_trades_of_both_sides_are_no_burst(market, way):
    for sign in (way, -way):
        for _ in range(20):
            market.bid += sign
            market.add(1, buys=20.0, sells=20.0, trades=5.0)
    market.add(100)
    assert alarms(market) == []


@ways
def test_a_small_push_is_habit(market, way):
    for sign in (way, -way):
        drive(market, sign, 2)
    market.add(100)
    assert alarms(market) == []


def test_an_invalid_row_ends_the_push(market):
    drive(market, 1, 20)
    market.add(1, valid=False)
    drive(market, -1, 14)
    market.add(100)
    assert alarms(market) == []


@ways
def test_one_large_order_that_sweeps_the_book_is_no_burst(market, way):
    drive(market, way, 20, 1, 300.0)
    market.add(10)
    drive(market, -way, 14)
    market.add(100)
    assert alarms(market) == []


@ways
def test_a_larger_push_scores_higher(make_market, way):
    scores = []
    for ticks in (12, 16, 22):
        market = make_market(0.0)
        market.bid = HIGH
        market.add(1300)
        drive(market, way, ticks)
        drive(market, -way, ticks)
        market.add(100)
        scores += [alert.score for alert in alarms(market)]
    assert len(scores) == 3 and scores == sorted(set(scores))
