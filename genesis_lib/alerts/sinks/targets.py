"""What an address reaches: one attempt to send, and what came of it."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import NamedTuple, Protocol

from genesis_lib.alerts.sinks.address import Address, scheme_of
from genesis_lib.alerts.sinks.letter import Letter
from genesis_lib.errors import ConfigError

LOGGER = "genesis.alerts"
LEVELS = (logging.INFO, logging.WARNING, logging.CRITICAL)
KEEP = 5  # files that were put aside


class Outcome(NamedTuple):
    """What came of an attempt: why it failed (empty: it did not), whether another may succeed, and after how long."""

    failure: str = ""
    again: bool = True
    after_s: float | None = None


class Target(Protocol):
    """Something that takes letters; used by one thread alone."""

    def send(self, letter: Letter) -> Outcome:
        """Try once, in bounded time."""

    def close(self) -> None:
        """Let go of connections and files."""


class LogTarget:
    """Python's logging: INFO, WARNING or CRITICAL of ``genesis.alerts``."""

    def send(self, letter: Letter) -> Outcome:
        """Log the alert."""
        logging.getLogger(LOGGER).log(LEVELS[letter.rank], "%s: %s", letter.title, letter.notice.message)
        return Outcome()

    def close(self) -> None:
        """Nothing to let go of."""


class FileTarget:
    """Lines of JSON; a file that has grown to `most_bytes` is put aside as ``.1``, the one before as ``.2`` ...

    Parameters
    ----------
    path
        Its folder is made.
    most_bytes
        Size of a file at most (a single longer line stands alone).
    """

    def __init__(self, path: Path, most_bytes: int) -> None:
        self.path, self._most = path, most_bytes

    def send(self, letter: Letter) -> Outcome:
        """Append a line, in one write."""
        line = letter.json() + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists() and 0 < self.path.stat().st_size > self._most - len(line):
                self._rotate()
            # Without a reader a pipe would hold us for ever.
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK, 0o600)
            try:
                size = os.fstat(descriptor).st_size
                written = os.write(descriptor, line)
                if written < len(line) and os.fstat(descriptor).st_size == size + written:
                    os.ftruncate(descriptor, size)  # half a line would spoil the next one
            finally:
                os.close(descriptor)
        except OSError as error:
            return Outcome(error.strerror or type(error).__name__)
        return Outcome() if written == len(line) else Outcome("the disk is full")

    def _rotate(self) -> None:
        for number in range(KEEP - 1, 0, -1):
            aside = self._aside(number)
            if aside.exists():
                aside.replace(self._aside(number + 1))
        self.path.replace(self._aside(1))

    def _aside(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def close(self) -> None:
        """Nothing is held open."""


def make_target(address: Address, *, timeout_s: float, folder: Path, most_bytes: int) -> Target:
    """What an address reaches.

    Parameters
    ----------
    timeout_s
        Of each attempt to connect, write or read.
    folder
        Where ``file`` without a path writes ``alerts.jsonl``.

    Raises
    ------
    ConfigError
        When nothing is reached by it; quotes no more of it than `masked` does.
    """
    url, scheme = address.url.strip(), scheme_of(address.url)
    if url == "log":
        return LogTarget()
    if scheme == "file":
        named = url.partition(":")[2]
        return FileTarget(Path(named) if named else folder / "alerts.jsonl", most_bytes)
    if scheme in ("http", "https"):
        from genesis_lib.alerts.sinks.web import WebTarget

        return WebTarget(address, timeout_s)
    if "://" not in url:
        raise ConfigError("a sink must be log, file, file:PATH or an address such as https://... or tgram://...")
    from genesis_lib.alerts.sinks.services import ServiceTarget

    return ServiceTarget(address, timeout_s)
