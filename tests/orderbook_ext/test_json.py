"""The walk over JSON: what it accepts a JSON library accepts, decimals are Python's, refusals name their byte."""

from __future__ import annotations

import json
import re

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

import orderbook_ext
from orderbook_ext import ScanError, _scan_py
from orderbook_ext._json_py import Reader, decimal_of

SCANNERS = [_scan_py.Scanner] + ([orderbook_ext.Scanner] if orderbook_ext.COMPILED else [])
IDS = ["twin", "compiled"][: len(SCANNERS)]
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False), st.text()
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12)


def skip(scanner, value: bytes):
    """Let a scanner pass over a value under a key that it does not know; None when it did."""
    try:
        assert scanner("BTCUSDT", 0.1).scan(b'{"e":"kline","unknown":' + value + b"}") is None
    except ScanError as error:
        return error
    return None


@pytest.mark.parametrize("scanner", SCANNERS, ids=IDS)
@given(value=VALUES, ascii_only=st.booleans(), indent=st.sampled_from([None, 0, 3]))
def test_any_json_is_passed_over(scanner, value, ascii_only: bool, indent) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    error = skip(scanner, text.encode("utf-8", "surrogatepass"))
    # Pairs of surrogates and exponents of three digits are JSON, but nothing that an exchange sends.
    if error is not None:
        assert re.search(r"\\ud[89ab]|e[+-]?\d{3}", text), error


@pytest.mark.parametrize("scanner", SCANNERS, ids=IDS)
@pytest.mark.parametrize(
    ("value", "offset", "expected"),
    [
        (b"", 0, "a JSON value"),
        (b"tru", 0, "true, false or null"),
        (b"nul}", 0, "true, false or null"),
        (b"01", 0, "a number"),
        (b"1.", 0, "a number"),
        (b"-", 0, "a number"),
        (b"1e", 0, "a number"),
        (b"1e100", 0, "a number"),
        (b"1" * 101, 0, "a number"),
        (b"+1", 0, "a JSON value"),
        (b"NaN", 0, "a JSON value"),
        (b'"\x1f"', 1, "text in UTF-8"),
        (b'"\xff"', 1, "text in UTF-8"),
        (b'"\xc0\x80"', 1, "text in UTF-8"),
        (b'"\xed\xa0\x80"', 1, "text in UTF-8"),
        (b'"\xf4\x90\x80\x80"', 1, "text in UTF-8"),
        (b'"a\xe2\x82"', 2, "text in UTF-8"),
        (b'"\\x"', 1, "an escape"),
        (b'"\\u12g4"', 1, "an escape"),
        (b'"\\ud800"', 1, "an escape"),
        (b"[1,]", 3, "a JSON value"),
        (b"[1 2]", 3, "',' or ']'"),
        (b"[1}", 2, "',' or ']'"),
        (b'{"a" 1}', 5, "':'"),
        (b'{"a":1,}', 7, "a key"),
        (b"{1:1}", 1, "a key"),
        (b'{"a":1]', 6, "',' or '}'"),
        (b"[" * 65 + b"]" * 65, 64, "at most 64 levels"),
    ],
)
def test_what_is_no_json_is_refused_at_its_byte(scanner, value: bytes, offset: int, expected: str) -> None:
    error = skip(scanner, value)
    before = len(b'{"e":"kline","unknown":')
    assert error is not None and error.offset == before + offset and error.expected.startswith(expected), error


@pytest.mark.parametrize("scanner", SCANNERS, ids=IDS)
@pytest.mark.parametrize(
    "value",
    [
        b"[" * 64 + b"]" * 64,
        b'{"a":' * 64 + b"1" + b"}" * 64,
        b' [ 1 , { } , [ ] , { "a" : -0.5e-99 } , "\\u00e9\\n\\"" ] ',
        '"\u00e9 \u20ac \U0001f600 \x7f"'.encode(),
        b"1" * 100,
        b"-0",
    ],
)
def test_what_is_json_is_passed_over(scanner, value: bytes) -> None:
    assert skip(scanner, value) is None
    orjson.loads(value)


@pytest.mark.parametrize("scanner", SCANNERS, ids=IDS)
@given(st.binary(max_size=40))
def test_no_bytes_are_taken_for_json_that_orjson_refuses(scanner, value: bytes) -> None:
    if skip(scanner, value) is None:
        orjson.loads(b'{"e":"kline","unknown":' + value + b"}")


@given(st.text("0123456789.", max_size=26))
def test_a_decimal_is_what_float_makes_of_it(text: str) -> None:
    value = decimal_of(text.encode())
    if value is not None:
        assert value == float(text)
    elif text.strip(".") == text and text.count(".") < 2 and text:
        assert len(text.replace(".", "").strip("0")) > 17 or len(text.partition(".")[2]) > 19


def test_a_reader_says_where_it_stands() -> None:
    reader = Reader(b'  [1, "a\\n"]x')
    reader.blank()
    reader.value()
    assert reader.peek() == b"x"
    with pytest.raises(ScanError, match=r"byte 12: expected the end of the message, found 'x'"):
        reader.refuse(12)
