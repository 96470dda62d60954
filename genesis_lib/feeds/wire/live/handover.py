"""One connection takes over the streams of another without losing or repeating a message."""

from __future__ import annotations

import re
from collections import deque

# Which number of a message orders its stream. In a diff "a" and "b" are lists, so these match ids alone.
_IDS = {
    b"depth": re.compile(rb'"u"\s*:\s*(\d+)'),
    b"bookTicker": re.compile(rb'"u"\s*:\s*(\d+)'),
    b"trade": re.compile(rb'"t"\s*:\s*(\d+)'),
    b"aggTrade": re.compile(rb'"a"\s*:\s*(\d+)'),
    b"markPrice": re.compile(rb'"E"\s*:\s*(\d+)'),
}
_STREAM = re.compile(rb'^\s*\{\s*"stream"\s*:\s*"([^"]+)"')


def stream_of(message: bytes) -> bytes:
    """Name of the stream of a combined message, empty for answers and anything else.

    >>> stream_of(b'{"stream":"btcusdt@trade","data":{}}')
    b'btcusdt@trade'
    """
    if message.startswith(b'{"stream":"'):
        return message[11 : message.find(b'"', 11)]
    found = _STREAM.match(message)
    return found[1] if found else b""


def order_of(stream: bytes, message: bytes) -> int | None:
    """Id that orders a message in its stream, None where it has none (and then it cannot be told from a repeat).

    >>> order_of(b"btcusdt@depth@0ms", b'{"data":{"U":5,"u":9,"pu":4,"b":[],"a":[]}}')
    9
    """
    pattern = _IDS.get(stream.partition(b"@")[2].partition(b"@")[0])
    found = pattern.search(message) if pattern else None
    return int(found[1]) if found else None


class Handover:
    """Merge the messages of two connections that hold the same streams, until the new one has all of them.

    A stream that the new connection brings waits until the old one has reached the id with which the new one began:
    from there on whichever is ahead gives the next message, and repeats are left out. Nothing is lost, since each
    connection is whole in itself. When every stream is merged the old connection may be closed; what the new one then
    still repeats is left out up to the newest id that was given.

    Attributes
    ----------
    repeats : int
        Messages that both brought.
    """

    def __init__(self, streams: set[bytes]) -> None:
        self._waiting: dict[bytes, deque[tuple[int | None, bytes]]] = {stream: deque() for stream in streams}
        self._last: dict[bytes, int] = {}
        self._tail: set[bytes] | None = None  # streams in which the new connection, alone, may still repeat
        self.repeats = 0

    @property
    def merged(self) -> bool:
        """Whether each stream has been joined: the old connection is needed no more."""
        return not self._waiting

    @property
    def over(self) -> bool:
        """Whether the new connection is alone and repeats nothing more: every message may pass as it is."""
        return self._tail is not None and not self._tail

    def old(self, message: bytes) -> list[bytes]:
        """Take a message of the old connection; gives those that are next, in order."""
        stream = stream_of(message)
        if self._tail is not None and stream not in self._tail:
            return [message]
        number = order_of(stream, message)
        out = self._next(stream, number, message)
        waiting = self._waiting.get(stream)
        if waiting and number is not None and (waiting[0][0] is None or number >= waiting[0][0]):
            out += self._merge(stream)
        return out

    def new(self, message: bytes) -> list[bytes]:
        """Take a message of the new connection; gives those that are next, in order."""
        stream = stream_of(message)
        if self._tail is not None and stream not in self._tail:
            return [message]
        number = order_of(stream, message)
        waiting = self._waiting.get(stream)
        if waiting is None:
            return self._next(stream, number, message)
        waiting.append((number, message))
        reached, first = self._last.get(stream), waiting[0][0]
        return self._merge(stream) if None not in (first, reached) and reached >= first else []

    def abandon(self) -> None:
        """End the new connection: the old one goes on, less what the new one has told already."""
        self._waiting.clear()
        self._tail = set(self._last)

    def finish(self) -> tuple[list[bytes], set[bytes]]:
        """End the old connection: give what still waits, and the streams of it that do not provably continue."""
        out, torn = [], set()
        for stream, waiting in list(self._waiting.items()):
            if waiting:
                first, last = waiting[0][0], self._last.get(stream)
                if first is None or last is None or first > last + 1:
                    torn.add(stream)
            out += self._merge(stream)
        self._tail = set(self._last)  # what it still repeats lies at or below these
        return out, torn

    def _merge(self, stream: bytes) -> list[bytes]:
        waiting = self._waiting.pop(stream)
        return [message for number, held in waiting for message in self._next(stream, number, held)]

    def _next(self, stream: bytes, number: int | None, message: bytes) -> list[bytes]:
        if number is not None:
            if number <= self._last.get(stream, -1):
                self.repeats += 1
                return []
            self._last[stream] = number
        if self._tail:
            self._tail.discard(stream)
        return [message]
