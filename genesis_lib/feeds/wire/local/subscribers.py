"""Who listens to which streams: connections, what they asked for by address or method, and what they are told."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, deque
from collections.abc import Collection
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, broadcast

from genesis_lib.feeds.wire.local.streams import is_served, parse_stream

METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
MOST_STREAMS = 1024  # a connection
MESSAGES_A_SECOND = {"binance-usdm": 10, "binance-coinm": 10, "binance-spot": 5}  # that a connection may send
HALF_OPEN_FOR = 60.0  # s until a connection that was made half open is cut
MAX_BEHIND = 1 << 26  # bytes that a slow client may leave unread
USER_KEY = "@user"  # key of the stream that tells of own orders
ROUTES = ("public", "market", "private")


class Refusal(Exception):
    """A method frame that is wrong: Binance's code and words."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Subscriber:
    """One websocket connection: its subscriptions in order, and how it is written to."""

    def __init__(self, connection: ServerConnection, route: str, combined: bool) -> None:
        self.connection, self.route, self.combined = connection, route, combined
        self.names: dict[str, None] = {}
        self.keys: dict[str, list[str]] = {}  # key of a stream -> the names that it was asked for by
        self.silent = False  # half open: the connection stands and nothing goes through it
        self._waiting: deque[str | bytes] | None = None
        self._received: deque[float] = deque()

    @property
    def label(self) -> str:
        """How the log of faults calls it."""
        return f"{'/' + self.route if self.route else 'the'} connection of {', '.join(self.names) or 'no stream'}"

    def send(self, message: str | bytes) -> None:
        """Write a message, or keep it while the connection is paused; a client that stands still is cut off."""
        if self.silent:
            return
        if self._waiting is not None:
            self._waiting.append(message)
        elif self.connection.transport.get_write_buffer_size() > MAX_BEHIND:
            self.cut()
        else:
            broadcast([self.connection], message)

    def pause(self, seconds: float) -> None:
        """Keep everything back for a while; then all of it goes out in order."""
        if self._waiting is None:
            self._waiting = deque()
            asyncio.get_running_loop().call_later(seconds, self._resume)

    def go_silent(self) -> None:
        """Stop writing and reading (so pings go unanswered) while the connection stays open, for a minute."""
        self.silent = True
        self.connection.transport.pause_reading()
        asyncio.get_running_loop().call_later(HALF_OPEN_FOR, self.cut)

    def cut(self) -> None:
        """Break the connection without a closing handshake."""
        self.silent = True
        self.connection.transport.abort()

    def exceeds(self, limit: int) -> bool:
        """Count a message from the client; whether there were more than `limit` within a second."""
        now = time.monotonic()
        self._received.append(now)
        while self._received[0] < now - 1.0:
            self._received.popleft()
        return len(self._received) > limit

    def _resume(self) -> None:
        waiting, self._waiting = self._waiting or (), None
        for message in waiting:
            self.send(message)


class Subscribers:
    """All connections of a venue.

    Parameters
    ----------
    market
        Decides which paths there are.
    symbols
        In lower case, with the milliseconds between the diffs that there are.

    Attributes
    ----------
    wanted : Counter
        Keys of streams, by how many connections listen.
    listen_keys : collection of str
        Names of the user data stream.
    """

    def __init__(self, market: str, symbols: dict[str, int]) -> None:
        self.market, self._symbols = market, symbols
        self.listen_keys: Collection[str] = ()
        self.wanted: Counter[str] = Counter()
        self.all: dict[ServerConnection, Subscriber] = {}

    def __len__(self) -> int:
        return len(self.all)

    def connect(self, connection: ServerConnection, path: str) -> Subscriber:
        """Enter a connection with the streams that its address names: ``/ws/a/b`` or ``/stream?streams=a/b``."""
        url = urlsplit(path)
        parts = [part for part in url.path.split("/") if part]
        route = parts[0] if parts and parts[0] in ROUTES else ""
        combined = "stream" in parts
        if combined:
            names = parse_qs(url.query).get("streams", [""])[0].split("/")
        else:
            names = parts[parts.index("ws") + 1 :]
        names += parse_qs(url.query).get("listenKey", [])
        subscriber = self.all[connection] = Subscriber(connection, route, combined)
        self.subscribe(subscriber, [name for name in names if name])
        return subscriber

    def leave(self, connection: ServerConnection) -> None:
        """Forget a connection."""
        subscriber = self.all.pop(connection, None)
        if subscriber is not None:
            self.unsubscribe(subscriber, list(subscriber.names))

    def listening(self, key: str) -> list[Subscriber]:
        """Who wants the messages of a stream."""
        return [subscriber for subscriber in self.all.values() if key in subscriber.keys]

    def deliver(self, subscriber: Subscriber, key: str, message: str | bytes) -> None:
        """Send a message of a stream under each name it was asked for by; bytes and what is broken go as they are."""
        for name in list(subscriber.keys.get(key, ())):
            if subscriber.combined and isinstance(message, str):
                subscriber.send(f'{{"stream":"{name}","data":{message}}}')
            else:
                subscriber.send(message)

    def subscribe(self, subscriber: Subscriber, names: list[str]) -> None:
        """Add streams; what the venue does not have, or not on this path, is taken and never served."""
        for name in names:
            if name in subscriber.names:
                continue
            subscriber.names[name] = None
            for key in self._served(name, subscriber.route):
                if key not in subscriber.keys:
                    self.wanted[key] += 1
                subscriber.keys.setdefault(key, []).append(name)

    def unsubscribe(self, subscriber: Subscriber, names: list[str]) -> None:
        """Take streams away; names that were not asked for are passed over, as Binance does."""
        for name in names:
            if subscriber.names.pop(name, "") == "":
                continue
            for key in [key for key, asked in subscriber.keys.items() if name in asked]:
                subscriber.keys[key].remove(name)
                if not subscriber.keys[key]:
                    del subscriber.keys[key]
                    self.wanted[key] -= 1
                    if not self.wanted[key]:
                        del self.wanted[key]

    def answer(self, subscriber: Subscriber, text: str | bytes) -> str | None:
        """Work a method frame; gives the answer, None when the client sent too much and must go."""
        if subscriber.exceeds(MESSAGES_A_SECOND[self.market]):
            return None
        number: Any = None
        try:
            try:
                told = json.loads(text)
            except ValueError as error:
                place = f"line {getattr(error, 'lineno', 1)} column {getattr(error, 'colno', 1)}"
                raise Refusal(3, f"Invalid JSON: expected value at {place}") from None
            if not isinstance(told, dict) or "method" not in told:
                raise Refusal(2, "Invalid request: missing field `method` at line 1 column 1")
            number = _checked_id(told.get("id"), self.market)
            result = self._work(subscriber, told["method"], told.get("params", []))
        except Refusal as refusal:
            return json.dumps({"code": refusal.code, "msg": str(refusal)} | ({} if number is None else {"id": number}))
        return json.dumps({"result": result, "id": number})

    def _served(self, name: str, route: str) -> list[str]:
        """Keys of the streams that a name means and that this path serves; several for a stream of all symbols."""
        if name in self.listen_keys:
            return [USER_KEY]
        symbol = name.partition("@")[0]
        stream = None
        if name.startswith("!") or symbol in self._symbols:
            stream = parse_stream(name, self.market, self._symbols.get(symbol, 0))
        if stream is None or not is_served(stream, self.market, route):
            return []
        if name == "!bookTicker":
            return [f"{symbol}@bookTicker" for symbol in self._symbols]
        return [stream.key]

    def _work(self, subscriber: Subscriber, method: str, params: Any) -> Any:
        if method not in METHODS:
            expected = ", ".join(f"`{name}`" for name in METHODS)
            raise Refusal(2, f"Invalid request: unknown variant `{method}`, expected one of {expected}")
        if not isinstance(params, list):
            raise Refusal(2, "Invalid request: params must be an array")
        if method == "LIST_SUBSCRIPTIONS":
            return list(subscriber.names)
        if method in ("SUBSCRIBE", "UNSUBSCRIBE"):
            if not all(isinstance(name, str) for name in params):
                raise Refusal(2, "Invalid request: stream name must be a string")
            if method == "UNSUBSCRIBE":
                self.unsubscribe(subscriber, params)
            elif len(subscriber.names.keys() | set(params)) > MOST_STREAMS:
                raise Refusal(2, f"Invalid request: more than {MOST_STREAMS} streams on a connection")
            else:
                self.subscribe(subscriber, params)
            return None
        return _property(subscriber, method, params)


def _property(subscriber: Subscriber, method: str, params: list) -> bool | None:
    if not params or not isinstance(params[0], str):
        raise Refusal(2, "Invalid request: property name must be a string")
    if params[0] != "combined":
        raise Refusal(0, "Unknown property")
    if len(params) > 1 + (method == "SET_PROPERTY"):
        raise Refusal(2, "Invalid request: too many parameters")
    if method == "GET_PROPERTY":
        return subscriber.combined
    if len(params) < 2 or not isinstance(params[1], bool):
        raise Refusal(1, "Invalid value type: expected Boolean")
    subscriber.combined = params[1]
    return None


def _checked_id(number: Any, market: str) -> Any:
    """Spot takes whole numbers, short words and null; futures unsigned numbers alone."""
    unsigned = isinstance(number, int) and not isinstance(number, bool) and number >= 0
    if market == "binance-spot":
        word = isinstance(number, str) and number.replace("-", "").isalnum() and len(number) <= 36
        if unsigned or word or number is None or (isinstance(number, int) and not isinstance(number, bool)):
            return number
    elif unsigned:
        return number
    raise Refusal(2, "Invalid request: request ID must be an unsigned integer")
