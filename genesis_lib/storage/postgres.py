"""Book rows in PostgreSQL, in hypertables where TimescaleDB is: COPY in, a server-side cursor out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from genesis_lib.errors import InputError
from genesis_lib.storage.copy_format import COLUMNS, FLOAT8_ARRAY, HEADER, TRAILER, decode, encode
from genesis_lib.storage.database_tables import LOCK, are_there, check_version, connect, prepare
from genesis_lib.storage.database_url import DatabaseUrl, parse_url
from genesis_lib.storage.parquet import Written
from genesis_lib.storage.partitions import Incidents
from genesis_lib.types import Instrument, Snapshot, Snapshots

if TYPE_CHECKING:
    import psycopg

BLOCK = 8192  # rows held in memory, in and out
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
            When the server cannot be reached, the connection is lost, or the rows were replaced or removed since the
            session was found.
        """
        bounds = [(">=", start), ("<", end)]
        where = "".join(f" AND ts_exchange {sign} {int(ns)}" for sign, ns in bounds if ns is not None)
        query = (
            f"SELECT ts_exchange, ts_receive, valid, flow, levels FROM genesis_rows WHERE session = {self.key}{where}"
        )
        with connect(self.url) as connection:
            _read_arrays_as_bytes(connection)
            with connection.cursor("genesis_rows", binary=True) as cursor:
                cursor.execute(f"{query} ORDER BY ts_exchange, seq")
                count = 0
                while tuples := cursor.fetchmany(BLOCK):
                    count += len(tuples)
                    yield decode(tuples, self.instrument, self.depth, self.provenance)
        if start is None and end is None and count != self.rows:
            raise InputError(
                f"{self.url.label}: holds {count} of the {self.rows} rows of {self.name} (session {self.key}); the "
                "others were replaced or removed since it was opened"
            )

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
    url
        See `parse_url`. The tables are made where they are missing.
    rows, instrument, provenance, data_hash, ledger
        See `Store.write_rows`.
    """
    with storing(url) as store:
        return store.write_rows(rows, instrument, provenance=provenance, data_hash=data_hash, ledger=ledger)


@contextmanager
def storing(url: str) -> Iterator[Store]:
    """One transaction for several sessions: committed at the end of the ``with`` block, undone by any error in it.

    Raises
    ------
    InputError
        When the server cannot be reached or refuses. No message shows a password.
    """
    target = parse_url(url)
    with connect(target) as connection, connection.cursor() as cursor:
        prepare(cursor, target)
        yield Store(cursor, target)


class Store:
    """Writes sessions within the transaction of `storing`."""

    def __init__(self, cursor: psycopg.Cursor, target: DatabaseUrl) -> None:
        self._cursor, self._target = cursor, target

    def write_rows(
        self,
        rows: Iterable[Snapshot],
        instrument: Instrument,
        *,
        provenance: str,
        data_hash: str,
        ledger: Incidents | None = None,
    ) -> Written:
        """Store a session's rows.

        Parameters
        ----------
        rows
            In order of exchange time; consumed as a stream.
        provenance, data_hash
            What the rows were made from; a session that is stored under the hash is replaced.
        ledger
            Its counts are stored with the session and, when it has a file, each of its incidents.

        Returns
        -------
        Written
            Without files; `bytes` is what went to the server, `sha256` is over the rows.

        Raises
        ------
        InputError
            When there are no rows, they run back in time, or their time overlaps that of other rows of the instrument.
        """
        rows = iter(rows)
        head = next(rows, None)
        if head is None:
            raise InputError("no rows to store")
        cursor, first = self._cursor, head.ts_exchange
        count = invalid = size = 0
        last, digest = first, hashlib.sha256()
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (LOCK, instrument.name))
        self._remove(instrument, data_hash)
        key = self._enter(instrument, provenance, data_hash, head.levels.shape[0])
        rows = chain([head], rows)
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
        self._refuse_overlap(instrument, key, first, last)
        incidents = {} if ledger is None else {kind: int(number) for kind, number in sorted(ledger.counts.items())}
        if ledger is not None and ledger.path is not None:
            self._enter_incidents(key, ledger.path)
        cursor.execute(
            "UPDATE genesis_sessions SET (count, invalid, first, last, sha256, incidents) = (%s, %s, %s, %s, %s, %s) "
            "WHERE session = %s",
            (count, invalid, first, last, digest.hexdigest(), json.dumps(incidents), key),
        )
        return Written(count, invalid, size, digest.hexdigest(), (), incidents)

    def _remove(self, instrument: Instrument, data_hash: str) -> None:
        self._cursor.execute(
            "DELETE FROM genesis_sessions WHERE (venue, symbol, data_hash) = (%s, %s, %s) RETURNING session",
            (instrument.venue, instrument.symbol, data_hash),
        )
        for (key,) in self._cursor.fetchall():
            self._cursor.execute("DELETE FROM genesis_rows WHERE session = %s", (key,))
            self._cursor.execute("DELETE FROM genesis_incidents WHERE session = %s", (key,))

    def _enter(self, instrument: Instrument, provenance: str, data_hash: str, depth: int) -> int:
        grid = instrument.tick_size, instrument.lot_size
        self._cursor.execute(
            "INSERT INTO genesis_sessions (venue, symbol, tick_size, lot_size, provenance, data_hash, depth, "
            "count, invalid, first, last, sha256, incidents) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, 0, 0, 0, 0, '', '{}') RETURNING session",
            (instrument.venue, instrument.symbol, *grid, provenance, data_hash, depth),
        )
        return self._cursor.fetchone()[0]

    def _enter_incidents(self, key: int, ledger: Path) -> None:
        query = "COPY genesis_incidents (session, seq, ts_exchange, kind, cause, symbol) FROM STDIN"
        with ledger.open(encoding="utf-8") as lines, self._cursor.copy(query) as copy:
            for number, line in enumerate(lines):
                entry = json.loads(line)
                words = (entry[name].replace("\0", "\ufffd") for name in ("kind", "cause", "symbol"))
                copy.write_row((key, number, entry["ts_exchange"], *words))

    def _refuse_overlap(self, instrument: Instrument, key: int, first: int, last: int) -> None:
        self._cursor.execute(
            "SELECT data_hash FROM genesis_sessions WHERE (venue, symbol) = (%s, %s) AND session <> %s "
            "AND first <= %s AND last >= %s",
            (instrument.venue, instrument.symbol, key, last, first),
        )
        if (other := self._cursor.fetchone()) is not None:
            raise InputError(
                f"{self._target.label}: holds other data of {instrument.name} of the same time "
                f"(hash {other[0][:16]}); remove it first"
            )


def sessions(url: str, *, symbol: str | None = None, venue: str | None = None) -> list[DatabaseSession]:
    """Sessions that a database holds, in order of venue, symbol and time.

    Parameters
    ----------
    url
        See `parse_url`.
    symbol, venue
        Those alone; the URL's own when left out, all when it names none.

    Raises
    ------
    InputError
        When there is none, or the server cannot be reached.
    """
    target = parse_url(url)
    symbol, venue = symbol or target.symbol, venue or target.venue
    with connect(target) as connection, connection.cursor() as cursor:
        found = []
        if are_there(cursor):
            check_version(cursor, target)
            cursor.execute(
                f"SELECT {_DESCRIBED} FROM genesis_sessions WHERE symbol = coalesce(%s, symbol) "
                "AND venue = coalesce(%s, venue) ORDER BY venue, symbol, first",
                (symbol, venue),
            )
            found = cursor.fetchall()
    if not found:
        what = " ".join(filter(None, ("no rows of", venue, symbol or "any symbol")))
        raise InputError(f"{target.label}: {what} stored in it")
    return [
        DatabaseSession(target, key, Instrument(venue, symbol, tick, lot), *described)
        for key, venue, symbol, tick, lot, *described in found
    ]


def _read_arrays_as_bytes(connection: psycopg.Connection) -> None:
    """Let arrays of floats come as they lie on the wire: numpy reads thousands at once."""
    from psycopg.adapt import Loader
    from psycopg.pq import Format

    class Raw(Loader):
        format = Format.BINARY

        def load(self, data):
            return bytes(data)

    connection.adapters.register_loader(FLOAT8_ARRAY, Raw)
