"""One port for websockets and for HTTP of every method, where the websockets library knows GET alone."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import Any, Protocol

from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from genesis_lib.feeds.wire.local.rest import Answer

UNREADABLE = '{"code":-1000,"msg":"An unknown error occurred while processing the request."}'
MOST_BODY = 1 << 20  # bytes of a request
SILENT = logging.getLogger("genesis.venue")
SILENT.addHandler(logging.NullHandler())
SILENT.propagate = False  # a client that goes away in the middle of a handshake is no news; add a handler to see it


class Answerer(Protocol):
    """Gives the answer to an HTTP request; None lets a GET become a websocket."""

    def __call__(self, method: str, path: str, body: str) -> Answer | None:
        """Answer it."""


class VenueConnection(ServerConnection):
    """A connection that answers POST, PUT and DELETE itself and leaves GET to the websockets library."""

    answerer: Answerer  # these two are set on a subclass of each venue
    open: set[VenueConnection]  # every socket there is, also those that have not spoken yet

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._head: bytearray | None = bytearray()  # what came before the method is known; None: it is a GET

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A socket was opened."""
        self.open.add(self)
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """A socket is gone."""
        self.open.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes of the client."""
        if self._head is None:
            super().data_received(data)
            return
        self._head += data
        if len(self._head) < 4:
            return
        if self._head.startswith(b"GET "):
            first, self._head = bytes(self._head), None
            super().data_received(first)
            return
        head, end, body = bytes(self._head).partition(b"\r\n\r\n")
        length = _content_length(head)
        if length is None or len(self._head) > MOST_BODY or not self._head[:3].isalpha():  # TLS, or nothing at all
            self._write(
                Answer(400, '{"code":-1000,"msg":"An unknown error occurred while processing the request."}', {})
            )
        elif end and len(body) >= length:
            words = head.split(b"\r\n", 1)[0].decode(errors="replace").split(" ")
            path = words[1] if len(words) > 1 else "/"
            try:
                answer = self.answerer(words[0], path, body[:length].decode(errors="replace"))
            except Exception:
                SILENT.exception("no answer to %s %s", words[0], path)
                answer = Answer(500, UNREADABLE, {})
            self._write(answer or Answer(404, "{}", {}))

    def _write(self, answer: Answer) -> None:
        response = http_response(answer)
        lines = [f"HTTP/1.1 {response.status_code} {response.reason_phrase}"]
        lines += [f"{name}: {value}" for name, value in response.headers.raw_items()]
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + (response.body or b""))
        self.transport.close()


def process_request(connection: VenueConnection, request: Request) -> Response | None:
    """Answer a GET, or let it become a websocket."""
    answer = connection.answerer("GET", request.path, "")
    return None if answer is None else http_response(answer)


def http_response(answer: Answer) -> Response:
    """An answer as HTTP."""
    body = answer.body.encode()
    headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"})
    headers.update(answer.headers)
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = "Refused"
    return Response(answer.status, phrase, headers, body)


def _content_length(head: bytes) -> int | None:
    """Bytes of the body; None when that cannot be read."""
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return int(value) if value.strip().isdigit() else None
    return 0
