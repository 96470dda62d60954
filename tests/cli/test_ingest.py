"""`genesis ingest` from the shell: what is said of formats and bad rows, and what is refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from click.testing import CliRunner, Result

from genesis_lib.cli import main

TARDIS = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount"
ROWS = [
    "deribit,BTC-PERPETUAL,1700000000000000,1700000000000700,true,bid,100.5,10",
    "deribit,BTC-PERPETUAL,1700000000000000,1700000000000700,true,ask,101,20",
    "deribit,BTC-PERPETUAL,1700000000010000,1700000000010700,false,bid,100.5,-1",
    "deribit,BTC-PERPETUAL,1700000000020000,1700000000020700,false,bid,100.5,12",
    "deribit,BTC-PERPETUAL,1700000000030000,1700000000030700,false,ask,101,0",
    "deribit,BTC-PERPETUAL,1700000000030000,1700000000030700,false,ask,101.5,5",
    "deribit,BTC-PERPETUAL,1700000000040000,1700000000040700,false,bid,100,1",
]


def genesis(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def tardis(folder: Path) -> Path:
    path = folder / "deribit_incremental_book_L2_2023-11-14_BTC-PERPETUAL.csv.gz"
    path.write_bytes(gzip.compress("\n".join([TARDIS, *ROWS, ""]).encode()))
    return path


def test_format_and_bad_rows_are_said(tmp_path: Path) -> None:
    path, out = tardis(tmp_path), tmp_path / "out"
    result = genesis("ingest", path, "--out", out, "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 0 and found.keys() >= {"rows", "invalid_rows", "bytes", "sha256"}
    assert f"{path.name}: deribit:BTC-PERPETUAL, read as tardis" in result.stderr
    assert f"set aside in {out / 'quarantine.jsonl'}: 1 negative" in result.stderr
    assert found["quarantined"] == {"negative": 1} and found["format"] == ["tardis"]
    (entry,) = map(json.loads, Path(found["quarantine"]).read_text().splitlines())
    assert entry == {"file": str(path), "line": 4, "reason": "negative", "text": ROWS[2]}


def test_strict_refuses_the_first_bad_row_and_leaves_nothing(tmp_path: Path) -> None:
    result = genesis("ingest", tardis(tmp_path), "--out", tmp_path / "out", "--strict")
    assert result.exit_code == 1 and ".csv.gz:4: negative: deribit,BTC-PERPETUAL" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_format_may_be_asked_for(tmp_path: Path) -> None:
    path = tardis(tmp_path)
    assert genesis("ingest", path, "--out", tmp_path / "out", "--format", "tardis").exit_code == 0
    wrong = genesis("ingest", path, "--out", tmp_path / "two", "--format", "cvs")
    assert wrong.exit_code == 1 and "format must be one of rows, " in wrong.stderr
    (tmp_path / "notes.txt").write_text("nothing of a market\n")
    unknown = genesis("ingest", tmp_path / "notes.txt", path, "--out", tmp_path / "two")
    assert unknown.exit_code == 1 and "notes.txt: unknown format; known are rows, " in unknown.stderr
    assert not (tmp_path / "two").exists()


def test_names_and_grid_may_be_given(tmp_path: Path) -> None:
    options = ("--symbol", "BTC", "--venue", "somewhere", "--tick-size", "0.25")
    found = json.loads(genesis("ingest", tardis(tmp_path), "--out", tmp_path / "out", *options, "--json").stdout)
    assert found["instruments"] == ["somewhere:BTC"]
