import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from genesis_lib.config import load
from genesis_lib.errors import SessionError
from genesis_lib.feeds import open_source
from genesis_lib.live.client import SessionClient
from genesis_lib.live.directory import read_state
from genesis_lib.live.messages import decode

WORKER = Path(__file__).with_name("worker.py")
PATIENCE = 20.0


def simulator(speed=20.0):
    return open_source("simulator", seed=5, speed=speed)


def test_without_a_session_there_is_no_client(tmp_path):
    with pytest.raises(SessionError, match=r"no session is running under .*start one with: genesis run"):
        SessionClient(config=load(env={}, paths={"sessions": str(tmp_path)}))


def test_it_finds_the_newest_session_by_itself_and_any_other_by_name(start, tmp_path):
    start(simulator(), "old")
    start(simulator(), "new")
    config = load(env={}, paths={"sessions": str(tmp_path)})
    with SessionClient(config=config) as newest, SessionClient("old", config=config) as old:
        assert (newest.name, old.name) == ("new", "old") and newest.alive
        assert old.command("status", PATIENCE)["session"] == "old"


def test_frames_begin_with_the_picture_and_continue_it(start):
    running = start(simulator())
    with running.client() as client:
        headers = [decode(message)[0] for message, _ in zip(client.frames(PATIENCE), range(6))]
    assert headers[0]["kind"] == "snapshot" and {header["kind"] for header in headers[1:]} <= {"frame", "snapshot"}
    numbers = [header["seq"] for header in headers]
    assert numbers == sorted(set(numbers))


def test_frames_end_when_the_session_says_nothing_more(start):
    running = start(simulator())
    with running.client() as client:
        frames = client.frames(timeout=0.2)
        next(frames)
        running.stop()
        assert len(list(frames)) < 100 and not client.alive
        with pytest.raises(SessionError, match="session s has ended"):
            client.request_snapshot()


def test_its_descriptor_wakes_an_event_loop(start):
    running = start(simulator())
    with running.client() as client:
        client.request_snapshot(PATIENCE)
        got = 0
        ends = time.monotonic() + PATIENCE
        while got < 5 and time.monotonic() < ends:
            select.select([client.fd], [], [], 1.0)
            while client.poll(0) is not None:
                got += 1
    assert got >= 5


def test_a_session_that_hangs_is_told_in_words_and_its_late_answer_is_not_taken_for_another(tmp_path):
    path = tmp_path / "s"
    environment = {**os.environ, "PYTHONPATH": str(WORKER.parents[2])}
    child = subprocess.Popen([sys.executable, str(WORKER), str(path), "5"], env=environment)
    try:
        ends = time.monotonic() + 60
        while read_state(path).get("pid") != child.pid:
            assert child.poll() is None and time.monotonic() < ends
            time.sleep(0.02)
        with SessionClient(path) as client:
            assert client.command("status", PATIENCE)["active"] is True
            child.send_signal(signal.SIGSTOP)
            with pytest.raises(SessionError, match="session s did not acknowledge 'stop' within 200 ms"):
                client.command("stop")
            child.send_signal(signal.SIGCONT)
            assert client.command("start", PATIENCE)["active"] is True
            child.kill()
            child.wait()
            with pytest.raises(SessionError, match="session s has ended"):
                client.command("status")
    finally:
        child.kill()
        child.wait()
