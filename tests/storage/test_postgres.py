"""Rows in a real PostgreSQL server: the same bits as from Parquet, all or nothing, no password told."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from genesis_lib.errors import InputError
from genesis_lib.feeds.integrity import Ledger
from genesis_lib.storage import parquet
from genesis_lib.storage import postgres as database
from genesis_lib.types import Instrument, Snapshots

DAY = 86_400_000_000_000
SECOND = 1_000_000_000
HASH = "ab" * 32


def write(rows: Snapshots, url: str, data_hash: str = HASH, **more):
    return database.write_rows(rows, rows.instrument, url, provenance="recorded", data_hash=data_hash, **more)


def joined(blocks) -> list[np.ndarray]:
    blocks = list(blocks)
    return [np.concatenate([getattr(block, name) for block in blocks]) for name in Snapshots.__slots__[1:6]]


def count(url: str, table: str = "genesis_rows") -> int:
    import psycopg

    with psycopg.connect(url) as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_the_same_bits_as_from_parquet(rows, postgres: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(database, "BLOCK", 64)
    original = rows(500)
    original.levels[3, 0, 0], original.levels[4, 0, 0] = -0.0, 5e-324
    written = write(original, postgres)
    stored = parquet.write_rows(original, original.instrument, tmp_path, provenance="recorded", data_hash=HASH)
    assert (written.rows, written.invalid_rows) == (stored.rows, stored.invalid_rows)
    (session,) = database.sessions(postgres)
    (file,) = parquet.sessions(stored.files)
    for ours, theirs in zip(joined(session.blocks()), joined(file.blocks()), strict=True):
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape and ours.tobytes() == theirs.tobytes()
    assert [len(block) for block in session.blocks()] == [64] * 7 + [52], "what is held at once stays small"
    assert session.instrument == original.instrument and session.provenance == "recorded" and session.depth == 3
    assert (session.rows, session.first, session.last) == (500, original.ts_exchange[0], original.ts_exchange[-1])
    assert session.data_hash == written.sha256 and session.name == "binance-usdm:BTCUSDT"
    row = next(session.events())
    assert row.ts_exchange == original.ts_exchange[0] and np.array_equal(row.levels, original.levels[0], equal_nan=True)


def test_a_span_of_time(rows, postgres: str) -> None:
    original = rows(300)
    write(original, postgres)
    (session,) = database.sessions(postgres)
    start, end = original.ts_exchange[[50, 80]]
    (block,) = session.blocks(start, end)
    assert np.array_equal(block.ts_exchange, original.ts_exchange[50:80])
    assert np.array_equal(block.levels, original.levels[50:80], equal_nan=True)
    assert not list(session.blocks(end=original.ts_exchange[0]))


def test_the_same_data_twice_replaces_and_other_data_of_the_time_is_refused(rows, postgres: str) -> None:
    first, again = write(rows(50), postgres), write(rows(50), postgres)
    assert first == again and count(postgres) == 50 and count(postgres, "genesis_sessions") == 1
    with pytest.raises(InputError, match="holds other data of binance-usdm:BTCUSDT of the same time"):
        write(rows(50, 19_000 * DAY + 49 * SECOND), postgres, "cd" * 32)
    assert count(postgres) == 50
    write(rows(50, 19_000 * DAY + 50 * SECOND), postgres, "cd" * 32)
    assert [session.first for session in database.sessions(postgres)] == [19_000 * DAY, 19_000 * DAY + 50 * SECOND]


def test_all_or_nothing(rows, postgres: str, monkeypatch) -> None:
    monkeypatch.setattr(database, "BLOCK", 8)
    original = rows(40)
    write(original, postgres)
    before = joined(database.sessions(postgres)[0].blocks())

    def breaks():
        yield from original[:20]
        raise InputError("the recording ends in the middle of a line")

    for source, cause in (
        (breaks(), "middle of a line"),
        ([], "no rows to store"),
        (list(original)[::-1], "run back in exchange time"),
    ):
        with pytest.raises(InputError, match=cause):
            database.write_rows(source, original.instrument, postgres, provenance="recorded", data_hash=HASH)
        for ours, theirs in zip(joined(database.sessions(postgres)[0].blocks()), before):
            assert ours.tobytes() == theirs.tobytes()


def test_symbols_and_venues_are_told_apart(rows, postgres: str) -> None:
    part = rows(5)
    for venue, symbol in (("binance-usdm", "BTCUSDT"), ("binance-spot", "BTCUSDT"), ("okx", "ETH-USDT'; --")):
        instrument = Instrument(venue, symbol, 0.1, 0.001)
        database.write_rows(part, instrument, postgres, provenance="simulated", data_hash=HASH)
    assert [s.name for s in database.sessions(postgres)] == [
        "binance-spot:BTCUSDT", "binance-usdm:BTCUSDT", "okx:ETH-USDT'; --"
    ]  # fmt: skip
    assert len(database.sessions(f"{postgres}&symbol=BTCUSDT")) == 2
    (session,) = database.sessions(f"{postgres}&symbol=BTCUSDT&venue=binance-spot")
    assert session.instrument.venue == "binance-spot" and session.provenance == "simulated"
    with pytest.raises(InputError, match="no rows of XRP stored in it"):
        database.sessions(f"{postgres}&symbol=XRP")


def test_counts_of_the_ledger_are_stored(rows, postgres: str) -> None:
    ledger = Ledger()
    ledger.note(1, "gap", "lost")
    ledger.count_deletes(7)
    assert write(rows(5), postgres, ledger=ledger).incidents == {"gap": 1, "unknown deletes": 7}
    assert database.sessions(postgres)[0].incidents == {"gap": 1, "unknown deletes": 7}


def test_an_empty_database_and_another_version(postgres: str, rows) -> None:
    import psycopg

    with pytest.raises(InputError, match="no rows of any symbol stored in it"):
        database.sessions(postgres)
    write(rows(5), postgres)
    with psycopg.connect(postgres) as connection:
        connection.execute("UPDATE genesis_storage SET version = 9")
    for act in (lambda: database.sessions(postgres), lambda: write(rows(5), postgres)):
        with pytest.raises(InputError, match="tables of version 9; this Genesis reads version 1"):
            act()


def test_no_error_tells_a_password(postgres: str, rows) -> None:
    secret = postgres.partition(f"{'genesis'}:")[2].partition("@")[0]
    assert len(secret) > 10
    wrong = postgres.replace(secret, "wr0ng-s3cret")
    nowhere = postgres.replace("host=", "host=/nowhere")
    for url in (wrong, nowhere, f"{postgres}&sslmode=nonsense", f"{postgres}&colour=red"):
        for act in (lambda url=url: database.sessions(url), lambda url=url: write(rows(5), url)):
            with pytest.raises(InputError, match=r"genesis:\*\*\*@") as told:
                act()
            shown = str(told.value) + repr(told.value.__cause__)
            assert secret not in shown and "wr0ng-s3cret" not in shown
    with pytest.raises(InputError, match="password authentication failed"):
        database.sessions(wrong)


def test_a_hypertable_where_the_extension_is(postgres: str, rows, monkeypatch) -> None:
    import psycopg

    # No TimescaleDB in Debian: its catalogue entry and its function stand in, the call is the real one.
    with psycopg.connect(postgres) as connection:
        connection.execute("CREATE TABLE called (relation text, col text, width bigint)")
        connection.execute(
            "CREATE FUNCTION create_hypertable(r regclass, c name, chunk_time_interval bigint) RETURNS void "
            "LANGUAGE sql AS 'INSERT INTO called VALUES (r::text, c, chunk_time_interval)'"
        )
    write(rows(2), postgres)
    assert count(postgres, "called") == 0, "the function alone is no extension"
    with psycopg.connect(postgres) as connection:
        connection.execute("DROP TABLE genesis_rows, genesis_sessions, genesis_storage")
        connection.execute("CREATE SCHEMA fake")
        connection.execute("CREATE VIEW fake.pg_extension AS SELECT 'timescaledb'::name AS extname")
    write(rows(2), f"{postgres}&options=-csearch_path%3Dfake,public,pg_catalog")
    with psycopg.connect(postgres) as connection:
        assert connection.execute("SELECT * FROM called").fetchall() == [("genesis_rows", "ts_exchange", DAY)]


@pytest.mark.skipif(os.environ.get("GENESIS_CI") != "1", reason="only CI promises a server")
def test_ci_has_its_server() -> None:
    assert shutil.which("initdb") or list(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
