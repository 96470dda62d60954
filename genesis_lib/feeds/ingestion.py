"""Finished data of any format into Parquet rows, or into a database: all sessions or none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import combinations
from pathlib import Path
from typing import Any

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.formats.row_files import RowFiles
from genesis_lib.feeds.formats.stored_rows import StoredRows
from genesis_lib.feeds.formats.stored_updates import PassedOn
from genesis_lib.feeds.integrity import UNKNOWN_DELETES, Ledger
from genesis_lib.feeds.snapshots import FinishedSession, Spec, build_rows, cut, open_sessions
from genesis_lib.feeds.validation import Quarantine
from genesis_lib.storage.database_url import is_url, masked
from genesis_lib.storage.parquet import StagedRows, Written, ledger_path, stage_rows
from genesis_lib.storage.partitions import alone
from genesis_lib.storage.updates import StagedUpdates
from genesis_lib.types import Snapshot, Snapshots

QUARANTINE = "quarantine.jsonl"
REASONS = 3  # named when most rows are invalid


def ingest(
    spec: Spec,
    out: str | Path,
    *,
    depth: int = 10,
    format: str | None = None,
    tick_size: float | None = None,
    symbol: str | None = None,
    venue: str | None = None,
    strict: bool = False,
    updates: bool = False,
    tell: Callable[[str], object] = lambda text: None,
) -> dict[str, Any]:
    """Store files of any format as rows below ``out/venue=V/symbol=S/date=D``; when one fails, nothing of any is kept.

    Files of one instrument that follow each other are one session. Storing the same data again replaces it with the
    same bytes. Memory is that of a few blocks, however long the data is. Rows that cannot be right go to
    ``out/quarantine.jsonl`` (file, line, reason and text of each), the row after one is invalid, and the ledger of the
    session, beside its data, tells of them.

    Parameters
    ----------
    spec, format, tick_size, symbol, venue, strict
        As for `open_sessions`.
    out
        A folder, or the URL of a PostgreSQL database (``postgresql://user@host/database``). The database keeps the
        ledgers too; rows in quarantine are told in these alone.
    depth
        Levels a side to keep.
    updates
        Store every event too, in files beside the rows, from which books and rows can be made again.
    tell
        Called with the name, instrument and format of each session as it begins.

    Returns
    -------
    dict
        ``rows``, ``invalid_rows``, ``bytes``, ``sha256`` (over the files' bytes), ``sessions``, ``format``,
        ``instruments``, ``files``, ``quarantined`` (rows by reason), ``quarantine`` (path, or None), ``incidents`` (of
        the ledgers, by kind). With `updates`: ``updates`` (levels of all diffs and snapshots), ``updates_bytes`` (size
        of their files), ``book_bytes`` (what the levels take in these, with times and ids), ``updates_files``.
    """
    where = {"format": format, "tick_size": tick_size, "symbol": symbol, "venue": venue, "strict": strict}
    if is_url(out):
        if updates:
            raise InputError(f"{masked(str(out))}: updates are stored in files; choose a folder as --out")
        from genesis_lib.feeds.database_ingestion import store_in_database

        quarantine = Quarantine()
        sessions = open_sessions(spec, **where, quarantine=None if strict else quarantine)
        written = store_in_database(sessions, str(out), depth=depth, quarantine=quarantine, tell=tell)
        return _told(sessions, written, quarantine, None)
    out = Path(out)
    quarantine = Quarantine(out / QUARANTINE)
    with ExitStack() as cleaning, quarantine:  # the last comes first: quarantine, rows, ledgers, and no folder stays
        sessions = open_sessions(spec, **where, quarantine=None if strict else quarantine)
        staged: list[tuple[StagedRows, Ledger]] = []
        beside: list[StagedUpdates] = []
        for session in sessions:
            tell(f"{session.name}: {session.instrument.name}, read as {session.kind}")
            ledger = cleaning.enter_context(Ledger.staged(ledger_path(out, session.instrument, session.data_hash)))
            quarantine.ledger = ledger
            if updates:
                beside.append(StagedUpdates(session.instrument, out, session.provenance, session.data_hash))
                cleaning.callback(beside[-1].discard)
                session = PassedOn(session, beside[-1].add)
            origin = {"provenance": session.provenance, "data_hash": session.data_hash}
            with naming_others(session, sessions):
                rows = stage_rows(_rows_of(session, depth, ledger), session.instrument, out, **origin)
            cleaning.callback(rows.discard)
            staged.append((rows, ledger))
        _refuse_overlap([rows for rows, _ in staged])
        if staged:
            cleaning.enter_context(alone(out))
        for rows, ledger in staged:
            rows.prepare(ledger)
        for events in beside:
            events.prepare()
        set_aside = quarantine.commit(path for session in sessions for path in session.paths)
        kept = [events.commit(prepared=True) for events in beside]
        written = [rows.commit(ledger, prepared=True) for rows, ledger in staged]
    found = _told(sessions, written, quarantine, set_aside)
    if updates:
        found |= {
            "updates": sum(part.updates for part in kept),
            "updates_bytes": sum(part.bytes for part in kept),
            "book_bytes": sum(part.book_bytes for part in kept),
            "updates_files": [str(file) for part in kept for file in part.files],
        }
    return found


@contextmanager
def naming_others(session: FinishedSession, sessions: list[FinishedSession]) -> Iterator[None]:
    """Say, when one of several instruments cannot be read, which there are and how to pick one."""
    try:
        yield
    except RecordingError as error:
        names = sorted({other.instrument.symbol for other in sessions})
        if len(names) < 2:
            raise
        own = session.instrument.symbol
        told = f"{error.cause} ({own}; the files hold {', '.join(names)}: --symbol picks one)"
        raise RecordingError(told, error.file, error.line) from None


def _rows_of(session: FinishedSession, depth: int, ledger: Ledger) -> Iterator[Snapshot | Snapshots]:
    """The rows of a session: in blocks where it holds rows, one by one where they are built of events."""
    if isinstance(session, (RowFiles, StoredRows)):
        return (cut(block, depth) for block in session.blocks())
    return build_rows(session, depth, ledger=ledger)


def _told(
    sessions: list[FinishedSession], written: list[Written], quarantine: Quarantine, set_aside: Path | None
) -> dict[str, Any]:
    """What `ingest` answers."""
    digests = [part.sha256 for part in written]
    together = hashlib.sha256(b"".join(map(bytes.fromhex, digests))).hexdigest()
    kinds = sorted({kind for part in written for kind in part.incidents})
    return {
        "rows": sum(part.rows for part in written),
        "invalid_rows": sum(part.invalid_rows for part in written),
        "bytes": sum(part.bytes for part in written),
        "sha256": digests[0] if len(digests) == 1 else together,
        "sessions": len(sessions),
        "format": sorted({session.kind for session in sessions}),
        "instruments": sorted({session.instrument.name for session in sessions}),
        "files": [str(file) for part in written for file in part.files],
        "quarantined": dict(quarantine.counts),
        "quarantine": str(set_aside) if quarantine.counts else None,
        "incidents": {kind: sum(part.incidents.get(kind, 0) for part in written) for kind in kinds},
    }


def mostly_invalid(found: dict[str, Any]) -> str | None:
    """Say why, when more than half of the rows that `ingest` stored must not be used; None otherwise."""
    if 2 * found["invalid_rows"] <= found["rows"]:
        return None
    kinds = {kind: count for kind, count in found["incidents"].items() if kind != UNKNOWN_DELETES}
    reasons = sorted(kinds.items(), key=lambda entry: -entry[1])[:REASONS]
    told = ", ".join(f"{count} {kind}" for kind, count in reasons) or "nothing"
    return f"{found['invalid_rows']} of {found['rows']} rows are invalid and will be left out; the ledger has {told}"


def _refuse_overlap(staged: list[StagedRows]) -> None:
    for one, other in combinations(staged, 2):
        if one.instrument.name == other.instrument.name and one.first <= other.last and other.first <= one.last:
            raise InputError(
                f"two sessions of {one.instrument.name} overlap in time; store them apart, each in an --out of its own"
            )
