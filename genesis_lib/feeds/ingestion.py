"""Finished data of any format into Parquet rows: all sessions or none, the bad rows beside them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import ExitStack
from itertools import combinations
from pathlib import Path
from typing import Any

from genesis_lib.errors import InputError
from genesis_lib.feeds.integrity import Ledger
from genesis_lib.feeds.snapshots import Spec, build_rows, open_sessions
from genesis_lib.feeds.validation import Quarantine
from genesis_lib.storage.parquet import StagedRows, ledger_path, stage_rows

QUARANTINE = "quarantine.jsonl"


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
    depth
        Levels a side to keep.
    tell
        Called with the name, instrument and format of each session as it begins.

    Returns
    -------
    dict
        ``rows``, ``invalid_rows``, ``bytes``, ``sha256`` (over the files' bytes), ``sessions``, ``format``,
        ``instruments``, ``files``, ``quarantined`` (rows by reason), ``quarantine`` (path, or None), ``incidents`` (of
        the ledgers, by kind).
    """
    out = Path(out)
    quarantine = Quarantine(out / QUARANTINE)
    with ExitStack() as cleaning, quarantine:  # the last comes first: quarantine, rows, ledgers, and no folder stays
        kept = None if strict else quarantine
        sessions = open_sessions(
            spec, format=format, tick_size=tick_size, symbol=symbol, venue=venue, quarantine=kept, strict=strict
        )
        staged: list[tuple[StagedRows, Ledger]] = []
        for session in sessions:
            tell(f"{session.name}: {session.instrument.name}, read as {session.kind}")
            ledger = cleaning.enter_context(Ledger.staged(ledger_path(out, session.instrument, session.data_hash)))
            quarantine.ledger = ledger
            rows = stage_rows(
                build_rows(session, depth, ledger=ledger),
                session.instrument,
                out,
                provenance=session.provenance,
                data_hash=session.data_hash,
            )
            cleaning.callback(rows.discard)
            staged.append((rows, ledger))
        _refuse_overlap([rows for rows, _ in staged])
        for rows, ledger in staged:
            rows.prepare(ledger)
        set_aside = quarantine.commit(path for session in sessions for path in session.paths)
        written = [rows.commit(ledger, prepared=True) for rows, ledger in staged]
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


def _refuse_overlap(staged: list[StagedRows]) -> None:
    for one, other in combinations(staged, 2):
        if one.instrument.name == other.instrument.name and one.first <= other.last and other.first <= one.last:
            raise InputError(
                f"two sessions of {one.instrument.name} overlap in time; store them apart, each in an --out of its own"
            )
