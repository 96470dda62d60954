"""The journal on a real PostgreSQL server: what it promises of SQLite holds there too."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

from genesis_lib.errors import SessionError
from genesis_lib.journal import Journal, read_journal
from genesis_lib.journal.schema import ADDED, RECORDS


def fill(journal: Journal) -> None:
    journal.describe({"source": "a", "venue": "binance-usdm"})
    for number in range(700):
        journal.record(
            "samples",
            number,
            timestamp=1_700_000_000_000_000_000 + number,
            mid=100.1 + number,
            position=-0.0,
            realized=5e-324,
            unrealized=math.nan,
            fees=1e300,
            down=0.1,
            neutral=0.2,
            up=0.7,
        )
        if number % 100 == 0:
            journal.record("commands", number, name=f"start \u00fc {number}")
            journal.record("gaps", number, timestamp=-(2**62), cause="pu is 7")
            journal.record(
                "alerts", number, timestamp=number, kind="x", severity="info", message="ü", alert_id=number,
                cause="new", score=0.1, evidence='{"levels":[1,2]}', repeats=0,
            )  # fmt: skip
            journal.record("acknowledgements", number, alert_id=number, timestamp=2**62, wall_ns=1, by="ü")
            journal.record(
                "alert_tallies", number, timestamp=1, kind="x", severity="info", outcome="held", number=number
            )
    journal.record("trades", 700, trade_id=2**62, order_id=1, timestamp=0, side="BUY", price=0.1, size=1e-8)


def test_every_record_is_that_of_sqlite(postgres: str) -> None:
    with Journal.open(postgres, "one") as journal, Journal.open("sqlite://", "one") as other:
        fill(journal)
        fill(other)
        journal.finish({"events": 700})
        other.finish({"events": 700})
        assert journal.sha256 == other.sha256
        for kind in RECORDS:
            assert journal.rows(kind) == other.rows(kind)
    told = read_journal(postgres)
    assert told["session"] == "one" and told["summary"] == {"events": 700} and len(told["samples"]) == 700
    assert told["samples"][0]["realized"] == 5e-324 and told["samples"][0]["unrealized"] is None


def test_a_killed_writer_loses_nothing_it_had_committed(postgres: str) -> None:
    script = (
        "import os, signal, sys\n"
        "from genesis_lib.journal import Journal\n"
        "journal = Journal.open(sys.argv[1], 'killed')\n"
        "journal.describe({'source': 'a'})\n"
        "journal.record('commands', 0, name='start')\n"
        "journal.commit()\n"
        "journal.record('commands', 1, name='never told')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, postgres], check=False).returncode == -9
    with Journal.open(postgres, "killed") as journal:
        assert journal.resumed and journal.header == {"source": "a"}
        assert [row["name"] for row in journal.rows("commands")] == ["start"]
        journal.record("commands", 2, name="stop")
    assert [row["seq"] for row in read_journal(postgres)["commands"]] == [0, 1]


def test_a_session_has_one_writer(postgres: str) -> None:
    with Journal.open(postgres, "one"):
        with pytest.raises(SessionError, match="of session one is being written by another session"):
            Journal.open(postgres, "one")
        Journal.open(postgres, "two").close()
    Journal.open(postgres, "one").close()


def test_sessions_of_one_database_are_apart(postgres: str) -> None:
    for name in ("one", "two"):
        with Journal.open(postgres, name) as journal:
            journal.describe({"source": name})
            journal.record("commands", 0, name=name)
    assert read_journal(postgres)["session"] == "two" and read_journal(postgres, "one")["commands"][0]["name"] == "one"
    with pytest.raises(SessionError, match="holds no session three"):
        read_journal(postgres, "three")


def test_no_error_tells_a_password(postgres: str) -> None:
    secret = postgres.partition("genesis:")[2].partition("@")[0]
    wrong = postgres.replace(secret, "wr0ng")
    for url, cause in (
        (wrong, "password authentication failed"),
        (postgres.replace("host=", "host=/nowhere"), "journal cannot be used"),
        (f"{postgres}&colour=red", "journal cannot be used|not a database that can be opened"),
        ("postgresql+nothing://me:wr0ng@x/y", "not a database that can be opened|driver is not installed"),
    ):
        for act in (lambda url=url: Journal.open(url, "x"), lambda url=url: read_journal(url)):
            with pytest.raises(SessionError, match=cause) as told:
                act()
            chain, error = "", told.value
            while error is not None:
                chain, error = f"{chain}{error}", error.__cause__
            assert secret not in chain and "wr0ng" not in chain and "***" in str(told.value)


def test_a_backtest_into_the_database(postgres: str, tmp_path) -> None:
    from genesis_lib.engine import Engine
    from genesis_lib.feeds.simulation.simulator import Simulator

    simulator = Simulator(3, minutes=0.2)
    hashes = []
    for where in (postgres, tmp_path):
        with Journal.open(where, "run") as journal:
            engine = Engine.build(simulator.instrument, journal=journal, source=simulator.name, provenance="simulated")
            for event in Simulator(3, minutes=0.2):
                engine.step(event)
            engine.finish()
            hashes.append(journal.sha256)
    assert hashes[0] == hashes[1]
    assert read_journal(postgres)["samples"] == read_journal(tmp_path)["samples"]


def test_a_database_of_the_layout_before_is_read_and_goes_on(postgres: str) -> None:
    import psycopg

    with Journal.open(postgres, "old") as journal:
        journal.describe({"source": "a"})
        journal.record("commands", 0, name="start")
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DROP TABLE acknowledgements, alert_tallies")
        for name in ADDED["alerts"]:
            connection.execute(f"ALTER TABLE alerts DROP COLUMN {name}")
        connection.execute("INSERT INTO alerts VALUES ('old', 1, 7, 5, 'spoofing', 'warning', 'A wall.')")
    data = read_journal(postgres, "old")
    assert data["alerts"][0]["alert_id"] is None and data["acknowledgements"] == []
    with Journal.open(postgres, "old") as journal:
        assert [row["message"] for row in journal.rows("alerts")] == ["A wall."]
        journal.record("acknowledgements", 9, alert_id=1, timestamp=6, wall_ns=7, by="anna")
    assert read_journal(postgres, "old")["acknowledgements"][0]["by"] == "anna"
