"""What a session says: frames and pictures to viewers, answers to the shell, its state to ``session.json``."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection
from typing import Any

from genesis_lib.engine import Engine
from genesis_lib.feeds.base import Source
from genesis_lib.live.directory import SessionDirectory
from genesis_lib.live.endpoint import Endpoint
from genesis_lib.live.messages import encode, plain
from genesis_lib.live.picture import Picture, ladder
from genesis_lib.live.status import status


class Announcer:
    """Puts a session into words and messages; what it tells was committed before.

    Parameters
    ----------
    directory, source, engine, picture
        The session's own.
    about
        What ``session.json`` says besides.
    own
        What the session knows of itself: state, reason, faults, latency, sinks, replay.
    committed
        Called whenever everything so far is durable, and may be told to others too.
    """

    def __init__(
        self,
        directory: SessionDirectory,
        source: Source,
        engine: Engine,
        picture: Picture,
        about: dict[str, Any],
        own: Callable[[], dict[str, Any]],
        committed: Callable[[], None] = lambda: None,
    ) -> None:
        self._directory, self._source, self._engine, self._picture = directory, source, engine, picture
        self._about, self._own, self._started = about, own, time.time_ns()
        self._committed = committed
        self.endpoint: Endpoint | None = None

    def publish(self, kind: str) -> None:
        """Commit, and send every viewer a message of this kind."""
        self._engine.commit()
        self._committed()
        self.endpoint.publish(lambda sequence: self._message(kind, sequence))

    def picture(self) -> tuple[dict[str, Any], bytes]:
        """The full picture, and the number of the message that it follows."""
        self.publish("frame")  # nothing is pending then: what follows the picture continues it
        sequence = self.endpoint.sequence
        return {"seq": sequence}, self._message("snapshot", sequence)

    def _message(self, kind: str, sequence: int) -> bytes:
        """A snapshot carries everything, any other kind of message what is new."""
        picture, trades = self._picture, self._engine.account.trades
        points, fresh, alerts = picture.cut(trades)
        if kind == "snapshot":
            points, fresh, alerts = picture.whole(trades)
        own = {"kind": kind, "seq": sequence, "session": self._directory.name, "trades": fresh, "alerts": alerts}
        shown = ladder(self._engine.builder.book, picture.row, self._engine.config.market.ladder)
        return encode(self.status() | own, {"ladder": shown, "points": points})

    def status(self) -> dict[str, Any]:
        """Figures as they stand."""
        return status(self._engine, self._source, self._picture) | self._own()

    def answer(self, seen: Collection[int] | None = None) -> dict[str, Any]:
        """The acknowledgement of a command; where alarms were marked as seen, those that were not so before."""
        told = self.status() | {"session": self._directory.name, "pid": os.getpid()}
        if seen is None:
            return told
        fresh = [entry for entry in self._engine.alarms.desk.entries() if entry.id in seen]
        return told | {"acknowledged": [{"id": entry.id, "kind": entry.alert.kind} for entry in fresh]}

    def write_state(self, summary: dict[str, Any] | None, **more: Any) -> None:
        """Replace ``session.json``."""
        frames, commands = self._directory.addresses
        own = self._own()
        self._directory.write(
            {
                "session": self._directory.name,
                "pid": os.getpid(),
                "state": own["state"],
                "reason": own["reason"],
                "paused": bool((own.get("replay") or {}).get("paused")),
                "started_ns": self._started,
                "frames": frames,
                "commands": commands,
                "source": self._source.name,
                "provenance": self._source.provenance,
                "instrument": self._source.instrument.name,
                "summary": plain(summary),
                **self._about,
                **more,
            }
        )
