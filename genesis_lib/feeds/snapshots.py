"""Finished data of any kind as book rows: recordings, stored Parquet rows and CSV files, a session at a time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.builder import RowBuilder
from genesis_lib.feeds.formats import open_files
from genesis_lib.feeds.formats.row_files import RowFiles
from genesis_lib.feeds.formats.stored_rows import StoredRows
from genesis_lib.feeds.recording import unbuildable
from genesis_lib.feeds.validation import Quarantine
from genesis_lib.storage.database_url import is_url
from genesis_lib.types import Event, Instrument, Snapshot, Snapshots

if TYPE_CHECKING:
    from genesis_lib.feeds.integrity import Ledger

Spec: TypeAlias = str | Path | Iterable[str | Path]
BLOCK = 65_536
SUFFIXES = (".gz", ".gz.part", ".zst", ".zip", ".dat", ".parquet", ".npz", ".csv", ".txt", ".dbn")
_LOG = re.compile(r"\.ws\.\d+\.\d+$")  # raw traffic of a connection: KRAKEN.ws.50.0
SHOWN = 5  # names of what is passed over


class FinishedSession(Protocol):
    """One session of finished data, whatever it is stored as; a `Recording` is one."""

    name: str
    paths: tuple[Path, ...]
    instrument: Instrument
    provenance: str
    data_hash: str

    def events(self) -> Iterator[Event | Snapshot]:
        """Synchronized events, or rows."""


def open_sessions(
    spec: Spec,
    *,
    format: str | None = None,
    tick_size: float | None = None,
    symbol: str | None = None,
    venue: str | None = None,
    quarantine: Quarantine | None = None,
    strict: bool = False,
) -> list[FinishedSession]:
    """Find the sessions in files and folders.

    Parameters
    ----------
    spec
        A path or several: files of any format of `formats.FORMATS`, rows that `genesis ingest` wrote (folder or files;
        a folder stands for the files in it), or the URL of a database that holds rows
        (``postgresql://user@host/database?symbol=BTCUSDT&venue=binance-usdm``).
    format
        Read every file as this format; each is recognised by its content when left out.
    tick_size, symbol, venue
        What files do not tell; `symbol` also picks one of several.
    quarantine
        Takes the bad rows of foreign files; when left out they are counted and set aside, and the row after one is
        invalid.
    strict
        Refuse a file at its first bad row.

    Returns
    -------
    list
        By format, and within one in order of venue, symbol and time. Files of one instrument whose times follow each
        other within a minute are one session.
    """
    kept = None if strict else quarantine or Quarantine()
    specs = [spec] if isinstance(spec, (str, Path)) else list(spec)
    urls = [one for one in specs if is_url(one)]
    paths = [one for one in specs if not is_url(one)]
    sessions: list[FinishedSession] = []
    if paths or not urls:
        grid = {"tick_size": tick_size, "symbol": symbol, "venue": venue}
        sessions += open_files(files_of(paths), format=format, **grid, quarantine=kept)
    for url in urls:
        from genesis_lib.storage import postgres

        sessions += postgres.sessions(url, symbol=symbol, venue=venue)
    return sessions


def read_snapshots(
    spec: Spec, depth: int = 10, *, tick_size: float | None = None, symbol: str | None = None
) -> Snapshots:
    """Read every book row of finished data of one instrument.

    Parameters
    ----------
    spec
        As for `open_sessions`. Several sessions become one, the first row of each later one marked invalid, so that no
        window and no label crosses from one into the next.
    depth
        Levels a side; no more than the source has.
    tick_size, symbol
        For CSV files and unknown instruments.

    Raises
    ------
    InputError
        When there is no row, or there are several instruments, or sessions of one time (`read_sessions` gives them
        apart).
    """
    parts = read_sessions(spec, depth, tick_size=tick_size, symbol=symbol)
    names = sorted({part.instrument.name for part in parts})
    if len(names) > 1:
        raise InputError(f"spec holds {len(names)} instruments ({', '.join(names)}); read_sessions gives them apart")
    parts.sort(key=lambda part: int(part.ts_exchange[0]))
    for before, part in pairwise(parts):
        if part.ts_exchange[0] < before.ts_exchange[-1]:
            raise InputError("spec holds sessions that overlap in time; read_sessions gives them apart")
        part.valid[0] = False
    return concatenate(parts)


def read_sessions(
    spec: Spec, depth: int = 10, *, tick_size: float | None = None, symbol: str | None = None
) -> list[Snapshots]:
    """Read every book row of finished data, a `Snapshots` for each session; parameters as for `read_snapshots`."""
    sessions = open_sessions(spec, tick_size=tick_size, symbol=symbol)
    return [rows_of(session, depth) for session in sessions]


def rows_of(session: FinishedSession, depth: int = 10) -> Snapshots:
    """Read all rows of a session, with at most `depth` levels a side."""
    if depth < 1:
        raise InputError(f"depth must be at least 1, got {depth!r}")
    if isinstance(session, (StoredRows, RowFiles)) or session.kind == "postgresql":
        return concatenate([cut(block, depth) for block in session.blocks()])
    return collect(build_rows(session, depth), session.instrument, session.provenance)


def build_rows(session: FinishedSession, depth: int = 10, *, ledger: Ledger | None = None) -> Iterator[Snapshot]:
    """Give a session's rows one at a time; `ledger` takes down every fault that made rows invalid.

    Raises
    ------
    RecordingError
        At the end of a recording in which no snapshot ever joined the diffs.
    """
    builder = RowBuilder(session.instrument, depth, ledger=ledger)
    for event in session.events():
        row = builder.push(event)
        if row is not None:
            yield row if row.levels.shape[0] <= depth else row._replace(levels=row.levels[:depth])
    if not builder.counts["rows"]:
        raise RecordingError(unbuildable(getattr(session, "counts", {})), session.name)


def collect(rows: Iterable[Snapshot], instrument: Instrument, provenance: str = "recorded") -> Snapshots:
    """Stack a stream of rows without holding more than one block of them as objects."""
    blocks, pending = [], []
    for row in rows:
        pending.append(row)
        if len(pending) == BLOCK:
            blocks.append(Snapshots.of(pending, instrument, provenance))
            pending = []
    if pending or not blocks:
        blocks.append(Snapshots.of(pending, instrument, provenance))
    return concatenate(blocks)


def concatenate(parts: list[Snapshots]) -> Snapshots:
    """Join rows of one instrument end to end, with the fewest levels that all have."""
    if not parts:
        raise InputError("no rows: at least one part is needed")
    if len(parts) == 1:
        return parts[0]
    levels = min(part.depth for part in parts)
    provenances = {part.provenance for part in parts}
    if len(provenances) > 1:
        raise InputError(f"parts must be of one provenance, got {', '.join(sorted(provenances))}")
    ticks = sorted({part.instrument.tick_size for part in parts})
    if len(ticks) > 1:
        raise InputError(f"parts must be of one tick size, got {', '.join(map(str, ticks))}")
    return Snapshots(
        parts[0].instrument,
        np.concatenate([part.ts_exchange for part in parts]),
        np.concatenate([part.ts_receive for part in parts]),
        np.concatenate([part.levels[:, :levels] for part in parts]),
        np.concatenate([part.flow for part in parts]),
        np.concatenate([part.valid for part in parts]),
        parts[0].provenance,
    )


def cut(snapshots: Snapshots, depth: int) -> Snapshots:
    """The same rows with at most `depth` levels a side."""
    s = snapshots
    if s.depth <= depth:
        return s
    levels = np.ascontiguousarray(s.levels[:, :depth])
    return Snapshots(s.instrument, s.ts_exchange, s.ts_receive, levels, s.flow, s.valid, s.provenance)


def files_of(spec: Spec) -> list[Path]:
    """List the files that paths name: a folder stands for the files of market data in it.

    What stands beside data (``.meta.json``, ``.labels.json``, ``.truth.npz``, ``.ledger.jsonl``, ``quarantine.jsonl``,
    ``.sha256``) is passed over. A ``.gz.part`` is what a recorder left that was killed, or is still at work.

    Raises
    ------
    RecordingError
        For a folder without any; names what was passed over.
    InputError
        When nothing is named.
    """
    paths = [Path(spec)] if isinstance(spec, (str, Path)) else [Path(path) for path in spec]
    if not paths:
        raise InputError("spec must name at least one file or folder")
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            # Where rows and the updates they were made of stand side by side, the rows are what is read.
            stored = sorted(path.rglob("part-*.parquet")) or sorted(path.rglob("updates-*.parquet"))
            present = sorted(p for p in path.iterdir() if p.is_file() and not p.name.endswith(".truth.npz"))
            inside = stored or [p for p in present if p.name.endswith(SUFFIXES) or _LOG.search(p.name)]
            if not inside:
                others = [p.name for p in present]
                more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
                told = f"; passed over: {', '.join(others[:SHOWN])}{more}" if others else ""
                raise RecordingError(f"no market data in this folder ({', '.join(SUFFIXES)}){told}", path)
            files += inside
        else:
            files.append(path)
    return list(dict.fromkeys(files))
