"""`genesis alerts` and `genesis session acknowledge` from the shell."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from genesis_lib.cli import main
from genesis_lib.clock import NS
from genesis_lib.journal import Journal

ROOT = Path(__file__).resolve().parents[2]
START = 1_700_000_000 * NS


def told(journal, number, cause="new", severity="warning", kind="spoofing", repeats=0):
    journal.record(
        "alerts", number, timestamp=START + number * NS, kind=kind, severity=severity, message="A wall of 3.",
        alert_id=number, cause=cause, score=70.0, evidence='{"levels":[1,2],"side":"bid"}', repeats=repeats,
    )  # fmt: skip


@pytest.fixture
def session(tmp_path, monkeypatch):
    """A session that told three alerts, one of them twice, and one was seen."""
    monkeypatch.setenv("GENESIS_PATHS_SESSIONS", str(tmp_path))
    with Journal.open(tmp_path / "s", "s") as journal:
        journal.describe({"provenance": "simulated", "source": "simulator", "venue": "simulator", "symbol": "SIMBTC"})
        told(journal, 1)
        told(journal, 2, severity="critical", kind="feed_gap")
        told(journal, 3)
        told(journal, 2, "reminder", "critical", "feed_gap", repeats=4)
        journal.record("acknowledgements", 9, alert_id=1, timestamp=START + 9 * NS, wall_ns=1, by="anna")
        fields = {"kind": "spoofing", "severity": "warning", "outcome": "repeated", "number": 4}
        journal.record("alert_tallies", 9, timestamp=START, **fields)
    return tmp_path / "s"


def run(*args):
    return CliRunner().invoke(main, ["alerts", *map(str, args)])


def test_the_list_and_its_figures(session):
    result = run("s")
    assert result.exit_code == 0, result.output
    first, *lines = result.stdout.splitlines()
    assert first == "SIMULATED: simulator, simulator:SIMBTC, session s"
    assert lines[0] == ("   1  2023-11-14T22:13:21.000000Z  warning     70  spoofing: A wall of 3. [seen by anna]")
    assert lines[1].endswith("feed_gap: A wall of 3. (and 4 more)") and "critical" in lines[1]
    assert lines[3] == (
        "told 3, escalated 0, reminded 1, repeated 4, held 0 (by rules), acknowledged 1, unacknowledged 2"
    )
    assert lines[4] == "mean time to acknowledge 8.0 s of market time"
    assert "levels" not in result.stdout and "levels (1, 2), side bid" in run("s", "--evidence").stdout


def test_json(session):
    answer = json.loads(run(session, "--json").stdout)
    assert (answer["session"], answer["provenance"]) == ("s", "simulated")
    assert [row["id"] for row in answer["alerts"]] == [1, 2, 3]
    assert answer["alerts"][0]["acknowledged_by"] == "anna" and answer["alerts"][0]["evidence"]["levels"] == [1, 2]
    assert answer["statistics"]["by_kind"]["spoofing"]["repeated"] == 4
    left = json.loads(run(session, "--json", "--unacknowledged").stdout)
    assert [row["id"] for row in left["alerts"]] == [2, 3] and left["statistics"]["told"] == 3


def test_nothing_to_list(session, tmp_path):
    with Journal.open(tmp_path / "quiet", "quiet") as journal:
        journal.describe({"provenance": "live"})
    assert run("quiet").stdout.splitlines()[1] == "no alerts"
    assert run("quiet", "--unacknowledged").stdout.splitlines()[1] == "no alert that nobody has seen"
    result = run("none")
    assert result.exit_code == 1 and result.stderr.count("\n") == 1 and "no session at" in result.stderr


def test_a_running_session_is_acknowledged_from_the_shell(tmp_path, monkeypatch):
    rules = [{"source": "feature", "feature": "obi_1", "above": 0.2, "clear": 0.0}]
    monkeypatch.setenv("GENESIS_PATHS_SESSIONS", str(tmp_path))
    monkeypatch.setenv("GENESIS_PATHS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("GENESIS_ALERTS_RULES", json.dumps(rules))

    def shell(*args):
        return CliRunner().invoke(main, args)

    play = [
        "run",
        "--headless",
        "--stay",
        "--source",
        "simulator",
        "--seed",
        "5",
        "--minutes",
        "0.3",
        "--model",
        "none",
    ]
    command = [sys.executable, "-m", "genesis_lib", *play, "--session", "s"]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    session = subprocess.Popen(command, cwd=ROOT, **pipes)
    try:
        ends = time.monotonic() + 60
        while True:
            listed = shell("alerts", "s", "--unacknowledged", "--json")
            if listed.exit_code == 0 and (found := json.loads(listed.stdout)["alerts"]):
                break
            assert time.monotonic() < ends and session.poll() is None, listed.output
            time.sleep(0.1)
        number = found[0]["id"]
        done = shell("session", "acknowledge", str(number), "--by", "anna", "--session", "s", "--json")
        assert done.exit_code == 0 and json.loads(done.stdout)["session"] == "s", done.output
        assert json.loads(done.stdout)["acknowledged"] == [{"id": number, "kind": found[0]["kind"]}]
        again = shell("session", "acknowledge", str(number), "--session", "s")
        assert again.exit_code == 0 and again.stdout.startswith("acknowledged nothing: "), again.output
        refused = shell("session", "acknowledge", "nothing", "--session", "s")
        assert refused.exit_code == 1 and "no alarm of kind 'nothing'" in refused.stderr
        listed = json.loads(shell("alerts", "s", "--json").stdout)["alerts"]
        assert next(row for row in listed if row["id"] == number)["acknowledged_by"] == "anna"
    finally:
        session.communicate(b"", timeout=60)


def test_who_is_for_acknowledgements_alone():
    result = CliRunner().invoke(main, ["session", "status", "--by", "anna"])
    assert result.exit_code == 2 and "--by is for acknowledge, not for status" in result.output
