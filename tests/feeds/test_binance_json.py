"""Decoded messages: their kind, the venue that a diff betrays, times, ids and numbers."""

from __future__ import annotations

import pytest

from genesis_lib.errors import InputError
from genesis_lib.feeds.binance_json import decode, id_of, message_of, nanoseconds, number_of, venue_of

DIFF = {"e": "depthUpdate", "E": 7, "T": 5, "s": "BTCUSDT", "U": 1, "u": 3, "pu": 0, "b": [], "a": []}


def test_venue_is_betrayed_by_the_diff() -> None:
    assert venue_of(DIFF) == "binance-usdm"
    assert venue_of({"data": DIFF | {"ps": "BTCUSD"}}) == "binance-coinm"
    assert venue_of({key: value for key, value in DIFF.items() if key != "pu"}) == "binance-spot"
    assert venue_of({"e": "trade"}) is None


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"data": {"e": "trade"}}, "trade"),
        ({"lastUpdateId": 1}, "snapshot"),
        ({"stream": "x@depth5", "data": {"lastUpdateId": 1}}, "partial depth"),
        ({"stream": "x@depth10@100ms", "data": DIFF}, "partial depth"),
        ({"stream": "x@depth@100ms", "data": DIFF}, "depthUpdate"),
        ({"u": 1, "b": "1", "a": "2"}, "bookTicker"),
        ({"result": None, "id": 1}, "control"),
        ({"data": [DIFF]}, "control"),
    ],
)
def test_kind_and_body(message: dict, kind: str) -> None:
    assert message_of(message)[0] == kind


def test_only_objects_are_messages() -> None:
    with pytest.raises(InputError, match="a message must be a JSON object, got list"):
        message_of([1])


@pytest.mark.parametrize(
    ("text", "offset"),
    [(b'{"e": NaN}', 6), (b'{"\xe2\x82\xac": x}', 8), (b"", 0), (b"{}}", 2), ('{"\u20ac": x}', 8)],
)
def test_bytes_that_are_no_json_are_told_with_their_place(text, offset: int) -> None:
    with pytest.raises(InputError, match=rf"^not JSON: .*at byte {offset}$"):
        decode(text)
    assert decode(b'{"e": 1}') == {"e": 1}


def test_times_ids_and_numbers() -> None:
    assert nanoseconds(5) == 5_000_000 and nanoseconds(10**14) == 10**17
    assert nanoseconds(2**63 // 10**6) < 2**63 and nanoseconds(2**63 // 1000) < 2**63  # the last that fit
    beyond = (-1, 2**63 // 10**6 + 1, 10**14 - 1, 2**63 // 1000 + 1, 10**17)
    for call, bad in (*((nanoseconds, bad) for bad in beyond), (id_of, -1), (id_of, 2**63)):
        with pytest.raises(InputError, match=f"got {bad}"):
            call(bad)
    for call in (nanoseconds, id_of):
        assert call("7") == call(7.0) == call(7)
        for bad in (1.5, True):
            with pytest.raises(InputError, match=f"must be a whole number, got {bad}"):
                call(bad)
    assert id_of(7) == 7 and number_of("0.10", "q") == 0.1
    for bad in ("-1", "inf", "nan"):
        with pytest.raises(InputError, match=f"q must be finite and not negative, got '{bad}'"):
            number_of(bad, "q")
