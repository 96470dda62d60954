"""Files of a write: all in place or none, durable, each page with a checksum."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genesis_lib.errors import InputError
from genesis_lib.storage.parquet import is_rows
from genesis_lib.storage.partitions import Partitions, alone, folder_of, open_parquet, read_group, sha256_of
from genesis_lib.storage.updates_schema import is_updates
from genesis_lib.types import Instrument

TABLE = pa.table({"a": [1, 2, 3]})


def test_days_appear_together_and_know_what_was_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (synced.append(os.fstat(descriptor).st_ino), real(descriptor)))
    files = Partitions(tmp_path / "venue=v" / "symbol=s", "part-1.parquet")
    for day in (1, 0):
        files.write(day, TABLE)
        files.write(day, TABLE)
    assert not list(tmp_path.rglob("part-*"))
    inodes = {path.stat().st_ino for path in tmp_path.rglob(".part-*.tmp")}
    placed = files.commit({b"told": b"7"})
    assert [file.parent.name for file in placed.files] == ["date=1970-01-01", "date=1970-01-02"]
    assert {file.stat().st_ino for file in placed.files} == inodes <= set(synced), "renamed only after fsync"
    assert placed.sha256 == sha256_of(placed.files)
    assert placed.sha256 == hashlib.sha256(b"".join(file.read_bytes() for file in placed.files)).hexdigest()
    assert placed.bytes == sum(file.stat().st_size for file in placed.files)
    file = open_parquet(placed.files[0])
    assert file.num_row_groups == 2 and file.metadata.metadata[b"told"] == b"7"
    assert read_group(file, placed.files[0], 1).equals(TABLE)
    files.discard()
    assert all(file.exists() for file in placed.files), "what was committed stays"


def test_nothing_is_left_of_what_was_not_committed(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    files = Partitions(tmp_path / "kept" / "venue=v", "part-1.parquet")
    files.write(0, TABLE)
    files.discard()
    assert list(tmp_path.rglob("*")) == [tmp_path / "kept"]


def test_other_data_of_the_same_time_is_refused(tmp_path: Path) -> None:
    for name in ("part-1.parquet", "part-2.parquet"):
        files = Partitions(tmp_path, name)
        files.write(0, TABLE)
        files.refuse_overlap("part-*.parquet", lambda path: (5, 9), 1, 4)
        if name == "part-1.parquet":
            files.refuse_overlap("part-*.parquet", lambda path: (5, 9), 5, 9)  # itself is what will be replaced
            files.commit()
            continue
        for first, last in ((4, 5), (9, 12), (6, 7)):
            with pytest.raises(InputError, match=r"part-1\.parquet: holds other data of the same time"):
                files.refuse_overlap("part-*.parquet", lambda path: (5, 9), first, last)
        files.discard()


def test_a_damaged_page_is_told(tmp_path: Path) -> None:
    files = Partitions(tmp_path, "part-1.parquet")
    files.write(0, pa.table({"a": list(range(10_000))}))
    (path,) = files.commit().files
    whole = bytearray(path.read_bytes())
    whole[pq.ParquetFile(path).metadata.row_group(0).column(0).data_page_offset + 200] ^= 4
    path.write_bytes(whole)
    with pytest.raises(InputError, match="the file is damaged"):
        read_group(open_parquet(path), path, 0)
    path.write_bytes(whole[:50])
    with pytest.raises(InputError, match="not a readable Parquet file"):
        open_parquet(path)


def test_no_symbol_leaves_its_folder(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, Instrument("v", "../BTC/USDT", 1.0, 1.0))
    assert folder == tmp_path / "venue=v" / "symbol=..%2FBTC%2FUSDT"


def test_what_a_killed_writer_left_goes_and_a_living_ones_stays(tmp_path: Path) -> None:
    folder = tmp_path / "symbol=s"
    living = Partitions(folder, "part-1.parquet")
    living.write(0, TABLE)
    left = folder / "date=1970-01-01" / ".part-2.parquet.4711.tmp"
    fresh, other = left.with_name(".part-3.parquet.4711.tmp"), left.with_name("mine.tmp")
    for path in (left, fresh, other):
        path.write_bytes(b"half")
    for path in folder.rglob("*.tmp"):
        if path != fresh:
            os.utime(path, (0, 0))
    Partitions(folder, "part-4.parquet")
    assert not left.exists() and fresh.exists() and other.exists()
    (placed,) = living.commit().files
    assert open_parquet(placed).read().equals(TABLE)


def test_one_at_a_time_puts_data_in_place(tmp_path: Path) -> None:
    order = []

    def second() -> None:
        with alone(tmp_path):
            order.append("second")

    with alone(tmp_path):
        waiting = threading.Thread(target=second, daemon=True)
        waiting.start()
        waiting.join(0.2)
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]


def test_nothing_is_left_where_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = Partitions(tmp_path / "symbol=s", "part-1.parquet")
    files.write(0, TABLE)
    files.write(1, TABLE)

    def full(writer: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(pq.ParquetWriter, "close", full)
        with pytest.raises(OSError, match="No space left"):
            files.prepare()
        files.discard()
    assert not list(tmp_path.iterdir())


def test_a_damaged_name_of_a_column_is_told(tmp_path: Path) -> None:
    file = tmp_path / "part-1.parquet"
    pq.write_table(pa.table({"a": [1], "longname": [2]}), file)
    file.write_bytes(file.read_bytes().replace(b"longname", b"long\xf8ame"))
    with pytest.raises(InputError, match="not a readable Parquet file"):
        open_parquet(file)
    assert not is_rows(file) and not is_updates(file)
