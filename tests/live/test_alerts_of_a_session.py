"""Alerts of a running session: shown, acknowledged, sent, taken up again, and the same when replayed."""

from __future__ import annotations

import json
import math
import socket
import time

import pytest

from genesis_lib import backtest
from genesis_lib.config import load
from genesis_lib.errors import ConfigError, SessionError
from genesis_lib.feeds import open_source
from genesis_lib.journal import Journal, read_journal
from genesis_lib.live.client import SessionClient
from genesis_lib.live.directory import SessionDirectory
from genesis_lib.live.messages import decode
from genesis_lib.live.session import Session

PATIENCE = 20.0
# One that is raised again and again, and grows worse and is told again where nobody looks.
RULES = (
    {"source": "feature", "feature": "obi_1", "above": 0.2, "clear": 0.0, "name": "lean", "remind_s": 4},
    {"source": "feature", "feature": "obi_1", "below": -0.2, "clear": 0.0, "name": "lean_down", "cooldown_s": 3},
)


@pytest.fixture
def configured(tmp_path):
    def make(**alerts):
        return load(env={}, paths={"data": str(tmp_path / "data")}, alerts={"rules": RULES, **alerts})

    return make


def make(speed=math.inf, seed=5, minutes=0.5):
    return open_source("simulator", seed=seed, minutes=minutes, speed=speed)


@pytest.fixture
def running(tmp_path, configured):
    """Start a session in a thread; ended at the end."""
    import threading

    started = []

    def start(name="s", source=None, stay=True, **alerts):
        directory = SessionDirectory(tmp_path / name)
        session = Session(source or make(), directory, config=configured(**alerts), stay=stay)
        thread = threading.Thread(target=lambda: (session.run(), directory.close()), daemon=True)
        started.append((session, thread))
        thread.start()
        ends = time.monotonic() + PATIENCE
        while not (tmp_path / name / "session.json").exists() or not directory.path.joinpath("commands.sock").exists():
            assert time.monotonic() < ends
            time.sleep(0.01)
        return session, thread

    yield start
    for session, thread in started:
        session.stop()
        thread.join(PATIENCE)


def wait(client, so):
    ends = time.monotonic() + PATIENCE
    while not so(status := client.command("status", PATIENCE)):
        assert time.monotonic() < ends, status
        time.sleep(0.01)
    return status


def shown(client):
    return decode(client.request_snapshot(PATIENCE))[0]["alerts"]


def decisions(journal):
    kinds = ("commands", "alerts", "orders", "trades", "gaps")
    return {k: [{n: v for n, v in row.items() if n not in ("session", "seq")} for row in journal[k]] for k in kinds}


def test_what_is_acknowledged_at_whatever_moment_replays_to_the_same_hash(running, tmp_path, configured):
    session, thread = running(source=make(speed=30.0))
    with SessionClient(tmp_path / "s") as client:
        for number in (1, 2):
            wait(client, lambda _, number=number: any(alert["id"] >= number for alert in shown(client)))
            client.command("acknowledge", PATIENCE, value={"what": number, "by": "anna"})
        with pytest.raises(SessionError, match="no alarm of kind 'leen'"):
            client.command("acknowledge", PATIENCE, value="leen")
        with pytest.raises(SessionError, match="acknowledge takes the number of an alarm, a kind, or all, got None"):
            client.command("acknowledge", PATIENCE)
        client.command("acknowledge", PATIENCE, value="all")
        client.command("speed", PATIENCE, value="max")
        wait(client, lambda status: status["state"] == "ENDED")
        client.command("acknowledge", PATIENCE, value={"what": "all", "by": "ben"})  # at the end too
        assert all(alert.get("acknowledged") for alert in shown(client))
    session.stop()
    thread.join(PATIENCE)
    lived = read_journal(tmp_path / "s")
    names = [row["name"] for row in lived["commands"]]
    assert (
        names[:3] == ["start", "acknowledge 1 by anna", "acknowledge 2 by anna"] and "acknowledge all by ben" in names
    )
    assert {row["by"] for row in lived["acknowledgements"]} >= {"anna", "ben"}
    with Journal.open(tmp_path / "r", "replay", durable=False) as journal:
        commands = [(row["event_index"], row["name"]) for row in lived["commands"]]
        again = backtest.run(make(), config=configured(), journal=journal, commands=commands)
    replayed = read_journal(tmp_path / "r")
    assert decisions(replayed) == decisions(lived)
    assert again["journal_sha256"] == lived["summary"]["journal_sha256"]
    causes = {row["cause"] for row in lived["alerts"]}
    assert "new" in causes and sum(row["number"] for row in lived["alert_tallies"]) > 0
    tallies = {}
    for name, journal in (("lived", lived), ("replayed", replayed)):
        tallies[name] = [
            {n: v for n, v in row.items() if n not in ("session", "seq")} for row in journal["alert_tallies"]
        ]
    assert tallies["lived"] == tallies["replayed"]
    seen = [[(row["alert_id"], row["timestamp"], row["by"]) for row in journal["acknowledgements"]]
            for journal in (lived, replayed)]  # fmt: skip
    assert seen[0] == seen[1]


def test_no_word_of_a_command_ends_the_session(running, tmp_path):
    """Digits that are no number, a name that no database can hold: a refusal, or the name without them."""
    running()
    with SessionClient(tmp_path / "s") as client:
        wait(client, lambda status: status["state"] == "ENDED")
        for what in ("\u00b2", "9" * 5000, -1, "1\x00", "1\udcff"):
            with pytest.raises(SessionError, match=r"no alarm|acknowledge takes"):
                client.command("acknowledge", PATIENCE, value={"what": what, "by": "anna"})
        client.command("acknowledge", PATIENCE, value={"what": "1", "by": "An\udcffna\x00\nof ops"})
        assert client.command("status", PATIENCE)["state"] == "ENDED"
    seen = read_journal(tmp_path / "s")
    assert [row["by"] for row in seen["acknowledgements"]] == ["Anna of ops"]
    assert seen["commands"][-1]["name"] == "acknowledge 1 by Anna of ops"
    told = json.loads((tmp_path / "s" / "session.json").read_text())
    assert told["summary"]["journal_sha256"] == seen["summary"]["journal_sha256"], "as the journal has it by now"


def test_what_was_seen_is_seen_after_a_restart(running, tmp_path):
    session, thread = running(stay=True)
    with SessionClient(tmp_path / "s") as client:
        wait(client, lambda status: status["state"] == "ENDED")
        first = shown(client)[-1]["id"]
        client.command("acknowledge", PATIENCE, value={"what": first, "by": "anna"})
    session.stop()
    thread.join(PATIENCE)
    told = len(read_journal(tmp_path / "s")["alerts"])
    session, thread = running(source=make(minutes=0.6))
    desk = session.engine.alarms.desk
    assert desk.acknowledge(first) == () and len(desk.entries(unacknowledged=True)) > 0
    with SessionClient(tmp_path / "s") as client:
        wait(client, lambda status: status["state"] == "ENDED")
    session.stop()
    thread.join(PATIENCE)
    rows = read_journal(tmp_path / "s")["alerts"]
    numbers = [row["alert_id"] for row in rows if row["cause"] == "new"]
    assert len(rows) > told and numbers == list(range(1, len(numbers) + 1))


def test_sinks_hear_each_alert_once_and_no_secret_is_kept(running, tmp_path):
    quick = {"sink_attempts": 1, "flush_s": 20.0, "sink_longest_wait_s": 0.01, "sink_per_minute": 1e5}
    session, thread = running(sinks=["file", "http://127.0.0.1:9/s3cret"], stay=False, **quick)
    thread.join(PATIENCE)
    lines = [json.loads(line) for line in (tmp_path / "s" / "alerts.jsonl").read_text().splitlines()]
    journal = read_journal(tmp_path / "s")
    assert [(line["id"], line["cause"], line["timestamp"]) for line in lines] == [
        (row["alert_id"], row["cause"], row["timestamp"]) for row in journal["alerts"]
    ]
    assert len(lines) > 3 and {line["provenance"] for line in lines} == {"simulated"}
    status = session._delivery.status()
    assert [found["sent"] for found in status] == [len(lines), 0] and status[1]["given_up"] > 0
    for path in (tmp_path / "s").iterdir():
        assert not path.is_file() or b"s3cret" not in path.read_bytes(), path.name


def test_sinks_that_are_dead_or_hang_change_no_decision(running, tmp_path, configured):
    hashes = []
    with socket.create_server(("127.0.0.1", 0)) as hanging:  # takes connections, and never says a word
        dead = ["file", "http://127.0.0.1:9/", f"http://127.0.0.1:{hanging.getsockname()[1]}/"]
        for name, sinks in (("a", []), ("b", dead)):
            session, thread = running(name, stay=False, sinks=sinks, flush_s=0.0)
            thread.join(PATIENCE)
            hashes.append(session._summary["journal_sha256"])
    assert hashes[0] == hashes[1] == backtest.run(make(), config=configured())["journal_sha256"]
    told = len(read_journal(tmp_path / "b")["alerts"])
    assert [found["sent"] for found in session._delivery.status()[1:]] == [0, 0] and told > 3
    assert session._delivery.status()[2]["waiting"] == told, "counted, and waited for by nobody"


def test_a_backtest_reaches_no_sink(tmp_path, configured, monkeypatch):
    from genesis_lib.alerts.sinks import delivery

    monkeypatch.setattr(delivery.Delivery, "__init__", lambda *_: pytest.fail("a backtest sends nothing"))
    assert backtest.run(make(minutes=0.1), config=configured(sinks=["http://127.0.0.1:9/"]))["events"] > 0


def test_a_sink_that_cannot_be_is_refused_at_once(tmp_path, configured):
    with SessionDirectory(tmp_path / "s") as directory:
        with pytest.raises(ConfigError, match=r"tgram://\*\*\*") as told:
            Session(make(), directory, config=configured(sinks=["tgram://s3cret"]))
        assert "s3cret" not in str(told.value)
