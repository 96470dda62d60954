"""Level updates at rest: every event of a session in Parquet, and back, the same to the last bit."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from genesis_lib.errors import InputError
from genesis_lib.storage.event_block import CHAINED, NARROW, PLAIN, QUANTITIES, TEXT, EventBlock, decode, encode
from genesis_lib.storage.partitions import DAY_NS, Incidents, Partitions, folder_of, open_parquet, read_group
from genesis_lib.storage.schema import INCIDENTS
from genesis_lib.types import DepthSnapshot, DepthUpdate, Event, Instrument

KEY = b"genesis.updates"
VERSION = 1
_HEAD = ("first", "last", "filled")  # of a block: its span of exchange time, and a bit for each list that is not empty
BLOCK_EVENTS = 32_768  # events of a block: what is held in memory while writing and reading
BLOCK_LEVELS = 1 << 18  # levels of a block, where messages are long

_TYPES = {name: pa.from_numpy_dtype(dtype) for name, dtype in PLAIN.items()}
_TYPES |= dict.fromkeys((*CHAINED, "units", *(f"lots_{name}" for name in QUANTITIES)), pa.int64())
_TYPES |= {f"{name}_wide": pa.int64() for name in NARROW} | dict.fromkeys(NARROW, pa.int32())
_TYPES |= dict.fromkeys((f"raw_{name}" for name in QUANTITIES), pa.float64()) | {TEXT: pa.string()}
# Numbers split into their bytes: the high ones are nearly all 0 and vanish, the low ones are what there is to tell.
_SPLIT = [name for name, kind in _TYPES.items() if kind in (pa.int64(), pa.float64()) or name in NARROW]
_EMPTY = {name: [] if name == TEXT else np.empty(0, kind.to_pandas_dtype()) for name, kind in _TYPES.items()}
_BOOK = ("kind", "ts_exchange", "ts_receive", "book_levels", "book_id", "book_first", "book_previous")
BOOK_COLUMNS = (*_BOOK, "book_bids", "side", "tick", "tick_wide", "lots_quantity", "lots_quantity_wide", "raw_quantity")


@dataclass(frozen=True, slots=True)
class Origin:
    """What a file of updates says of itself: instrument, provenance, and the hash of the data it was made from."""

    venue: str
    symbol: str
    tick_size: float
    lot_size: float
    provenance: str
    data_hash: str
    version: int = VERSION

    @property
    def instrument(self) -> Instrument:
        """The instrument of the events."""
        return Instrument(self.venue, self.symbol, self.tick_size, self.lot_size)


@dataclass(frozen=True, slots=True)
class WrittenUpdates:
    """What `write_updates` wrote.

    `updates` counts levels of all diffs and snapshots; `book_bytes` is what these take in the files, with the times and
    ids of their messages; `bytes` is the size of the files, with trades, tickers and marks.
    """

    events: int
    updates: int
    bytes: int
    book_bytes: int
    sha256: str
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class StoredUpdates:
    """The files of one session of events, in order of time."""

    origin: Origin
    paths: tuple[Path, ...]

    @property
    def instrument(self) -> Instrument:
        """The instrument of the events."""
        return self.origin.instrument

    @property
    def provenance(self) -> str:
        """Where the events came from: recorded, simulated or live."""
        return self.origin.provenance

    def blocks(self, start: int | None = None, end: int | None = None) -> Iterator[EventBlock]:
        """The events, a block of arrays at a time.

        Parameters
        ----------
        start, end
            Exchange time, ns: blocks that lie wholly before `start`, or begin at or after `end`, are not read.

        Raises
        ------
        InputError
            When a file is damaged.
        """
        for path in self.paths:
            file = open_parquet(path)
            for group in range(file.num_row_groups):
                first, last, filled = _row_of(file.metadata, group)
                if (start is None or last >= start) and (end is None or first < end):
                    names = [name for at, name in enumerate(_TYPES) if filled >> at & 1]
                    yield decode(_EMPTY | _lists(read_group(file, path, group, names), names), self.instrument)

    def events(self) -> Iterator[Event]:
        """Every event, as it was written."""
        for block in self.blocks():
            yield from block.events()


def write_updates(
    events: Iterable[Event],
    instrument: Instrument,
    out: str | Path,
    *,
    provenance: str,
    data_hash: str,
    ledger: Incidents | None = None,
) -> WrittenUpdates:
    """Write a session's events to ``out/venue=V/symbol=S/date=YYYY-MM-DD/updates-HASH.parquet``.

    Parameters
    ----------
    events
        As a recording's ``events()`` gives them; consumed as a stream. A day's file holds what came until the exchange
        time reached the next day.
    provenance, data_hash, ledger
        As for `parquet.write_rows`.

    Raises
    ------
    InputError
        When there are no events, one is of another instrument or no market event, or their time overlaps that of other
        data already stored.

    Notes
    -----
    A row of the file is a block of some thousand events, its columns are lists: times, ids and prices as differences
    from the one before, quantities in whole lots where that is exact. Parquet splits the integers into their bytes and
    compresses these with zstd. Files appear whole or not at all, and each page carries a checksum.
    """
    origin = Origin(
        instrument.venue, instrument.symbol, instrument.tick_size, instrument.lot_size, provenance, data_hash
    )
    columns = [pa.field(name, pa.list_(pa.field("element", kind, nullable=False))) for name, kind in _TYPES.items()]
    head = [pa.field(name, pa.int64()) for name in _HEAD]
    schema = pa.schema([field.with_nullable(False) for field in head + columns])
    encodings = {f"{name}.list.element": "BYTE_STREAM_SPLIT" for name in _SPLIT}
    files = Partitions(
        folder_of(out, instrument),
        f"updates-{data_hash[:16]}.parquet",
        use_dictionary=False,
        column_encoding=encodings,
        compression_level=6,
        store_schema=False,
        write_statistics=list(_HEAD),
    )
    try:
        writer = _Writer(files, instrument, schema)
        for event in events:
            writer.add(event)
        return writer.commit(origin, ledger)
    finally:
        files.discard()


class _Writer:
    """Events of one block, pending."""

    def __init__(self, files: Partitions, instrument: Instrument, schema: pa.Schema) -> None:
        self.files, self.instrument, self.schema = files, instrument, schema
        self.pending: list[Event] = []
        self.levels = 0  # of the pending events
        self.first: int | None = None
        self.newest = self.begins = self.events = self.updates = 0

    def add(self, event: Event) -> None:
        ts = max(getattr(event, "ts_exchange", 0), self.newest)
        if self.pending and (
            ts // DAY_NS != self.newest // DAY_NS or len(self.pending) >= BLOCK_EVENTS or self.levels >= BLOCK_LEVELS
        ):
            self._flush()
        if not self.pending:
            self.begins = ts
        if self.first is None:
            self.first = ts
        self.newest = ts
        self.pending.append(event)
        if isinstance(event, (DepthUpdate, DepthSnapshot)):
            self.levels += len(event.sides)

    def _flush(self) -> None:
        stored = encode(self.pending, self.instrument)
        filled = sum(1 << at for at, name in enumerate(_TYPES) if len(stored[name]))
        arrays = [pa.array([value]) for value in (self.begins, self.newest, filled)]
        for name, kind in _TYPES.items():
            values = pa.array(stored[name], kind)
            field = self.schema.field(name).type
            arrays.append(pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values).cast(field))
        self.files.write(self.newest // DAY_NS, pa.Table.from_arrays(arrays, schema=self.schema))
        self.events += len(self.pending)
        self.updates += self.levels
        self.pending.clear()
        self.levels = 0

    def commit(self, origin: Origin, ledger: Incidents | None) -> WrittenUpdates:
        if self.first is None:
            raise InputError("no events to store")
        self._flush()
        self.files.refuse_overlap("updates-*.parquet", _span, self.first, self.newest)
        told = {KEY: json.dumps(asdict(origin), sort_keys=True).encode()}
        if ledger is not None:
            told[INCIDENTS] = json.dumps(dict(sorted(ledger.counts.items()))).encode()
        placed = self.files.commit(told, ledger)
        book = sum(map(_book_bytes, placed.files))
        return WrittenUpdates(self.events, self.updates, placed.bytes, book, placed.sha256, placed.files)


def sessions(paths: Iterable[str | Path]) -> list[StoredUpdates]:
    """Group files of updates into the sessions that were stored, in order of venue, symbol and time.

    Raises
    ------
    InputError
        For a file that cannot be read, holds no updates, or is of another version.
    """
    groups: dict[Origin, list[tuple[int, Path]]] = {}
    for path in map(Path, paths):
        groups.setdefault(_origin(path), []).append((_span(path)[0], path))
    found = [(sorted(files), origin) for origin, files in groups.items()]
    found.sort(key=lambda item: (item[1].venue, item[1].symbol, item[0][0]))
    return [StoredUpdates(origin, tuple(path for _, path in files)) for files, origin in found]


def is_updates(path: Path) -> bool:
    """Whether a Parquet file says that it holds level updates, of whatever version."""
    try:
        return KEY in (pq.read_metadata(path).metadata or {})
    except (pa.ArrowException, OSError):
        return False


def _origin(path: Path) -> Origin:
    file = open_parquet(path)
    text = (file.metadata.metadata or {}).get(KEY)
    if text is None:
        raise InputError(f"{path}: not a file of level updates (no {KEY.decode()!r} in its metadata)")
    try:
        values = json.loads(text)
        version = values["version"]
        origin = Origin(**values) if version == VERSION else None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: damaged description: {error!r}") from None
    if origin is None:
        raise InputError(f"{path}: version {version!r}; this Genesis reads version {VERSION}")
    if file.schema_arrow.names != [*_HEAD, *_TYPES]:
        raise InputError(f"{path}: its columns are not those of version {VERSION}")
    return origin


def _lists(table: pa.Table, names: list[str]) -> dict[str, np.ndarray | list[str]]:
    """The one row of a table: its lists as arrays."""
    found: dict[str, np.ndarray | list[str]] = {}
    for name in names:
        values = table[name].chunk(0).values
        found[name] = values.to_pylist() if name == TEXT else values.to_numpy(zero_copy_only=False)
    return found


def _span(path: Path) -> tuple[int, int]:
    metadata = open_parquet(path).metadata
    rows = [_row_of(metadata, group) for group in range(metadata.num_row_groups)]
    return min(row[0] for row in rows), max(row[1] for row in rows)


def _row_of(metadata: pq.FileMetaData, group: int) -> tuple[int, ...]:
    """The head of a block, which the statistics of its one row tell without reading it."""
    return tuple(metadata.row_group(group).column(at).statistics.min for at in range(len(_HEAD)))


def _book_bytes(path: Path) -> int:
    """Bytes of the columns that the book is made of, times and ids of its messages among them."""
    metadata, total = open_parquet(path).metadata, 0
    for group in range(metadata.num_row_groups):
        columns = [metadata.row_group(group).column(i) for i in range(metadata.num_columns)]
        total += sum(c.total_compressed_size for c in columns if c.path_in_schema.split(".")[0] in BOOK_COLUMNS)
    return total
