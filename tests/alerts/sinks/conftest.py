"""A real HTTP server on loopback that behaves as badly as a test wants, and letters to send it."""

from __future__ import annotations

import json
import socket
import threading
import time

import pytest

from genesis_lib.alerts import Notice
from genesis_lib.alerts.sinks.letter import Letter

START = 1_700_000_000_000_000_000


class Server:
    """Answers each request with the next of its `answers`, the last one again and again.

    An answer is raw bytes; ``"hang"`` says nothing until the server is closed, ``"drip"`` sends one byte after another
    without an end, ``"cut"`` hangs up in the middle.
    """

    def __init__(self, *answers):
        self.answers, self.requests = list(answers) or [ok()], []
        self.heard = threading.Condition()
        self._open, self._ended = [], threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while not self._ended.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            with connection, connection.makefile("rb") as stream:
                while (line := stream.readline()).strip():
                    headers, length = {}, 0
                    while (header := stream.readline()).strip():
                        name, _, value = header.decode().partition(":")
                        headers[name.strip().lower()] = value.strip()
                    length = int(headers.get("content-length", 0))
                    body = stream.read(length)
                    with self.heard:
                        self.requests.append((line.decode().split()[1], headers, body))
                        answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
                        self.heard.notify_all()
                    if answer == "hang":
                        self._ended.wait(30)
                        return
                    if answer == "drip":
                        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
                    while answer == "drip" and not self._ended.wait(0.01):
                        connection.sendall(b"x")
                    if answer == "drip":
                        return
                    if answer == "cut":
                        connection.sendall(b"HTTP/1.1 20")
                        return
                    connection.sendall(answer)
        except (OSError, ValueError):
            return

    @property
    def bodies(self):
        return [json.loads(body) for _, _, body in self.requests]

    def wait(self, number, seconds=20.0):
        """Wait until so many requests have come."""
        with self.heard:
            assert self.heard.wait_for(lambda: len(self.requests) >= number, seconds), self.requests

    def close(self):
        self._ended.set()
        self._socket.close()
        for connection in self._open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


def ok(code=200, *headers):
    lines = [f"HTTP/1.1 {code} Word", "Content-Length: 0", *headers]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


@pytest.fixture
def answer():
    return ok


@pytest.fixture
def server():
    made = []

    def make(*answers):
        made.append(Server(*answers))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def refused():
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.fixture
def notice():
    def make(number=1, severity="warning", **more):
        return Notice(number, "new", "spoofing", severity, 70.0, START + number, "A wall.", {"side": "bid"}, **more)

    return make


@pytest.fixture
def letter(notice):
    about = {"session": "s", "instrument": "simulator:SIMBTC", "provenance": "simulated"}
    return lambda *given, **more: Letter(notice(*given, **more), about)


@pytest.fixture
def until():
    """Wait until something is so; nothing is said of how soon."""

    def wait(so, seconds=20.0):
        ends = time.monotonic() + seconds
        while not so():
            assert time.monotonic() < ends, "it never came to be so"
            time.sleep(0.005)

    return wait
