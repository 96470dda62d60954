"""One message: every kind in any order of its keys, the same events as from decoded JSON, honest refusals."""

from __future__ import annotations

import json
import random

import pytest

import orderbook_ext
from orderbook_ext import ScanError, _scan_py
from orderbook_ext._json_py import EXPECTED
from orderbook_ext._message_py import KEYS, KINDS, MessageReader

SCANNERS = [_scan_py.Scanner] + ([orderbook_ext.Scanner] if orderbook_ext.COMPILED else [])
IDS = ["twin", "compiled"][: len(SCANNERS)]
DIFF = {"e": "depthUpdate", "E": 7, "T": 5, "s": "BTCUSDT", "ps": "BTC", "U": 1, "u": 3, "pu": 0}
DIFF |= {"b": [["28145.10", "3.868"], ["5000.00", "0.000"]], "a": [["28145.20", "6"]]}
TRADE = {"e": "trade", "E": 7, "T": 5, "s": "BTCUSDT", "t": 9, "p": "28145.10", "q": "0.002", "X": "MARKET", "m": True}
TICKER = {"u": 4, "s": "BTCUSDT", "b": "28145.10", "B": "2", "a": "28145.20", "A": "3.5"}
MARK = {"e": "markPriceUpdate", "E": 7, "s": "BTCUSDT", "p": "28147.27373413", "i": "28159.75", "r": "-0.0001", "T": 9}
REST = {"lastUpdateId": 5, "E": 7, "T": 5, "bids": [["1.0", "2"]], "asks": [["1.1", "3"]]}


def plain(event):
    """An event with lists in place of arrays."""
    return event and tuple(value.tolist() if hasattr(value, "tolist") else value for value in event)


def scan(scanner, message, symbol: str = "BTCUSDT", tick_size: float = 0.1):
    data = message if isinstance(message, bytes) else json.dumps(message).encode()
    return plain(scanner(symbol, tick_size).scan(data, 11))


@pytest.mark.parametrize("scanner", SCANNERS, ids=IDS)
@pytest.mark.parametrize(
    ("message", "event"),
    [
        (DIFF, ("BTCUSDT", 5_000_000, 11, 1, 3, 0, [0, 0, 1], [281451, 50000, 281452], [3.868, 0.0, 6.0])),
        (TRADE, ("BTCUSDT", 5_000_000, 11, 9, 281451, 0.002, -1, True)),
        (
            TRADE | {"X": "INSURANCE_FUND", "p": "28145.18", "m": False},
            ("BTCUSDT", 5000000, 11, 9, 281452, 0.002, 1, False),
        ),
        (TRADE | {"e": "aggTrade", "a": 77}, ("BTCUSDT", 5_000_000, 11, 77, 281451, 0.002, -1, True)),
        (TICKER, ("BTCUSDT", 11, 11, 4, 281451, 2.0, 281452, 3.5)),
        (MARK, ("BTCUSDT", 7_000_000, 11, 28147.27373413, 28159.75, -0.0001, 9_000_000)),
        (REST, ("BTCUSDT", 5_000_000, 11, 5, [0, 1], [10, 11], [2.0, 3.0])),
    ],
)
def test_every_kind_in_any_order_with_or_without_envelope(scanner, message: dict, event: tuple) -> None:
    draw = random.Random(3)
    for _ in range(20):
        keys = draw.sample([*message, "extra"], len(message) + 1)
        body = {key: message.get(key, {"x": [1, {"b": "2"}], "e": None}) for key in keys}
        envelope = {"stream": "btcusdt@x", "data": body, "s": "OTHER"}
        envelope = {key: envelope[key] for key in draw.sample(sorted(envelope), 3)}
        for text in (json.dumps(body), json.dumps(envelope, indent=2), json.dumps(envelope, separators=(",", ":"))):
            assert scan(scanner, f" {text}\r\n".encode()) == event


@pytest.mark.parametrize("scanner", SCANNERS, ids=IDS)
@pytest.mark.parametrize(
    ("message", "kind", "other"),
    [
        ({"e": "kline", "s": "BTCUSDT", "k": {"b": [["1"]]}}, "kline", None),
        ({"result": None, "id": 1}, "control", None),
        ({"stream": "x", "data": [1]}, "control", None),
        ({"stream": "btcusdt@depth5@100ms", "data": DIFF}, "partial depth", None),
        ({"stream": "btcusdt@depth20", "data": REST}, "partial depth", None),
        (DIFF | {"s": "ETHUSDT", "b": [["0.001234", "1"]]}, "depthUpdate", "ETHUSDT"),
        (REST | {"symbol": "ETHUSDT"}, "snapshot", "ETHUSDT"),
        (TRADE | {"s": "\u5e01\u5b89"}, "trade", "\u5e01\u5b89"),
    ],
)
def test_what_gives_no_event_is_named(scanner, message: dict, kind: str, other) -> None:
    reader = scanner("BTCUSDT", 0.1)
    assert reader.scan(json.dumps(message, ensure_ascii=False).encode()) is None
    assert (reader.kind, reader.other_symbol) == (kind, other)
    assert reader.scan(json.dumps(TRADE).encode()) is not None
    assert (reader.kind, reader.other_symbol) == ("trade", None)


@pytest.mark.parametrize("scanner", SCANNERS, ids=IDS)
@pytest.mark.parametrize(
    ("message", "expected", "found"),
    [
        ([1], "a JSON object", b"[1]"),
        ({key: value for key, value in DIFF.items() if key != "u"}, "the field 'u'", b""),
        ({key: value for key, value in TRADE.items() if key != "m"}, "the field 'm'", b""),
        (DIFF | {"b": [["1.05", "1"]]}, "a positive multiple of the tick size", b'"1.05"'),
        (DIFF | {"b": [["0.0", "1"]]}, "a positive multiple", b'"0.0"'),
        (DIFF | {"b": [["112589990684262.5", "1"]]}, "a positive multiple", b'"112589990684262.5"'),
        (DIFF | {"b": [["1.0", "-1"]]}, "a decimal", b"-1"),
        (DIFF | {"b": [["1e2", "1"]]}, "a decimal", b"1e2"),
        (DIFF | {"b": [["1.", "1"]]}, "a decimal", b'1."'),
        (DIFF | {"b": [[".5", "1"]]}, "a decimal", b'.5"'),
        (DIFF | {"b": [["1.0", "12345678901234567890"]]}, "a decimal", b"12345678901234567890"),
        (DIFF | {"b": [["1.0", "0.1234567890123456789"]]}, None, None),
        (DIFF | {"b": [["1.0", "0.12345678901234567890123"]]}, "a decimal", b"0.123456789012345678901"),
        (DIFF | {"b": [["1.0"]]}, "levels such as", b"]]"),
        (DIFF | {"b": [["1.0", "1", "2"]]}, "levels such as", b', "2"]'),
        (DIFF | {"b": [[1.0, 2]]}, "levels such as", b"1.0, 2]"),
        (DIFF | {"b": None}, "levels such as", b"null"),
        (DIFF | {"u": 2**63}, "a whole number of 0 to 2**63 - 1", b"9223372036854775808"),
        (DIFF | {"u": "3"}, "a whole number", b'3"'),
        (DIFF | {"u": 3.0}, "a whole number", b"3.0"),
        (DIFF | {"T": -5}, "a time in ms or us", b"-5"),
        (DIFF | {"T": 9_300_000_000_000}, "a time in ms or us", b"9300000000000"),
        (DIFF | {"e": None}, "text without escapes", b"null"),
        (DIFF | {"s": "BTC\u00e9\n"}, "text without escapes", b"BTC"),
        (DIFF | {"e": "genesisGap"}, "a kind of message that Binance sends", b"genesisGap"),
        (TRADE | {"m": None}, "true or false", b"null"),
        (TRADE | {"p": "28145.15"}, "a positive multiple", b'28145.15"'),
        (TRADE | {"X": 5}, "text without escapes", b"5"),
        (TICKER | {"A": ""}, "a decimal", b'"'),
        (MARK | {"p": ""}, "a decimal", b'"'),
        (MARK | {"r": "--1"}, "a decimal", b"--1"),
        (REST | {"bids": [["1.1", "2"]]}, "a best bid below the best ask", b'[["1.1"'),
        ({"stream": "x\u0666", "data": DIFF}, "text without escapes", b"x\\u0666"),
        (b'{"stream":"x\xd9\xa6","data":{"e":"depthUpdate"}}', "text without escapes", b"\xd9\xa6"),
        (b'{"e":"trade","e":"trade"}', "a key that has not come before", b'"e":"trade"}'),
        (b'{"data":{},"data":{}}', "a key that has not come before", b'"data":{}}'),
        (b'{"\\u0065":1}', "text without escapes", b'"\\u0065":1}'),
        (b'{"e":"kline"} x', "the end of the message", b"x"),
        (b"", "a JSON object", b""),
    ],
)
def test_refusals_say_what_was_expected_where(scanner, message, expected, found) -> None:
    data = message if isinstance(message, bytes) else json.dumps(message).encode()
    if expected is None:
        assert scan(scanner, data) is not None
        return
    with pytest.raises(ScanError) as caught:
        scan(scanner, data)
    error = caught.value
    assert error.expected.startswith(expected) and error.found.startswith(found), error
    assert data[error.offset : error.offset + 24] == error.found
    assert str(error).startswith(f"byte {error.offset}: expected {expected}")


@pytest.mark.parametrize("scanner", SCANNERS, ids=IDS)
def test_numbers_are_what_float_makes_of_them(scanner) -> None:
    draw = random.Random(5)
    for _ in range(3000):
        whole, places = draw.randint(1, 12), draw.randint(0, 12)
        text = "".join(draw.choices("0123456789", k=whole)) + ("." if places else "")
        text += "".join(draw.choices("0123456789", k=places)) + "0" * draw.choice([0, 0, 1, 9]) * bool(places)
        if len(text.replace(".", "").strip("0")) <= 19:  # so many digits are rounded here
            event = scan(scanner, DIFF | {"b": [["1.0", text]], "a": []})
            assert event[-1] == [float(text)], text
        tick = f"{draw.randint(1, 2**49)}"
        event = scan(scanner, DIFF | {"b": [[f"{tick[:-2] or 0}.{tick[-2:]:0>2}", "1"]]}, tick_size=0.01)
        assert event[-2][0] == int(tick)


def test_the_tables_name_what_the_enums_count() -> None:
    assert len(KEYS) == 24 and len(set(KEYS)) == 24 and len(KINDS) == 9 and len(set(EXPECTED)) == 25
    reader = MessageReader(json.dumps(DIFF).encode(), "BTCUSDT", 0.1, 10.0).read()
    assert reader.kind == "depthUpdate" and reader.fields["b"].value == [(281451, 3.868), (50000, 0.0)]
