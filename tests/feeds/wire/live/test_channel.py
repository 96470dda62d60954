from __future__ import annotations

import orjson
import pytest

from genesis_lib.feeds import RowBuilder, read_recording
from genesis_lib.feeds.binance import GAP
from genesis_lib.feeds.integrity import Ledger
from genesis_lib.feeds.wire.live import channel
from genesis_lib.feeds.wire.live.channel import UNTAKEN, Channel
from genesis_lib.types import BookTicker, DepthSnapshot, DepthUpdate, Gap, Instrument, Trade

START = 1_700_000_000_000


class Symbol:
    """A channel, what it gave, what passed its tap, and messages that continue each other."""

    def __init__(self, venue: str = "binance-usdm", tap=None) -> None:
        self.events, self.lines, self.ledger = [], [], Ledger()
        self.channel = Channel(
            Instrument(venue, "BTCUSDT", 0.1, 0.001), self.events.extend, self.ledger, tap or self.record
        )
        self.ts, self.last, self.trade_id = START * 1_000_000, 100, 50
        for kind in list(self.channel.down):
            self.channel.up(kind)

    def record(self, symbol: str, ts: int, message: bytes) -> None:
        assert symbol == "BTCUSDT"
        self.lines.append(message)

    def send(self, kind: str, data: dict) -> None:
        self.ts += 1_000_000
        message = orjson.dumps({"stream": f"btcusdt@{kind}", "data": {"s": "BTCUSDT", "T": self.ts // 10**6} | data})
        self.channel.take(kind, message, self.ts)

    def diff(self, **change) -> None:
        ids = {"U": self.last + 1, "u": self.last + 10, "pu": self.last} | change
        self.last = ids["u"]
        self.send("depth", {"e": "depthUpdate", "E": START, "b": [["99.9", "2"]], "a": []} | ids)

    def trade(self, **change) -> None:
        self.trade_id += 1
        body = {"e": "trade", "t": self.trade_id, "p": "100.0", "q": "1", "X": "MARKET", "m": True} | change
        self.trade_id = body["t"]
        self.send("trade", body)

    def snapshot(self, last: int | None = None, **change) -> bool:
        body = {"lastUpdateId": self.last if last is None else last, "T": self.ts // 10**6}
        body |= {"bids": [["100.0", "1"]], "asks": [["100.1", "3"]]} | change
        return self.channel.snapshot(orjson.dumps(body), self.ts)

    def kinds(self) -> list[type]:
        return [type(event) for event in self.events]


def joined(**options) -> Symbol:
    symbol = Symbol(**options)
    symbol.diff()
    assert symbol.channel.wants
    assert symbol.snapshot()
    assert not symbol.channel.wants
    symbol.events.clear()
    return symbol


def test_diffs_wait_for_the_snapshot_that_joins_them():
    symbol = Symbol()
    symbol.diff()
    first = symbol.last
    symbol.diff()
    assert symbol.events == []
    assert symbol.snapshot(first)
    assert symbol.kinds() == [DepthSnapshot, DepthUpdate, DepthUpdate]
    assert symbol.ledger.counts == {}
    assert symbol.channel.messages == len(symbol.lines) == 3


def test_a_lost_diff_is_a_gap_and_how_long_it_took_is_told():
    symbol = joined()
    symbol.diff()
    symbol.last += 5
    symbol.diff()
    assert symbol.kinds() == [DepthUpdate, Gap]
    assert symbol.channel.wants
    assert symbol.snapshot()
    (recovery,) = symbol.channel.recoveries
    assert (recovery.symbol, recovery.cause) == ("BTCUSDT", symbol.events[1].cause)
    assert 0.0 <= recovery.milliseconds < 10_000
    assert (symbol.ledger.counts["gap"], symbol.ledger.counts["resync"]) == (1, 1)
    assert {incident.symbol for incident in symbol.ledger.incidents} == {"BTCUSDT"}
    assert " ms after: pu is " in symbol.ledger.incidents[-1].cause


def test_a_market_that_says_nothing_is_asked_all_the_same(monkeypatch):
    symbol = Symbol()
    assert not symbol.channel.wants
    monkeypatch.setattr(channel, "QUIET", 0.0)
    assert symbol.channel.wants
    assert symbol.snapshot()
    assert symbol.kinds() == [DepthSnapshot]


def test_a_snapshot_older_than_what_waits_is_asked_for_again():
    symbol = Symbol()
    symbol.diff()
    symbol.diff()
    assert not symbol.snapshot(1)
    assert symbol.channel.wants
    assert symbol.ledger.counts["stale snapshot"] == 1
    assert symbol.snapshot()


def test_a_trade_that_comes_twice_counts_once():
    symbol = joined()
    symbol.trade()
    symbol.trade(t=symbol.trade_id)
    symbol.trade()
    assert symbol.kinds() == [Trade, Trade]
    assert symbol.ledger.counts == {"repeat": 1}
    assert symbol.channel.messages == len(symbol.lines) == 4, "what is not worked on is not recorded"


def test_a_trade_that_does_not_come_is_a_gap_of_the_flow():
    symbol = joined()
    symbol.trade()
    symbol.trade(t=symbol.trade_id + 3)
    assert symbol.kinds() == [Trade, Gap, Trade]
    assert symbol.ledger.counts["missed trades"] == 1
    symbol.diff()
    assert symbol.channel.wants


def test_after_a_connection_trades_may_begin_anywhere():
    symbol = joined()
    symbol.trade()
    symbol.channel.lose(symbol.ts, {"depth", "trade"}, "connection lost")
    assert symbol.kinds() == [Trade, Gap]
    symbol.diff()
    assert not symbol.channel.wants, "while trades do not come no row may claim to know the flow"
    for kind in ("depth", "trade"):
        symbol.channel.up(kind)
    symbol.trade(t=symbol.trade_id + 1000)
    assert symbol.channel.wants
    assert symbol.snapshot()
    assert symbol.ledger.counts["missed trades"] == 0


def test_mark_prices_and_tickers_may_be_missed():
    symbol = joined()
    symbol.channel.lose(symbol.ts, {"markPrice"}, "connection lost")
    symbol.channel.lose(symbol.ts, {"markPrice", "bookTicker"}, "connection lost")
    assert symbol.events == []
    assert symbol.channel.sync.joined
    assert symbol.ledger.counts == {"disconnect": 2}


def test_a_message_that_cannot_be_read_is_in_the_ledger_and_not_in_the_recording():
    symbol = joined()
    before = len(symbol.lines)
    symbol.channel.take("depth", b'{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpd', symbol.ts)
    symbol.send("bookTicker", {"e": "bookTicker", "u": 1, "b": "-5", "B": "1", "a": "100", "A": "1"})
    assert symbol.ledger.counts == {"bad message": 2, "gap": 1}, "a diff is missing; a bookTicker is no loss"
    assert len(symbol.lines) == before + 1, "the gap alone"
    symbol.send("bookTicker", {"e": "bookTicker", "u": 1, "b": "99.9", "B": "1", "a": "100", "A": "1"})
    assert symbol.kinds() == [Gap, BookTicker]


def test_a_trade_that_comes_after_a_later_one_is_a_gap_too():
    symbol = joined()
    for number in (1, 2, 4, 3, 5):
        symbol.trade(t=number)
    assert symbol.ledger.counts["missed trades"] == symbol.ledger.counts["late trade"] == 1


@pytest.mark.parametrize("content", [b"", b"<html>", b'{"lastUpdateId":5}', b'{"code":-1,"msg":"x"}', b"[]"])
def test_an_answer_that_is_no_snapshot_joins_nothing(content):
    symbol = Symbol()
    symbol.diff()
    assert not symbol.channel.snapshot(content, symbol.ts)
    assert symbol.channel.wants
    assert symbol.ledger.counts == {"bad message": 1}


def test_a_repeated_diff_changes_nothing_and_is_told():
    symbol = joined()
    symbol.diff()
    symbol.diff(U=symbol.last - 9, u=symbol.last, pu=symbol.last - 10, T=symbol.ts // 10**6)
    assert symbol.kinds() == [DepthUpdate]
    assert symbol.ledger.counts == {"repeat": 1}


def test_what_the_tap_does_not_take_is_not_seen_either_and_a_gap_stands_in_its_place():
    taking, lines = [True], []

    def tap(symbol: str, ts: int, message: bytes) -> bool:
        if taking[0]:
            lines.append(message)
        return taking[0]

    symbol = joined(tap=tap)
    taking[0] = False
    for _ in range(7):
        symbol.diff()
    symbol.trade()
    assert symbol.events == []
    taking[0] = True
    symbol.diff()
    assert symbol.kinds() == [Gap]
    assert symbol.events[0].cause == UNTAKEN
    assert orjson.loads(lines[-2])["e"] == GAP
    assert symbol.ledger.counts["overrun"] == 1
    assert symbol.snapshot()
    assert symbol.channel.messages == len(lines)


def test_spot_needs_each_id_after_the_other():
    symbol = joined(venue="binance-spot")
    symbol.diff(U=symbol.last + 2, u=symbol.last + 9)
    assert symbol.kinds() == [Gap]


@pytest.mark.parametrize("side", [{"asks": []}, {"bids": []}, {"bids": [["100.0", "0"]]}])
def test_a_snapshot_without_a_side_joins_nothing(side):
    symbol = Symbol()
    symbol.diff()
    before = len(symbol.lines)
    assert not symbol.snapshot(**side)
    assert symbol.events == [] and len(symbol.lines) == before and symbol.channel.wants
    assert symbol.ledger.incidents[-1].cause == "snapshot: the answer to a depth request lacks a side"
    assert symbol.snapshot() and symbol.kinds()[0] is DepthSnapshot


@pytest.mark.parametrize(("seconds", "jumps", "invalid"), [(-600, 2, 3), (-1.5, 1, 2), (1.5, 1, 2), (600, 2, 3)])
def test_what_was_recorded_while_the_exchanges_clock_jumped_replays(tmp_path, seconds, jumps: int, invalid: int):
    lines = []
    symbol = Symbol(tap=lambda name, ts, message: lines.append(b"%d %s\n" % (ts, message)))
    symbol.diff()
    symbol.snapshot()
    for at in range(6):
        symbol.diff(T=(symbol.ts + int(seconds * 1e9) * (at in (2, 3))) // 10**6)
    assert symbol.ledger.counts["clock jump"] > 0
    path = tmp_path / "a.dat"
    path.write_bytes(b"".join(lines))
    replayed = list(read_recording(path).events())
    assert [event[:6] for event in replayed[1:]] == [event[:6] for event in symbol.events[1:]]
    assert replayed[0][:4] == symbol.events[0][:4] and len(replayed) == 8
    builder = RowBuilder(symbol.channel.instrument)
    valid = [builder.push(event).valid for event in replayed]
    assert valid[:3] == [True, False, False]  # the diff that waited, and the first row after it
    assert valid[3:].count(False) == invalid
    assert builder.counts["clock_jumps"] == builder.ledger.counts["clock jump"] == jumps


def test_a_message_that_names_another_symbol_is_a_bad_one_and_not_recorded(tmp_path):
    lines = []
    symbol = Symbol(tap=lambda name, ts, message: lines.append(b"%d %s\n" % (ts, message)))
    symbol.diff()
    symbol.snapshot()
    symbol.diff(s="BTCUSDU")  # a flipped bit
    symbol.diff()
    symbol.trade(s="BTCUSDU")
    symbol.snapshot(symbol.last, symbol="BTCUSDU")
    assert symbol.ledger.counts == {"bad message": 3, "gap": 1} and not symbol.channel.sync.joined
    assert symbol.snapshot()
    path = tmp_path / "a.dat"
    path.write_bytes(b"".join(lines))
    assert [type(event) for event in read_recording(path).events()] == symbol.kinds()


def test_a_snapshot_far_ahead_of_the_diffs_freezes_the_book_for_seconds_and_not_for_ever():
    symbol = Symbol()
    symbol.diff()
    assert symbol.snapshot(10**15)
    for _ in range(3):
        symbol.diff()
        symbol.ts += 4 * 10**9
    assert symbol.kinds() == [DepthSnapshot] and not symbol.ledger.counts
    symbol.diff()
    assert symbol.ledger.counts == {"stale book": 1, "gap": 1} and not symbol.channel.sync.joined
    symbol.diff()
    assert symbol.channel.wants and symbol.snapshot()
    symbol.diff()
    assert symbol.kinds() == [DepthSnapshot, Gap, DepthSnapshot, DepthUpdate, DepthUpdate]
    for _ in range(3):  # repeats of a book that moves are no sign of that
        symbol.ts += 20 * 10**9
        symbol.diff(u=symbol.last, U=symbol.last, pu=1)
        symbol.diff()
    assert symbol.ledger.counts["stale book"] == 1
