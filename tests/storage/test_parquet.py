"""Rows to Parquet and back: the same rows, the same bytes, all or nothing."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from genesis_lib.errors import InputError
from genesis_lib.feeds.integrity import Ledger, entries
from genesis_lib.storage import parquet
from genesis_lib.storage.parquet import is_rows, ledger_path, sessions, write_rows
from genesis_lib.storage.queries import select, summary
from genesis_lib.types import Snapshots

DAY = 86_400_000_000_000
PER_ROW = ("ts_exchange", "ts_receive", "levels", "flow", "valid")
HASH = "ab" * 32


def write(rows: Snapshots, out: Path, data_hash: str = HASH):
    return write_rows(rows, rows.instrument, out, provenance="recorded", data_hash=data_hash)


def read(out: Path) -> list[Snapshots]:
    return [list(session.blocks()) for session in sessions(out.rglob("part-*.parquet"))]


def test_what_is_written_comes_back_bit_for_bit(rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "GROUP", 16)
    original = rows(100, 19_001 * DAY - 40 * 10**9)
    written = write(original, tmp_path)
    assert [str(file.relative_to(tmp_path)) for file in written.files] == [
        f"venue=binance-usdm/symbol=BTCUSDT/date={date}/part-{HASH[:16]}.parquet"
        for date in ("2022-01-08", "2022-01-09")
    ]
    assert written.rows == 100 and written.invalid_rows == (~original.valid).sum()
    assert written.bytes == sum(file.stat().st_size for file in written.files)
    assert written.sha256 == hashlib.sha256(b"".join(file.read_bytes() for file in written.files)).hexdigest()
    (blocks,) = read(tmp_path)
    assert [len(block) for block in blocks] == [16, 16, 8, 16, 16, 16, 12]  # what is held at once stays small
    for name in ("ts_exchange", "ts_receive", "levels", "flow", "valid"):
        joined = np.concatenate([getattr(block, name) for block in blocks])
        assert np.array_equal(joined, getattr(original, name), equal_nan=name in ("levels", "flow"))
        assert joined.dtype == getattr(original, name).dtype
    assert blocks[0].instrument == original.instrument


def test_the_same_data_gives_the_same_bytes(rows, tmp_path: Path) -> None:
    first = write(rows(50), tmp_path / "a")
    again = write(rows(50), tmp_path / "a")
    other = write(rows(50), tmp_path / "b")
    assert first.sha256 == again.sha256 == other.sha256 and first.files == again.files
    assert len(list((tmp_path / "a").rglob("*.parquet"))) == 1
    assert write(rows(50, seed=1), tmp_path / "c").sha256 != first.sha256


def test_nothing_is_left_when_it_fails(rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "GROUP", 8)
    original = rows(40)

    def breaks():
        yield from original[:20]
        raise InputError("the recording ends in the middle of a line")

    with pytest.raises(InputError, match="middle of a line"):
        write_rows(breaks(), original.instrument, tmp_path / "out", provenance="recorded", data_hash=HASH)
    assert not (tmp_path / "out").exists()
    write(original, tmp_path / "kept")
    before = {file: file.read_bytes() for file in (tmp_path / "kept").rglob("*.parquet")}
    with pytest.raises(InputError):
        write_rows(breaks(), original.instrument, tmp_path / "kept", provenance="recorded", data_hash=HASH)
    assert {file: file.read_bytes() for file in (tmp_path / "kept").rglob("*") if file.is_file()} == before


def test_no_rows_and_rows_of_a_time_that_is_taken(rows, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no rows to store"):
        write_rows([], rows(1).instrument, tmp_path, provenance="recorded", data_hash=HASH)
    write(rows(50), tmp_path)
    with pytest.raises(InputError, match="other data of the same time"):
        write(rows(50, 19_000 * DAY + 49 * 10**9), tmp_path, "cd" * 32)
    assert len(list(tmp_path.rglob("*.parquet"))) == 1 and not list(tmp_path.rglob("*.tmp"))
    write(rows(50, 19_000 * DAY + 50 * 10**9), tmp_path, "cd" * 32)
    assert [session.description.data_hash[:2] for session in sessions(tmp_path.rglob("*.parquet"))] == ["ab", "cd"]


def test_the_description_and_what_is_none(rows, tmp_path: Path) -> None:
    written = write(rows(5), tmp_path)
    (session,) = sessions(written.files)
    assert session.provenance == "recorded" and session.description.depth == 3
    assert is_rows(written.files[0])
    pq.write_table(pq.read_table(written.files[0]).replace_schema_metadata(None), tmp_path / "bare.parquet")
    assert not is_rows(tmp_path / "bare.parquet") and not is_rows(tmp_path / "none.parquet")
    with pytest.raises(InputError, match="not a file of book rows"):
        sessions([tmp_path / "bare.parquet"])
    (tmp_path / "cut.parquet").write_bytes(written.files[0].read_bytes()[:100])
    with pytest.raises(InputError, match=r"cut.parquet: not a readable Parquet file"):
        sessions([tmp_path / "cut.parquet"])


def test_a_flipped_bit_is_told_and_never_read_as_another_number(rows, tmp_path: Path) -> None:
    (file,) = write(rows(200), tmp_path).files
    whole = file.read_bytes()
    footer = int.from_bytes(whole[-8:-4], "little") + 8
    told = 0
    for place in range(4, len(whole) - footer, 97):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        file.write_bytes(damaged)
        try:
            (blocks,) = read(tmp_path)
        except InputError as error:
            assert f"{file}: the file is damaged" in str(error)
            told += 1
        else:  # a bit of a page's header that says nothing of the rows
            assert np.array_equal(blocks[0].levels, rows(200).levels, equal_nan=True)
            assert np.array_equal(blocks[0].ts_exchange, rows(200).ts_exchange)
    assert told > 50


def test_a_symbol_stays_inside_its_folder(rows, tmp_path: Path) -> None:
    original = rows(5)
    for symbol, folder in (("BTC/USDT", "symbol=BTC%2FUSDT"), ("../../x", "symbol=..%2F..%2Fx")):
        instrument = replace(original.instrument, symbol=symbol)
        (file,) = write_rows(original, instrument, tmp_path, provenance="recorded", data_hash=HASH).files
        assert file.parent.parent == tmp_path / "venue=binance-usdm" / folder
        assert symbol in {row["symbol"] for row in summary(tmp_path)}
        assert len(select(tmp_path, symbol)) == 5


def test_the_ledger_stands_with_the_rows_or_not_at_all(rows, tmp_path: Path) -> None:
    original = rows(5)
    path = ledger_path(tmp_path / "a", original.instrument, HASH)
    assert path == tmp_path / "a" / "venue=binance-usdm" / "symbol=BTCUSDT" / f"ledger-{HASH[:16]}.jsonl"

    def store(source) -> parquet.Written:
        with Ledger.staged(path) as ledger:
            ledger.note(7, "gap", "lost", "BTCUSDT")
            ledger.count_deletes(3, "BTCUSDT")
            return write_rows(
                source, original.instrument, tmp_path / "a", provenance="recorded", data_hash=HASH, ledger=ledger
            )

    with pytest.raises(InputError, match="no rows"):
        store([])
    assert not (tmp_path / "a").exists()
    first, again = store(original), store(original)
    assert first.sha256 == again.sha256 and first.incidents == {"gap": 1, "unknown deletes": 3}
    (session,) = sessions(first.files)
    assert session.incidents == first.incidents and session.ledger == path
    assert [entry.cause for entry in entries(path)] == ["lost"]
    plain = write(rows(5), tmp_path / "b")
    assert sessions(plain.files)[0].incidents == {} and sessions(plain.files)[0].ledger is None


@pytest.mark.parametrize("as_block", [True, False])
def test_rows_that_run_back_in_time_are_refused(rows, tmp_path: Path, as_block: bool) -> None:
    told = rows(10)
    order = [1, 0, *range(2, len(told))]
    back = replace(told, **{name: getattr(told, name)[order] for name in PER_ROW})
    given = [back] if as_block else list(back)
    staging = {"provenance": "recorded", "data_hash": HASH}
    with pytest.raises(InputError, match="run back in exchange time"):
        parquet.stage_rows(given, told.instrument, tmp_path, **staging)
    with pytest.raises(InputError, match="run back in exchange time"):
        parquet.stage_rows([told[2:4], told[1:2]], told.instrument, tmp_path, **staging)
    assert not list(tmp_path.iterdir())
