"""Which connections a feed has, and which streams are on which."""

from __future__ import annotations

import asyncio
from typing import Protocol

from genesis_lib.config import Feeds
from genesis_lib.feeds.wire.live.connection import Connection, Habits
from genesis_lib.feeds.wire.live.endpoints import Endpoints


class Listener(Protocol):
    """Who is told what the connections bring."""

    def received(self, message: bytes, streams: set[str]) -> None:
        """Take a message of the connection of `streams`."""

    def lost(self, streams: set[str], cause: str) -> None:
        """Take note that messages of streams may have been missed."""

    def spoken(self, streams: set[str]) -> None:
        """Take note that streams come from now on."""

    def note(self, kind: str, cause: str) -> None:
        """Take note of what happened without a loss."""


class Pool:
    """Connections by path, filled up to the limit of streams one after the other.

    The streams of one symbol on one path are always on one connection, so that they are lost and renewed together.
    All but the making of it belongs to the thread of the loop.
    """

    def __init__(self, endpoints: Endpoints, feeds: Feeds, habits: Habits, listener: Listener) -> None:
        self._endpoints, self._base, self._habits = endpoints, feeds.websocket_url.rstrip("/"), habits
        self._most = min(feeds.streams_per_connection, endpoints.streams_per_connection)
        self._listener = listener
        self._by_path: dict[str, list[Connection]] = {}
        self._running: dict[Connection, asyncio.Task[None]] = {}
        self._error: BaseException | None = None
        self._retired = {"opened": 0, "renewals": 0}

    @property
    def counts(self) -> dict[str, int]:
        """``open`` connections, ``opened`` and ``renewals`` so far."""
        connections = [connection for held in list(self._by_path.values()) for connection in held]
        return {
            "open": len(connections),
            "opened": self._retired["opened"] + sum(connection.opened for connection in connections),
            "renewals": self._retired["renewals"] + sum(connection.renewals for connection in connections),
        }

    def add(self, streams: list[tuple[str, str]]) -> None:
        """Find a place for the streams of one symbol, given as (path, name)."""
        for path, names in _by_path(streams).items():
            held = self._by_path.setdefault(path, [])
            for connection in held:
                if len(connection.streams) + len(names) <= self._most:
                    break
            else:
                connection = self._connection(path)
                held.append(connection)
            connection.want(connection.streams | names)

    def remove(self, streams: list[tuple[str, str]]) -> None:
        """Let go of the streams of one symbol; a connection without any is closed."""
        for path, names in _by_path(streams).items():
            for connection in list(self._by_path.get(path, ())):
                if not names & connection.streams:
                    continue
                connection.want(connection.streams - names)
                if not connection.streams:
                    self._retire(path, connection)

    def again(self, stream: tuple[str, str]) -> None:
        """Subscribe anew to a stream."""
        path, name = stream
        for connection in self._by_path.get(path, ()):
            if name in connection.streams:
                connection.again(name)

    def start(self) -> None:
        """Open the connections that are not yet kept."""
        for held in self._by_path.values():
            for connection in held:
                if connection not in self._running:
                    task = self._running[connection] = asyncio.create_task(connection.run())
                    task.add_done_callback(self._ended)

    def check(self) -> None:
        """Raise what ended the keeping of a connection: it never ends by itself."""
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Cut every connection."""
        for task in self._running.values():
            task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self._error = task.exception()

    def _connection(self, path: str) -> Connection:
        listener = self._listener
        connection = Connection(
            self._endpoints.websocket(path, self._base),
            (),
            self._habits,
            deliver=lambda message: listener.received(message, connection.streams),
            lost=listener.lost,
            spoken=listener.spoken,
            note=listener.note,
        )
        return connection

    def _retire(self, path: str, connection: Connection) -> None:
        self._by_path[path].remove(connection)
        self._retired["opened"] += connection.opened
        self._retired["renewals"] += connection.renewals
        task = self._running.pop(connection, None)
        if task is not None:
            task.cancel()


def _by_path(streams: list[tuple[str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path, name in streams:
        found.setdefault(path, set()).add(name)
    return found
