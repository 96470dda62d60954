"""One websocket to a venue: opened, read, asked for streams, and counted as dead when nothing comes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from genesis_lib.errors import SessionError
from genesis_lib.feeds.wire.live.limits import Pace

AT_ONCE = 100  # streams named in an address or a request: 200 of them are longer than servers read
ANSWER_WITHIN = 10.0  # s
PING_EVERY = 20.0  # s; our own pings notice a connection whose other end is gone
BIGGEST = 1 << 24  # bytes of a message
SHUTDOWN = "serverShutdown"


class Link:
    """A websocket of combined streams.

    Attributes
    ----------
    born, heard : float
        Monotonic times when it was opened and when the last message came.
    held : set of str
        Streams that it was asked for.
    messages : int
        Messages of streams so far.
    leaving : bool
        Whether the venue has said that it will close this connection soon.
    """

    def __init__(self, socket: ClientConnection, pace: Pace, silence: float) -> None:
        self.born = self.heard = time.monotonic()
        self.held: set[str] = set()
        self.messages = 0
        self.leaving = False
        self.reading: asyncio.Task[str] | None = None
        self._socket, self._pace, self._silence = socket, pace, silence
        self._cause, self._dropped = "", False
        self._answers: dict[int, asyncio.Future[str]] = {}
        self._asked = 0
        self._timer = asyncio.get_running_loop().call_later(silence, self._check)

    @classmethod
    async def open(cls, url: str, streams: list[str], pace: Pace, silence: float) -> Link:
        """Connect with the first streams in the address; `ask` for the others once it is read.

        Raises
        ------
        OSError, TimeoutError, websockets.exceptions.WebSocketException
            When there is no connection to be had.
        """
        proxy = None if url.startswith("ws://127.") else True
        address = f"{url}?streams={'/'.join(streams[:AT_ONCE])}"
        socket = await connect(
            address,
            open_timeout=10,
            close_timeout=1,
            ping_interval=PING_EVERY,
            ping_timeout=PING_EVERY,
            max_size=BIGGEST,
            proxy=proxy,
        )
        link = cls(socket, pace, silence)
        link.held = set(streams[:AT_ONCE])
        return link

    def read(self, take: Callable[[bytes], None]) -> asyncio.Task[str]:
        """Start to read; the task's result says why it ended."""
        self.reading = asyncio.create_task(self._read(take))
        return self.reading

    async def ask(self, method: str, streams: list[str]) -> None:
        """Send SUBSCRIBE or UNSUBSCRIBE and wait for the answer.

        Raises
        ------
        SessionError
            When the venue refuses, does not answer in time, or the connection is lost.
        """
        for start in range(0, len(streams), AT_ONCE):
            await self._pace.wait()
            self._asked += 1
            number = self._asked
            answer = self._answers[number] = asyncio.get_running_loop().create_future()
            request = {"method": method, "params": streams[start : start + AT_ONCE], "id": number}
            try:
                async with asyncio.timeout(ANSWER_WITHIN):
                    await self._socket.send(orjson.dumps(request).decode())
                    refusal = await answer
            except TimeoutError:
                raise SessionError(f"{method} was not answered within {ANSWER_WITHIN:g} s") from None
            except ConnectionClosed as error:
                raise SessionError(f"{method} was not answered: {error}") from None
            finally:
                self._answers.pop(number, None)
            if refusal:
                raise SessionError(f"{method} was refused: {refusal}")
            change = request["params"]
            self.held = self.held.union(change) if method == "SUBSCRIBE" else self.held.difference(change)

    def drop(self, cause: str = "") -> None:
        """Cut the connection now, without a closing handshake that would have to be waited for."""
        self._cause, self._dropped = self._cause or cause, True
        self._timer.cancel()
        self._socket.transport.abort()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_result("the connection was lost")

    async def _read(self, take: Callable[[bytes], None]) -> str:
        try:
            while True:
                message = await self._socket.recv(decode=False)
                if self._dropped:  # what was received before may still be given
                    return self._cause
                self.heard = time.monotonic()
                if message.startswith(b'{"stream"') or not self._control(message):
                    self.messages += 1
                    take(message)
        except ConnectionClosed as error:
            lost = f"connection lost: {error}" if str(error) else "connection lost"
            return self._cause or ("the venue closed the connection" if error.rcvd else lost)
        finally:
            self.drop()

    def _control(self, message: bytes) -> bool:
        """Whether a message is none of a stream's; answers are given to who asked."""
        try:
            body = orjson.loads(message)
        except orjson.JSONDecodeError:
            return False
        if not isinstance(body, dict):
            return False
        data = body.get("data", body)
        if isinstance(data, dict) and data.get("e") == SHUTDOWN:
            self.leaving = True
            return True
        if "id" not in body or not ("result" in body or "error" in body or "code" in body):
            return False
        refusal = body.get("error") or ({"code": body["code"], "msg": body.get("msg")} if "code" in body else None)
        with suppress(KeyError, TypeError, asyncio.InvalidStateError):
            self._answers[body["id"]].set_result("" if refusal is None else str(refusal))
        return True

    def _check(self) -> None:
        idle = time.monotonic() - self.heard
        if idle >= self._silence:
            self.drop(f"nothing came for {self._silence:g} s")
        else:
            self._timer = asyncio.get_running_loop().call_later(self._silence - idle, self._check)
