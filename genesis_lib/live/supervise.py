"""Child processes that live and die with their parent, and what they last said."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from genesis_lib.errors import SessionError

STOP_S = 10.0


class Child:
    """A process with a name, in a process group of its own so that Ctrl-C reaches the parent alone.

    Its standard input is a pipe that closes when the parent is gone, however it went.
    """

    def __init__(self, name: str, argv: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self.name, self.log = name, log
        with log.open("ab") as output:
            self._said = output.tell()
            self.process = subprocess.Popen(
                argv, env=env, stdin=subprocess.PIPE, stdout=output, stderr=output, start_new_session=True
            )

    @property
    def code(self) -> int | None:
        """Exit code; None while it runs."""
        return self.process.poll()

    def obituary(self) -> str:
        """How it ended, with its last words, in one line."""
        code = self.code
        how = f"killed by {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
        with self.log.open("rb") as file:
            file.seek(self._said)
            lines = file.read().decode(errors="replace").strip().splitlines()
        return f"the {self.name} ended ({how})" + (f": {lines[-1].removeprefix('genesis: ')}" if lines else "")

    def signal(self, number: int) -> None:
        """Send a signal to the process alone."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def kill(self) -> None:
        """End its whole process group at once, whatever is left of it."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()


class Family:
    """The children of one command; a context manager that leaves none behind."""

    def __init__(self) -> None:
        self.children: list[Child] = []

    def start(self, name: str, argv: Sequence[str], env: Mapping[str, str], log: Path) -> Child:
        """Start a child whose output is appended to `log`."""
        child = Child(name, argv, env, log)
        self.children.append(child)
        return child

    def stop(self, within: float = STOP_S) -> None:
        """Ask all to end, the youngest first, and end those that do not."""
        ends = time.monotonic() + within
        for child in reversed(self.children):
            child.signal(signal.SIGTERM)
        for child in reversed(self.children):
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.0, ends - time.monotonic()))
            child.kill()
        self.children.clear()

    def __enter__(self) -> Family:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def wait_until(ready: Callable[[], bool], child: Child, within: float, stopped: Callable[[], bool]) -> bool:
    """Wait until `ready`; False when it was `stopped` before.

    Raises
    ------
    SessionError
        When the child ended first, or the time is over.
    """
    ends = time.monotonic() + within
    while not ready():
        if stopped():
            return False
        if child.code is not None:
            raise SessionError(child.obituary())
        if time.monotonic() > ends:
            raise SessionError(f"the {child.name} was not ready within {within:.0f} s; see {child.log}")
        time.sleep(0.05)
    return True


def listening(host: str, port: int) -> bool:
    """Whether somebody accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=0.5):
            return True
    except OSError:
        return False
