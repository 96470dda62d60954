"""Trades that stand out are found, by size and by pace."""

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
    market.add(20)
    assert market.alarms(make_detectors(["unusual_trade_size"])[0]) == []


def test_rapid_trading(market):
    market.add(20, buys=10.0, sells=10.0, trades=20.0)
    market.add(100)
    (alert,) = market.alarms(make_detectors(["rapid_trading"])[0])
    assert alert.evidence["orders"] >= 20 and alert.evidence["usual_orders"] == pytest.approx(7, abs=2)


def test_window_sums_event_time_and_is_bounded():
    window = RowWindow(100, 1)
    assert [window.push(ts, 1.0)[0] for ts in (0, 50, 99, 100, 149, 400)] == [1, 2, 3, 3, 4, 1]
    for _ in range(30_000):
        window.push(400, 1.0)
    assert len(window.rows) == window.rows.maxlen == window.sums[0]
