"""Kraken's spot book feed (websocket version 1 and 2) with its checksums, and its trades, from a raw websocket log."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from genesis_lib.errors import InputError
from genesis_lib.feeds.formats.checksummed import open_recordings
from genesis_lib.feeds.formats.feed_messages import BookMessage, TradeMessage
from genesis_lib.feeds.formats.sent_levels import ASK, BID, SentLevels
from genesis_lib.feeds.formats.websocket_log import looks_like_log, nanoseconds
from genesis_lib.feeds.recording import Recording

NAME = "kraken"
CHECKED = 10  # levels a side under a checksum
DEPTHS = (10, 25, 100, 500, 1000)  # levels a side that may be subscribed to
_ZEROS = str.maketrans("", "", ".")
_SIGNS = re.compile(
    rb'kraken\.com|: \[\d+,\{"[ab]s?":\[\[|"channelName":"book-\d+"|"channel":"book","type":"(?:snapshot|update)"'
)


def recognises(path: Path, head: bytes) -> bool:
    """Whether a file is a websocket log with Kraken's messages in it."""
    return looks_like_log(head) and _SIGNS.search(head) is not None and b'"arg":{' not in head[:4096]


def open_files(paths, *, tick_size=None, symbol=None, venue=None, quarantine=None) -> list[Recording]:
    """Open the logs of each connection, a session for each pair that has a book in it."""
    dialect = Kraken(venue or NAME)
    return open_recordings(paths, dialect, tick_size=tick_size, symbol=symbol, quarantine=quarantine)


class Kraken:
    """What is particular to Kraken: its messages and its checksum.

    Notes
    -----
    Exchange time is the newest time of a message's levels (version 1) or the message's own. The book is cut to the
    depth that was subscribed to after each update; version 2 tells it when it grants the subscription alone, and where
    that is not in the log it is the least that holds the snapshot. A checksum comes with each update, in version 2 with
    the snapshot too.

    References
    ----------
    Kraken, "Book checksum" of the websocket API, versions 1 and 2: CRC32 (unsigned) over the best ten asks, then the
    best ten bids, best first; of each price and quantity the digits without the point and without leading zeros.
    """

    name = NAME

    def __init__(self, venue: str = NAME) -> None:
        self.venue = venue
        self._depths: dict[str, int] = {}  # by symbol, of version 2

    def messages(self, payload: bytes, ts_receive: int) -> Iterator[BookMessage | TradeMessage | str]:
        """Messages of one frame; of those that tell nothing of a book or a trade the kind, as a string."""
        if payload[:1] == b"[":
            yield from self._version_1(orjson.loads(payload), ts_receive)
            return
        message = orjson.loads(payload)
        if not isinstance(message, dict):
            raise InputError(f"a message must be a list or an object, got {type(message).__name__}")
        channel = message.get("channel")
        if channel in ("book", "trade") and "data" in message:
            # Version 2 sends numbers, and a checksum is over their digits: no float may come between.
            yield from self._version_2(json.loads(payload, parse_float=str, parse_int=str), channel)
        else:
            granted = message.get("result")
            if isinstance(granted, dict) and granted.get("channel") == "book" and "depth" in granted:
                self._depths[granted["symbol"]] = int(granted["depth"])
            yield str(message.get("event") or channel or message.get("method") or "control")

    @staticmethod
    def checksum(book: SentLevels) -> int:
        """The checksum that Kraken would send with this book."""
        levels = (*book.best(ASK, CHECKED), *book.best(BID, CHECKED))
        digits = "".join(text.translate(_ZEROS).lstrip("0") for level in levels for text in level)
        return zlib.crc32(digits.encode())

    @staticmethod
    def _version_1(message: list[Any], ts_receive: int) -> Iterator[BookMessage | TradeMessage | str]:
        if len(message) < 4 or not isinstance(message[-1], str) or not isinstance(message[-2], str):
            raise InputError("a list must hold channel, data, channel's name and pair")
        channel, symbol = message[-2:]
        if channel == "trade":
            for price, quantity, time, side, *_ in message[1]:
                yield TradeMessage(symbol, nanoseconds(time), -1, price, quantity, {"b": 1, "s": -1}.get(side, 0))
            return
        if not channel.startswith("book-"):
            yield channel
            return
        levels: list[tuple[int, str, str]] = []
        newest, checksum, snapshot = "", None, False
        for part in message[1:-2]:
            for key, value in part.items():
                if key == "c":
                    checksum = int(value)
                    continue
                if key not in ("a", "b", "as", "bs"):
                    raise InputError(f"a book message has the parts a, b, as, bs and c, got {key!r}")
                snapshot |= len(key) == 2
                side = BID if key[0] == "b" else ASK
                for price, quantity, time, *again in value:
                    levels.append((side, price, quantity))
                    if not again:  # a level that is told again ("r") has the time of its last change
                        newest = max(newest, time)  # ten digits before the point: strings compare as numbers
        time = nanoseconds(newest) if newest else None
        yield BookMessage(symbol, snapshot, levels, time, checksum, depth=int(channel[5:]))

    def _version_2(self, message: dict[str, Any], channel: str) -> Iterator[BookMessage | TradeMessage]:
        for data in message["data"]:
            time = _iso(data["timestamp"]) if "timestamp" in data else None
            if channel == "trade":
                side = {"buy": 1, "sell": -1}.get(data.get("side"), 0)
                number = int(data.get("trade_id", -1))
                yield TradeMessage(data["symbol"], time, number, data["price"], data["qty"], side)
                continue
            levels = [
                (side, level["price"], level["qty"])
                for side, name in ((BID, "bids"), (ASK, "asks"))
                for level in data.get(name, ())
            ]
            checksum = int(data["checksum"]) if "checksum" in data else None
            symbol, snapshot = data["symbol"], message.get("type") == "snapshot"
            if snapshot and symbol not in self._depths:
                told = max(len(data.get(name, ())) for name in ("bids", "asks"))
                self._depths[symbol] = next((depth for depth in DEPTHS if depth >= told), told)
            yield BookMessage(symbol, snapshot, levels, time, checksum, self._depths.get(symbol))


def _iso(text: str) -> int:
    """Nanoseconds since 1970 of a time like 2023-10-06T17:35:55.440295Z."""
    whole, _, part = text.removesuffix("Z").partition(".")
    seconds = int(datetime.fromisoformat(whole + "+00:00").timestamp())
    return nanoseconds(f"{seconds}.{part}")
