"""Invariant: a session decides what a backtest over the same events decides, to the last bit."""

from __future__ import annotations

import math
import runpy
import threading
import time
from pathlib import Path

import pytest

from genesis_lib import backtest
from genesis_lib.config import load
from genesis_lib.feeds import open_source
from genesis_lib.journal import Journal, read_journal
from genesis_lib.live.client import SessionClient
from genesis_lib.live.directory import SessionDirectory
from genesis_lib.live.session import Session

DECISIONS = ("commands", "orders", "trades", "gaps", "alerts")


# The very model of the session under test, so that both halves of the invariant are driven alike.
QueueReader = runpy.run_path(str(Path(__file__).with_name("live") / "worker.py"))["QueueReader"]


def decisions(journal):
    return {kind: [(row["event_index"], row) for row in journal[kind]] for kind in DECISIONS}


def strip(records):
    return {
        kind: [(at, {key: value for key, value in row.items() if key not in ("session", "seq")}) for at, row in rows]
        for kind, rows in records.items()
    }


def live(make, folder, preset):
    config = load(env={}, strategy={"preset": preset})
    with SessionDirectory(folder) as directory:
        summary = Session(make(), directory, config=config, artifact=QueueReader()).run()
    return summary, strip(decisions(read_journal(folder)))


def replay(make, folder, preset, **options):
    config = load(env={}, strategy={"preset": preset})
    with Journal.open(folder, "replay", durable=False) as journal:
        summary = backtest.run(make(), config=config, artifact=QueueReader(), journal=journal, **options)
    return summary, strip(decisions(read_journal(folder)))


@pytest.mark.parametrize("preset", ["seed", "default"])
def test_over_the_simulator(tmp_path, preset):
    def make():
        return open_source("simulator", seed=11, minutes=0.6)

    (lived, lived_records), (again, records) = live(make, tmp_path / "l", preset), replay(make, tmp_path / "r", preset)
    assert records == lived_records
    assert again["journal_sha256"] == lived["journal_sha256"]
    assert again["trades"] == lived["trades"] > 0
    for key in ("realized", "unrealized", "fees", "sharpe", "max_drawdown", "events", "rows", "signals", "gaps"):
        assert again[key] == lived[key], key


def test_over_a_recording(tmp_path, usdm_2024):
    def make():
        return open_source(usdm_2024)

    (lived, lived_records), (again, records) = (
        live(make, tmp_path / "l", "default"),
        replay(make, tmp_path / "r", "default"),
    )
    assert records == lived_records and again["trades"] > 0
    assert again["journal_sha256"] == lived["journal_sha256"]
    assert (again["events"], again["rows"]) == (lived["events"], lived["rows"])


def test_commands_replay_at_the_event_they_took_effect_at(tmp_path):
    """A session that is told to stop, start and kill replays with its commands to the same journal."""

    def make():
        return open_source("simulator", seed=4, minutes=0.6)

    told = [(0, "start"), (300, "stop"), (700, "start"), (1100, "kill"), (1300, "reset"), (1300, "start")]
    first, records = replay(make, tmp_path / "a", "seed", commands=told)
    journal = read_journal(tmp_path / "a")
    commands = [(row["event_index"], row["name"]) for row in journal["commands"]]
    assert commands == told
    again, others = replay(make, tmp_path / "b", "seed", commands=commands)
    assert others == records and again["journal_sha256"] == first["journal_sha256"]
    quiet = [at for at, row in records["trades"] if row["type"] == "ENTRY" and (300 <= at < 700 or 1100 <= at < 1300)]
    assert quiet == [] and any(at > 1300 for at, _ in records["trades"])


def test_a_session_that_was_sent_about_in_time_replays_from_its_journal(tmp_path, monkeypatch):
    """Seeks, jumps and changes of speed, given at whatever moment: the journal alone gives it all again."""
    monkeypatch.setenv("GENESIS_PATHS_DATA", str(tmp_path / "data"))
    config = load(strategy={"preset": "seed"})

    def make(speed=math.inf):
        return open_source("simulator", seed=11, minutes=0.6, speed=speed)

    with SessionDirectory(tmp_path / "l") as directory:
        session = Session(make(15.0), directory, config=config, artifact=QueueReader(), stay=True)
        thread = threading.Thread(target=session.run, daemon=True)
        thread.start()
        while not (tmp_path / "l" / "session.json").exists():
            time.sleep(0.01)
        with SessionClient(tmp_path / "l") as client:

            def wait(accept):
                ends = time.monotonic() + 60
                while not accept(status := client.command("status", 10)):
                    assert time.monotonic() < ends, status
                    time.sleep(0.01)

            for command, value in (("seek", "+20"), ("speed", "40"), ("seek", "+3"), ("back", 2), ("forward", 9)):
                reached = client.command("status", 10)["events"] + 400
                wait(lambda status, reached=reached: status["trade_count"] > 2 or status["events"] > reached)
                client.command(command, 10, value=value)
                wait(lambda status: status["replay"]["state"] == "playing")
            client.command("kill", 10)
            client.command("seek", 10, value="+12")  # stays killed
            client.command("reset", 10)
            client.command("start", 10)
            client.command("speed", 10, value="max")
            wait(lambda status: status["state"] == "ENDED")
            client.command("seek", 10, value="+30")  # at full speed it stands there, to be seen
            wait(lambda status: status["replay"]["state"] == "paused" and status["replay"]["seeks"] == 6)
            client.command("resume", 10)
            wait(lambda status: status["state"] == "ENDED")
        session.stop()
        thread.join(60)
    lived = read_journal(tmp_path / "l")
    commands = [(row["event_index"], row["name"]) for row in lived["commands"]]
    assert sum(name.startswith("seek ") for _, name in commands) == 6
    with Journal.open(tmp_path / "r", "replay", durable=False) as journal:
        again = backtest.run(make(), config=config, artifact=QueueReader(), journal=journal, commands=commands)
    assert strip(decisions(read_journal(tmp_path / "r"))) == strip(decisions(lived))
    assert again["journal_sha256"] == lived["summary"]["journal_sha256"] and again["seeks"] == 6
    assert len(lived["trades"]) > again["trades"] > 0  # the figures are of the time since the last place


def test_other_latency_other_decisions(tmp_path):
    """The hash is not blind: what changes decisions changes it."""

    def run(latency):
        config = load(env={}, execution={"latency_ms": latency})
        source = open_source("simulator", seed=11, minutes=0.6)
        return backtest.run(source, config=config, artifact=QueueReader())["journal_sha256"]

    assert run(20.0) == run(20.0) != run(400.0)
