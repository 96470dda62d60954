"""Trades of one symbol as events, numbered over all files."""

from __future__ import annotations

from pathlib import Path

from genesis_lib.feeds.formats.mending import Lost
from genesis_lib.feeds.formats.tardis_events import read_trades
from genesis_lib.feeds.formats.tardis_tables import COLUMNS, TRADES, require
from genesis_lib.feeds.validation import Quarantine
from genesis_lib.types import Instrument, Trade


def test_trades_of_several_files(tmp_path: Path) -> None:
    files = []
    for name, rows in (
        ("a", ["A,1,10,x,buy,10,1", "B,1,10,x,buy,99,1"]),
        ("b", ["A,2,20,y,sell,10.5,-2", "A,3,30,z,sell,10.5,2"]),
    ):
        path = tmp_path / f"{name}.csv"
        path.write_text("\n".join([",".join(COLUMNS[TRADES]), *(f"okex,{row}" for row in rows)]) + "\n")
        files.append(require(path))
    found = list(read_trades(files, Instrument("okex", "NEW", 0.5, 1.0), "A", Quarantine()))
    assert found == [
        Trade("NEW", 1000, 10_000, 1, 20, 1.0, 1),
        Lost(2000, 20_000, "b.csv:2: negative"),
        Trade("NEW", 3000, 30_000, 2, 21, 2.0, -1),
    ]
