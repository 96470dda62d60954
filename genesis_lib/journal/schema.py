"""Tables of the journal, the file they lie in, and the bytes that a record is hashed as."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from genesis_lib.errors import SessionError
from genesis_lib.storage.database_url import masked, parse_url

FILE = "journal.sqlite"
APPLICATION_ID, LAYOUT = 0x47454E53, 2  # "GENS" in the header of the file, and the version of the tables below


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
    "alerts": _table(
        META, "alerts", timestamp=int, kind=str, severity=str, message=str, alert_id=int, cause=str, score=float,
        evidence=str, repeats=int,
    ),
    "acknowledgements": _table(META, "acknowledgements", alert_id=int, timestamp=int, wall_ns=int, by=str),
    "alert_tallies": _table(META, "alert_tallies", timestamp=int, kind=str, severity=str, outcome=str, number=int),
    "samples": _table(
        META, "samples", timestamp=int, mid=float, position=float, realized=float, unrealized=float, fees=float,
        down=float, neutral=float, up=float,
    ),
}  # fmt: skip
HASHED = ("commands", "orders", "trades", "gaps", "alerts")
# Columns that layout 1 had not. Where they are empty they are no part of the hash, which so stays what it was.
ADDED = {"alerts": ("alert_id", "cause", "score", "evidence", "repeats")}


def sqlite_engine(file: Path, durable: bool) -> sa.Engine:
    """Engine of a journal file; `durable` waits for the disk at each commit."""
    engine = sa.create_engine(f"sqlite:///{file}", connect_args={"timeout": 10.0})

    @sa.event.listens_for(engine, "connect")
    def _pragmas(connection, _record):
        connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")

    return engine


def database_engine(url: str, **options: Any) -> tuple[sa.Engine, str]:
    """Engine of a database by its URL, and what may be said of where it is: no password."""
    place = masked(url)
    try:
        if url.startswith(("postgresql://", "postgres://")):  # SQLAlchemy may mean another driver by it
            url = parse_url(url).server.replace("postgresql://", "postgresql+psycopg://", 1)
        return sa.create_engine(url, **options), place
    except (ValueError, ImportError, SQLAlchemyError) as error:
        said = "its driver is not installed" if isinstance(error, ImportError) else "not a database that can be opened"
        raise SessionError(f"{place}: {said}") from None


def prepare(connection: sa.Connection, place: str) -> None:
    """Make the tables of a new journal, or check that an old one is sound and give it what came since it was made."""
    is_file = connection.dialect.name == "sqlite"
    if is_file:
        if connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar():
            check_file(connection, place)
        connection.commit()
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
        connection.commit()
    META.create_all(connection)
    for kind, columns in ADDED.items():
        there = _columns(connection, kind)
        for name in columns:
            if name not in there:
                known = "" if is_file else "IF NOT EXISTS "  # another writer of the database may be as new as we are
                column = RECORDS[kind].c[name].type.compile(connection.dialect)
                connection.exec_driver_sql(f"ALTER TABLE {kind} ADD COLUMN {known}{name} {column}")
    if is_file:
        connection.exec_driver_sql(f"PRAGMA user_version={LAYOUT}")
    connection.commit()


def _columns(connection: sa.Connection, kind: str) -> set[str]:
    """Names of the columns that a table has; none where there is no such table."""
    inspector = sa.inspect(connection)
    return {column["name"] for column in inspector.get_columns(kind)} if inspector.has_table(kind) else set()


def take(connection: sa.Connection, session: str, place: str) -> None:
    """Be the only writer of a session in a PostgreSQL database, as long as the connection lives."""
    if connection.dialect.name != "postgresql":
        return
    query = sa.text("SELECT pg_try_advisory_lock(:mark, hashtext(:session))")
    taken = connection.execute(query, {"mark": APPLICATION_ID, "session": session}).scalar()
    connection.commit()
    if not taken:
        raise SessionError(f"journal {place} of session {session} is being written by another session")


def check_file(connection: sa.Connection, place: str) -> None:
    """`SessionError` for a file that is foreign, of another layout, or damaged."""
    if connection.exec_driver_sql("PRAGMA application_id").scalar() != APPLICATION_ID:
        raise SessionError(f"{place}: a database, but no journal of Genesis")
    layout = connection.exec_driver_sql("PRAGMA user_version").scalar()
    if not 1 <= layout <= LAYOUT:
        raise SessionError(f"{place}: journal layout {layout}, this version of Genesis reads 1 to {LAYOUT}")
    state = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    if state != "ok":
        raise SessionError(f"{place}: damaged journal: {state}")


@contextlib.contextmanager
def clearly(place: str) -> Iterator[None]:
    """Turn what the database says into a `SessionError` that names the place."""
    try:
        yield
    except DBAPIError as error:
        raise SessionError(f"{place}: journal cannot be used: {error.orig}") from error


def rows_of(connection: sa.Connection, kind: str, session: str, *, is_whole: bool = True) -> list[dict[str, Any]]:
    """Committed records of a kind, in order; what a journal that is not whole (of an earlier layout) lacks is None."""
    table = RECORDS[kind]
    names = [column.name for column in table.c]
    there = names if is_whole else [name for name in names if name in _columns(connection, kind)]
    if not there:
        return []
    lacking = dict.fromkeys(names)
    query = sa.select(*(table.c[name] for name in there)).where(table.c.session == session).order_by(table.c.seq)
    rows = [{**lacking, **row} for row in connection.execute(query).mappings()]
    connection.commit()  # ends the read: an open one would keep the write-ahead log from being folded in
    return rows


def finite(value: Any) -> Any:
    """A value as SQL and JSON can both hold it: NaN and infinities as None, -0.0 as 0.0."""
    if not isinstance(value, float):
        return value
    return value + 0.0 if math.isfinite(value) else None


def canonical(kind: str, row: dict[str, Any]) -> bytes:
    """The bytes of a record for the hash: everything but the session's name and the running number."""
    added = ADDED.get(kind, ())
    fields = {
        key: finite(value)
        for key, value in row.items()
        if key not in ("session", "seq") and not (value is None and key in added)
    }
    return (json.dumps([kind, fields], sort_keys=True, separators=(",", ":")) + "\n").encode()
