"""Files of one write, one a UTC day: under temporary names until everything is on the disk, then all in place."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from genesis_lib.errors import InputError
from genesis_lib.types import Instrument

DAY_NS = 86_400_000_000_000
YOUNG_S = 60.0  # a file this new may not be locked yet


class Incidents(Protocol):
    """What the storage asks of a ledger: how often what went wrong, and to stand in place with the data."""

    counts: Mapping[str, int]
    path: Path | None

    def commit(self) -> Path | None:
        """Put the ledger in place whole."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Files that stand in place: their size, and the sha256 over their bytes in order of path."""

    bytes: int
    sha256: str
    files: tuple[Path, ...]


def folder_of(out: str | Path, instrument: Instrument) -> Path:
    """``out/venue=V/symbol=S``; characters that no folder can have are written as ``%2F``."""
    venue, symbol = (quote(name, safe="") for name in (instrument.venue, instrument.symbol))
    return Path(out) / f"venue={venue}" / f"symbol={symbol}"


class Partitions:
    """Open files ``root/date=YYYY-MM-DD/NAME``, each page with a checksum.

    Parameters
    ----------
    root, name
        Folder of the instrument, and the name that every day's file gets.
    options
        For `pyarrow.parquet.ParquetWriter`.
    """

    def __init__(self, root: Path, name: str, **options: Any) -> None:
        self.root, self.name, self._options = root, name, {"compression": "zstd"} | options
        self._open: dict[int, tuple[Path, pq.ParquetWriter]] = {}  # day -> temporary file
        self._held = contextlib.ExitStack()  # locks that say: somebody is at work on these
        self._prepared = False
        self._made: list[Path] = []  # folders that were not there before
        sweep(root)

    def write(self, day: int, table: pa.Table) -> None:
        """Append a table to a day's file, as a row group of its own."""
        if day not in self._open:
            folder = self.root / f"date={np.datetime64(day, 'D')}"
            self._made += [path for path in (folder, *folder.parents) if not path.exists()]
            folder.mkdir(parents=True, exist_ok=True)
            temporary = folder / f".{self.name}.{os.getpid()}.tmp"
            writer = pq.ParquetWriter(temporary, table.schema, write_page_checksum=True, **self._options)
            self._open[day] = temporary, writer
            fcntl.flock(self._held.enter_context(temporary.open("rb")), fcntl.LOCK_SH)
        self._open[day][1].write_table(table, row_group_size=max(1, table.num_rows))

    def refuse_overlap(self, pattern: str, span: Callable[[Path], tuple[int, int]], first: int, last: int) -> None:
        """Refuse to stand beside other data of the same time.

        Raises
        ------
        InputError
            When a file of `pattern` below the root, other than those to be replaced, holds times of `first` to `last`.
        """
        for path in sorted(self.root.rglob(pattern)):
            if path.name == self.name:
                continue
            begins, ends = span(path)
            if begins <= last and ends >= first:
                raise InputError(f"{path}: holds other data of the same time; remove it first, or choose another --out")

    def prepare(self, metadata: Mapping[bytes, bytes] | None = None) -> None:
        """Flush all files to the disk: what `commit` has left to do can hardly fail."""
        for temporary, writer in self._open.values():
            if metadata:
                writer.add_key_value_metadata(dict(metadata))
            writer.close()
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
        self._prepared = True

    def commit(self, metadata: Mapping[bytes, bytes] | None = None, ledger: Incidents | None = None) -> Placed:
        """Flush all files to the disk, where `prepare` has not, then give them (the ledger first) their names."""
        if not self._prepared:
            self.prepare(metadata)
        if ledger is not None:
            ledger.commit()
        files = []
        for _, (temporary, _) in sorted(self._open.items()):
            final = temporary.with_name(self.name)
            temporary.replace(final)
            sync_folder(final.parent)
            files.append(final)
        for folder in {path.parent for path in self._made}:
            sync_folder(folder)
        self._open.clear()
        self._held.close()
        size = sum(file.stat().st_size for file in files)
        return Placed(size, sha256_of(files), tuple(files))

    def discard(self) -> None:
        """Remove what was not committed, and folders that were made for it."""
        for temporary, writer in self._open.values():
            temporary.unlink(missing_ok=True)
            with contextlib.suppress(OSError, pa.ArrowException):  # a full disk is why it comes to this
                writer.close()
            writer.is_open = False  # else it tries again, and complains, when it is collected
        if self._open:
            for folder in sorted(set(self._made), key=lambda path: -len(path.parts)):
                with contextlib.suppress(OSError):  # somebody else stores there
                    folder.rmdir()
        self._open.clear()
        self._held.close()


def sweep(folder: Path) -> None:
    """Remove the temporary files that killed writers left in a folder and those below it."""
    for path in folder.rglob(".*.tmp"):
        with contextlib.suppress(OSError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # whoever writes it holds it
            if time.time() - path.stat().st_mtime > YOUNG_S:
                path.unlink()


@contextlib.contextmanager
def alone(folder: str | Path) -> Iterator[None]:
    """Wait until nobody else puts data in place below a folder: what is checked stays true until it stands there."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def open_parquet(path: Path) -> pq.ParquetFile:
    """Open a file for reading, its pages' checksums verified; `InputError` when it is none."""
    try:
        return pq.ParquetFile(path, page_checksum_verification=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # names of columns are under no checksum
        raise InputError(f"{path}: not a readable Parquet file: {error}") from None


def read_group(file: pq.ParquetFile, path: Path, group: int, columns: list[str] | None = None) -> pa.Table:
    """Read one row group; `InputError` when a page of it is damaged."""
    try:
        return file.read_row_group(group, columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: the file is damaged: {error}") from None


def sha256_of(files: Iterable[Path]) -> str:
    """sha256 over the bytes of files, in order."""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
