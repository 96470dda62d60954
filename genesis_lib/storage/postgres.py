"""Book rows in PostgreSQL, in hypertables where TimescaleDB is: COPY in, a server-side cursor out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genesis_lib.errors import InputError, StateError
from genesis_lib.storage.copy_format import COLUMNS, FLOAT8_ARRAY, HEADER, TRAILER, decode, encode
from genesis_lib.storage.database_url import DatabaseUrl, parse_url
from genesis_lib.storage.parquet import Written
from genesis_lib.storage.partitions import DAY_NS, Incidents
from genesis_lib.types import Instrument, Snapshot, Snapshots

if TYPE_CHECKING:
    import psycopg

VERSION = 1
BLOCK = 8192  # rows held in memory, in and out
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
)
_LOCK = 0x47454E53  # "GENS": two who make the tables, or store one instrument, wait for each other
_DESCRIBED = "session, venue, symbol, tick_size, lot_size, provenance, depth, count, first, last, sha256, incidents"


@dataclass(frozen=True, slots=True)
class DatabaseSession:
    """One session of rows in a database; a `FinishedSession`.

    `data_hash` is the sha256 over the rows, whatever they were ingested from.
    """

    url: DatabaseUrl
    key: int
    instrument: Instrument
    provenance: str
    depth: int
    rows: int
    first: int
    last: int
    data_hash: str
    incidents: dict[str, int]
    kind = "postgresql"
    paths: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """Venue and symbol."""
        return self.instrument.name

    def blocks(self, start: int | None = None, end: int | None = None) -> Iterator[Snapshots]:
        """The rows, some thousand at a time, through a server-side cursor.

        Parameters
        ----------
        start, end
            Exchange time, ns: `start` belongs to the span, `end` does not; None is no limit.

        Raises
        ------
        InputError
            When the server cannot be reached, or the connection is lost.
        """
        bounds = [(">=", start), ("<", end)]
        where = "".join(f" AND ts_exchange {sign} {int(ns)}" for sign, ns in bounds if ns is not None)
        query = (
            f"SELECT ts_exchange, ts_receive, valid, flow, levels FROM genesis_rows WHERE session = {self.key}{where}"
        )
        with _connect(self.url) as connection:
            _read_arrays_as_bytes(connection)
            with connection.cursor("genesis_rows", binary=True) as cursor:
                cursor.execute(f"{query} ORDER BY ts_exchange, seq")
                while tuples := cursor.fetchmany(BLOCK):
                    yield decode(tuples, self.instrument, self.depth, self.provenance)

    def events(self) -> Iterator[Snapshot]:
        """The rows, a block at a time in memory."""
        for block in self.blocks():
            yield from block


def write_rows(
    rows: Iterable[Snapshot],
    instrument: Instrument,
    url: str,
    *,
    provenance: str,
    data_hash: str,
    ledger: Incidents | None = None,
) -> Written:
    """Store a session's rows in one transaction: all of them, or nothing.

    Parameters
    ----------
    rows
        In order of exchange time; consumed as a stream.
    url
        See `parse_url`. The tables are made where they are missing.
    provenance, data_hash
        What the rows were made from; a session that is stored under the hash is replaced.
    ledger
        Its counts are stored with the session.

    Returns
    -------
    Written
        Without files; `bytes` is what went to the server, `sha256` is over the rows.

    Raises
    ------
    InputError
        When there are no rows, they run back in time, their time overlaps that of other rows of the instrument, or the
        server refuses. No message shows a password.
    """
    target = parse_url(url)
    rows = iter(rows)
    head = next(rows, None)
    if head is None:
        raise InputError("no rows to store")
    rows = chain([head], rows)
    count = invalid = size = 0
    first = last = head.ts_exchange
    digest = hashlib.sha256()
    with _connect(target) as connection, connection.cursor() as cursor:
        _prepare(cursor, target)
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_LOCK, instrument.name))
        named = instrument.venue, instrument.symbol, data_hash
        cursor.execute(
            "WITH gone AS (DELETE FROM genesis_sessions WHERE (venue, symbol, data_hash) = (%s, %s, %s) "
            "RETURNING session) DELETE FROM genesis_rows WHERE session IN (SELECT session FROM gone)",
            named,
        )
        key = _enter(cursor, instrument, provenance, data_hash, head.levels.shape[0])
        with cursor.copy(f"COPY genesis_rows ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(HEADER)
            while block := list(islice(rows, BLOCK)):
                stacked = Snapshots.of(block, instrument, provenance)
                times = stacked.ts_exchange
                if times[0] < last or (times[1:] < times[:-1]).any():
                    raise InputError(f"rows of {instrument.name} run back in exchange time")
                data = encode(stacked, key, count)
                copy.write(data)
                for array in (times, stacked.ts_receive, stacked.levels, stacked.flow, stacked.valid):
                    digest.update(array.tobytes())
                count, size, last = count + len(block), size + len(data), int(times[-1])
                invalid += int((~stacked.valid).sum())
            copy.write(TRAILER)
        _refuse_overlap(cursor, target, instrument, key, first, last)
        incidents = {} if ledger is None else {kind: int(number) for kind, number in sorted(ledger.counts.items())}
        cursor.execute(
            "UPDATE genesis_sessions SET (count, invalid, first, last, sha256, incidents) = (%s, %s, %s, %s, %s, %s) "
            "WHERE session = %s",
            (count, invalid, first, last, digest.hexdigest(), json.dumps(incidents), key),
        )
    return Written(count, invalid, size, digest.hexdigest(), (), incidents)


def sessions(url: str) -> list[DatabaseSession]:
    """Sessions that a database holds, in order of venue, symbol and time; those of the URL's symbol and venue alone.

    Raises
    ------
    InputError
        When there is none, or the server cannot be reached.
    """
    target = parse_url(url)
    with _connect(target) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('genesis_sessions')")
        found = []
        if cursor.fetchone()[0] is not None:
            _check_version(cursor, target)
            cursor.execute(
                f"SELECT {_DESCRIBED} FROM genesis_sessions WHERE symbol = coalesce(%s, symbol) "
                "AND venue = coalesce(%s, venue) ORDER BY venue, symbol, first",
                (target.symbol, target.venue),
            )
            found = cursor.fetchall()
    if not found:
        what = " ".join(filter(None, ("no rows of", target.venue, target.symbol or "any symbol")))
        raise InputError(f"{target.label}: {what} stored in it")
    return [
        DatabaseSession(target, key, Instrument(venue, symbol, tick, lot), *described)
        for key, venue, symbol, tick, lot, *described in found
    ]


def _enter(cursor: psycopg.Cursor, instrument: Instrument, provenance: str, data_hash: str, depth: int) -> int:
    cursor.execute(
        "INSERT INTO genesis_sessions (venue, symbol, tick_size, lot_size, provenance, data_hash, depth, "
        "count, invalid, first, last, sha256, incidents) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, 0, 0, 0, 0, '', '{}') RETURNING session",
        (
            instrument.venue,
            instrument.symbol,
            instrument.tick_size,
            instrument.lot_size,
            provenance,
            data_hash,
            depth,
        ),
    )
    return cursor.fetchone()[0]


def _refuse_overlap(
    cursor: psycopg.Cursor, target: DatabaseUrl, instrument: Instrument, key: int, first: int, last: int
) -> None:
    cursor.execute(
        "SELECT data_hash FROM genesis_sessions WHERE (venue, symbol) = (%s, %s) AND session <> %s "
        "AND first <= %s AND last >= %s",
        (instrument.venue, instrument.symbol, key, last, first),
    )
    if (other := cursor.fetchone()) is not None:
        raise InputError(
            f"{target.label}: holds other data of {instrument.name} of the same time (hash {other[0][:16]}); "
            "remove it first"
        )


def _prepare(cursor: psycopg.Cursor, target: DatabaseUrl) -> None:
    """Make the tables where they are missing; a hypertable where the extension is."""
    cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", (_LOCK,))
    cursor.execute("SELECT to_regclass('genesis_rows')")
    if cursor.fetchone()[0] is not None:
        _check_version(cursor, target)
        return
    for statement in _TABLES:
        cursor.execute(statement)
    cursor.execute("INSERT INTO genesis_storage VALUES (%s)", (VERSION,))
    cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'")
    if cursor.fetchone() is not None:
        cursor.execute(
            f"SELECT create_hypertable('genesis_rows', 'ts_exchange', chunk_time_interval => {DAY_NS}::bigint)"
        )


def _check_version(cursor: psycopg.Cursor, target: DatabaseUrl) -> None:
    cursor.execute("SELECT max(version) FROM genesis_storage")
    version = cursor.fetchone()[0]
    if version != VERSION:
        raise InputError(f"{target.label}: tables of version {version!r}; this Genesis reads version {VERSION}")


@contextmanager
def _connect(target: DatabaseUrl) -> Iterator[Any]:
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


def _read_arrays_as_bytes(connection: psycopg.Connection) -> None:
    """Let arrays of floats come as they lie on the wire: numpy reads thousands at once."""
    from psycopg.adapt import Loader
    from psycopg.pq import Format

    class Raw(Loader):
        format = Format.BINARY

        def load(self, data):
            return bytes(data)

    connection.adapters.register_loader(FLOAT8_ARRAY, Raw)
