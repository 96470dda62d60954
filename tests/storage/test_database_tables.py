"""The tables: made once, of a known version, hypertables where they can be; and errors that tell no password."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from genesis_lib.errors import InputError
from genesis_lib.storage import postgres as database
from genesis_lib.types import Snapshots

DAY = 86_400_000_000_000


def write(rows: Snapshots, url: str, data_hash: str = "ab"):
    return database.write_rows(rows, rows.instrument, url, provenance="recorded", data_hash=data_hash)


def count(url: str, table: str) -> int:
    import psycopg

    with psycopg.connect(url) as connection:
        return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_many_may_begin_at_once(postgres: str, rows) -> None:
    parts = [rows(5, number * DAY) for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: write(parts[number], postgres, str(number)), range(4)))
    assert count(postgres, "genesis_rows") == 20 and count(postgres, "genesis_storage") == 1


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
