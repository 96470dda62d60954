"""A session's directory: who owns it, where its sockets are, what state it is in.

Ownership is a lock that the kernel drops with its process, so a crashed session never blocks the next one and a process
number that was given to somebody else never looks like a session.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from genesis_lib.errors import SessionError
from genesis_lib.journal.schema import FILE as JOURNAL
from genesis_lib.storage.database_url import is_url, parse_url

STATE_FILE, LOCK_FILE = "session.json", "session.lock"
OURS = {STATE_FILE, LOCK_FILE, JOURNAL}  # any of them says that a folder is a session's
SOCKETS = ("frames.sock", "commands.sock")
SOCKET_PATH_LIMIT = 100  # bytes; the kernel takes 107 on Linux and 103 on macOS


def session_name(source: str, now: float | None = None) -> str:
    """Name of a new session: local start time and what it plays.

    >>> session_name("binance-usdm:BTCUSDT", 0)[-20:]
    'binance-usdm-btcusdt'
    """
    if is_url(source):  # none of its parts: one of them may be a password
        source = parse_url(source).symbol or "database"
    stamp = datetime.fromtimestamp(time.time() if now is None else now, UTC).strftime("%Y%m%d-%H%M%S")
    word = re.sub(r"[^a-z0-9]+", "-", Path(source).name.lower().split(".")[0]).strip("-")
    return f"{stamp}-{word[:32] or 'source'}"


def locate(session: str | os.PathLike | None, root: str | os.PathLike) -> Path:
    """Directory of a running session.

    Parameters
    ----------
    session
        A directory, a name under `root`, or None for the session that started last and still runs.

    Raises
    ------
    SessionError
        When there is none.
    """
    if session is not None:
        path = place(session, root)
        if not (path / STATE_FILE).exists():
            raise SessionError(f"no session at {path}")
        if not is_running(path):
            raise SessionError(f"session {path.name} has ended")
        return path
    found = [file.parent for file in Path(root).glob(f"*/{STATE_FILE}")]
    running = [(read_state(path).get("started_ns", 0), path) for path in found if is_running(path)]
    if not running:
        raise SessionError(f"no session is running under {root}; start one with: genesis run")
    return max(running)[1].resolve()


def place(session: str | os.PathLike, root: str | os.PathLike) -> Path:
    """Directory that a name or a path means, whether it exists or not."""
    named = Path(root) / session
    bare = os.sep not in str(session) and str(session) not in (".", "..")
    return (named if bare and not (Path(session) / STATE_FILE).exists() else Path(session)).resolve()


def read_state(path: Path) -> dict[str, Any]:
    """What ``session.json`` says; empty where there is none."""
    try:
        state = json.loads((path / STATE_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SessionError(f"{path / STATE_FILE} cannot be read: {error}") from error
    if not isinstance(state, dict):
        raise SessionError(f"{path / STATE_FILE} cannot be read: it is not what a session writes")
    return state


def is_running(path: Path) -> bool:
    """Whether a live process owns the directory."""
    try:
        handle = os.open(path / LOCK_FILE, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


class SessionDirectory:
    """The directory while a session owns it; a context manager.

    Creates it with mode 0700 (whoever may enter it may trade), takes the lock, makes room for the sockets. A folder
    that holds other things is left alone, not closed to everybody else.

    Raises
    ------
    SessionError
        When another session owns it, it is no session's, or it cannot be made.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path).resolve()
        self._made = not self.path.exists()
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            if (held := {file.name for file in self.path.iterdir()}) and not held & OURS:
                raise SessionError(f"{self.path} holds other files and is no session's: name a new or empty directory")
            self.path.chmod(0o700)
            self._lock = os.open(self.path / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise SessionError(f"session directory {self.path} cannot be used: {error.strerror}") from error
        try:
            self._claim()
            self._state = read_state(self.path)
            self._clear_sockets(self._state)
            self.sockets = self._room_for_sockets()
        except BaseException:
            os.close(self._lock)
            raise

    def _claim(self) -> None:
        for _ in range(20):  # a client that looks whether we run holds the lock for an instant
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            time.sleep(0.01)
        owner = read_state(self.path).get("pid", "unknown")
        raise SessionError(f"session directory {self.path} is in use by another session (process {owner})")

    def _room_for_sockets(self) -> Path:
        if _fits(self.path):
            return self.path
        runtime = os.environ.get("XDG_RUNTIME_DIR")
        base = runtime if runtime and os.access(runtime, os.W_OK) else None
        short = Path(tempfile.mkdtemp(prefix="genesis-", dir=base))
        if not _fits(short):
            short.rmdir()
            raise SessionError(f"a unix socket needs a path under {SOCKET_PATH_LIMIT} bytes, got {short}; set TMPDIR")
        return short

    def _clear_sockets(self, state: dict[str, Any]) -> None:
        """Remove what a killed predecessor left, and nothing but its two sockets."""
        addresses = [state.get(key, "") for key in ("frames", "commands")]
        for file in (Path(str(address).removeprefix("ipc://")) for address in addresses if address):
            if file.name in SOCKETS and file.is_socket():
                file.unlink(missing_ok=True)
                if file.parent.name.startswith("genesis-") and file.parent != self.path:
                    with contextlib.suppress(OSError):
                        file.parent.rmdir()

    @property
    def addresses(self) -> tuple[str, str]:
        """ZeroMQ addresses of the frames and of the commands."""
        frames, commands = (f"ipc://{self.sockets / name}" for name in SOCKETS)
        return frames, commands

    @property
    def name(self) -> str:
        """Name of the session."""
        return self.path.name

    @property
    def before(self) -> dict[str, Any]:
        """State that an earlier run of this session left; empty for a new one."""
        return self._state

    def write(self, state: dict[str, Any]) -> None:
        """Replace ``session.json`` in one step."""
        handle, name = tempfile.mkstemp(dir=self.path, prefix=".session-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(state, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self.path / STATE_FILE)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def discard(self) -> None:
        """Close, and remove the directory where this made it and no session ever ran in it."""
        self.close()
        if self._made and not (self.path / STATE_FILE).exists():
            shutil.rmtree(self.path, ignore_errors=True)

    def close(self) -> None:
        """Remove the sockets and let go of the lock."""
        if self._lock < 0:
            return
        for name in SOCKETS:
            (self.sockets / name).unlink(missing_ok=True)
        if self.sockets != self.path:
            with contextlib.suppress(OSError):
                self.sockets.rmdir()
        os.close(self._lock)
        self._lock = -1

    def __enter__(self) -> SessionDirectory:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _fits(directory: Path) -> bool:
    return max(len(os.fsencode(directory / name)) for name in SOCKETS) <= SOCKET_PATH_LIMIT
