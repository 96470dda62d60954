"""Rows of one time of arrival are one message, also where one of them was set aside."""

from __future__ import annotations

from pathlib import Path

import pytest

from genesis_lib.feeds.formats import delimited
from genesis_lib.feeds.formats.tardis_rows import Lost, RowReader
from genesis_lib.feeds.formats.tardis_tables import BOOK, COLUMNS, TRADES, require
from genesis_lib.feeds.validation import Quarantine
from genesis_lib.types import Instrument


def reader_of(path: Path, kind: str, *rows: str):
    path.write_text("\n".join([",".join(COLUMNS[kind]), *(f"okex,A,{row}" for row in rows)]) + "\n")
    return RowReader(Instrument("okex", "A", 0.5, 1.0), "A", Quarantine()), require(path)


@pytest.mark.parametrize("size", [30, 1 << 20])
def test_messages_with_what_was_set_aside(tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited.blocks, "__kwdefaults__", {"skip_lines": 0, "size": size})
    reader, file = reader_of(
        tmp_path / "x.csv",
        BOOK,
        "1,10,true,bid,10,1",
        "1,10,true,ask,11,1",
        "2,20,false,bid,10,-1",
        "2,20,false,bid,9.5,2",
        "3,30,false,bid,10,3",
        "3,x,false,bid,10,4",
        "4,40,false,ask,11,5",
    )
    first, second, third, last = reader.messages(file)
    assert (first.opens, first.anew, first.ticks.tolist()) == (True, False, [20, 22])
    assert second.ticks.tolist() == [19] and second.ts_receive == 20_000
    assert second.lost == [Lost(2000, 20_000, "x.csv:4: negative", (0, 20))]
    assert third.quantities.tolist() == [3.0] and third.lost[0].cause == "x.csv:7: unreadable"
    assert third.lost[0].level is None and last.lost == [] and last.sides.tolist() == [1]
    assert (reader.rows, reader.bad) == (7, 2)


def test_trades_off_the_grid_are_no_matches_in_the_book(tmp_path: Path) -> None:
    reader, file = reader_of(tmp_path / "x.csv", TRADES, "1,10,t,buy,10.25,1", "2,20,t,sell,10.5,2", "3,30,t,?,10,1")
    found = list(reader.trades(file))
    assert found[:2] == [(1000, 10_000, 20, 1.0, 1, False), (2000, 20_000, 21, 2.0, -1, True)]
    assert found[2] == Lost(3000, 30_000, "x.csv:4: unreadable")
