"""Book rows to Parquet and back: streamed, atomic, the same bytes for the same rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from genesis_lib.errors import InputError
from genesis_lib.storage.partitions import DAY_NS, Incidents, Partitions, folder_of, open_parquet, read_group
from genesis_lib.storage.schema import INCIDENTS, KEY, Description, describe, level_columns, schema_of
from genesis_lib.types import FLOW_FIELDS, Instrument, Snapshot, Snapshots

CACHED = 1024  # rows whose columns are put side by side at a time
GROUP = 32_768  # rows of a row group: what is held in memory while writing


@dataclass(frozen=True, slots=True)
class Written:
    """What `write_rows` wrote: counts of rows, size, files, the sha256 over the files' bytes in order of path.

    `incidents` counts by kind what the ledger of the rows tells.
    """

    rows: int
    invalid_rows: int
    bytes: int
    sha256: str
    files: tuple[Path, ...]
    incidents: dict[str, int] = field(default_factory=dict)


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

    @property
    def incidents(self) -> dict[str, int]:
        """What went wrong while the rows were recorded, by kind, as the files themselves say."""
        text = (open_parquet(self.paths[0]).metadata.metadata or {}).get(INCIDENTS, b"{}")
        return {str(kind): int(count) for kind, count in json.loads(text).items()}

    @property
    def ledger(self) -> Path | None:
        """Where every incident stands, with time and cause; None when it was not stored."""
        path = self.paths[0].parent.parent / ledger_name(self.description.data_hash)
        return path if path.is_file() else None

    def blocks(self) -> Iterator[Snapshots]:
        """The rows, one row group at a time."""
        for path in self.paths:
            file = open_parquet(path)
            for group in range(file.num_row_groups):
                yield _snapshots(read_group(file, path, group), self.description)


def ledger_name(data_hash: str) -> str:
    """Name of the ledger that stands in the folder of the symbol, above the days: one for each ingested session."""
    return f"ledger-{data_hash[:16]}.jsonl"


def ledger_path(out: str | Path, instrument: Instrument, data_hash: str) -> Path:
    """Where the ledger of rows belongs: ``out/venue=V/symbol=S/ledger-HASH.jsonl``."""
    return folder_of(out, instrument) / ledger_name(data_hash)


def write_rows(
    rows: Iterable[Snapshot],
    instrument: Instrument,
    out: str | Path,
    *,
    provenance: str,
    data_hash: str,
    ledger: Incidents | None = None,
) -> Written:
    """Write rows to ``out/venue=V/symbol=S/date=YYYY-MM-DD/part-HASH.parquet``.

    Parameters
    ----------
    rows
        In order of exchange time (its UTC date is the partition); consumed as a stream.
    provenance, data_hash
        What the rows were made from; the hash names the files, so writing the same data again replaces them.
    ledger
        What the builder of the rows takes its incidents down in, a `Ledger.staged(ledger_path(...))`. It is put in
        place with the rows, and they know its counts.

    Raises
    ------
    InputError
        When there are no rows, they run back in time, or it overlaps that of other data stored for the instrument.

    Notes
    -----
    Files appear under their names only after all rows were written and flushed to disk. When anything fails before,
    nothing is left behind. Each page carries a checksum, which `StoredSession.blocks` verifies: most damage would
    otherwise read as other numbers. A symbol's characters that no folder can have are written as ``%2F``.
    """
    staged = stage_rows(rows, instrument, out, provenance=provenance, data_hash=data_hash)
    try:
        return staged.commit(ledger)
    finally:
        staged.discard()


def stage_rows(
    rows: Iterable[Snapshot | Snapshots], instrument: Instrument, out: str | Path, *, provenance: str, data_hash: str
) -> StagedRows:
    """Write rows (single ones, or blocks) as `write_rows` does, but leave them under temporary names.

    So that of several sessions all are stored or none.
    """
    files = Partitions(folder_of(out, instrument), f"part-{data_hash[:16]}.parquet")
    staged = StagedRows(files, instrument, provenance, data_hash)
    try:
        for row in rows:
            staged.extend(row) if isinstance(row, Snapshots) else staged.add(row)
    except BaseException:
        staged.discard()
        raise
    return staged


class StagedRows:
    """Rows on their way into files that have no names yet; those of a day pend until they fill a row group.

    Attributes
    ----------
    first, last : int
        Exchange time of the first and the latest row, ns.
    """

    def __init__(self, files: Partitions, instrument: Instrument, provenance: str, data_hash: str) -> None:
        self.instrument = instrument
        self.first = self.last = 0
        self._files, self._provenance, self._data_hash = files, provenance, data_hash
        self._schema: pa.Schema | None = None
        self._pending: list[Snapshot] = []
        self._blocks: list[Snapshots] = []
        self._day = 0
        self._rows = self._invalid = 0
        self._incidents: dict[str, int] = {}

    def add(self, row: Snapshot) -> None:
        """Take the next row, in order of time."""
        day = row.ts_exchange // DAY_NS
        self._begin(row.levels.shape[0], row.ts_exchange)
        if row.ts_exchange < self.last:
            raise InputError(f"rows of {self.instrument.name} run back in exchange time")
        if day != self._day or len(self._pending) == GROUP:
            self._flush()
            self._day = day
        self._pending.append(row)
        self._rows += 1
        self._invalid += not row.valid
        self.last = row.ts_exchange

    def extend(self, rows: Snapshots) -> None:
        """Take many rows at once, in order of time; a session gives rows one by one or in blocks, not both."""
        if not len(rows):
            return
        self._begin(rows.depth, int(rows.ts_exchange[0]))
        if rows.ts_exchange[0] < self.last or (np.diff(rows.ts_exchange) < 0).any():
            raise InputError(f"rows of {self.instrument.name} run back in exchange time")
        days = rows.ts_exchange // DAY_NS
        cuts = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(rows)]
        for start, end in pairwise(cuts):
            if days[start] != self._day or sum(map(len, self._blocks)) >= GROUP:
                self._flush()
                self._day = int(days[start])
            self._blocks.append(rows[start:end])
        self._rows += len(rows)
        self._invalid += int((~rows.valid).sum())
        self.last = int(rows.ts_exchange[-1])

    def _begin(self, depth: int, first: int) -> None:
        if self._schema is None:
            self._schema = schema_of(Description.of(self.instrument, self._provenance, self._data_hash, depth))
            self.first = self.last = first
            self._day = first // DAY_NS

    def prepare(self, ledger: Incidents | None = None) -> None:
        """Put everything on the disk.

        Raises
        ------
        InputError
            When there are no rows, or their time overlaps that of other data already stored for the instrument.
        """
        if not self._rows:
            raise InputError("no rows to store")
        self._files.refuse_overlap("part-*.parquet", _span, self.first, self.last)
        self._flush()
        if ledger is not None:
            self._incidents = {kind: int(count) for kind, count in sorted(ledger.counts.items())}
        self._files.prepare({INCIDENTS: json.dumps(self._incidents).encode()} if ledger is not None else {})

    def commit(self, ledger: Incidents | None = None, *, prepared: bool = False) -> Written:
        """Give the files (the ledger first) their names; raises as `prepare`, unless that was called before."""
        if not prepared:
            self.prepare(ledger)
        placed = self._files.commit(ledger=ledger)
        return Written(self._rows, self._invalid, placed.bytes, placed.sha256, placed.files, self._incidents)

    def discard(self) -> None:
        """Remove what was not committed."""
        self._files.discard()

    def _flush(self) -> None:
        if self._pending:
            rows = Snapshots.of(self._pending, self.instrument, self._provenance)
            self._files.write(self._day, _table(rows, self._schema))
            self._pending.clear()
        if self._blocks:
            tables = [_table(block, self._schema) for block in self._blocks]
            self._files.write(self._day, pa.concat_tables(tables).combine_chunks())
            self._blocks.clear()


def sessions(paths: Iterable[str | Path]) -> list[StoredSession]:
    """Group files of rows into the sessions that were stored, in order of venue, symbol and time.

    Raises
    ------
    InputError
        For a file that cannot be read or is of another schema version.
    """
    groups: dict[Description, list[tuple[int, Path]]] = {}
    for path in map(Path, paths):
        file = open_parquet(path)
        groups.setdefault(describe(file.schema_arrow, path), []).append((_times(file)[0], path))
    found = [(sorted(files), description) for description, files in groups.items()]
    found.sort(key=lambda item: (item[1].venue, item[1].symbol, item[0][0]))
    return [StoredSession(description, tuple(path for _, path in files)) for files, description in found]


def is_rows(path: Path) -> bool:
    """Whether a Parquet file says that it holds book rows, of whatever schema version."""
    try:
        return KEY in (pq.read_schema(path).metadata or {})
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return False


def arrays_of(columns: Mapping[str, np.ndarray], depth: int) -> tuple[np.ndarray, ...]:
    """Columns of rows by name as the arrays of `Snapshots`: exchange time, receive time, levels, flow, valid."""
    count = len(columns["valid"])
    levels, flow = np.empty((count, 4 * depth)), np.empty((count, len(FLOW_FIELDS)))
    for table, names in ((levels, level_columns(depth)), (flow, FLOW_FIELDS)):
        for first in range(0, count, CACHED):  # the rows of a piece stay in the cache until all their columns are there
            piece = slice(first, first + CACHED)
            for index, name in enumerate(names):
                table[piece, index] = columns[name][piece]
    valid = np.array(columns["valid"], bool)
    return columns["ts_exchange"], columns["ts_receive"], levels.reshape(-1, depth, 4), flow, valid


def _table(rows: Snapshots, schema: pa.Schema) -> pa.Table:
    levels = rows.levels.reshape(len(rows), -1)
    arrays = [rows.ts_exchange, rows.ts_receive, rows.valid, *rows.flow.T, *levels.T]
    return pa.Table.from_arrays([pa.array(np.ascontiguousarray(column)) for column in arrays], schema=schema)


def _snapshots(table: pa.Table, description: Description) -> Snapshots:
    columns = {name: table[name].to_numpy() for name in table.column_names}
    return Snapshots(description.instrument, *arrays_of(columns, description.depth), description.provenance)


def _span(path: Path) -> tuple[int, int]:
    file = open_parquet(path)
    describe(file.schema_arrow, path)
    return _times(file)


def _times(file: pq.ParquetFile) -> tuple[int, int]:
    """First and last exchange time of a file of rows."""
    statistics = [file.metadata.row_group(i).column(0).statistics for i in range(file.num_row_groups)]
    return min(s.min for s in statistics), max(s.max for s in statistics)
