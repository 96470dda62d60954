from __future__ import annotations

import importlib.util
import threading
from pathlib import Path

import pytest

from genesis_lib.live.client import SessionClient
from genesis_lib.live.directory import SessionDirectory

WORKER = Path(__file__).with_name("worker.py")


class Running:
    """A session that runs in a thread of its own."""

    def __init__(self, session, directory):
        self.session, self.directory = session, directory
        self.summary = self.error = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._up = threading.Event()
        write = directory.write
        directory.write = lambda state: (write(state), self._up.set())
        self._thread.start()
        assert self._up.wait(20)

    def _run(self):
        try:
            self.summary = self.session.run()
        except Exception as error:
            self.error = error
        finally:
            self.directory.close()
            self._up.set()

    def client(self):
        return SessionClient(self.directory.path)

    def join(self, timeout=60):
        self._thread.join(timeout)
        assert not self._thread.is_alive()
        return self.summary

    def stop(self):
        self.session.stop()
        return self.join()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Sessions keep their tapes with the test, not in the checkout."""
    monkeypatch.setenv("GENESIS_PATHS_DATA", str(tmp_path / "data"))


@pytest.fixture(scope="session")
def worker():
    """The module of the session under test."""
    spec = importlib.util.spec_from_file_location("session_worker", WORKER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def start(worker, tmp_path):
    """Start a session in a thread; all are stopped at the end."""
    running = []

    def start(source, name="s", **options):
        directory = SessionDirectory(tmp_path / name)
        running.append(Running(worker.make(source, directory, **options), directory))
        return running[-1]

    yield start
    for one in running:
        one.session.stop()
        one.join()
