"""Tables of the journal, the file they lie in, and the bytes that a record is hashed as."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from genesis_lib.errors import SessionError

FILE = "journal.sqlite"
APPLICATION_ID, LAYOUT = 0x47454E53, 1  # "GENS" in the header of the file, and the version of the tables below


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


def sqlite_engine(file: Path, durable: bool) -> sa.Engine:
    """Engine of a journal file; `durable` waits for the disk at each commit."""
    engine = sa.create_engine(f"sqlite:///{file}", connect_args={"timeout": 10.0})

    @sa.event.listens_for(engine, "connect")
    def _pragmas(connection, _record):
        connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")

    return engine


def prepare(connection: sa.Connection, place: str) -> None:
    """Make the tables of a new journal, or check that an old one is sound."""
    if connection.dialect.name == "sqlite":
        if connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar():
            check_file(connection, place)
        connection.commit()
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
        connection.exec_driver_sql(f"PRAGMA user_version={LAYOUT}")
        connection.commit()
    META.create_all(connection)
    connection.commit()


def check_file(connection: sa.Connection, place: str) -> None:
    """`SessionError` for a file that is foreign, of another layout, or damaged."""
    if connection.exec_driver_sql("PRAGMA application_id").scalar() != APPLICATION_ID:
        raise SessionError(f"{place}: a database, but no journal of Genesis")
    layout = connection.exec_driver_sql("PRAGMA user_version").scalar()
    if layout != LAYOUT:
        raise SessionError(f"{place}: journal layout {layout}, this version of Genesis reads {LAYOUT}")
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


def rows_of(connection: sa.Connection, kind: str, session: str) -> list[dict[str, Any]]:
    """Committed records of a kind, in order."""
    table = RECORDS[kind]
    query = sa.select(table).where(table.c.session == session).order_by(table.c.seq)
    rows = [dict(row) for row in connection.execute(query).mappings()]
    connection.commit()  # ends the read: an open one would keep the write-ahead log from being folded in
    return rows


def finite(value: Any) -> Any:
    """A value as SQL and JSON can both hold it: NaN and infinities as None, -0.0 as 0.0."""
    if not isinstance(value, float):
        return value
    return value + 0.0 if math.isfinite(value) else None


def canonical(kind: str, row: dict[str, Any]) -> bytes:
    """The bytes of a record for the hash: everything but the session's name and the running number."""
    fields = {key: finite(value) for key, value in row.items() if key not in ("session", "seq")}
    return (json.dumps([kind, fields], sort_keys=True, separators=(",", ":")) + "\n").encode()
