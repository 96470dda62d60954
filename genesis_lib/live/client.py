"""A viewer's end of a session: frames, a full picture on request, acknowledged commands."""

from __future__ import annotations

import itertools
import json
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import zmq

from genesis_lib.config import Config, load
from genesis_lib.errors import InputError, SessionError
from genesis_lib.journal.commands import ACKNOWLEDGE, called
from genesis_lib.live.directory import is_running, locate, read_state
from genesis_lib.live.messages import plain

COMMANDS = ("start", "stop", "reset", "kill", "status")
ALERT_COMMANDS = (ACKNOWLEDGE,)
REPLAY_COMMANDS = ("pause", "resume", "step", "speed", "seek", "back", "forward")  # of finished data
ACKNOWLEDGE_S = 0.2
_QUEUE = 64  # frames a viewer may lag behind before it is shown the picture anew


class SessionClient:
    """A connection to a running session; a context manager.

    One thread may read frames while others send commands.

    Parameters
    ----------
    session_dir
        A session's directory or name; None for the one that started last and still runs.
    config
        Settings; read from the working directory and the environment when left out.

    Raises
    ------
    SessionError
        When no such session runs.
    """

    def __init__(self, session_dir: str | os.PathLike | None = None, *, config: Config | None = None) -> None:
        self.path = locate(session_dir, (config or load()).paths.sessions)
        state = read_state(self.path)
        self.name: str = state["session"]
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._seq: int | None = None
        self._context = zmq.Context()
        self._frames = self._context.socket(zmq.SUB)
        self._frames.set(zmq.RCVHWM, _QUEUE)
        self._frames.subscribe(b"")
        self._commands = self._context.socket(zmq.DEALER)
        for socket, address in ((self._frames, state["frames"]), (self._commands, state["commands"])):
            socket.set(zmq.LINGER, 0)
            socket.connect(address)

    @property
    def fd(self) -> int:
        """File descriptor that wakes up when frames may be there (edge-triggered: drain `poll` with timeout 0)."""
        return self._frames.fileno()

    @property
    def alive(self) -> bool:
        """Whether the session's process still runs."""
        return is_running(self.path)

    def poll(self, timeout: float = 0.0) -> bytes | None:
        """Next message for a viewer, waiting at most `timeout` seconds; None when none came.

        A frame carries only what is new. Where frames were missed (this viewer was slow), the full picture comes in
        their place, so whoever draws each message in turn always shows the truth.
        """
        ends = time.monotonic() + timeout
        while self._frames.poll(max(0, int((ends - time.monotonic()) * 1000))):
            sequence, message = self._frames.recv_multipart()
            number, before = int.from_bytes(sequence, "little"), self._seq
            if before is not None and number <= before:
                continue  # older than the picture that was asked for
            if before is not None and number > before + 1:
                return self.request_snapshot()
            self._seq = number
            return message
        return None

    def frames(self, timeout: float = 1.0) -> Iterator[bytes]:
        """Messages as they come, the full picture first; ends when none came for `timeout` seconds."""
        yield self.request_snapshot()
        while (message := self.poll(timeout)) is not None:
            yield message

    def request_snapshot(self, timeout: float = 1.0) -> bytes:
        """Full picture as one message: last 500 points, last 50 trades, ladder. Frames after it continue it."""
        reply = self._ask("snapshot", timeout)
        self._seq = max(int(reply[0]["seq"]), self._seq or 0)
        return reply[1]

    def command(self, name: str, timeout: float = ACKNOWLEDGE_S, *, value: Any = None) -> dict[str, Any]:
        """Send a command and wait for its acknowledgement.

        Parameters
        ----------
        name
            One of `COMMANDS` and `ALERT_COMMANDS` or, where finished data are played, of `REPLAY_COMMANDS`.
        value
            ``acknowledge``: number of an alarm, a kind or ``all``, alone or as ``{"what": 3, "by": "anna"}``;
            ``step``: rows; ``speed``: a factor or ``max``; ``seek``: a time (ns since 1970, ISO 8601, or a span from
            the start such as ``+90``); ``back``, ``forward``: seconds.

        Returns
        -------
        dict
            The session's state after it: state, active, position, realized, unrealized, ... and, under ``replay``,
            where the replay stands (None for a live market). ``acknowledge`` adds ``acknowledged``: ``id`` and ``kind``
            of the alarms that were not seen before.

        Raises
        ------
        SessionError
            When the session refused, has ended, or did not answer in time.
        """
        known = (*COMMANDS, *ALERT_COMMANDS, *REPLAY_COMMANDS)
        if name not in known:
            raise SessionError(f"command must be one of {', '.join(known)}, got {name!r}")
        if value is not None and name in COMMANDS:
            raise SessionError(f"command {name} takes no value, got {value!r}")
        return self._ask(name, timeout, value)[0]

    def _ask(self, name: str, timeout: float, value: Any = None) -> tuple[dict[str, Any], bytes]:
        with self._lock:
            number, ends = next(self._ids), time.monotonic() + timeout
            if not is_running(self.path):
                raise SessionError(f"session {self.name} has ended")
            self._commands.send_json({"id": number, "command": name, "value": plain(value)})
            while self._commands.poll(max(0, int((ends - time.monotonic()) * 1000))):
                head, *body = self._commands.recv_multipart()
                reply = json.loads(head)
                if reply.pop("id", None) != number:
                    continue  # the late answer to a question given up on
                if not reply.pop("ok"):
                    raise SessionError(reply["error"])
                return reply, body[0] if body else b""
        if not is_running(self.path):
            raise SessionError(f"session {self.name} has ended")
        raise SessionError(f"session {self.name} did not acknowledge {name!r} within {timeout * 1000:.0f} ms")

    def close(self) -> None:
        """Disconnect; the session does not notice."""
        self._context.destroy(linger=0)

    def __enter__(self) -> SessionClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def acknowledgement(value: Any) -> tuple[int | str, str]:
    """What ``acknowledge`` is about, and who says so.

    >>> acknowledgement({"what": "3", "by": "anna"}), acknowledgement("all")
    (('3', 'anna'), ('all', ''))
    """
    table = value if isinstance(value, dict) else {"what": value}
    what, by = table.get("what"), table.get("by") or ""
    is_number = isinstance(what, int) and not isinstance(what, bool)
    is_word = isinstance(what, str) and what.isprintable() and what != ""
    if not (is_number or is_word) or not isinstance(by, str) or set(table) - {"what", "by"}:
        raise InputError(f"acknowledge takes the number of an alarm, a kind, or all, got {value!r}")
    return what, called(by)
