from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from genesis_lib.cli.session import parse_speed
from genesis_lib.config import load
from genesis_lib.errors import InputError, SessionError
from genesis_lib.journal import read_journal
from genesis_lib.live.directory import SessionDirectory, read_state

ROOT = Path(__file__).resolve().parents[2]
PLAY = ("--source", "simulator", "--model", "none", "--seed", "3")


@pytest.fixture
def shell(tmp_path):
    """Run `genesis` in the checkout, with the sessions in a folder of the test."""
    environment = {**os.environ, "GENESIS_PATHS_SESSIONS": str(tmp_path / "sessions")}
    environment["GENESIS_PATHS_DATA"] = str(tmp_path / "data")
    started = []

    def shell(*arguments, wait=True):
        command = [sys.executable, "-m", "genesis_lib", *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment, "cwd": ROOT}
        if wait:
            return subprocess.run(command, timeout=60, **pipes)
        started.append(subprocess.Popen(command, **pipes))
        return started[-1]

    yield shell
    for process in started:
        process.kill()
        process.communicate()


def refused(result):
    """The one line of a refusal."""
    assert result.returncode == 1, result
    assert result.stdout == "" and result.stderr.startswith("genesis: ") and result.stderr.count("\n") == 1, result
    return result.stderr.strip()


def reach(path, process):
    ends = time.monotonic() + 30
    while time.monotonic() < ends and process.poll() is None:
        if (path / "session.json").exists():
            return read_state(path)
        time.sleep(0.05)
    raise AssertionError(process.communicate())


def processes_of(pattern):
    """Command lines, by number, of this machine's processes that name `pattern`."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if pattern in text:
            found[int(entry.parent.name)] = text
    return found


def test_headless_ends_with_its_source_and_prints_the_summary(shell, tmp_path):
    result = shell("run", *PLAY, "--minutes", "0.1", "--headless", "--session", "one", "--json")
    assert result.returncode == 0, result.stderr
    summary = json.loads(result.stdout)
    keys = {"trades", "realized", "fees", "sharpe", "max_drawdown", "win_rate", "events", "journal_sha256"}
    assert keys <= set(summary) and set(summary["latency_us"]) == {"p50", "p99"} and summary["session"] == "one"
    assert read_journal(tmp_path / "sessions" / "one")["summary"]["journal_sha256"] == summary["journal_sha256"]
    again = shell("run", *PLAY, "--minutes", "0.1", "--headless", "--json")
    assert json.loads(again.stdout)["journal_sha256"] == summary["journal_sha256"]
    assert re.fullmatch(r"\d{8}-\d{6}-simulator", json.loads(again.stdout)["session"])


def test_a_session_is_commanded_from_the_shell_until_ctrl_c(shell, tmp_path):
    process = shell("run", *PLAY, "--speed", "20x", "--headless", "--session", "one", "--json", wait=False)
    reach(tmp_path / "sessions" / "one", process)
    assert "session one is running already" in refused(shell("run", *PLAY, "--headless", "--session", "one"))
    for action, active in (("status", True), ("stop", False), ("start", True)):
        result = shell("session", action, "--json")
        assert result.returncode == 0, result.stderr
        status = json.loads(result.stdout)
        assert status["active"] is active and status["state"] == "RUNNING" and status["session"] == "one"
        assert {"position", "realized", "unrealized", "provenance", "events"} <= set(status)
    assert json.loads(shell("session", "kill", "--session", "one", "--json").stdout)["state"] == "KILLED"
    assert "reset it before" in refused(shell("session", "start"))
    assert "position" in shell("session", "reset").stdout
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert json.loads(out)["session"] == "one"
    names = [row["name"] for row in read_journal(tmp_path / "sessions" / "one")["commands"]]
    assert names == ["start", "stop", "start", "kill", "reset"]
    assert "no session is running under" in refused(shell("session", "status"))
    assert "session one has ended" in refused(shell("session", "status", "--session", "one"))
    assert "no session at" in refused(shell("session", "status", "--session", "two"))


def test_a_replay_is_commanded_from_the_shell(shell, tmp_path):
    process = shell(
        "run", *PLAY, "--minutes", "1", "--speed", "0.5", "--headless", "--session", "one", "--json", wait=False
    )
    reach(tmp_path / "sessions" / "one", process)

    def tell(*words):
        result = shell("session", *words, "--json")
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)["replay"]

    assert tell("pause")["state"] == "paused"
    there = tell("seek", "+30")
    assert (there["state"], there["seeks"]) == ("paused", 1) and 29_000 < there["time"] - there["start"] <= 30_000
    assert tell("seek", there["at"])["time"] <= there["time"]
    assert 9_900 < there["time"] - tell("back", "10")["time"] < 10_600
    assert tell("forward", "5")["seeks"] == 4
    ends = time.monotonic() + 30
    while (end := tell("status")["end"]) is None:  # all of it is known in a moment
        assert time.monotonic() < ends
    assert end - 11_000 < tell("seek", "-10")["time"] <= end - 10_000
    before = tell("status")["events"]
    after = tell("step", "3")
    assert (after["state"], after["steps"]) == ("paused", 0) and after["events"] > before, "the answer is that after it"
    told = shell("session", "pause").stdout
    assert re.search(r"^time +\d{4}-\d\d-\d\dT[\d:.]+Z$", told, re.M) and re.search(r"^replay +paused$", told, re.M)
    assert told.count("\n") < 12 and "{" not in told + shell("session", "status").stdout
    assert tell("speed", "max")["speed"] == "max"
    assert "when must be nanoseconds since 1970" in refused(shell("session", "seek", "noon"))
    assert "lies before the data" in refused(shell("session", "seek", "2001-01-01"))
    tell("resume")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert json.loads(out)["seeks"] == 5
    assert [path.suffix for path in (tmp_path / "data" / "cache").iterdir()] == [".tape"]


def test_a_session_is_taken_up_again_by_its_name_alone(shell, tmp_path):
    first = shell("run", *PLAY, "--minutes", "0.1", "--headless", "--session", "one", "--json")
    again = shell("run", "--headless", "--session", "one", "--json")
    assert again.returncode == 0, again.stderr
    before, after = json.loads(first.stdout), json.loads(again.stdout)
    assert (after["trades"], after["realized"], after["data_hash"]) == (
        before["trades"],
        before["realized"],
        before["data_hash"],
    )
    names = [row["name"] for row in read_journal(tmp_path / "sessions" / "one")["commands"]]
    assert names == ["start", "restored"]
    file = tmp_path / "sessions" / "one" / "session.json"
    state = json.loads(file.read_text())
    state["run"]["source"] = ["postgresql://me:***@host/market"]  # what is kept of a database's URL
    file.write_text(json.dumps(state))
    assert "of which no password is kept" in refused(shell("run", "--headless", "--session", "one"))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--source", "nowhere.gz"), "nowhere.gz"),
        (("--source", "simulator:DOGE"), "DOGE"),
        (("--source", "simulator", "--speed", "fast"), "got 'fast'"),
        (("--source", "simulator", "--speed", "0"), "got '0'"),
        (("--source", "simulator", "--minutes", "nan"), "minutes must be a number greater than 0, got nan"),
        (("--source", "simulator", "--minutes", "0"), "minutes must be a number greater than 0, got 0.0"),
        (("--source", "simulator", "--strategy", "martingale"), "martingale"),
        (("--source", "simulator", "--model", "no-such-model"), "no-such-model"),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_line_and_leaves_nothing(shell, tmp_path, arguments, reason):
    extra = () if "--model" in arguments else ("--model", "none")
    assert reason in refused(shell("run", *arguments, *extra, "--headless"))
    assert not list(tmp_path.glob("sessions/*"))


def test_a_session_process_that_cannot_start_is_heard_and_leaves_nothing(shell, tmp_path):
    line = refused(shell("run", "--source", "nowhere.gz", "--model", "none", "--session", "one", "--port", "0"))
    assert line.startswith("genesis: the session ended (exit code 1): ") and "nowhere.gz" in line
    assert not list(tmp_path.glob("sessions/*"))


def test_the_password_of_a_database_is_no_argument_of_the_sessions_process(tmp_path, monkeypatch):
    import genesis_lib.cli.session as module
    from genesis_lib.live.supervise import Family

    url, started = "postgresql://me:secret@127.0.0.1:1/market?symbol=BTCUSDT", []
    real = Family.start
    monkeypatch.setattr(Family, "start", lambda *args: (started.append(args), real(*args))[1])
    wanted = dict.fromkeys(module.REMEMBERED) | {"source": [url], "model": "none", "speed": "1"}
    with pytest.raises(SessionError, match=r"127\.0\.0\.1") as refusal:  # it got the whole URL: it tried to connect
        module._serve(tmp_path / "s", load(session={"port": 0}), wanted, True)
    ((_, _, arguments, environment, _),) = started
    assert "secret" not in " ".join(arguments) + str(refusal.value) and url in environment[module.SOURCES]


def test_a_directory_in_use_and_a_port_in_use_are_refused_before_anything_starts(shell, tmp_path):
    with SessionDirectory(tmp_path / "s") as directory:
        directory.write({"pid": 4711})
        for headless in ((), ("--headless",)):
            line = refused(shell("run", *PLAY, "--session", directory.path, "--port", "0", *headless))
            assert "running already (process 4711)" in line
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert f"port {port}" in refused(shell("run", *PLAY, "--session", "one", "--port", port))
    assert not (tmp_path / "sessions").exists()


def test_wrong_usage_is_exit_code_2(shell):
    assert shell("session", "dance").returncode == 2
    assert shell("run", "--seed", "many").returncode == 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_dashboard_comes_up_with_its_session_and_both_go_with_it(shell, tmp_path, number):
    if not (ROOT / "notebooks" / "05_live_trading.ipynb").exists():
        pytest.skip("the dashboard's notebook is not here")
    process = shell(
        "run", *PLAY, "--speed", "5", "--port", "0", "--session", "one", "--no-browser", "--json", wait=False
    )
    lines = []
    for line in process.stderr:
        lines.append(line)
        if line.startswith("dashboard: "):
            break
    assert re.fullmatch(r"dashboard: http://127\.0\.0\.1:\d+/\?token=[0-9a-f]{48}\n", lines[-1]), lines
    path = tmp_path / "sessions" / "one"
    assert read_state(path)["pid"] != process.pid
    assert json.loads(shell("session", "status", "--json").stdout)["state"] == "RUNNING"
    assert len(processes_of(str(path))) >= 1
    if number == signal.SIGTERM:
        (voila,) = (
            pid for pid, text in processes_of("genesis_lib.widgets.voila_app").items() if str(process.pid) in text
        )
        os.kill(voila, signal.SIGKILL)
        said = process.stderr.readline()
        assert "the dashboard ended (killed by SIGKILL)" in said and "the session goes on" in said
        assert json.loads(shell("session", "status", "--json").stdout)["state"] == "RUNNING"
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert json.loads(out)["events"] > 0
    assert processes_of(str(path)) == {} and processes_of(f" {process.pid} ") == {}
    assert read_state(path)["state"] == "ENDED"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("victim", ["session", "command"])
def test_when_the_session_or_the_command_is_killed_nobody_is_left_behind(shell, tmp_path, victim):
    process = shell("run", *PLAY, "--speed", "5", "--port", "0", "--session", "one", "--no-browser", wait=False)
    path = tmp_path / "sessions" / "one"
    state = reach(path, process)
    os.kill(state["pid"] if victim == "session" else process.pid, signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    if victim == "session":
        assert process.returncode == 1 and "genesis: the session ended (killed by SIGKILL)" in err, err
    ends = time.monotonic() + 30
    while processes_of(str(path)) or processes_of(f" {process.pid} "):
        assert time.monotonic() < ends, processes_of(str(path))
        time.sleep(0.1)
    if victim == "command":
        assert read_state(path)["state"] == "ENDED" and read_state(path)["summary"]["journal_sha256"]


def test_speeds():
    assert [parse_speed(text) for text in ("1", "10x", "0.5", "MAX")] == [1.0, 10.0, 0.5, float("inf")]
    for text in ("", "-1", "0", "x", "nan", "inf", "1e3", "10 x"):
        with pytest.raises(InputError, match="positive number"):
            parse_speed(text)
