"""Headers of Tardis' files and what a first pass finds in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from genesis_lib.errors import RecordingError
from genesis_lib.feeds.formats.tardis_tables import BOOK, COLUMNS, SNAPSHOTS, describe, grid_of, own_rows, require


@pytest.mark.parametrize("kind", COLUMNS)
def test_headers_name_the_kind(kind: str) -> None:
    file = describe(Path("x"), (",".join(COLUMNS[kind]) + "\r\n1,2").encode())
    assert file.kind == kind and file.columns == COLUMNS[kind]


def test_snapshots_of_any_depth() -> None:
    names = [
        f"{side}[{level}].{field}" for level in range(25) for side in ("asks", "bids") for field in ("price", "amount")
    ]
    file = describe(Path("x"), ",".join(["exchange,symbol,timestamp,local_timestamp", *names]).encode())
    assert (file.kind, file.levels) == (SNAPSHOTS, 25)
    assert describe(Path("x"), b"exchange,symbol,timestamp,local_timestamp,price") is None
    for wrong in (
        names[:-1],
        [*names[:-1], names[0]],
        [*names, names[0]],
    ):  # a level lacks something, or has it twice
        assert describe(Path("x"), ",".join(["exchange,symbol,timestamp,local_timestamp", *wrong]).encode()) is None
    assert describe(Path("x"), b"exchange,symbol,timestamp,local_timestamp") is None
    with pytest.raises(RecordingError, match="none of the headers of incremental_book_L2, trades, quotes"):
        require(Path(__file__))


def test_what_a_first_pass_finds(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    rows = [
        "okex,A,1700000000000000,1700000000000007,true,bid,10.5,1",
        "okex,B,1700000000000000,1700000000000008,true,bid,0.25,300",
        "okex,A,1700000000000001,1700000000000009,false,ask,11.25,0.5",
        "okex,A,1700000000000001,1700000000000009,false,ask,-1,inf",  # a bad row tells of no grid
    ]
    path.write_text("\n".join([",".join(COLUMNS[BOOK]), *rows]) + "\n")
    file = require(path)
    found = file.survey()
    assert sorted(found) == ["A", "B"] and found["A"].exchange == "okex"
    assert (found["A"].first, found["A"].last) == (1700000000000007000, 1700000000000009000)
    assert grid_of([found["A"]], None, path) == (0.75, 0.5) and grid_of([found["B"]], 0.01, path) == (0.01, 300.0)
    (table,) = file.tables(names=("symbol", "price"))
    assert own_rows(table, "B").tolist() == [False, True, False, False] and not own_rows(table, "C").any()
    path.write_text(",".join(COLUMNS[BOOK]) + "\n,,x\n")
    with pytest.raises(RecordingError, match="no row in it"):
        require(path).survey()
