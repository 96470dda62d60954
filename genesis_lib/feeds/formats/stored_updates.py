"""Level updates in genesis' own Parquet files: every event of a session, as `storage.updates` wrote it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genesis_lib.errors import InputError
from genesis_lib.feeds.formats.stored_rows import pick
from genesis_lib.feeds.recording import hash_files
from genesis_lib.types import Event, Snapshot

if TYPE_CHECKING:
    from genesis_lib.feeds.snapshots import FinishedSession
    from genesis_lib.feeds.validation import Quarantine
    from genesis_lib.storage.event_block import EventBlock
    from genesis_lib.storage.partitions import Incidents
    from genesis_lib.storage.updates import StoredUpdates, WrittenUpdates

NAME = "updates"


class UpdatesSession:
    """A session of events in genesis' own Parquet files."""

    kind = NAME

    def __init__(self, stored: StoredUpdates) -> None:
        self._stored = stored
        self.paths, self.instrument = stored.paths, stored.instrument
        self.provenance, self.name = stored.provenance, stored.instrument.name

    @cached_property
    def data_hash(self) -> str:
        """sha256 over the files' bytes."""
        return hash_files(self.paths)

    def blocks(self, start: int | None = None, end: int | None = None) -> Iterator[EventBlock]:
        """Arrays of some thousand events at a time, those of a span of exchange time where it is given."""
        return self._stored.blocks(start, end)

    def events(self) -> Iterator[Event]:
        """The events, synchronized as they were when they were stored; a block at a time in memory."""
        return self._stored.events()


class PassedOn:
    """A session whose events are given to `take` too as they pass: rows and updates are made in one go.

    Raises
    ------
    InputError
        While it is read through, when it holds rows and no events.
    """

    def __init__(self, session: FinishedSession, take: Callable[[Event], object]) -> None:
        self._session, self._take = session, take

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def events(self) -> Iterator[Event]:
        """The session's events."""
        for event in self._session.events():
            if isinstance(event, Snapshot):
                raise InputError(f"{self._session.name}: holds rows and no level updates that could be stored")
            self._take(event)
            yield event


def store(session: FinishedSession, out: str | Path, *, ledger: Incidents | None = None) -> WrittenUpdates:
    """Store a session's events below ``out/venue=V/symbol=S/date=D``; see `storage.updates.write_updates`.

    Raises
    ------
    InputError
        When the session holds rows and no events.
    """
    from genesis_lib.storage.updates import write_updates

    return write_updates(
        PassedOn(session, lambda event: None).events(),
        session.instrument,
        out,
        provenance=session.provenance,
        data_hash=session.data_hash,
        ledger=ledger,
    )


def recognises(path: Path, head: bytes) -> bool:
    """Whether a Parquet file says of itself that it holds level updates, of whatever version."""
    if not head.startswith(b"PAR1"):
        return False
    from genesis_lib.storage.updates_schema import is_updates

    return is_updates(path)


def open_files(
    paths: list[Path],
    *,
    tick_size: float | None = None,
    symbol: str | None = None,
    venue: str | None = None,
    quarantine: Quarantine | None = None,
) -> list[UpdatesSession]:
    """Group files into the sessions that were stored, those of `symbol` and `venue` alone where given."""
    from genesis_lib.storage import updates

    return pick([UpdatesSession(session) for session in updates.sessions(paths)], "updates", symbol, venue)
