"""Tardis' CSV files: the book of each message, the venue's clocks, and honesty about what was set aside."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds import ingest, open_sessions, read_snapshots
from genesis_lib.feeds.formats import delimited, recognise
from genesis_lib.feeds.snapshots import build_rows
from genesis_lib.feeds.sources import open_source
from genesis_lib.feeds.validation import Quarantine
from genesis_lib.types import DepthSnapshot, Gap, Instrument, Trade

START = 1_700_000_000_000_000
BOOK = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount"
TRADES = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount"


def book(path: Path, *rows: str, symbol: str = "XBTUSD", head: str = BOOK) -> Path:
    """Rows "ms flag side price amount" (or whole lines) of one symbol, 5 ms on the wire."""
    lines = [head]
    for row in rows:
        parts = row.split(" ")
        if len(parts) == 5:
            sent = START + 1000 * int(parts[0])
            row = ",".join(["bitmex", symbol, str(sent), str(sent + 5000), *parts[1:]])
        lines.append(row)
    text = "\n".join(lines).encode() + b"\n"
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


OPENING = ("0 true bid 100.0 5", "0 true bid 99.5 7", "0 true ask 100.5 3", "0 true ask 101.0 9")


def test_messages_books_clocks_and_grid(tmp_path: Path) -> None:
    path = book(
        tmp_path / "bitmex_incremental_book_L2_2023-11-14_XBTUSD.csv.gz",
        "0 false bid 90.0 1",  # buffered before the snapshot: no part of any book
        *OPENING,
        "10 false bid 100.0 0",
        "10 false ask 100.5 4",
        "20 false bid 98.5 2",
    )
    assert recognise(path) == "tardis"
    (session,) = open_sessions(path)
    assert session.instrument == Instrument("bitmex", "XBTUSD", 0.5, 1.0) and session.kind == "tardis"
    rows = read_snapshots(path, 3)
    assert rows.ts_exchange.tolist() == [(START + 1000 * ms) * 1000 for ms in (0, 10, 20)]
    assert (rows.ts_receive - rows.ts_exchange == 5_000_000).all() and rows.valid.all()
    assert rows.levels[0].tolist()[:2] == [[100.0, 5.0, 100.5, 3.0], [99.5, 7.0, 101.0, 9.0]]
    assert rows.levels[1].tolist()[0] == [99.5, 7.0, 100.5, 4.0]
    assert rows.levels[2].tolist()[1] == [98.5, 2.0, 101.0, 9.0]
    assert session.counts == {} and list(session.events())
    assert session.counts == {"before the snapshot": 1, "snapshot": 1, "depth": 2}


def test_a_new_connection_is_a_gap_and_a_new_day_is_none(tmp_path: Path) -> None:
    first = book(tmp_path / "1.csv", *OPENING, "10 false bid 99.0 1", "2000 true bid 98.0 1", "2000 true ask 98.5 1")
    first.write_text(first.read_text() + book(tmp_path / "x", "2010 false bid 98.0 2", head="").read_text()[1:])
    second = book(tmp_path / "2.csv", "2100 true bid 97.0 1", "2100 true ask 97.5 1", "2110 false bid 97.0 2")
    (session,) = open_sessions([second, first])
    rows = list(build_rows(session, 2))
    assert session.paths == (first, second)
    # Invalid: the gap, the snapshot, and the row whose flow began before the snapshot.
    assert [row.valid for row in rows] == [True, True, False, False, False, True, True]
    assert rows[3].levels[0].tolist() == [98.0, 1.0, 98.5, 1.0]
    assert [event.cause for event in session.events() if type(event) is Gap] == [
        "the recorder connected anew: a snapshot in mid-file"
    ]


def test_trades_go_with_the_book_of_their_time(tmp_path: Path) -> None:
    path = book(tmp_path / "book.csv", *OPENING, "10 false ask 100.5 1", "30 false ask 100.5 2")
    trades = book(
        tmp_path / "trades.csv", "8 a7 buy 100.5 2", "10 b sell 100.0 1", "25 c unknown 100.25 1", head=TRADES
    )
    (session,) = open_sessions([trades, path])
    kinds = [type(event).__name__ for event in session.events()]
    assert kinds == ["DepthSnapshot", "Trade", "Trade", "DepthUpdate", "Trade", "DepthUpdate"]
    found = [event for event in session.events() if type(event) is Trade]
    assert [(trade.tick, trade.side, trade.market) for trade in found] == [
        (201, 1, True),
        (200, -1, True),
        (200, 0, False),
    ]
    rows = read_snapshots([path, trades], 2)
    assert rows.flow[:, 0].tolist() == [0, 2, 0] and rows.flow[1, 1:3].tolist() == [2.0, 1.0]
    with pytest.raises(RecordingError, match=r"trades\.csv: trades alone make no book: give the incremental_book_L2"):
        open_sessions(trades)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("15 false bid 99.5 nan", "non-finite"),
        ("15 false bid 99.5 -1", "negative"),
        ("15 false bid 99.5 much", "unreadable"),
        ("15 false ask -3 1", "negative"),
        ("15 false buy 99.5 1", "unreadable"),
        ("bitmex,XBTUSD,1,2,false,bid,99.5", "unreadable"),
        ("3 false bid 99.5 1", "time going back"),
    ],
)
def test_a_level_is_in_doubt_until_it_is_told_again(tmp_path: Path, line: str, reason: str) -> None:
    path = book(
        tmp_path / "a.csv",
        *OPENING,
        "10 false ask 101.0 8",
        line,
        "20 false ask 101.0 7",
        "30 false bid 99.5 6",
        "40 false ask 101.0 5",
        "45 false ask 101.0 4",
        "50 true bid 99.5 6",
        "50 true ask 100.5 6",
        "60 false bid 99.5 5",
        "70 false bid 99.5 4",
    )
    stored = ingest(path, tmp_path / "out", depth=2)
    held = json.loads((tmp_path / "out" / "quarantine.jsonl").read_text())
    assert (held["line"], held["reason"]) == (7, reason) and held["text"] == path.read_text().splitlines()[6]
    assert stored["quarantined"] == {reason: 1} and stored["incidents"]["quarantined"] == 1
    rows = read_snapshots(tmp_path / "out")
    valid = dict(zip(((rows.ts_receive // 1000 - START - 5000) // 1000).tolist(), rows.valid.tolist()))
    level_is_known = reason not in ("unreadable",) and "ask -3" not in line
    assert valid[20] is False and valid[45] is level_is_known and valid[70] is True
    with pytest.raises(RecordingError, match=rf"a\.csv:7: {reason}: "):
        ingest(path, tmp_path / "strict", strict=True)


def test_a_snapshot_that_lacks_a_row_is_not_whole(tmp_path: Path) -> None:
    path = book(tmp_path / "a.csv", "0 true bid 100.0 -5", *OPENING[1:], "10 false ask 101.0 8", "20 false bid 100.0 1")
    rows = read_snapshots(path, 2)
    assert not rows.valid.any() and rows.levels[-1, 0].tolist() == [100.0, 1.0, 100.5, 3.0]


def test_a_lost_trade_spoils_the_flow_and_not_the_book(tmp_path: Path) -> None:
    path = book(tmp_path / "book.csv", *OPENING, *(f"{ms} false ask 100.5 {ms}" for ms in (10, 20, 30, 40, 50)))
    trades = book(tmp_path / "trades.csv", "15 x buy 100.5 nan", "18 y buy 100.5 1", "35 z buy 100.5 1", head=TRADES)
    rows = read_snapshots([path, trades], 2)
    valid = dict(zip(rows.levels[:, 0, 3].tolist(), rows.valid.tolist()))
    assert valid == {3.0: True, 10.0: False, 20.0: False, 30.0: False, 40.0: True, 50.0: True}


def test_a_symbol_without_a_book_beside_one_that_has_it(tmp_path: Path) -> None:
    path, told = book(tmp_path / "a.csv", *OPENING), "hold ETHUSD, XBTUSD: --symbol picks one"
    sound = path.read_text()
    lonely = book(tmp_path / "b.csv", "10 false bid 99.0 4", "12 false ask 99.5 4", symbol="ETHUSD").read_text()
    path.write_text(sound + "\n".join(lonely.splitlines()[1:]) + "\n")
    with pytest.raises(RecordingError, match=told):
        ingest(path, tmp_path / "out")
    assert ingest(path, tmp_path / "out", symbol="XBTUSD")["rows"] == 1
    one_price = book(tmp_path / "b.csv", "10 false bid 0 4", symbol="ETHUSD").read_text()
    path.write_text(sound + "\n".join(one_price.splitlines()[1:]) + "\n")
    with pytest.raises(RecordingError, match=told):
        open_sessions(path)
    path.write_text(sound)
    trades = book(tmp_path / "b.csv", "10 c buy 99.0 4", symbol="ETHUSD", head=TRADES)
    with pytest.raises(RecordingError, match=f"trades alone make no book: .*{told}"):
        open_sessions([path, trades])


def test_symbols_of_one_file_are_sessions_apart(tmp_path: Path) -> None:
    path = book(tmp_path / "a.csv", *OPENING)
    other = book(tmp_path / "b.csv", *OPENING, "10 false bid 99.0 4", symbol="ETHUSD").read_text().splitlines()[1:]
    path.write_text(path.read_text() + "\n".join(other) + "\n")
    assert [session.name for session in open_sessions(path)] == ["a.csv", "a.csv"]
    assert [session.instrument.symbol for session in open_sessions(path)] == ["ETHUSD", "XBTUSD"]
    assert len(read_snapshots(path, symbol="ETHUSD")) == 2
    with pytest.raises(InputError, match="'BTC' is none of the 2 in these files: ETHUSD, XBTUSD"):
        open_sessions(path, symbol="BTC")
    with pytest.raises(InputError, match=r"got 2: bitmex:ETHUSD, bitmex:XBTUSD; symbol \(--symbol\) picks one"):
        open_source(path)
    (session,) = open_sessions(tmp_path / "b.csv", symbol="RENAMED", venue="here", tick_size=0.25)
    assert session.instrument == Instrument("here", "RENAMED", 0.25, 1.0) and len(list(session.events())) == 2


def snapshots(path: Path, rows: list[str], levels: int = 2) -> Path:
    names = [
        f"{side}[{i}].{field}" for i in range(levels) for side in ("asks", "bids") for field in ("price", "amount")
    ]
    lines = [",".join(["exchange,symbol,timestamp,local_timestamp", *names])]
    for row in rows:
        ms, *fields = row.split(" ")
        lines.append(",".join(["deribit,BTC", str(START + 1000 * int(ms)), str(START + 1000 * int(ms) + 700), *fields]))
    path.write_text("\n".join(lines) + "\n")
    return path


SOUND = "100.5 1 100.0 2 101.0 3 99.5 4"


def test_snapshots_are_rows(tmp_path: Path) -> None:
    path = snapshots(tmp_path / "s.csv", [f"{n} {SOUND}" for n in range(3)] + ["3 100.5 1 100.0 2 101.0 3  "])
    assert recognise(path) == "tardis"
    rows = read_snapshots(path)
    assert rows.instrument == Instrument("deribit", "BTC", 0.5, 1.0) and rows.valid.all() and rows.depth == 2
    assert rows.levels[0].tolist() == [[100.0, 2.0, 100.5, 1.0], [99.5, 4.0, 101.0, 3.0]]
    assert np.isnan(rows.levels[3, 1, :2]).all() and rows.ts_receive[0] - rows.ts_exchange[0] == 700_000
    trades = book(tmp_path / "t.csv", "2 x buy 100.5 1", head=TRADES, symbol="BTC")
    trades.write_text(trades.read_text().replace("bitmex", "deribit"))
    (session,) = open_sessions([path, trades])
    assert [type(event) for event in session.events()] == [DepthSnapshot] * 3 + [DepthSnapshot, Trade]
    assert read_snapshots([path, trades]).valid.all()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("5 100.0 1 100.5 2 101.0 3 99.5 4", "crossed"),
        ("5 150.0 1 100.0 2 151.0 3 99.5 4", "too wide"),
        ("5 100.5 1 99.5 2 101.0 3 100.0 4", "unsorted"),
        ("5 100.5 1 100.0 2 100.5 3 99.5 4", "duplicate level"),
        ("5 100.5 1   101.0 3  ", "one-sided"),
        ("5 100.5 -1 100.0 2 101.0 3 99.5 4", "negative"),
        ("5 100.5 inf 100.0 2 101.0 3 99.5 4", "non-finite"),
        (f"4 {SOUND}", "duplicate"),
        (f"1 {SOUND}", "time going back"),
        ("5 100.5 1 x 2 101.0 3 99.5 4", "unreadable"),
    ],
)
def test_every_kind_of_bad_row(tmp_path: Path, row: str, reason: str) -> None:
    path = snapshots(tmp_path / "s.csv", [f"{n} {SOUND}" for n in range(5)] + [row] + [f"{n} {SOUND}" for n in (6, 7)])
    quarantine = Quarantine()
    (session,) = open_sessions(path, quarantine=quarantine)
    rows = session.snapshots()
    assert quarantine.counts == {reason: 1} and rows.valid.tolist() == [True] * 5 + [False, True]
    with pytest.raises(RecordingError, match=rf"s\.csv:7: {reason}: "):
        open_sessions(path, strict=True)[0].snapshots()


def test_quotes_are_rows_of_one_level(tmp_path: Path) -> None:
    path = tmp_path / "q.csv"
    lines = ["exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount"]
    path.write_text(
        "\n".join([*lines, *(f"okex,BTC,{START + n},{START + n + 3},1,100.5,100.0,{n + 1}" for n in range(3))])
    )
    rows = read_snapshots(path)
    assert rows.levels[:, 0].tolist() == [[100.0, n + 1, 100.5, 1.0] for n in range(3)]


LEVEL = st.tuples(st.sampled_from(["bid", "ask"]), st.integers(0, 5), st.integers(0, 3))


@settings(max_examples=40, deadline=None)
@given(
    messages=st.lists(
        st.tuples(
            st.integers(0, 3),
            st.lists(
                st.tuples(st.sampled_from(["bid", "ask"]), st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=4
            ),
            st.sampled_from(["good", "good", "good", "negative", "ragged"]),
        ),
        max_size=15,
    ),
    size=st.integers(40, 400),
)
def test_a_row_is_valid_only_if_its_book_is_true(tmp_path_factory, messages, size: int) -> None:
    """Against a book that was spared: rows marked valid never differ from it, whatever the size of the blocks."""
    folder = tmp_path_factory.mktemp("tardis")
    clock, spoilt, true = 1, list(OPENING), list(OPENING)
    for step, levels, state in messages:
        clock += step
        for number, (side, level, amount) in enumerate(levels):
            price = 100.0 - level / 2 if side == "bid" else 100.5 + level / 2
            line = f"{clock} false {side} {price} {amount}"
            true.append(line)
            if number == 0 and state != "good":
                line = f"{clock} false {side} {price} -1" if state == "negative" else "broken,line"
            spoilt.append(line)
    kwargs = {"skip_lines": 0, "size": size}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delimited.blocks, "__kwdefaults__", kwargs)
        right = read_snapshots(book(folder / "true.csv", *true), 6)
        (session,) = open_sessions(book(folder / "spoilt.csv", *spoilt))
        session._quarantine.check_share = lambda *_: None
        found = list(build_rows(session, 6))
    books = dict(zip(right.ts_receive.tolist(), right.levels))
    for row in found:
        if row.valid:
            assert np.array_equal(row.levels, books[row.ts_receive], equal_nan=True)
    if all(state == "good" for *_, state in messages):
        assert [row.valid for row in found] == right.valid.tolist() and len(found) == len(right)
