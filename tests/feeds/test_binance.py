"""The parser: exact ticks, both clocks of the venue, honest counts, one clear cause for bad input."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.errors import InputError
from genesis_lib.feeds.binance import BinanceParser, decode, message_of, venue_of
from genesis_lib.types import BookTicker, DepthSnapshot, DepthUpdate, Instrument, MarkPrice, Trade

BTC = Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001)
SPOT = Instrument("binance-spot", "BTCUSDT", 0.01, 0.00001)
DIFF = {"e": "depthUpdate", "E": 7, "T": 5, "s": "BTCUSDT", "U": 1, "u": 3, "pu": 0}
DIFF |= {"b": [["28145.10", "3.868"], ["5000.00", "0.000"]], "a": [["28145.20", "6"]]}
TRADE = {"e": "trade", "E": 7, "T": 5, "s": "BTCUSDT", "t": 9, "p": "28145.10", "q": "0.002", "X": "MARKET", "m": True}


def test_a_diff_becomes_ticks_and_nanoseconds() -> None:
    event = BinanceParser(BTC).parse({"stream": "x", "data": DIFF}, 11)
    assert isinstance(event, DepthUpdate)
    assert (event.symbol, event.ts_exchange, event.ts_receive) == ("BTCUSDT", 5_000_000, 11)
    assert (event.first_id, event.last_id, event.prev_id) == (1, 3, 0)
    assert event.sides.tolist() == [0, 0, 1] and event.sides.dtype == np.int8
    assert event.ticks.tolist() == [281451, 50000, 281452] and event.ticks.dtype == np.int64
    assert event.quantities.tolist() == [3.868, 0.0, 6.0]
    with pytest.raises(ValueError, match="read-only"):
        event.ticks[0] = 1


def test_spot_has_no_pu_and_may_count_microseconds() -> None:
    spot = {key: value for key, value in DIFF.items() if key not in ("pu", "T")} | {"E": 1_700_000_000_000_001}
    event = BinanceParser(SPOT).parse(spot, 11)
    assert event.prev_id == -1 and event.ts_exchange == 1_700_000_000_000_001_000


def test_a_spot_ticker_without_name_or_time_takes_the_receive_time() -> None:
    event = BinanceParser(SPOT).parse({"u": 4, "s": "BTCUSDT", "b": "1.00", "B": "2", "a": "1.01", "A": "3"}, 11)
    assert event == BookTicker("BTCUSDT", 11, 11, 4, 100, 2.0, 101, 3.0)


def test_trades_say_who_came_and_what_was_no_match() -> None:
    parser = BinanceParser(BTC)
    assert parser.parse(TRADE, 11) == Trade("BTCUSDT", 5_000_000, 11, 9, 281451, 0.002, -1, True)
    assert parser.parse(TRADE | {"m": False}, 11).side == 1
    assert not parser.parse(TRADE | {"X": "INSURANCE_FUND"}, 11).market
    assert not parser.parse(TRADE | {"p": "0", "q": "0", "X": "NA"}, 11).market
    fund = parser.parse(TRADE | {"p": "28145.18", "X": "INSURANCE_FUND"}, 11)
    assert (fund.tick, fund.market) == (281452, False), "off the grid, where no order could have stood"
    assert parser.counts["trade"] == 5


def test_trades_told_twice_are_taken_once() -> None:
    parser = BinanceParser(BTC)
    aggregate = {key: value for key, value in TRADE.items() if key not in ("t", "X")} | {"e": "aggTrade", "a": 77}
    assert parser.parse(aggregate, 11).trade_id == 77
    assert parser.parse(TRADE, 12) is None
    assert parser.counts == {"aggTrade": 1, "trade beside aggTrade": 1}


def test_mark_price_and_snapshot() -> None:
    mark = {"e": "markPriceUpdate", "E": 7, "s": "BTCUSDT", "p": "28147.27", "P": "1", "i": "28159.75", "r": "0.0001"}
    event = BinanceParser(BTC).parse(mark | {"T": 9}, 11)
    assert event == MarkPrice("BTCUSDT", 7_000_000, 11, 28147.27, 28159.75, 0.0001, 9_000_000)
    assert np.isnan(BinanceParser(BTC).parse(mark | {"r": "", "T": 0}, 11).funding_rate)
    rest = {"lastUpdateId": 5, "bids": [["1.0", "2"]], "asks": [["1.1", "3"]]}
    event = BinanceParser(BTC).parse(rest, 11)
    assert isinstance(event, DepthSnapshot) and event.last_id == 5 and event.ts_exchange == 11


def test_unknown_kinds_are_counted() -> None:
    parser = BinanceParser(BTC)
    for message in ({"e": "kline", "s": "BTCUSDT"}, {"result": None, "id": 1}, {"stream": "x", "data": []}):
        assert parser.parse(message, 1) is None
    partial = {"stream": "btcusdt@depth20", "data": {"lastUpdateId": 1, "bids": [], "asks": []}}
    assert parser.parse(partial, 1) is None
    assert parser.counts == {"kline": 1, "control": 2, "partial depth": 1}


def test_streams_of_the_best_levels_are_no_diffs() -> None:
    parser = BinanceParser(BTC)
    assert parser.parse({"stream": "btcusdt@depth5@100ms", "data": DIFF}, 1) is None
    assert parser.counts == {"partial depth": 1}
    for whole in ("btcusdt@depth@100ms", "btcusdt@depth@0ms", "btcusdt@depth"):
        assert isinstance(parser.parse({"stream": whole, "data": DIFF}, 1), DepthUpdate)


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ({key: value for key, value in DIFF.items() if key != "u"}, "without its field 'u'"),
        (DIFF | {"b": [["NaN", "1"]]}, "finite and not negative"),
        (DIFF | {"b": [["-1.0", "1"]]}, "finite and not negative"),
        (DIFF | {"b": [["1.0", "-1"]]}, "finite and not negative"),
        (DIFF | {"b": [["1.0", "Infinity"]]}, "finite and not negative"),
        (DIFF | {"b": [["1.05", "1"]]}, "--tick-size"),
        (DIFF | {"b": [["0.0", "1"]]}, "positive multiple"),
        (DIFF | {"b": [["1.0"]]}, "cannot be read"),
        (DIFF | {"b": None}, "cannot be read"),
        (DIFF | {"u": "many"}, "cannot be read"),
        (DIFF | {"b": [["1e300", "1"]]}, "2\\*\\*50 ticks"),
        (DIFF | {"u": 2**63}, "0 to 2\\*\\*63 - 1"),
        (DIFF | {"T": -5}, "ms or us since 1970, got -5"),
        (DIFF | {"T": 1_680_652_700_430_000_000}, "ms or us since 1970"),
        (DIFF | {"s": "ETHUSDT"}, "unknown symbol 'ETHUSDT'"),
        (TRADE | {"p": "NaN"}, "p must be finite"),
        (TRADE | {"q": "-1"}, "q must be finite"),
        (TRADE | {"p": "28145.15"}, "--tick-size"),
        (TRADE | {"p": "1e300", "X": "NA"}, "2\\*\\*50 ticks"),
        (TRADE | {"m": None}, "m must be true or false, got None"),
        ({"lastUpdateId": 1, "bids": [["1.1", "2"]], "asks": [["1.1", "3"]]}, "crossed snapshot"),
        ([1], "JSON object"),
    ],
)
def test_bad_messages_have_one_clear_cause(message, cause: str) -> None:
    with pytest.raises(InputError, match=cause):
        BinanceParser(BTC).parse(message, 1)


def test_other_symbols_are_passed_over_when_asked_for() -> None:
    parser = BinanceParser(BTC, skip_other_symbols=True)
    assert parser.parse(DIFF | {"s": "ETHUSDT"}, 1) is None
    assert parser.counts == {"other symbol ETHUSDT": 1}


def test_venue_is_betrayed_by_the_diff() -> None:
    assert venue_of(DIFF) == "binance-usdm"
    assert venue_of({"data": DIFF | {"ps": "BTCUSD"}}) == "binance-coinm"
    assert venue_of({key: value for key, value in DIFF.items() if key != "pu"}) == "binance-spot"
    assert venue_of(TRADE) is None
    assert message_of({"data": TRADE})[0] == "trade"
    with pytest.raises(InputError, match="not JSON"):
        decode(b'{"e": NaN}')


@given(
    st.sampled_from(["0.1", "0.01", "0.001", "0.5", "1", "5", "0.00001", "25"]),
    st.lists(st.integers(1, 10_000_000), min_size=1, max_size=30),
)
def test_ticks_are_exact_on_every_grid(tick: str, ticks: list[int]) -> None:
    instrument = Instrument("binance-usdm", "BTCUSDT", float(tick), 0.001)
    levels = [[str(Decimal(tick) * number), "1.5"] for number in ticks]
    event = BinanceParser(instrument).parse(DIFF | {"b": levels, "a": []}, 1)
    assert event.ticks.tolist() == ticks
    off = Decimal(tick) * ticks[0] + Decimal(tick) / 1000
    with pytest.raises(InputError, match="multiple of the tick size"):
        BinanceParser(instrument).parse(DIFF | {"b": [[str(off), "1"]]}, 1)
