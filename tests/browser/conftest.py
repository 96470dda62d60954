"""A real session process, a real Voila and a real Chromium."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from genesis_lib.live.client import SessionClient
from genesis_lib.widgets.serve import free_port, new_token, page_url, voila_command

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
FLAGS = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync"
PATIENCE_S = 60
ROOT = Path(__file__).resolve().parents[2]
WORKER = ROOT / "tests/live/worker.py"


def wait_until(until, what, seconds=PATIENCE_S):
    """Wait until a condition holds; its value."""
    ends = time.monotonic() + seconds
    while not (value := until()):
        assert time.monotonic() < ends, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return value


class SessionProcess:
    """A live session on the simulator, with a model of the tests' own that trades often."""

    def __init__(self, folder):
        self.folder, self.process = folder, None

    def start(self):
        env = {**os.environ, "PYTHONPATH": str(ROOT), "GENESIS_PATHS_DATA": str(self.folder.parent / "data")}
        env["GENESIS_ALERTS_RULES"] = json.dumps(
            [{"source": "feature", "feature": "obi_1", "above": 0.2, "clear": 0.0, "name": "lean", "severity": "info"}]
        )
        log = (self.folder.parent / "session.log").open("ab")
        self.process = subprocess.Popen([sys.executable, str(WORKER), str(self.folder), "1"], env=env, stderr=log)
        wait_until(self.answers, "the session answers")

    def answers(self):
        assert self.process.poll() is None, (self.folder.parent / "session.log").read_text()
        try:
            return self.status()
        except Exception:
            return None

    def status(self, command="status"):
        with SessionClient(self.folder) as client:
            return client.command(command, timeout=5)

    def kill(self):
        self.process.kill()
        self.process.wait()


class Server:
    """Voila as `genesis run` starts it."""

    def __init__(self, folder):
        self.token, self.port, self.log = new_token(), free_port(), folder / "voila.log"
        argv, env = voila_command(
            ROOT / "notebooks/05_live_trading.ipynb",
            port=self.port,
            token=self.token,
            session_dir=folder / "session",
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self.process = subprocess.Popen(argv, env=env, stdout=self.log.open("ab"), stderr=subprocess.STDOUT)
        wait_until(self.listens, "Voila listens")

    def listens(self):
        assert self.process.poll() is None, self.log.read_text()
        return any(c.status == "LISTEN" for c in psutil.Process(self.process.pid).net_connections())

    @property
    def url(self):
        return page_url("127.0.0.1", self.port, self.token)

    def kernels(self):
        """Processes of kernels that run."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]

    def stop(self):
        kernels = self.kernels()
        self.process.terminate()
        self.process.wait(PATIENCE_S)
        return kernels


class Tab:
    """A page of the dashboard."""

    def __init__(self, context, url):
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE_S * 1000)
        self.page.goto(url)

    def desk(self, attribute="link"):
        return self.page.evaluate("name => document.querySelector('.genesis-desk')?.dataset[name]", attribute)

    def live(self):
        wait_until(lambda: self.desk() == "live" and self.desk("frames"), "the desk is live")
        return self

    def text(self, part):
        return self.page.evaluate("id => document.querySelector(`[data-id=${id}]`).textContent", part)

    def trades(self):
        return self.page.evaluate("[...document.querySelectorAll('[data-trade]')].map(r => Number(r.dataset.trade))")

    def press(self, name, exact=False):
        self.page.get_by_role("button", name=name, exact=exact).click()

    def close(self):
        """As a user does: the page gets its last word."""
        with self.page.expect_event("close"):
            self.page.close(run_before_unload=True)


@pytest.fixture(scope="module")
def chromium():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e .[test]")
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no Chromium at {CHROMIUM}: the browser tests need one")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS.split(), "--no-first-run"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("desk")


@pytest.fixture(scope="module")
def session(folder):
    session = SessionProcess(folder / "session")
    yield session
    if session.process is not None and session.process.poll() is None:
        session.kill()


@pytest.fixture(scope="module")
def server(folder):
    server = Server(folder)
    yield server
    if server.process.poll() is None:
        server.stop()


@pytest.fixture(scope="module")
def seen():
    """What the browser asked for, and what it complained of, in all tests of the module."""
    return {"requests": [], "errors": []}


@pytest.fixture(scope="module")
def context(chromium, seen):
    context = chromium.new_context(viewport={"width": 1280, "height": 720})
    context.on("request", lambda request: seen["requests"].append(request.url))
    context.on("console", lambda said: said.type == "error" and seen["errors"].append(said.text))
    context.on("weberror", lambda error: seen["errors"].append(str(error.error)))
    yield context
    context.close()


@pytest.fixture(scope="module")
def tab(context, server):
    return Tab(context, server.url)


@pytest.fixture(scope="module")
def open_tab(context, server):
    return lambda: Tab(context, server.url)


@pytest.fixture(scope="session")
def wait():
    """Wait until a condition holds, or fail in words."""
    return wait_until
