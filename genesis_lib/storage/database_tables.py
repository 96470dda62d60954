"""The tables of market data in PostgreSQL, and connections to them that tell no secret."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from genesis_lib.errors import InputError, StateError
from genesis_lib.storage.database_url import DatabaseUrl
from genesis_lib.storage.partitions import DAY_NS

if TYPE_CHECKING:
    import psycopg

VERSION = 1
_TABLES = (
    "CREATE TABLE IF NOT EXISTS genesis_storage (version integer NOT NULL)",
    """CREATE TABLE IF NOT EXISTS genesis_sessions (
        session bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        venue text NOT NULL, symbol text NOT NULL,
        tick_size double precision NOT NULL, lot_size double precision NOT NULL,
        provenance text NOT NULL, data_hash text NOT NULL, depth integer NOT NULL,
        count bigint NOT NULL, invalid bigint NOT NULL, first bigint NOT NULL, last bigint NOT NULL,
        sha256 text NOT NULL, incidents jsonb NOT NULL,
        UNIQUE (venue, symbol, data_hash))""",
    # No foreign key: its check of every single row would take longer than the COPY. Times are ns since 1970 and not
    # timestamps, which end at the microsecond. Levels: bid price, bid quantity, ask price, ask quantity of the best
    # level, then of the second ...
    """CREATE TABLE IF NOT EXISTS genesis_rows (
        session bigint NOT NULL, seq bigint NOT NULL, ts_exchange bigint NOT NULL, ts_receive bigint NOT NULL,
        valid boolean NOT NULL,
        flow double precision[] NOT NULL, levels double precision[] NOT NULL,
        PRIMARY KEY (session, ts_exchange, seq))""",
    # The whole ledger of a session, a row for each incident.
    """CREATE TABLE IF NOT EXISTS genesis_incidents (
        session bigint NOT NULL, seq bigint NOT NULL, ts_exchange bigint NOT NULL, kind text NOT NULL,
        cause text NOT NULL, symbol text NOT NULL, PRIMARY KEY (session, seq))""",
)
LOCK = 0x47454E53  # "GENS": two who make the tables, or store one instrument, wait for each other


def prepare(cursor: psycopg.Cursor, target: DatabaseUrl) -> None:
    """Make the tables where they are missing; a hypertable where the extension is."""
    if are_there(cursor):
        check_version(cursor, target)
        return
    cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", (LOCK,))
    if are_there(cursor):  # another made them meanwhile
        return
    for statement in _TABLES:
        cursor.execute(statement)
    cursor.execute("INSERT INTO genesis_storage VALUES (%s)", (VERSION,))
    cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'")
    if cursor.fetchone() is not None:
        cursor.execute(
            f"SELECT create_hypertable('genesis_rows', 'ts_exchange', chunk_time_interval => {DAY_NS}::bigint)"
        )


def are_there(cursor: psycopg.Cursor) -> bool:
    """Whether the tables have been made."""
    # A query and no to_regclass(), which remembers through a lock that a name was not there.
    cursor.execute("SELECT 1 FROM pg_class WHERE relname = 'genesis_rows' AND pg_table_is_visible(oid)")
    return cursor.fetchone() is not None


def check_version(cursor: psycopg.Cursor, target: DatabaseUrl) -> None:
    cursor.execute("SELECT max(version) FROM genesis_storage")
    version = cursor.fetchone()[0]
    if version != VERSION:
        raise InputError(f"{target.label}: tables of version {version!r}; this Genesis reads version {VERSION}")


@contextmanager
def connect(target: DatabaseUrl) -> Iterator[Any]:
    """A connection whose transaction is committed at the end and rolled back by any error."""
    try:
        import psycopg
    except ImportError:
        raise StateError("PostgreSQL needs its driver: pip install genesis-workbench[postgres]") from None
    try:
        with psycopg.connect(target.server, connect_timeout=10, application_name="genesis") as connection:
            yield connection
    except psycopg.Error as error:
        said = " ".join(target.clean(str(error)).split())
        raise InputError(f"{target.label}: {said or type(error).__name__}") from None
