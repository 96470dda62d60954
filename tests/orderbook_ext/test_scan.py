"""The scanner: lines, blocks and books; what the compiled one gives its twin gives too."""

from __future__ import annotations

import copy
import json
import threading
from typing import NamedTuple

import numpy as np
import pytest

import orderbook_ext
from orderbook_ext import ScanError, _book_py, _scan_py

PAIRS = [(_scan_py.Scanner, _book_py.OrderBook)]
if orderbook_ext.COMPILED:
    PAIRS.append((orderbook_ext.Scanner, orderbook_ext.OrderBook))
both = pytest.mark.parametrize(("scanner", "book"), PAIRS, ids=["twin", "compiled"][: len(PAIRS)])
STAMP = 1_700_000_000_000_000_000


def diff(first: int, last: int, prev: int | None, bids=(), asks=(), ms: int = 5) -> bytes:
    """A diff of futures; of spot where `prev` is None."""
    ids = {"U": first, "u": last} | ({} if prev is None else {"pu": prev})
    return json.dumps({"e": "depthUpdate", "T": ms, "s": "BTCUSDT", **ids, "b": bids, "a": asks}).encode()


def block(*messages: bytes) -> bytes:
    return b"".join(b"%d %s\n" % (STAMP + i, message) for i, message in enumerate(messages))


SNAPSHOT = b'{"lastUpdateId":10,"T":4,"bids":[["1.0","2"],["0.9","1"]],"asks":[["1.1","3"]]}'
TRADE = b'{"e":"trade","T":1,"s":"BTCUSDT","t":7,"p":"28145.10","q":"0.002","X":"MARKET","m":true}'


@both
def test_a_message_goes_straight_into_a_book(scanner, book) -> None:
    reader, held = scanner("BTCUSDT", 0.1), book(0.1, 0.001)
    assert reader.feed(SNAPSHOT, held) == (-1, 10, -1, 4_000_000, 3)
    assert held.levels("bid").tolist() == [[1.0, 2.0], [0.9, 1.0]]
    assert reader.feed(diff(11, 12, 10, [["1.0", "0"], ["0.5", "0"]], [["1.2", "7"]]), held) == (
        11,
        12,
        10,
        5_000_000,
        3,
    )
    assert held.top(2).tolist()[0] == [0.9, 1.0, 1.1, 3.0] and held.unknown_deletes == 1
    for other in (TRADE, diff(1, 2, 3).replace(b"BTCUSDT", b"ETHUSDT"), b'{"e":"kline"}'):
        assert reader.feed(bytearray(other), held) is None
    before = held.levels("ask").tolist()
    with pytest.raises(ScanError, match="a positive multiple"):
        reader.feed(diff(13, 14, 12, [["1.0", "5"]], [["1.15", "1"]]), held)
    assert held.levels("ask").tolist() == before and held.best_bid == 0.9, "all of a message or nothing"
    assert reader.feed(SNAPSHOT, held)[1] == 10 and len(held) == 3 and held.unknown_deletes == 1
    with pytest.raises(ValueError, match=r"the book's tick size is 0.01, the scanner's 0.1"):
        reader.feed(SNAPSHOT, book(0.01, 0.001))


@both
def test_a_block_is_followed_while_it_continues(scanner, book) -> None:
    reader, held = scanner("BTCUSDT", 0.1), book(0.1, 0.001, 2)
    reader.feed(SNAPSHOT, held)
    stale, joins = diff(3, 9, 2, [["0.1", "9"]]), diff(8, 12, 7, [["1.0", "4"]])
    lines = block(stale, TRADE, joins, diff(13, 13, 12, [], [["1.1", "0"], ["1.3", "1"]], 6), b'{"e":"kline"}')
    tops, times = np.zeros((5, 2, 4)), np.zeros((5, 2), np.int64)
    got = reader.follow(lines + b"17", held, 10, fresh=True, tops=tops, times=times)
    assert got == (len(lines), 5, 2, 1, 3, 13, 6_000_000, False, "end", None)
    assert np.array_equal(tops[0], [[1.0, 4.0, 1.1, 3.0], [0.9, 1.0, np.nan, np.nan]], equal_nan=True)
    assert times[:3].tolist() == [[5_000_000, STAMP + 2], [6_000_000, STAMP + 3], [0, 0]]
    assert np.array_equal(tops[1], held.top(2), equal_nan=True)
    again = reader.follow(lines, held, got.last_id, last_ts=got.last_ts)
    assert (again.applied, again.stale, again.stop) == (0, 3, "end")


@both
@pytest.mark.parametrize(
    ("messages", "last_id", "fresh", "applied", "stop"),
    [
        ([diff(11, 12, 10), diff(14, 15, 13)], 10, False, 1, "gap"),
        ([diff(11, 12, 10), diff(13, 15, 12)], 10, False, 2, "end"),
        ([diff(12, 13, 11)], 10, True, 0, "gap"),
        ([diff(5, 10, 4)], 10, True, 1, "end"),  # futures: the first diff may end where the snapshot does
        ([diff(5, 10, None)], 10, True, 0, "end"),  # spot: then it is stale
        ([diff(11, 12, None), diff(13, 15, None)], 10, True, 2, "end"),
        ([diff(11, 14, None), diff(13, 15, None)], 10, False, 2, "end"),
        ([diff(12, 14, None)], 10, True, 0, "gap"),
        ([diff(1, 2, 0, ms=9)], 10, False, 0, "gap"),  # lower ids at a later time: the venue counts anew
        ([diff(11, 12, 10), SNAPSHOT, diff(13, 13, 12)], 10, False, 1, "snapshot"),
        ([diff(11, 12, 10), diff(13, 13, 12), diff(14, 14, 13), diff(15, 15, 14)], 10, False, 3, "full"),
        ([diff(11, 12, 10), b"{"], 10, False, 1, "refused"),
    ],
)
def test_where_a_block_stops(scanner, book, messages, last_id: int, fresh: bool, applied: int, stop: str) -> None:
    lines = block(*messages)
    got = scanner("BTCUSDT", 0.1).follow(
        lines, book(0.1, 0.001), last_id, last_ts=5_000_000, fresh=fresh, times=np.zeros((3, 2), np.int64)
    )
    assert (got.applied, got.stop) == (applied, stop)
    assert got.position == sum(len(line) for line in lines.splitlines(True)[: got.lines])
    assert (got.refusal is not None) == (stop == "refused")
    if stop == "refused":
        assert got.refusal.offset == 1 and got.refusal.expected == "a key in quotes"


@both
def test_lines_come_one_by_one(scanner, book) -> None:
    reader = scanner("BTCUSDT", 0.1)
    lines = block(TRADE, b'{"e":"kline"}') + b"1700000000000000 " + TRADE + b"\n" + block(TRADE)[:-1]
    events, at = [], 0
    while True:
        event = reader.line(lines, at)
        if reader.end < 0:
            break
        events.append((reader.ts_receive, reader.kind, event and event[2]))
        at = reader.end
    assert events == [(STAMP, "trade", STAMP), (STAMP + 1, "kline", None), (STAMP, "trade", STAMP)]
    assert at == lines.rindex(b"\n") + 1
    for bad in (b"17 {}\n", b"17000000000000000 {}\n", b"1700000000000000\t{}\n", b"9999999999999999999 {}\n", b"\n"):
        with pytest.raises(ScanError, match=r"byte 0: expected a receive time of 16 \(us\) or 19 \(ns\) digits"):
            reader.line(bad)
        assert reader.end == len(bad)
    with pytest.raises(ScanError, match=r"byte 5: expected ':', found 'x}'") as caught:
        reader.line(b'1700000000000000 {"e" x}\n')
    assert caught.value.offset == 5, "counted from the start of the message"
    with pytest.raises(ValueError, match="at must be 0 to 6, got 7"):
        reader.line(b"{}\n{}\n", 7)
    with pytest.raises(TypeError):
        reader.line(bytearray(b"x"), 0)


class Pair(NamedTuple):
    one: int
    two: int


@both
def test_what_cannot_be_is_refused(scanner, book) -> None:
    for tick_size in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="tick_size must be a finite number"):
            scanner("BTCUSDT", tick_size)
    with pytest.raises(TypeError, match="five subclasses of tuple"):
        scanner("BTCUSDT", 0.1, (list,) * 5)
    with pytest.raises(TypeError, match="Pair must have 9 fields"):
        scanner("BTCUSDT", 0.1, (Pair,) * 5)
    reader, held = scanner("BTCUSDT", 0.1), book(0.1, 0.001)
    with pytest.raises(ValueError, match="at must be 0 to 0, got 1"):
        reader.follow(b"", held, 0, at=1)
    with pytest.raises(ValueError, match=r"tops must be float64 of shape \(n, 10, 4\), got float64 \(3, 4\)"):
        reader.follow(b"", held, 0, tops=np.zeros((3, 4)))
    with pytest.raises(ValueError, match="times must be C-contiguous and writeable"):
        reader.follow(b"", held, 0, times=np.zeros((4, 4), np.int64)[:, ::2])
    with pytest.raises(TypeError):
        reader.scan("text")


@both
def test_levels_are_read_only_columns(scanner, book) -> None:
    event = scanner("BTCUSDT", 0.1).scan(diff(1, 2, 0, [["1.0", "2"]]))
    assert [column.dtype for column in event[6:]] == [np.int8, np.int64, np.float64]
    for column in (*event[6:], *scanner("BTCUSDT", 0.1).scan(diff(1, 2, 0))[6:]):
        assert not column.flags.writeable
        assert column.base is None or not getattr(column.base, "flags", column.flags).writeable


@both
def test_a_long_line_among_short_ones(scanner, book) -> None:
    long = diff(11, 12, 10, [[f"{i / 10:.1f}", "1"] for i in range(1, 40_001)])
    held = book(0.1, 0.001)
    got = scanner("BTCUSDT", 0.1).follow(block(TRADE, long, diff(13, 13, 12, [["1.0", "0"]])), held, 10)
    assert (got.applied, got.levels, got.stop, len(held)) == (2, 40_001, "end", 39_999)


def test_a_refusal_can_be_copied_and_sent() -> None:
    error = copy.copy(ScanError(3, "a key", b"\xff"))
    assert (error.offset, error.expected, error.found) == (3, "a key", b"\xff")
    assert str(error) == "byte 3: expected a key, found '\ufffd'"


@pytest.mark.skipif(not orderbook_ext.COMPILED, reason="the twin never lets go of the interpreter")
@pytest.mark.parametrize(
    "call", [lambda one: one.scan(TRADE), lambda one: one.line(b"no time\n")], ids=["scan", "line"]
)
def test_other_threads_run_while_a_block_is_followed(call) -> None:
    lines = block(*(diff(i, i, i - 1, [["1.0", "1"]] * 40) for i in range(1, 4001)))
    reader, held = orderbook_ext.Scanner("BTCUSDT", 0.1), orderbook_ext.OrderBook(0.1, 0.001)
    refused, done = [], threading.Event()

    def meddle() -> None:
        while not done.is_set():
            try:
                call(reader)
            except RuntimeError as error:
                refused.append(str(error))
            except ScanError:  # between two blocks
                pass

    thread = threading.Thread(target=meddle, daemon=True)
    thread.start()
    try:
        for _ in range(500):
            assert reader.follow(lines, held, 0).applied == 4000
            if refused:
                break
    finally:
        done.set()
        thread.join()
    assert "at work in another thread" in refused[0]
