"""Invariant 1: a session replays to the same decisions, whoever watched it and whatever it was told."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from genesis_lib import backtest
from genesis_lib.config import load
from genesis_lib.feeds import open_source
from genesis_lib.journal import read_journal
from genesis_lib.live import SessionClient
from genesis_lib.live.directory import SessionDirectory
from genesis_lib.models import registry

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 20.0


@pytest.fixture(scope="module")
def live():
    """The tests' own session, with a model that trades often."""
    spec = importlib.util.spec_from_file_location("session_worker", ROOT / "tests" / "live" / "worker.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def replay(live, source, commands):
    config = load(strategy={"preset": "seed"})
    return backtest.run(source, config=config, artifact=live.QueueReader(), commands=commands)


def commands_of(path):
    return [(row["event_index"], row["name"]) for row in read_journal(path)["commands"]]


def test_a_headless_session_equals_the_backtest_of_its_source(live, tmp_path):
    with SessionDirectory(tmp_path / "s") as directory:
        told = live.make(open_source("simulator", seed=11, minutes=1.0), directory).run()
    again = replay(live, open_source("simulator", seed=11, minutes=1.0), [(0, "start")])
    assert told["trades"] > 50 and told["events"] == again["events"]
    assert told["journal_sha256"] == again["journal_sha256"]
    assert {key: told[key] for key in again} == again


def test_a_session_that_was_commanded_equals_the_backtest_with_its_commands(live, tmp_path):
    with SessionDirectory(tmp_path / "s") as directory:
        session = live.make(open_source("simulator", seed=12, minutes=0.5, speed=15.0), directory)
        thread = threading.Thread(target=session.run)
        thread.start()
        while not (directory.path / "commands.sock").exists() or not (directory.path / "session.json").exists():
            thread.join(0.01)
        with SessionClient(directory.path) as client:
            for name, events in (("stop", 300), ("start", 700), ("kill", 1200), ("reset", 1500), ("start", 1600)):
                while client.command("status", PATIENCE)["events"] < events:
                    thread.join(0.005)
                client.command(name, PATIENCE)
        thread.join()
        told, commands = read_journal(directory.path)["summary"], commands_of(directory.path)
    assert [name for _, name in commands] == ["start", "stop", "start", "kill", "reset", "start"]
    assert len({index for index, _ in commands}) == 6
    again = replay(live, open_source("simulator", seed=12, minutes=0.5), commands)
    assert told["trades"] > 5
    assert told["journal_sha256"] == again["journal_sha256"]


def test_a_real_recording_too(live, tmp_path, usdm_2024):
    with SessionDirectory(tmp_path / "s") as directory:
        told = live.make(open_source(usdm_2024), directory, minutes=1.0).run()
    seen = told["events"]
    source = open_source(usdm_2024)
    poll, given = source.poll, iter(range(seen))

    def first(timeout):
        if next(given, None) is None:
            raise backtest.EndOfSource
        return poll(timeout)

    source.poll = first
    again = replay(live, source, [(0, "start")])
    assert told["trades"] > 20 and (again["events"], again["journal_sha256"]) == (seen, told["journal_sha256"])


def test_the_two_commands_of_the_shell_agree(tmp_path):
    model = "champion" if registry.champion(load().paths.models) else "none"
    environment = {**os.environ, "GENESIS_PATHS_SESSIONS": str(tmp_path)}
    results = []
    for command in (
        ("run", "--headless", "--speed", "max", "--source", "simulator"),
        ("backtest", "simulator"),
    ):
        arguments = [*command, "--seed", "2", "--minutes", "0.5", "--model", model, "--json"]
        done = subprocess.run(
            [sys.executable, "-m", "genesis_lib", *arguments],
            env=environment, cwd=ROOT, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        results.append(json.loads(done.stdout))
    told, again = results
    assert told["events"] > 1000 and told["journal_sha256"] == again["journal_sha256"]
    assert set(again) <= set(told)
