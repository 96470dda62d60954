"""Book rows to Parquet and back: streamed, atomic, the same bytes for the same rows."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from genesis_lib.errors import InputError
from genesis_lib.storage.schema import KEY, Description, describe, level_columns, schema_of
from genesis_lib.types import FLOW_FIELDS, Instrument, Snapshot, Snapshots

GROUP = 32_768  # rows of a row group: what is held in memory while writing
DAY_NS = 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class Written:
    """What `write_rows` wrote: counts of rows, size, files, and the sha256 over the files' bytes in order of path."""

    rows: int
    invalid_rows: int
    bytes: int
    sha256: str
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class StoredSession:
    """The files of one ingested session, in order of time."""

    description: Description
    paths: tuple[Path, ...]

    @property
    def instrument(self) -> Instrument:
        """The instrument of the rows."""
        return self.description.instrument

    @property
    def provenance(self) -> str:
        """Where the rows came from: recorded, simulated or live."""
        return self.description.provenance

    def blocks(self) -> Iterator[Snapshots]:
        """The rows, one row group at a time."""
        for path in self.paths:
            file = _open(path)
            for group in range(file.num_row_groups):
                try:
                    table = file.read_row_group(group)
                except (pa.ArrowException, OSError) as error:
                    raise InputError(f"{path}: the file is damaged: {error}") from None
                yield _snapshots(table, self.description)


def write_rows(
    rows: Iterable[Snapshot], instrument: Instrument, out: str | Path, *, provenance: str, data_hash: str
) -> Written:
    """Write rows to ``out/venue=V/symbol=S/date=YYYY-MM-DD/part-HASH.parquet``.

    Parameters
    ----------
    rows
        In order of exchange time (its UTC date is the partition); consumed as a stream.
    provenance, data_hash
        What the rows were made from; the hash names the files, so writing the same data again replaces them.

    Raises
    ------
    InputError
        When there are no rows, or their time overlaps that of other data already stored for the instrument.

    Notes
    -----
    Files appear under their names only after all rows were written and flushed to disk. When anything fails before,
    nothing is left behind. Each page carries a checksum, which `StoredSession.blocks` verifies: most damage would
    otherwise read as other numbers. A symbol's characters that no folder can have are written as ``%2F``.
    """
    venue, symbol = (quote(name, safe="") for name in (instrument.venue, instrument.symbol))
    root = Path(out) / f"venue={venue}" / f"symbol={symbol}"
    writer = _Writer(root, instrument, provenance, data_hash)
    try:
        for row in rows:
            writer.add(row)
        return writer.commit()
    finally:
        writer.discard()


class _Writer:
    """Open partitions under temporary names."""

    def __init__(self, root: Path, instrument: Instrument, provenance: str, data_hash: str) -> None:
        self.root, self.name = root, f"part-{data_hash[:16]}.parquet"
        self.instrument, self.provenance, self.data_hash = instrument, provenance, data_hash
        self.open: dict[int, tuple[Path, pq.ParquetWriter]] = {}  # day -> temporary file
        self.pending: dict[int, list[Snapshot]] = {}
        self.made: list[Path] = []  # folders that were not there before
        self.description: Description | None = None
        self.rows = self.invalid = 0
        self.first = self.last = 0

    def add(self, row: Snapshot) -> None:
        if self.description is None:
            depth = row.levels.shape[0]
            self.description = Description.of(self.instrument, self.provenance, self.data_hash, depth)
            self.first = row.ts_exchange
        day = row.ts_exchange // DAY_NS
        pending = self.pending.setdefault(day, [])
        pending.append(row)
        self.rows += 1
        self.invalid += not row.valid
        self.last = max(self.last, row.ts_exchange)
        if len(pending) == GROUP:
            self._flush(day)

    def _flush(self, day: int) -> None:
        pending = self.pending[day]
        if not pending:
            return
        schema = schema_of(self.description)
        if day not in self.open:
            folder = self.root / f"date={np.datetime64(day, 'D')}"
            self.made += [p for p in (folder, *folder.parents) if not p.exists()]
            folder.mkdir(parents=True, exist_ok=True)
            temporary = folder / f".{self.name}.{os.getpid()}.tmp"
            writer = pq.ParquetWriter(temporary, schema, compression="zstd", write_page_checksum=True)
            self.open[day] = temporary, writer
        self.open[day][1].write_table(_table(Snapshots.of(pending, self.instrument, self.provenance), schema))
        pending.clear()

    def commit(self) -> Written:
        if not self.rows:
            raise InputError("no rows to store")
        self._refuse_overlap()
        for day in self.pending:
            self._flush(day)
        temporaries = []
        for _, (temporary, writer) in sorted(self.open.items()):
            writer.close()
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
            temporaries.append(temporary)
        files = []
        for temporary in temporaries:
            final = temporary.with_name(self.name)
            temporary.replace(final)
            _sync_folder(final.parent)
            files.append(final)
        self.open.clear()
        size, digest = 0, hashlib.sha256()
        for file in files:
            size += file.stat().st_size
            with file.open("rb") as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
        return Written(self.rows, self.invalid, size, digest.hexdigest(), tuple(files))

    def _refuse_overlap(self) -> None:
        for path in sorted(self.root.rglob("part-*.parquet")):
            if path.name == self.name:
                continue
            first, last = _span(path)
            if first <= self.last and last >= self.first:
                raise InputError(f"{path}: holds other data of the same time; remove it first, or choose another --out")

    def discard(self) -> None:
        for temporary, writer in self.open.values():
            writer.close()
            temporary.unlink(missing_ok=True)
        if self.open:
            for folder in sorted(self.made, key=lambda path: -len(path.parts)):
                if not any(folder.iterdir()):
                    folder.rmdir()
        self.open.clear()


def sessions(paths: Iterable[str | Path]) -> list[StoredSession]:
    """Group files of rows into the sessions that were stored, in order of venue, symbol and time.

    Raises
    ------
    InputError
        For a file that cannot be read or is of another schema version.
    """
    groups: dict[Description, list[tuple[int, Path]]] = {}
    for path in map(Path, paths):
        description = describe(_open(path).schema_arrow, path)
        groups.setdefault(description, []).append((_span(path)[0], path))
    found = [(sorted(files), description) for description, files in groups.items()]
    found.sort(key=lambda item: (item[1].venue, item[1].symbol, item[0][0]))
    return [StoredSession(description, tuple(path for _, path in files)) for files, description in found]


def is_rows(path: Path) -> bool:
    """Whether a Parquet file says that it holds book rows, of whatever schema version."""
    try:
        return KEY in (pq.read_schema(path).metadata or {})
    except (pa.ArrowException, OSError):
        return False


def arrays_of(columns: Mapping[str, np.ndarray], depth: int) -> tuple[np.ndarray, ...]:
    """Columns of rows by name as the arrays of `Snapshots`: exchange time, receive time, levels, flow, valid."""
    levels = np.empty((len(columns["valid"]), 4 * depth))
    for index, name in enumerate(level_columns(depth)):
        levels[:, index] = columns[name]
    flow = np.stack([columns[name] for name in FLOW_FIELDS], axis=1)
    valid = np.array(columns["valid"], bool)
    return columns["ts_exchange"], columns["ts_receive"], levels.reshape(-1, depth, 4), flow, valid


def _table(rows: Snapshots, schema: pa.Schema) -> pa.Table:
    levels = rows.levels.reshape(len(rows), -1)
    arrays = [rows.ts_exchange, rows.ts_receive, rows.valid, *rows.flow.T, *levels.T]
    return pa.Table.from_arrays([pa.array(np.ascontiguousarray(column)) for column in arrays], schema=schema)


def _snapshots(table: pa.Table, description: Description) -> Snapshots:
    columns = {name: table[name].to_numpy() for name in table.column_names}
    return Snapshots(description.instrument, *arrays_of(columns, description.depth), description.provenance)


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: not a readable Parquet file: {error}") from None


def _span(path: Path) -> tuple[int, int]:
    file = _open(path)
    describe(file.schema_arrow, path)
    statistics = [file.metadata.row_group(i).column(0).statistics for i in range(file.num_row_groups)]
    return min(s.min for s in statistics), max(s.max for s in statistics)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
