"""The durable record of a session: every command, order, fill, gap and alert, with the event it took effect at.

SQLite in WAL mode through SQLAlchemy Core: one writer, many readers. What was committed survives ``kill -9``; whoever
tells the world about a fill commits first. `Journal.sha256` is over the decisions alone, so two runs of one source can
be held equal.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from genesis_lib.errors import InputError, SessionError

FILE, LOCK = "journal.sqlite", "journal.lock"
APPLICATION_ID, LAYOUT = 0x47454E53, 1  # "GENS" in the header of the file, and the version of the tables below
GROUP = 512  # records that force a commit of their own


def _table(meta: sa.MetaData, title: str, /, **columns: type) -> sa.Table:
    kinds = {int: sa.BigInteger, float: sa.Float(53), str: sa.Text}
    return sa.Table(
        title,
        meta,
        sa.Column("session", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("event_index", sa.BigInteger, nullable=False),
        *(sa.Column(key, kinds[kind]) for key, kind in columns.items()),
    )


META = sa.MetaData()
SESSIONS = sa.Table(
    "sessions",
    META,
    sa.Column("session", sa.Text, primary_key=True),
    sa.Column("created", sa.BigInteger, nullable=False),  # ns, wall clock
    sa.Column("header", sa.Text, nullable=False),  # JSON: source, provenance, data hash, model, code version, config
    sa.Column("summary", sa.Text),  # JSON, once the session ended
)
RECORDS = {
    "commands": _table(META, "commands", name=str),
    "orders": _table(
        META, "orders", order_id=int, status=str, type=str, direction=int, lots=int, decided=int, arrival=int,
        confidence=float, reason=str,
    ),
    "trades": _table(
        META, "trades", trade_id=int, order_id=int, timestamp=int, side=str, price=float, size=float, type=str,
        confidence=float, pnl=float, direction=int, parcels=str,
    ),
    "gaps": _table(META, "gaps", timestamp=int, cause=str),
    "alerts": _table(META, "alerts", timestamp=int, kind=str, severity=str, message=str),
    "samples": _table(
        META, "samples", timestamp=int, mid=float, position=float, realized=float, unrealized=float, fees=float,
        down=float, neutral=float, up=float,
    ),
}  # fmt: skip
HASHED = ("commands", "orders", "trades", "gaps", "alerts")


class Journal:
    """One session's journal; open it with `Journal.open`, close it or use it as a context manager.

    Attributes
    ----------
    session : str
        Name of the session.
    resumed : bool
        Records of an earlier run of this session were found.

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
        with _clearly(place):
            self._connection = engine.connect()
            _prepare(self._connection, place)
            self._seq = -1
            for kind, row in self._stored():
                self._seq = row["seq"]
                if kind in HASHED:
                    self._digest.update(_canonical(kind, row))
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
            return cls(sa.create_engine(str(where), **options), session, str(where), None)
        folder = Path(where)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise SessionError(f"journal in {folder} cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return cls(_sqlite(folder / FILE, durable), session, str(folder / FILE), lock)
        except BlockingIOError:
            os.close(lock)
            raise SessionError(f"journal {folder / FILE} is being written by another session") from None
        except BaseException:
            os.close(lock)
            raise

    def describe(self, header: dict[str, Any]) -> None:
        """Say what this session is (source, provenance, data hash, model, code version, config); committed at once."""
        row = {"session": self.session, "created": time.time_ns(), "header": json.dumps(header, sort_keys=True)}
        with _clearly(self.place), self._connection.begin():
            if self._connection.execute(sa.select(SESSIONS).where(SESSIONS.c.session == self.session)).first() is None:
                self._connection.execute(sa.insert(SESSIONS), row)

    def finish(self, summary: dict[str, Any]) -> None:
        """Store the summary of the ended session, with all that is still to be committed."""
        self.commit()
        text = json.dumps(summary, sort_keys=True)
        with _clearly(self.place), self._connection.begin():
            mine = SESSIONS.c.session == self.session
            self._connection.execute(sa.update(SESSIONS).where(mine).values(summary=text))

    def record(self, kind: str, event_index: int, **fields: Any) -> None:
        """Take down one record; it is durable after the next `commit` (at the latest 512 records later)."""
        self._seq += 1
        row = {"session": self.session, "seq": self._seq, "event_index": event_index, **fields}
        self._pending.append((kind, row))
        if kind in HASHED:
            self._digest.update(_canonical(kind, row))
        if len(self._pending) >= GROUP:
            self.commit()

    def commit(self) -> None:
        """Make everything taken down so far durable, in one transaction."""
        if not self._pending:
            return
        batches: dict[str, list[dict[str, Any]]] = {}
        for kind, row in self._pending:
            batches.setdefault(kind, []).append({key: _finite(value) for key, value in row.items()})
        with _clearly(self.place), self._connection.begin():
            for kind, rows in batches.items():
                self._connection.execute(sa.insert(RECORDS[kind]), rows)
        self._pending.clear()

    @property
    def sha256(self) -> str:
        """Of all commands, orders, fills, gaps and alerts so far, with their event; no wall clock, no names."""
        return self._digest.hexdigest()

    def rows(self, kind: str) -> list[dict[str, Any]]:
        """Committed records of a kind, in order."""
        with _clearly(self.place):
            return _rows(self._connection, kind, self.session)

    def _stored(self) -> Iterator[tuple[str, dict[str, Any]]]:
        found = [(row["seq"], kind, row) for kind in RECORDS for row in _rows(self._connection, kind, self.session)]
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


def read_journal(where: str | os.PathLike, session: str | None = None) -> dict[str, Any]:
    """Read a journal beside its writer: ``header``, ``summary`` (None while it runs) and the rows of each kind.

    Parameters
    ----------
    where
        The session's directory, or a database URL.
    session
        Name of the session; the newest when left out.

    Raises
    ------
    SessionError
        When there is no such journal or session, or it is damaged.
    """
    url = "://" in str(where)
    file = Path("." if url else where) / FILE
    if not url and not file.is_file():
        raise SessionError(f"no session at {where}: {file} does not exist")
    engine = sa.create_engine(str(where)) if url else _sqlite(file, durable=False)
    place = str(where) if url else str(file)
    try:
        with _clearly(place), engine.connect() as connection:
            if not url:
                _check_file(connection, place)
            query = sa.select(SESSIONS).order_by(SESSIONS.c.created.desc())
            rows = connection.execute(query if session is None else query.where(SESSIONS.c.session == session))
            head = rows.mappings().first()
            if head is None:
                raise SessionError(f"{place}: holds no session {session or ''}".rstrip())
            name = head["session"]
            return {
                "session": name,
                "created": head["created"],
                "header": json.loads(head["header"]),
                "summary": json.loads(head["summary"]) if head["summary"] else None,
                **{kind: _rows(connection, kind, name) for kind in RECORDS},
            }
    finally:
        engine.dispose()


def _sqlite(file: Path, durable: bool) -> sa.Engine:
    engine = sa.create_engine(f"sqlite:///{file}", connect_args={"timeout": 10.0})

    @sa.event.listens_for(engine, "connect")
    def _pragmas(connection, _record):
        connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")

    return engine


def _prepare(connection: sa.Connection, place: str) -> None:
    if connection.dialect.name == "sqlite":
        if connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar():
            _check_file(connection, place)
        connection.commit()
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
        connection.exec_driver_sql(f"PRAGMA user_version={LAYOUT}")
        connection.commit()
    META.create_all(connection)
    connection.commit()


def _check_file(connection: sa.Connection, place: str) -> None:
    if connection.exec_driver_sql("PRAGMA application_id").scalar() != APPLICATION_ID:
        raise SessionError(f"{place}: a database, but no journal of Genesis")
    layout = connection.exec_driver_sql("PRAGMA user_version").scalar()
    if layout != LAYOUT:
        raise SessionError(f"{place}: journal layout {layout}, this version of Genesis reads {LAYOUT}")
    state = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    if state != "ok":
        raise SessionError(f"{place}: damaged journal: {state}")


@contextlib.contextmanager
def _clearly(place: str) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise SessionError(f"{place}: journal cannot be used: {error.orig}") from error


def _rows(connection: sa.Connection, kind: str, session: str) -> list[dict[str, Any]]:
    table = RECORDS[kind]
    query = sa.select(table).where(table.c.session == session).order_by(table.c.seq)
    rows = [dict(row) for row in connection.execute(query).mappings()]
    connection.commit()  # ends the read: an open one would keep the write-ahead log from being folded in
    return rows


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _canonical(kind: str, row: dict[str, Any]) -> bytes:
    fields = {key: _finite(value) for key, value in row.items() if key not in ("session", "seq")}
    return (json.dumps([kind, fields], sort_keys=True, separators=(",", ":")) + "\n").encode()
