"""The parser: exact ticks, both clocks of the venue, honest counts, one clear cause for bad input."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.errors import InputError
from genesis_lib.feeds.binance import BinanceParser, decode
from genesis_lib.feeds.raw_lines import raw_lines
from genesis_lib.feeds.recording import read_recording
from genesis_lib.types import BookTicker, DepthSnapshot, DepthUpdate, Instrument, MarkPrice, Trade
from orderbook_ext import COMPILED

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
    with pytest.raises(InputError, match=cause) as caught:
        BinanceParser(BTC).parse_bytes(json.dumps(message).encode(), 1)
    assert "\n" not in str(caught.value)


def test_other_symbols_are_passed_over_when_asked_for() -> None:
    parser = BinanceParser(BTC, skip_other_symbols=True)
    assert parser.parse(DIFF | {"s": "ETHUSDT"}, 1) is None
    assert parser.counts == {"other symbol ETHUSDT": 1}


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


MARK = {"e": "markPriceUpdate", "E": 7, "s": "BTCUSDT", "p": "28147.27", "i": "28159.75", "r": "0.0001", "T": 9}
REST = {"lastUpdateId": 5, "bids": [["1.0", "2"]], "asks": [["1.1", "3"]]}
TICKER = {"u": 4, "s": "BTCUSDT", "b": "1.0", "B": "2", "a": "1.1", "A": "3"}
VALUES = st.sampled_from(
    [
        *(0, 1, -1, 2**63, 10**13, 10**17, 1.5, 1e3, None, True, False, "", "0", "1", "-1", "1e1", "28145.15", "0.30"),
        *("nan", "MARKET", "BTCUSDT", "ETHUSDT", "kline", "trade", "depthUpdate", "snapshot", "genesisGap", "\u0661"),
        *([], {}, [[]], [["1.0", "2"]], [["1.0", 2]], [["1.05", "2"]], [["0.1", "1e-3"]], [[1, 2]], [["1", "0.0", ""]]),
    ]
)


def same(one, other) -> bool:
    """Whether two events are of one type and equal, value for value and type for type."""
    if type(one) is not type(other):
        return False
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other) and one.flags.writeable == other.flags.writeable
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other or (one != one and other != other)


def outcome(parser: BinanceParser, read, *arguments):
    """What reading gave, or the first words of its error; and what was counted."""
    try:
        event = read(*arguments)
    except InputError as error:
        return str(error).partition(" (the scanner")[0], parser.counts
    return event, parser.counts


@given(
    st.sampled_from([DIFF, TRADE, TRADE | {"e": "aggTrade", "a": 7}, TICKER, MARK, REST, {"e": "kline"}, {"id": 1}]),
    st.dictionaries(st.sampled_from([*"eETsUubaBAtpqXmirS", "pu", "bids", "asks", "symbol", "lastUpdateId"]), VALUES),
    st.sampled_from([None, "x", "btcusdt@depth", "btcusdt@depth20@100ms", 5]),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_bytes_give_what_the_decoded_message_gives(message, change, stream, skip, draw) -> None:
    whole = message | change
    whole = {key: whole[key] for key in draw.sample(list(whole), len(whole))}
    if stream is not None:
        whole = {"stream": stream, "data": whole} if draw.random() < 0.5 else {"data": whole, "stream": stream}
    text = json.dumps(whole, ensure_ascii=draw.random() < 0.5, indent=draw.choice([None, None, 1])).encode()
    slow, fast = BinanceParser(BTC, skip_other_symbols=skip), BinanceParser(BTC, skip_other_symbols=skip)
    for _ in range(2):
        expected = outcome(slow, slow.parse, decode(text), 11)
        assert same(outcome(fast, fast.parse_bytes, text, 11), expected)
    line = b"1700000000000000011 " + text.replace(b"\n", b" ") + b"\n"
    expected = outcome(slow, slow.parse, decode(text), 1_700_000_000_000_000_011)
    got, counts = outcome(fast, fast.parse_line, b"\n" + line + line, 1)
    if isinstance(expected[0], str):
        assert (got, counts) == expected
    else:
        assert same((got[0], counts), expected) and got[1:] == (1_700_000_000_000_000_011, 1 + len(line))


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (b'{"e":"trade","p":"1.0"', r"not JSON: .* at byte 2\d"),
        (b'{"e":"\xff"}', "not JSON"),
        (b'{"e":"trade"}{', r"not JSON: .* at byte 13"),
        ('{"e":"\u20ac",x}'.encode(), r"not JSON: unexpected character.* at byte 11"),
    ],
)
def test_what_is_no_json_is_told_with_its_byte(text: bytes, cause: str) -> None:
    with pytest.raises(InputError, match=cause) as caught:
        BinanceParser(BTC).parse_bytes(text, 1)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not COMPILED, reason="without the compiled scanner there is one way only")
def test_a_refusal_is_told_with_the_byte_where_reading_stopped() -> None:
    text = json.dumps(DIFF).replace("5000.00", "5000.05").encode()
    place = text.index(b"5000.05") - 1
    with pytest.raises(InputError, match=rf"--tick-size\) \(the scanner stopped at byte {place}\)$"):
        BinanceParser(BTC).parse_bytes(text, 1)


def test_blank_lines_give_nothing() -> None:
    assert BinanceParser(BTC).parse_line(b"x\n \t\n", 2) == (None, -1, 5)
    with pytest.raises(InputError, match="a line must begin with a receive time"):
        BinanceParser(BTC).parse_line(b"12 {}\n", 0)


@pytest.mark.parametrize("name", ["usdm_2023", "usdm_2024", "eth_2024", "coinm_btc", "coinm_eth", "spot_2023"])
def test_real_messages_give_the_same_either_way(name: str, request) -> None:
    paths: list[Path] = request.getfixturevalue(name)
    spot = Instrument("binance-spot", "BTCUSDT", 0.01, 0.00001)
    instrument = spot if name == "spot_2023" else read_recording(paths).instrument
    slow, fast = BinanceParser(instrument), BinanceParser(instrument)
    if COMPILED:
        fast._decoded = None  # every one of them is as Binance writes: nothing goes the long way
    for number, line in enumerate(raw_lines(paths)):
        if number % 4 == 0 or number < 2000:
            expected = slow.parse(decode(line.payload), line.ts_receive)
            assert same(fast.parse_bytes(line.payload, line.ts_receive), expected), f"{line.file}:{line.number}"
    assert fast.counts == slow.counts and number > 10_000
