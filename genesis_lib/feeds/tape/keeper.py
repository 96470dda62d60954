"""Tapes of finished data: kept from the last time, or being made by a process (or a thread) that this looks after."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import orderbook_ext
from genesis_lib.errors import InputError, StateError
from genesis_lib.feeds.tape.file import LAYOUT, NO_TIME, Tape, TapeWriter
from genesis_lib.feeds.tape.making import make_tape
from genesis_lib.types import Event, Instrument, Snapshot

SUFFIX = ".tape"
KEEP_BYTES = 8 << 30  # of tapes in a folder; beyond it those go first that were not opened for longest
YOUNG_S = 60.0  # a file this new may not be locked yet
Recipe = dict[str, Any]  # what opens the same events in another process: keywords of `open_source`


def fingerprint(data_hash: str, instrument: Instrument) -> str:
    """Name of a tape: of the data, the grid it is read on, and the code that reads it, all of them by their bytes."""
    digest = hashlib.sha256(f"{LAYOUT}/{data_hash}/{instrument}".encode())
    for module in _code():
        digest.update(module.read_bytes())
    return digest.hexdigest()[:32]


def _code() -> list[Path]:
    package, core = Path(__file__).parents[2], Path(orderbook_ext.__file__).parent
    rooms = [found for room in ("feeds", "storage") for found in (package / room).rglob("*.py")]
    return sorted([*rooms, package / "types.py", *core.glob("*.py"), *core.glob("*.so")])


class TapeKeeper:
    """A tape of some data, and whoever is writing it; a context manager.

    Parameters
    ----------
    name
        What `fingerprint` gave.
    folder
        Where whole tapes are kept for the next time; a temporary one, removed at the end, when left out.
    recipe
        Opens the events in a process of its own. Without it `events` are read by a thread of this one.
    data_hash
        What the recipe must open: files that were replaced meanwhile would be kept under the name of the old ones.
    is_endless
        The events have no end: the tape is written no further than `want` asked for.

    Attributes
    ----------
    tape : Tape
        To look how far it is, call `refresh` of this, not of the tape.
    """

    def __init__(
        self,
        name: str,
        instrument: Instrument,
        folder: Path | None,
        *,
        recipe: Recipe | None = None,
        data_hash: str | None = None,
        events: Callable[[], Iterable[Event | Snapshot]] | None = None,
        is_endless: bool = False,
    ) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="genesis-tape-") if folder is None else None
        self.folder = Path(folder or self._temporary.name)
        self._process: subprocess.Popen | None = None
        self._thread: threading.Thread | None = None
        self._wanted = NO_TIME if is_endless else 1 << 62
        self._asked = threading.Condition()
        self._closing = False
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            final = self.folder / (name + SUFFIX)
            if (kept := _open(final)) is not None:
                self.tape = kept
                return
            sweep(self.folder)
            self._part = self.folder / f".{name}.{os.getpid()}.{id(self):x}.part"
            writer = TapeWriter(self._part)  # so that there is something to read at once
            self.tape = Tape(self._part)
            if recipe is None:
                self._thread = threading.Thread(
                    target=self._write, args=(events, instrument, writer), name="genesis-tape", daemon=True
                )
                self._thread.start()
            else:
                writer.close()
                order = {"recipe": recipe, "data_hash": data_hash, "part": str(self._part)}
                self._process = _spawn(order | {"final": None if is_endless else str(final)})
                self._tell()
        except OSError as error:
            self.close()
            raise StateError(f"no tape can be kept in {self.folder}: {error.strerror}") from error
        except BaseException:
            self.close()
            raise

    def refresh(self) -> None:
        """Look how far the tape is.

        Raises
        ------
        StateError
            When whoever writes it is gone before its end.
        """
        writing = self.is_writing
        self.tape.refresh()
        if self.tape.can_grow and not writing:
            raise StateError(f"the tape for seeking could not be written: {self._last_words()}")

    @property
    def is_writing(self) -> bool:
        """Whether somebody is still at work on it."""
        if self._process is not None:
            return self._process.poll() is None
        return self._thread is not None and self._thread.is_alive()

    def want(self, moment: int) -> None:
        """Have an endless stream written up to a time, ns."""
        if moment > self._wanted:
            self._wanted = moment
            self._tell()

    def _tell(self) -> None:
        if self._process is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.write(f"{self._wanted}\n".encode())
                self._process.stdin.flush()
        with self._asked:
            self._asked.notify_all()

    def _write(self, events: Callable[[], Iterable[Any]], instrument: Instrument, writer: TapeWriter) -> None:
        try:
            make_tape(events(), instrument, writer, self._go_on)
        except Exception as error:  # a defect of the source: told to whoever seeks, the session goes on
            writer.finish(f"{type(error).__name__}: {error}")
        finally:
            writer.close()

    def _go_on(self, moment: int) -> bool:
        with self._asked:
            while not self._closing and moment > self._wanted:
                self._asked.wait(1.0)
        return not self._closing

    def _last_words(self) -> str:
        if self._process is None:
            return "its thread ended"
        self._process.wait()
        words = self._process.stderr.read().decode(errors="replace").strip().splitlines()
        return words[-1] if words else f"its process ended with code {self._process.returncode}"

    def close(self) -> None:
        """End the writing; a tape that is not whole is removed."""
        self._closing = True
        with self._asked:
            self._asked.notify_all()
        if self._thread is not None:
            self._thread.join()
        if self._process is not None:
            self._process.stdin.close()
            self._process.wait()
            for pipe in (self._process.stdout, self._process.stderr):
                pipe.close()
        if hasattr(self, "_part"):
            self._part.unlink(missing_ok=True)
        if hasattr(self, "tape"):
            self.tape.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    def __enter__(self) -> TapeKeeper:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def sweep(folder: Path, keep: int = KEEP_BYTES) -> None:
    """Remove what killed writers left, and the tapes unused for longest beyond `keep` bytes."""
    for part in folder.glob(".*.part"):
        with contextlib.suppress(OSError), part.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # whoever writes or reads it holds it
            if time.time() - part.stat().st_mtime > YOUNG_S:
                part.unlink()
    found = []
    for path in folder.glob("*" + SUFFIX):
        with contextlib.suppress(OSError):
            found.append((path.stat().st_mtime_ns, path.stat().st_size, path))
    total = 0
    for _, size, path in sorted(found, reverse=True):
        total += size
        if total > keep:
            path.unlink(missing_ok=True)


def _open(path: Path) -> Tape | None:
    if not path.exists():
        return None
    try:
        tape = Tape(path)
    except InputError:
        return None
    if not tape.is_whole:
        tape.close()
        return None
    os.utime(path)  # its last use, for `sweep`
    return tape


def _spawn(order: dict[str, Any]) -> subprocess.Popen:
    argv = [sys.executable, "-m", "genesis_lib.feeds.tape.making"]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(json.dumps(order).encode() + b"\n")  # not an argument: a database's URL holds a password
        process.stdin.flush()
    return process
