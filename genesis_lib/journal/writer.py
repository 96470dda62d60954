"""The writer of a journal: one process, one session."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from genesis_lib.errors import InputError, SessionError
from genesis_lib.journal.schema import (
    FILE,
    HASHED,
    RECORDS,
    SESSIONS,
    canonical,
    clearly,
    database_engine,
    finite,
    prepare,
    rows_of,
    sqlite_engine,
    take,
)

LOCK = "journal.lock"
GROUP = 512  # records that force a commit of their own


class Journal:
    """One session's journal; open it with `Journal.open`, close it or use it as a context manager.

    Attributes
    ----------
    session : str
        Name of the session.
    resumed : bool
        Records of an earlier run of this session were found.
    header : dict or None
        What the session was described as.

    Examples
    --------
    >>> with Journal.open("sqlite://", "try") as journal:
    ...     journal.record("commands", 0, name="start")
    ...     journal.commit()
    ...     journal.rows("commands")[0]["name"]
    'start'
    """

    def __init__(self, engine: sa.Engine, session: str, place: str, lock: int | None) -> None:
        self.session, self.place, self._lock = session, place, lock
        self._engine = engine
        self._pending: list[tuple[str, dict[str, Any]]] = []
        self._digest = hashlib.sha256()
        with clearly(place):
            self._connection = engine.connect()
            try:
                take(self._connection, session, place)
                prepare(self._connection, place)
            except BaseException:
                self._connection.close()
                engine.dispose()
                raise
            self._seq = -1
            for kind, row in self._stored():
                self._seq = row["seq"]
                if kind in HASHED:
                    self._digest.update(canonical(kind, row))
            query = sa.select(SESSIONS.c.header).where(SESSIONS.c.session == session)
            described = self._connection.execute(query).scalar()
            self._connection.commit()
        self.header: dict[str, Any] | None = json.loads(described) if described else None
        self.resumed = self._seq >= 0

    @classmethod
    def open(cls, where: str | os.PathLike, session: str, *, durable: bool = True) -> Journal:
        """Open or create a journal for writing.

        Parameters
        ----------
        where
            The session's directory (it gets ``journal.sqlite``), or a database URL; ``sqlite://`` keeps it in memory.
        session
            Name of the session.
        durable
            Wait for the disk at each commit. Without it a power cut (not a killed process) may cost the last commits.

        Raises
        ------
        SessionError
            When another process writes it, or it is damaged or no journal of Genesis.
        """
        if not session:
            raise InputError("session must be a name, got an empty string")
        if "://" in str(where):
            memory = str(where) in ("sqlite://", "sqlite:///:memory:")
            options = {"poolclass": sa.StaticPool, "connect_args": {"check_same_thread": False}} if memory else {}
            engine, place = database_engine(str(where), **options)
            return cls(engine, session, place, None)
        folder = Path(where)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise SessionError(f"journal in {folder} cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return cls(sqlite_engine(folder / FILE, durable), session, str(folder / FILE), lock)
        except BlockingIOError:
            os.close(lock)
            raise SessionError(f"journal {folder / FILE} is being written by another session") from None
        except BaseException:
            os.close(lock)
            raise

    def describe(self, header: dict[str, Any]) -> None:
        """Say what this session is (source, provenance, data hash, model, code version, config); committed at once.

        A session that is continued keeps what it was described as first.
        """
        if self.header is not None:
            return
        row = {"session": self.session, "created": time.time_ns(), "header": json.dumps(header, sort_keys=True)}
        with clearly(self.place), self._connection.begin():
            self._connection.execute(sa.insert(SESSIONS), row)
        self.header = header

    def finish(self, summary: dict[str, Any] | None) -> None:
        """Store the summary of the ended session, and all that is still to be committed; None: it goes on after all."""
        self.commit()
        text = None if summary is None else json.dumps(summary, sort_keys=True)
        with clearly(self.place), self._connection.begin():
            mine = SESSIONS.c.session == self.session
            self._connection.execute(sa.update(SESSIONS).where(mine).values(summary=text))

    def record(self, kind: str, event_index: int, /, **fields: Any) -> None:
        """Take down one record; it is durable after the next `commit` (at the latest 512 records later)."""
        self._seq += 1
        row = {"session": self.session, "seq": self._seq, "event_index": event_index, **fields}
        self._pending.append((kind, row))
        if kind in HASHED:
            self._digest.update(canonical(kind, row))
        if len(self._pending) >= GROUP:
            self.commit()

    def commit(self) -> None:
        """Make everything taken down so far durable, in one transaction."""
        if not self._pending:
            return
        batches: dict[str, list[dict[str, Any]]] = {}
        for kind, row in self._pending:
            batches.setdefault(kind, []).append({key: finite(value) for key, value in row.items()})
        with clearly(self.place), self._connection.begin():
            for kind, rows in batches.items():
                self._connection.execute(sa.insert(RECORDS[kind]), rows)
        self._pending.clear()

    @property
    def sha256(self) -> str:
        """Of all commands, orders, fills, gaps and alerts so far, with their event; no wall clock, no names."""
        return self._digest.hexdigest()

    def rows(self, kind: str) -> list[dict[str, Any]]:
        """Committed records of a kind, in order."""
        with clearly(self.place):
            return rows_of(self._connection, kind, self.session)

    def _stored(self) -> Iterator[tuple[str, dict[str, Any]]]:
        found = [(row["seq"], kind, row) for kind in RECORDS for row in rows_of(self._connection, kind, self.session)]
        for _, kind, row in sorted(found, key=lambda item: item[0]):
            yield kind, row

    def close(self) -> None:
        """Commit and let go of the file; closing twice is fine."""
        if self._connection.closed:
            return
        try:
            self.commit()
        finally:
            self._connection.close()
            self._engine.dispose()
            if self._lock is not None:
                os.close(self._lock)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
