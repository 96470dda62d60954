"""The event loop of a local venue: takes connections, plays the messages, ends in bounded time."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from genesis_lib.feeds.wire.local.faults import Faults
from genesis_lib.feeds.wire.local.playback import Playback, paced
from genesis_lib.feeds.wire.local.server import SILENT, Answerer, VenueConnection, process_request
from genesis_lib.feeds.wire.local.subscribers import Subscribers

CLOSING = 2.0  # s that the library may take to close what has been cut
UNREAD = 1 << 16  # bytes a client may be behind before data that is not paced waits for it


class Serving:
    """Serve connections on loopback and play the data to them, until told to stop.

    Parameters
    ----------
    playbacks, speed
        What is played, and how fast.
    wait_for
        Connections before it begins.
    lifetime
        Seconds after which a connection is ended.
    pings
        Seconds between pings, and without a pong.
    answerer
        Answers what is not a websocket.
    after
        Called after each message.
    """

    def __init__(
        self,
        playbacks: list[Playback],
        subscribers: Subscribers,
        faults: Faults,
        answerer: Answerer,
        *,
        speed: float,
        wait_for: int,
        lifetime: float,
        pings: tuple[float, float],
        after: Callable[[], None] = lambda: None,
    ) -> None:
        self._after = after
        self._playbacks, self._subscribers, self._faults, self._answerer = playbacks, subscribers, faults, answerer
        self._speed, self._wait_for, self._lifetime, self._pings = speed, wait_for, lifetime, pings
        self._open: set[VenueConnection] = set()
        self._ending: set[asyncio.Task] = set()

    def stop(self) -> None:
        """End soon; any thread may call this once `main` listens."""
        self._loop.call_soon_threadsafe(self._stop.set)

    async def main(self, port: int, listening: Callable[[int], None], ended: Callable[[], None]) -> None:
        """Serve; tells on which port it listens, and when all data has been sent."""
        self._loop, self._stop, self._enough = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
        members = {"answerer": staticmethod(self._answerer), "open": self._open}
        server = await serve(
            self._connected,
            "127.0.0.1",
            port,
            process_request=process_request,
            create_connection=type("Connection", (VenueConnection,), members),
            compression=None,
            ping_interval=self._pings[0],
            ping_timeout=self._pings[1],
            close_timeout=1,
            logger=SILENT,
        )
        listening(server.sockets[0].getsockname()[1])
        pump, stop = asyncio.create_task(self._pump()), asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({pump, stop}, return_when=asyncio.FIRST_COMPLETED)
            if pump.done():
                pump.result()
                ended()
                await stop
        finally:
            pump.cancel()
            stop.cancel()
            # Closing handshakes would wait for clients that do not read, and a connection that was opened and never
            # spoke for the ten seconds of the opening one: every socket is cut instead.
            for connection in list(self._open):
                connection.transport.abort()
            server.close()
            try:
                async with asyncio.timeout(CLOSING):
                    await server.wait_closed()
            except TimeoutError:
                pass

    async def _pump(self) -> None:
        if self._wait_for:
            await self._enough.wait()
        async for playback, message in paced(self._playbacks, self._speed):
            for update in playback.take(message, self._subscribers.wanted):
                self._faults.send(update)
            self._after()
            if self._speed == math.inf:
                await self._drain()
        for playback in self._playbacks:
            for update in playback.market.flush():
                self._faults.send(update)
        self._faults.flush()

    async def _drain(self) -> None:
        """Wait for whoever reads slowly: data that is not paced waits for its readers."""
        for subscriber in list(self._subscribers.all.values()):
            transport = subscriber.connection.transport
            while not subscriber.silent and not transport.is_closing() and transport.get_write_buffer_size() > UNREAD:
                await asyncio.sleep(0.001)

    async def _connected(self, connection: ServerConnection) -> None:
        subscriber = self._subscribers.connect(connection, connection.request.path)
        if len(self._subscribers) >= self._wait_for:
            self._enough.set()
        end = self._loop.call_later(self._lifetime, self._expire, connection)
        try:
            async for text in connection:
                answer = self._subscribers.answer(subscriber, text)
                if answer is None:
                    await connection.close(1008, "Too many requests")
                    break
                subscriber.send(answer)
        except ConnectionClosed:
            pass
        finally:
            end.cancel()
            self._subscribers.leave(connection)

    def _expire(self, connection: ServerConnection) -> None:
        self._faults.log("lifetime", "", self._subscribers.all[connection].label, self._lifetime)
        task = self._loop.create_task(connection.close(1001, "connection lifetime reached"))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
