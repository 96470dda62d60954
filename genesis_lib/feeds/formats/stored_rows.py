"""Book rows in genesis' own Parquet files, as `genesis ingest` writes them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from genesis_lib.errors import InputError
from genesis_lib.feeds.recording import hash_files
from genesis_lib.types import Snapshot, Snapshots

if TYPE_CHECKING:
    from genesis_lib.feeds.validation import Quarantine
    from genesis_lib.storage.parquet import StoredSession

NAME = "rows"


class StoredRows:
    """A session of rows in genesis' own Parquet files."""

    kind = NAME

    def __init__(self, stored: StoredSession) -> None:
        self._stored = stored
        self.paths, self.instrument = stored.paths, stored.instrument
        self.provenance, self.name = stored.provenance, stored.instrument.name

    @cached_property
    def data_hash(self) -> str:
        """sha256 over the files' bytes."""
        return hash_files(self.paths)

    def blocks(self) -> Iterator[Snapshots]:
        """The rows, a row group at a time."""
        return self._stored.blocks()

    def events(self) -> Iterator[Snapshot]:
        """The rows, a block at a time in memory."""
        for block in self.blocks():
            yield from block


def recognises(path: Path, head: bytes) -> bool:
    """Whether a Parquet file says of itself that it holds book rows, of whatever schema version."""
    if not head.startswith(b"PAR1"):
        return False
    from genesis_lib.storage.parquet import is_rows

    return is_rows(path)


def open_files(
    paths: list[Path],
    *,
    tick_size: float | None = None,
    symbol: str | None = None,
    venue: str | None = None,
    quarantine: Quarantine | None = None,
) -> list[StoredRows]:
    """Group files into the sessions that were stored, those of `symbol` and `venue` alone where given."""
    from genesis_lib.storage import parquet

    return pick([StoredRows(session) for session in parquet.sessions(paths)], "rows", symbol, venue)


def pick(stored: list, what: str, symbol: str | None, venue: str | None) -> list:
    """Of stored sessions those of `symbol` and `venue`, where given; `InputError` when none is, naming all."""
    wanted = [s for s in stored if symbol in (None, s.instrument.symbol) and venue in (None, s.instrument.venue)]
    if stored and not wanted:
        names = ", ".join(sorted({s.instrument.name for s in stored}))
        raise InputError(f"no {what} of symbol {symbol!r}, venue {venue!r}; stored are {names}")
    return wanted
