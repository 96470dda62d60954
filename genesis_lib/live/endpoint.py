"""The session's end of its sockets: frames out to whoever listens, questions in from whoever asks; never waits."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import zmq

from genesis_lib.errors import GenesisError, InputError, SessionError
from genesis_lib.live.messages import plain

QUEUE = 64  # frames held for a slow viewer; what does not fit is dropped for that viewer alone
_REQUESTS_A_TURN = 32  # so that a viewer that floods us cannot stop the trading

Answer = tuple[dict[str, Any], bytes | None]


class Endpoint:
    """Publishes frames and answers requests on two unix sockets.

    Parameters
    ----------
    frames, commands
        ``ipc://`` addresses, in a directory that only the owner may enter.

    Raises
    ------
    SessionError
        When an address cannot be bound, or is not a unix socket.
    """

    def __init__(self, frames: str, commands: str) -> None:
        self.sequence = 0
        self._context = zmq.Context()
        self._frames = self._context.socket(zmq.PUB)
        self._commands = self._context.socket(zmq.ROUTER)
        try:
            for socket, address in ((self._frames, frames), (self._commands, commands)):
                if not address.startswith("ipc://"):
                    raise SessionError(f"a session listens on unix sockets alone (ipc://), got {address!r}")
                socket.set(zmq.SNDHWM, QUEUE)
                socket.set(zmq.LINGER, 200)
                socket.bind(address)
        except zmq.ZMQError as error:
            self.close()
            raise SessionError(f"socket {address} cannot be bound: {error}") from error
        except SessionError:
            self.close()
            raise

    def publish(self, message: Callable[[int], bytes]) -> None:
        """Send ``message(sequence number)`` to every viewer; a viewer that is not keeping up misses it."""
        self.sequence += 1
        self._frames.send_multipart([self.sequence.to_bytes(8, "little"), message(self.sequence)], zmq.DONTWAIT)

    def serve(self, answer: Callable[[str, Any], Answer]) -> int:
        """Answer the requests that are waiting and return how many there were.

        `answer` takes a command's name and value (None where there is none) and gives the reply, and a message where
        one was asked for; a `GenesisError` it raises becomes a refusal in words.
        """
        served = 0
        while served < _REQUESTS_A_TURN and self._commands.poll(0):
            identity, *parts = self._commands.recv_multipart()
            served += 1
            number, body = None, None
            try:
                number, command, value = _request(parts)
                reply, body = answer(command, value)
                reply = {**reply, "ok": True}
            except GenesisError as error:
                reply = {"ok": False, "error": str(error)}
            head = json.dumps(plain({**reply, "id": number}), allow_nan=False).encode()
            # A ROUTER drops what is for a viewer that has gone, and never blocks on one that does not read.
            self._commands.send_multipart([identity, head] if body is None else [identity, head, body], zmq.DONTWAIT)
        return served

    def wait(self, seconds: float) -> None:
        """Sleep until a request comes or the time is over."""
        self._commands.poll(max(0, int(seconds * 1000)))

    def close(self) -> None:
        """Close both sockets, giving the last frames a moment to leave."""
        self._context.destroy(linger=200)


def _request(parts: list[bytes]) -> tuple[int, str, Any]:
    try:
        request = json.loads(parts[0])
        return int(request["id"]), str(request["command"]), request.get("value")
    except (IndexError, ValueError, KeyError, TypeError, AttributeError) as error:
        wanted = '{"id": number, "command": name}, and "value" where the command takes one'
        raise InputError(f"a request must be JSON {wanted}, got {parts[:1]!r}") from error
