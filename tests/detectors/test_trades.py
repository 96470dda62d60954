"""Trades that stand out are found; a move that stays is no ignition."""

import pytest

from genesis_lib.detectors import make_detectors
from genesis_lib.detectors.trades import RowWindow


def test_unusual_trade_size(market):
    market.add(1, buys=80.0, sells=0.0)
    when = market.ts
    market.add(100)
    (alert,) = market.alarms(make_detectors(["unusual_trade_size"])[0])
    assert alert.timestamp == when and alert.evidence["side"] == "buy" and alert.evidence["size"] == 80.0
    assert alert.evidence["usual_size"] == pytest.approx(1.0, abs=0.2)


def test_many_small_trades_are_no_large_one(market):
    market.add(1, buys=80.0, sells=0.0, trades=80.0)
    assert market.alarms(make_detectors(["unusual_trade_size"])[0]) == []


def test_rapid_trading(market):
    market.add(20, buys=10.0, sells=10.0, trades=20.0)
    market.add(100)
    (alert,) = market.alarms(make_detectors(["rapid_trading"])[0])
    assert alert.evidence["trades"] >= 150 and alert.evidence["usual_trades"] == pytest.approx(7, abs=2)


def burst(market, rows=20, side="buys"):
    other = "sells" if side == "buys" else "buys"
    for _ in range(rows):
        market.bid += 2 if side == "buys" else -2
        market.add(1, **{side: 20.0, other: 0.0})


@pytest.mark.parametrize(("side", "back"), [("buys", -2), ("sells", 2)])
def test_momentum_ignition(market, side, back):
    burst(market, side=side)
    for _ in range(15):
        market.bid += back
        market.add(1)
    market.add(100)
    (alert,) = market.alarms(make_detectors(["momentum_ignition"])[0])
    assert alert.evidence["side"] == side[:-1] and alert.evidence["push_ticks"] == pytest.approx(40, abs=4)


def test_a_move_that_stays_is_no_ignition(market):
    burst(market)
    market.add(200)
    market.bid -= 30
    market.add(100)
    assert market.alarms(make_detectors(["momentum_ignition"])[0]) == []


def test_a_move_without_volume_is_no_ignition(market):
    for step in (2, -2):
        for _ in range(20):
            market.bid += step
            market.add(1)
    assert market.alarms(make_detectors(["momentum_ignition"])[0]) == []


def test_window_sums_event_time_and_is_bounded():
    window = RowWindow(100, 1)
    assert [window.push(ts, 1.0)[0] for ts in (0, 50, 99, 100, 149, 400)] == [1, 2, 3, 3, 4, 1]
    for _ in range(30_000):
        window.push(400, 1.0)
    assert len(window.rows) == window.rows.maxlen == window.sums[0]
