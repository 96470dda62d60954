"""Finished data of any kind into Parquet rows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from genesis_lib.feeds.snapshots import Spec, build_rows, open_sessions
from genesis_lib.storage.parquet import write_rows


def ingest(
    spec: Spec,
    out: str | Path,
    *,
    depth: int = 10,
    tick_size: float | None = None,
    symbol: str | None = None,
    tell: Callable[[str], object] = lambda text: None,
) -> dict[str, Any]:
    """Store recordings, hftbacktest events or top-10 CSV files as rows below ``out/venue=V/symbol=S/date=D``.

    Files of one instrument that follow each other are one session. Storing the same data again replaces it with the
    same bytes.

    Parameters
    ----------
    spec, tick_size, symbol
        As for `open_sessions`.
    depth
        Levels a side to keep.
    tell
        Called with the name of each session as it begins.

    Returns
    -------
    dict
        ``rows``, ``invalid_rows``, ``bytes``, ``sha256`` (over the files' bytes), ``sessions``, ``format``,
        ``instruments``, ``files``.
    """
    sessions = open_sessions(spec, tick_size=tick_size, symbol=symbol)
    written = []
    for session in sessions:
        tell(f"{session.name}: {session.instrument.name}")
        rows = build_rows(session, depth)
        written.append(
            write_rows(rows, session.instrument, out, provenance=session.provenance, data_hash=session.data_hash)
        )
    digests = [part.sha256 for part in written]
    together = hashlib.sha256(b"".join(map(bytes.fromhex, digests))).hexdigest()
    return {
        "rows": sum(part.rows for part in written),
        "invalid_rows": sum(part.invalid_rows for part in written),
        "bytes": sum(part.bytes for part in written),
        "sha256": digests[0] if len(digests) == 1 else together,
        "sessions": len(sessions),
        "format": sorted({session.kind for session in sessions}),
        "instruments": sorted({session.instrument.name for session in sessions}),
        "files": [str(file) for part in written for file in part.files],
    }
