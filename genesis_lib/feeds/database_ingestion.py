"""Sessions into a database: the rows and the ledger of all of them in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from genesis_lib.feeds.integrity import Ledger
from genesis_lib.feeds.snapshots import FinishedSession, build_rows

if TYPE_CHECKING:
    from genesis_lib.feeds.validation import Quarantine
    from genesis_lib.storage.parquet import Written


def store_in_database(
    sessions: Sequence[FinishedSession],
    url: str,
    *,
    depth: int,
    quarantine: Quarantine,
    tell: Callable[[str], object],
) -> list[Written]:
    """Store sessions in a PostgreSQL database; when one fails, nothing of any is kept.

    Parameters
    ----------
    url
        See `storage.database_url.parse_url`.
    quarantine
        Its rows enter the ledger of their session, which the database keeps too.

    Raises
    ------
    InputError
        When a session has no rows or overlaps other data, or the server refuses; no message shows a password.
    """
    from genesis_lib.storage.postgres import storing

    written = []
    with TemporaryDirectory(prefix="genesis-") as folder, storing(url) as store:
        for number, session in enumerate(sessions):
            tell(f"{session.name}: {session.instrument.name}, read as {session.kind}")
            with Ledger(Path(folder) / f"{number}.jsonl") as ledger:
                quarantine.ledger = ledger
                rows = build_rows(session, depth, ledger=ledger)
                origin = {"provenance": session.provenance, "data_hash": session.data_hash}
                written.append(store.write_rows(rows, session.instrument, **origin, ledger=ledger))
    return written
