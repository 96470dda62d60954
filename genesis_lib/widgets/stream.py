"""One viewer's stream: from the session's frames to what a browser has room for.

Pure of any widget: `Backlog` holds what was not shown yet, `Stream` is the thread that fills and empties it.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from genesis_lib.errors import SessionError
from genesis_lib.live.client import ALERT_COMMANDS, REPLAY_COMMANDS
from genesis_lib.live.messages import decode, encode

POINTS, TRADES, ALERTS = 500, 50, 50  # what a viewer keeps; more of either would push out itself
WINDOW = 16  # messages under way to a browser that acknowledges four times a second
POLL_S, PULSE_S, RETRY_S = 0.02, 1.0, 1.0
QUIET_S = 2.0  # a session that says nothing for this long is stale
GONE_S = 10.0  # a viewer that says nothing for this long is gone
DONE = {
    "start": "Started: the strategy may enter again.",
    "stop": "Stopped: no new entries; an open position is still closed by its rules.",
    "reset": "Reset: position, PnL and trades are cleared.",
    "kill": "Killed: the position is closed and the strategy blocked until a reset.",
    "acknowledge": "",  # it is seen in the list
}
MOVE_S = 3.0  # patience for a place that must be found first
LINKS = ("none", "live", "stale", "ended", "lost")


def merge(earlier: bytes, later: bytes) -> bytes:
    """Join two messages that follow one another into one that shows the same.

    Notes
    -----
    Nothing a viewer would still have is lost: figures and ladder are the later ones, points, trades and alerts are both
    messages', up to the `POINTS`, `TRADES` and `ALERTS` that a viewer keeps.
    """
    header, arrays = decode(later)
    if header["kind"] == "snapshot":
        return later
    before, past = decode(earlier)
    if before["session"] != header["session"]:
        return later
    points = np.concatenate([past["points"], arrays["points"]])[-POINTS:]
    header["trades"] = [*before["trades"], *header["trades"]][-TRADES:]
    header["alerts"] = [*before.get("alerts", ()), *header.get("alerts", ())][-ALERTS:]
    if before["kind"] == "snapshot":
        header["kind"] = "snapshot"
    return encode(header, {**arrays, "points": points})


class Backlog:
    """What a viewer was not shown yet: never more than one message, however slow it is.

    Up to `window` messages may be under way; what comes meanwhile is merged and waits for an acknowledgement.
    """

    def __init__(self, window: int = WINDOW) -> None:
        self.window = window
        self.sent = self.acknowledged = 0
        self._pending: bytes | None = None

    def offer(self, message: bytes) -> None:
        """Add a message of the session."""
        self._pending = message if self._pending is None else merge(self._pending, message)

    def take(self) -> tuple[int, bytes] | None:
        """Number and message to send now; None when there is none, or no room for it."""
        if self._pending is None or self.sent - self.acknowledged >= self.window:
            return None
        message, self._pending = self._pending, None
        self.sent += 1
        return self.sent, message

    def acknowledge(self, number: int) -> None:
        """Note that the viewer has drawn everything up to `number`."""
        self.acknowledged = min(max(self.acknowledged, number), self.sent)

    def clear(self) -> None:
        """Forget what is under way: the viewer starts anew."""
        self._pending, self.acknowledged = None, self.sent


class Stream(threading.Thread):
    """Reads a session and hands messages to a viewer until it is closed or the viewer is gone.

    All sockets belong to this thread. A session that is not there yet, or restarts, is found within a second.

    Parameters
    ----------
    connect
        Gives a `SessionClient`, or raises `SessionError` when there is no session.
    deliver
        Called with a small dictionary and a list of binary buffers; must be safe to call from this thread.
    """

    def __init__(self, connect: Callable[[], Any], deliver: Callable[[dict, list[bytes]], None]) -> None:
        super().__init__(name="genesis-desk", daemon=True)
        self._connect, self._deliver = connect, deliver
        self._client: Any = None
        self._backlog = Backlog()
        self._asked: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._fresh, self._closing = True, False
        now = time.monotonic()
        self._heard = self._said = self._fed = now
        self._retry = 0.0
        self._ended = False
        self.link, self.text = "none", ""

    def hello(self) -> None:
        """A viewer is there and has nothing: show it the whole picture."""
        self._heard, self._fresh = time.monotonic(), True

    def acknowledge(self, number: int) -> None:
        """The viewer has drawn everything up to `number`."""
        self._heard = time.monotonic()
        self._backlog.acknowledge(number)

    def command(self, name: str, value: Any = None) -> None:
        """Pass a command on; the answer comes as a message of type ``reply``."""
        self._heard = time.monotonic()
        self._asked.put((name, value))

    def close(self) -> None:
        """End the stream; the session does not notice."""
        self._closing = True

    def run(self) -> None:
        try:
            while not self._closing and time.monotonic() - self._heard < GONE_S:
                self._turn()
        finally:
            self._drop()

    def _turn(self) -> None:
        if self._client is None and not self._join():
            self._refuse()
            self._pulse()
            time.sleep(POLL_S)
            return
        try:
            if self._fresh:
                self._fresh = False
                self._backlog.clear()
                self._feed(self._client.request_snapshot())
            if (message := self._client.poll(POLL_S)) is not None:
                self._feed(message)
        except SessionError as error:
            if self._client.alive:
                self._tell("stale", str(error))
                self._fresh = True
            else:
                self._drop()
        self._answer()
        self._send()

    def _join(self) -> bool:
        if time.monotonic() < self._retry:
            return False
        self._retry = time.monotonic() + RETRY_S
        try:
            self._client = self._connect()
        except SessionError as error:
            if self.link in ("none", "stale", "live"):
                self._tell("none", str(error))
            return False
        self._fresh, self._ended = True, False
        return True

    def _drop(self) -> None:
        if self._client is None:
            return
        self._client.close()
        self._client = None
        self._retry = time.monotonic() + RETRY_S
        if not self._closing:
            self._tell("ended" if self._ended else "lost", "")

    def _feed(self, message: bytes) -> None:
        self._fed = time.monotonic()
        header, _ = decode(message)
        self._ended = header["kind"] == "ended" or header["state"] == "ENDED"
        self._backlog.offer(message)

    def _send(self) -> None:
        if self._client is not None:
            if self._ended:
                self._tell("ended", "")
            elif time.monotonic() - self._fed < QUIET_S:
                self._tell("live", "")
            elif self._client.alive:
                self._tell("stale", "the session runs but says nothing")
            else:
                self._drop()
        if (next_message := self._backlog.take()) is not None:
            self._say({"type": "frame", "n": next_message[0], "link": self.link}, [next_message[1]])
        self._pulse()

    def _answer(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                name, value = self._asked.get_nowait()
                if name not in DONE and name not in REPLAY_COMMANDS:
                    allowed = ", ".join((*DONE, *REPLAY_COMMANDS))
                    self._reply(name, False, f"command must be one of {allowed}, got {name!r}")
                    continue
                try:
                    if name in REPLAY_COMMANDS or name in ALERT_COMMANDS:
                        self._client.command(name, MOVE_S, value=value)
                    else:
                        self._client.command(name)
                    self._reply(name, True, DONE.get(name, ""))  # what a replay does is seen at once
                except SessionError as error:
                    self._reply(name, False, str(error))

    def _refuse(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._reply(self._asked.get_nowait()[0], False, "no session is running; start one with: genesis run")

    def _reply(self, name: str, ok: bool, text: str) -> None:
        self._say({"type": "reply", "command": name, "ok": ok, "text": text}, [])

    def _tell(self, link: str, text: str) -> None:
        if (link, text) != (self.link, self.text):
            self.link, self.text = link, text
            self._say({"type": "pulse", "link": link, "text": text}, [])

    def _pulse(self) -> None:
        if time.monotonic() - self._said > PULSE_S:
            self._say({"type": "pulse", "link": self.link, "text": self.text}, [])

    def _say(self, content: dict, buffers: list[bytes]) -> None:
        self._said = time.monotonic()
        self._deliver(content, buffers)
