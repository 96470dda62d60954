from __future__ import annotations

from genesis_lib.feeds.wire.binance_wire import BinanceWriter
from genesis_lib.feeds.wire.local.trade_statistics import TradeStatistics
from genesis_lib.types import Instrument, Trade

MINUTE = 60_000
START = 1_700_000_040_000  # a whole minute


def statistics() -> TradeStatistics:
    return TradeStatistics(BinanceWriter(Instrument("binance-usdm", "ABCUSDT", 0.1, 0.001)))


def trade(number: int, ms: int, tick: int, quantity: float, side: int = 1, market: bool = True) -> Trade:
    ts = (START + ms) * 1_000_000
    return Trade("ABCUSDT", ts, ts, number, tick, quantity, side, market)


def test_trades_of_one_order_at_one_price_are_one_aggregate():
    made = statistics()
    given = [trade(1, 0, 1000, 1.0), trade(2, 0, 1000, 2.0), trade(3, 0, 1001, 4.0), trade(4, 1, 1001, 8.0, -1)]
    ended = [one for one in map(made.take, given) if one is not None]
    assert [(one.number, one.first.trade_id, one.last_id, one.quantity) for one in ended] == [
        (1, 1, 2, 3.0),
        (2, 3, 3, 4.0),
    ]
    assert made.close((START + 1) * 1_000_000) is None  # trades of the same time may still come
    assert made.close((START + 2) * 1_000_000).quantity == 8.0
    assert made.close(1 << 62) is None
    assert [one.number for one in made.aggregates] == [1, 2, 3]


def test_bars_hold_what_happened_in_them():
    made = statistics()
    for given in (
        trade(1, 0, 1000, 1.0),
        trade(2, 59_999, 1010, 2.0, -1),
        trade(3, MINUTE, 990, 4.0),
        trade(4, 5 * MINUTE, 1005, 8.0),
        trade(5, 5 * MINUTE, 9999, 8.0, 1, False),  # of no market: in no bar
    ):
        made.take(given)
    minutes = [made.row(bar, "1m") for bar in made.bars("1m")]
    assert [row[0] for row in minutes] == [START, START + MINUTE, START + 5 * MINUTE]
    assert minutes[0][1:6] == ["100.0", "101.0", "100.0", "101.0", "3.000"]
    assert minutes[0][6:] == [START + MINUTE - 1, "302.00000000", 2, "1.000", "100.00000000", "0"]
    five = made.bars("5m")
    assert sum(bar.count for bar in five) == 4
    assert sum(bar.volume for bar in five) == made.day().volume == 15.0
    assert (made.day().high, made.day().low, made.day().open, made.day().close) == (1010, 990, 1000, 1005)
    told = made.kline(made.bars("1m")[0], "1m")
    assert (told["o"], told["h"], told["l"], told["c"], told["v"], told["n"]) == (*minutes[0][1:6], 2)
    assert (told["t"], told["T"], told["f"], told["L"], told["i"]) == (START, START + MINUTE - 1, 1, 2, "1m")


def test_without_trades_there_is_nothing():
    assert statistics().day() is None
    assert statistics().bars("1h") == []
