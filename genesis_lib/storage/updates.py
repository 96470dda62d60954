"""Level updates at rest: every event of a session in Parquet, and back, the same to the last bit."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from genesis_lib.errors import InputError
from genesis_lib.storage.event_block import TEXT, EventBlock, decode, encode
from genesis_lib.storage.partitions import DAY_NS, Incidents, Partitions, folder_of, open_parquet, read_group
from genesis_lib.storage.schema import INCIDENTS, seal
from genesis_lib.storage.updates_schema import (
    EMPTY,
    HEAD,
    KEY,
    SCHEMA,
    SPLIT,
    TYPES,
    Origin,
    book_bytes,
    origin_of,
    row_of,
    span_of,
)
from genesis_lib.types import DepthSnapshot, DepthUpdate, Event, Instrument

BLOCK_EVENTS = 32_768  # events of a block: what is held in memory while writing and reading
BLOCK_LEVELS = 1 << 18  # levels of a block, where messages are long


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
                first, last, filled = row_of(file.metadata, group)
                if (start is None or last >= start) and (end is None or first < end):
                    names = [name for at, name in enumerate(TYPES) if filled >> at & 1]
                    yield decode(EMPTY | _lists(read_group(file, path, group, names), names), self.instrument)

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
    staged = stage_updates(events, instrument, out, provenance=provenance, data_hash=data_hash)
    try:
        return staged.commit(ledger)
    finally:
        staged.discard()


def stage_updates(
    events: Iterable[Event], instrument: Instrument, out: str | Path, *, provenance: str, data_hash: str
) -> StagedUpdates:
    """Write events as `write_updates` does, but under temporary names: several sessions are stored or none."""
    staged = StagedUpdates(instrument, out, provenance, data_hash)
    try:
        for event in events:
            staged.add(event)
    except BaseException:
        staged.discard()
        raise
    return staged


class StagedUpdates:
    """Events on their way into files that have no names yet; those of a block pend."""

    def __init__(self, instrument: Instrument, out: str | Path, provenance: str, data_hash: str) -> None:
        self.instrument = instrument
        grid = instrument.tick_size, instrument.lot_size
        self._origin = Origin(instrument.venue, instrument.symbol, *grid, provenance, data_hash)
        self._files = Partitions(
            folder_of(out, instrument),
            f"updates-{data_hash[:16]}.parquet",
            use_dictionary=False,
            column_encoding={f"{name}.list.element": "BYTE_STREAM_SPLIT" for name in SPLIT},
            compression_level=6,
            store_schema=False,
            write_statistics=list(HEAD),
        )
        self._pending: list[Event] = []
        self._levels = 0  # of the pending events
        self._first: int | None = None
        self._newest = self._begins = self._events = self._updates = 0

    def add(self, event: Event) -> None:
        """Take the next event."""
        ts = max(getattr(event, "ts_exchange", 0), self._newest)
        if self._pending and (
            ts // DAY_NS != self._newest // DAY_NS or len(self._pending) >= BLOCK_EVENTS or self._levels >= BLOCK_LEVELS
        ):
            self._flush()
        if not self._pending:
            self._begins = ts
        if self._first is None:
            self._first = ts
        self._newest = ts
        self._pending.append(event)
        if isinstance(event, (DepthUpdate, DepthSnapshot)):
            self._levels += len(event.sides)

    def _flush(self) -> None:
        stored = encode(self._pending, self.instrument)
        filled = sum(1 << at for at, name in enumerate(TYPES) if len(stored[name]))
        arrays = [pa.array([value]) for value in (self._begins, self._newest, filled)]
        for name, kind in TYPES.items():
            values = pa.array(stored[name], kind)
            field = SCHEMA.field(name).type
            arrays.append(pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values).cast(field))
        self._files.write(self._newest // DAY_NS, pa.Table.from_arrays(arrays, schema=SCHEMA))
        self._events += len(self._pending)
        self._updates += self._levels
        self._pending.clear()
        self._levels = 0

    def prepare(self, ledger: Incidents | None = None) -> None:
        """Put everything on the disk; raises as `write_updates`."""
        if self._first is None:
            raise InputError("no events to store")
        if self._pending:
            self._flush()
        self._files.refuse_overlap("updates-*.parquet", span_of, self._first, self._newest)
        told = {KEY: seal(asdict(self._origin))}
        if ledger is not None:
            told[INCIDENTS] = json.dumps(dict(sorted(ledger.counts.items()))).encode()
        self._files.prepare(told)

    def commit(self, ledger: Incidents | None = None, *, prepared: bool = False) -> WrittenUpdates:
        """Give the files (the ledger first) their names; raises as `prepare`, unless that was called before."""
        if not prepared:
            self.prepare(ledger)
        placed = self._files.commit(ledger=ledger)
        book = sum(map(book_bytes, placed.files))
        return WrittenUpdates(self._events, self._updates, placed.bytes, book, placed.sha256, placed.files)

    def discard(self) -> None:
        """Remove what was not committed."""
        self._files.discard()


def sessions(paths: Iterable[str | Path]) -> list[StoredUpdates]:
    """Group files of updates into the sessions that were stored, in order of venue, symbol and time.

    Raises
    ------
    InputError
        For a file that cannot be read, holds no updates, or is of another version.
    """
    groups: dict[Origin, list[tuple[int, Path]]] = {}
    for path in map(Path, paths):
        groups.setdefault(origin_of(path), []).append((span_of(path)[0], path))
    found = [(sorted(files), origin) for origin, files in groups.items()]
    found.sort(key=lambda item: (item[1].venue, item[1].symbol, item[0][0]))
    return [StoredUpdates(origin, tuple(path for _, path in files)) for files, origin in found]


def _lists(table: pa.Table, names: list[str]) -> dict[str, np.ndarray | list[str]]:
    """The one row of a table: its lists as arrays."""
    found: dict[str, np.ndarray | list[str]] = {}
    for name in names:
        values = table[name].chunk(0).values
        found[name] = values.to_pylist() if name == TEXT else values.to_numpy(zero_copy_only=False)
    return found
