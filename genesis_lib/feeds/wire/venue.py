"""A local exchange that speaks Binance's protocol on loopback, fed by a recording or the simulator."""

from __future__ import annotations

import asyncio
import errno
import json
import math
import threading
from collections import defaultdict
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from genesis_lib.errors import InputError, SessionError
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire.playback import Message, Playback

REST_PREFIXES = ("/fapi/v1/", "/dapi/v1/", "/api/v3/")
MAX_BEHIND = 1 << 26  # bytes that a slow client may leave unread
DROP, DISCONNECT, STALL = "drop", "disconnect", "stall"


class LocalVenue:
    """Serve market data on 127.0.0.1 from a thread of its own; a context manager.

    Answers ``GET {/fapi/v1,/dapi/v1,/api/v3}/{ping,time,exchangeInfo,depth}`` and the websocket paths
    ``/stream?streams=a/b`` and ``/ws/a`` under any prefix. A REST snapshot is the book as of the last diff. Answers
    carry ``X-Genesis-Provenance``, so that a client knows what it is looking at.

    Parameters
    ----------
    source
        Files of one recording, or a `Simulator`.
    port
        0 takes a free one; see `port` afterwards.
    speed
        How many times faster than it was recorded; ``math.inf`` as fast as the clients read.
    wait_for
        Number of connections before the data starts to flow.

    Raises
    ------
    SessionError
        When the port is in use.
    RecordingError
        When the recording cannot be read, or holds no snapshot to start a book from.
    """

    def __init__(
        self, source: Path | list | Simulator, *, port: int = 0, speed: float = 1.0, wait_for: int = 1
    ) -> None:
        if not speed > 0:
            raise InputError(f"speed must be greater than 0 (or max), got {speed!r}")
        self.playback = Playback(source, speed)
        self.instrument = self.playback.instrument
        self.port, self._wait_for = port, wait_for
        self.ended = threading.Event()
        self._faults: dict[str, int] = defaultdict(int)
        self._refusals: list[tuple[int, str | None]] = []
        self.requests: dict[str, int] = defaultdict(int)
        self._subscribers: dict[ServerConnection, tuple[frozenset[str], bool]] = {}
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._serve, name="genesis-venue", daemon=True)

    @property
    def rest_url(self) -> str:
        """Address to use in place of ``https://fapi.binance.com``."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def websocket_url(self) -> str:
        """Address to use in place of ``wss://fstream.binance.com``."""
        return f"ws://127.0.0.1:{self.port}"

    def start(self) -> LocalVenue:
        """Listen; returns once connections are taken."""
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            self._thread.join()
            raise self._error
        return self

    def close(self) -> None:
        """Close every connection and stop listening."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(timeout=10.0)

    def check(self) -> None:
        """Raise what ended the data early, if anything did."""
        if self._error is not None:
            raise self._error

    __enter__ = start

    def __exit__(self, *_) -> None:
        self.close()

    def drop_diff(self, count: int = 1) -> None:
        """Lose the next diffs on their way to the clients."""
        self._faults[DROP] += count

    def disconnect(self) -> None:
        """Cut every websocket before the next message, without a closing handshake."""
        self._faults[DISCONNECT] += 1

    def stall(self, messages: int) -> None:
        """Send nothing of the next messages though the connections stay open."""
        self._faults[STALL] += messages

    def refuse(self, status: int, retry_after: str | None = None, count: int = 1) -> None:
        """Answer the next depth requests with an HTTP status, and a Retry-After where given."""
        self._refusals += [(status, retry_after)] * count

    def _serve(self) -> None:
        try:
            asyncio.run(self._main())
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                self._error = error
            else:
                self._error = SessionError(f"port {self.port} on 127.0.0.1 is in use; choose another with --port")
        except BaseException as error:
            self._error = error
        finally:
            self.ended.set()
            self._ready.set()

    async def _main(self) -> None:
        self._loop, self._stop, self._enough = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
        options = {"process_request": self._answer, "compression": None, "ping_interval": None, "close_timeout": 1}
        async with serve(self._connected, "127.0.0.1", self.port, **options) as server:
            self.port = server.sockets[0].getsockname()[1]
            self._ready.set()
            pump = asyncio.create_task(self._pump())
            stop = asyncio.create_task(self._stop.wait())
            await asyncio.wait({pump, stop}, return_when=asyncio.FIRST_COMPLETED)
            if pump.done():
                pump.result()
                self.ended.set()
                await stop
            pump.cancel()
            self._cut()  # a closing handshake would wait for clients that do not read

    async def _pump(self) -> None:
        if self._wait_for:
            await self._enough.wait()
        async for message in self.playback.messages():
            if self._faults[STALL]:
                self._faults[STALL] -= 1
                continue
            if message.is_diff and self._faults[DROP]:
                self._faults[DROP] -= 1
                continue
            if self._faults[DISCONNECT]:
                self._faults[DISCONNECT] -= 1
                self._cut()
            await self._send(message)

    def _cut(self) -> None:
        for connection in list(self._subscribers):
            connection.transport.abort()
        self._subscribers.clear()

    async def _send(self, message: Message) -> None:
        for connection, (streams, combined) in list(self._subscribers.items()):
            if message.stream not in streams:
                continue
            text = message.combined if combined else message.data
            if self.playback.speed != math.inf:
                # Paced data waits for nobody: one client that stands still must not hold up the others.
                if connection.transport.get_write_buffer_size() > MAX_BEHIND:
                    connection.transport.abort()
                    self._subscribers.pop(connection, None)
                else:
                    broadcast([connection], text)
                continue
            try:
                await connection.send(text)
            except ConnectionClosed:
                self._subscribers.pop(connection, None)

    async def _connected(self, connection: ServerConnection) -> None:
        path = urlsplit(connection.request.path)
        if path.path.endswith("/stream"):
            names, combined = parse_qs(path.query).get("streams", [""])[0].split("/"), True
        else:
            names, combined = [path.path.rpartition("/")[2]], False
        streams = frozenset(self.playback.stream_name(name) for name in names if name)
        self._subscribers[connection] = streams, combined
        if len(self._subscribers) >= self._wait_for:
            self._enough.set()
        try:
            async for _ in connection:  # Binance answers SUBSCRIBE frames; the address says it all here
                pass
        except ConnectionClosed:
            pass
        finally:
            self._subscribers.pop(connection, None)

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        url = urlsplit(request.path)
        if url.path.endswith("/stream") or "/ws/" in url.path:
            return None
        prefix = next((p for p in REST_PREFIXES if url.path.startswith(p)), None)
        if prefix is None:
            return self._json({"code": -5000, "msg": f"Path {url.path}, Method GET is invalid"}, 404)
        name, query = url.path.removeprefix(prefix), parse_qs(url.query)
        self.requests[name] += 1
        if name == "ping":
            return self._json({})
        if name == "time":
            return self._json({"serverTime": self.playback.now // 1_000_000})
        symbol = query.get("symbol", [self.instrument.symbol])[0]
        if name in ("depth", "exchangeInfo") and symbol != self.instrument.symbol:
            return self._json({"code": -1121, "msg": "Invalid symbol."}, 400)
        if name == "exchangeInfo":
            return self._json(self.playback.exchange_info())
        if name == "depth":
            if self._refusals:
                status, retry_after = self._refusals.pop(0)
                return self._json({"code": -1003, "msg": "Too many requests."}, status, retry_after)
            limit = query.get("limit", ["500"])[0]
            if not limit.isdigit() or not 0 < int(limit) <= 5000:
                return self._json({"code": -1130, "msg": "Data sent for parameter 'limit' is not valid."}, 400)
            answer = self.playback.depth(int(limit))
            if answer is None:
                return self._json({"code": -1001, "msg": "The recorded book is broken here."}, 503)
            return self._json(answer)
        return self._json({"code": -5000, "msg": f"Path {url.path}, Method GET is invalid"}, 404)

    def _json(self, body: dict | str, status: int = 200, retry_after: str | None = None) -> Response:
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        headers = Headers(
            {
                "Content-Type": "application/json",
                "Content-Length": str(len(data)),
                "Connection": "close",
                "X-Genesis-Provenance": self.playback.provenance,
            }
        )
        if retry_after is not None:
            headers["Retry-After"] = retry_after
        try:
            phrase = HTTPStatus(status).phrase
        except ValueError:
            phrase = "Refused"
        return Response(status, phrase, headers, data)
