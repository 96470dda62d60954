"""OKX's book feed with its checksums, and its trades, from a raw websocket log."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import orjson

from genesis_lib.errors import InputError
from genesis_lib.feeds.formats.checksummed import open_recordings
from genesis_lib.feeds.formats.feed_messages import BookMessage, TradeMessage
from genesis_lib.feeds.formats.sent_levels import ASK, BID, SentLevels
from genesis_lib.feeds.formats.websocket_log import looks_like_log
from genesis_lib.feeds.recording import Recording

NAME = "okx"
CHECKED = 25  # levels a side under a checksum
BOOKS = ("books", "books-l2-tbt", "books50-l2-tbt")  # snapshot and diffs; books5 and bbo-tbt tell the best levels only
MILLISECOND = 1_000_000
_SIGNS = re.compile(rb'ok[xe]x?\.com|"arg":\{"channel":')


def recognises(path: Path, head: bytes) -> bool:
    """Whether a file is a websocket log with OKX's messages in it."""
    return looks_like_log(head) and _SIGNS.search(head) is not None


def open_files(paths, *, tick_size=None, symbol=None, venue=None, quarantine=None) -> list[Recording]:
    """Open the logs of each connection, a session for each instrument that has a book in it."""
    dialect = Okx(venue or NAME)
    return open_recordings(paths, dialect, tick_size=tick_size, symbol=symbol, quarantine=quarantine)


class Okx:
    """What is particular to OKX: its messages and its checksum.

    Notes
    -----
    Quantities of derivatives are contracts. Where messages carry ``prevSeqId`` it must name the message before, else
    there is a gap; a checksum of 0 beside it is none (OKX has sent only 0 since June 2026).

    References
    ----------
    OKX API v5, "Order book channel": CRC32 (signed) over ``price:quantity`` as sent, joined by colons, of best bid,
    best ask, second bid, second ask ... to the 25th; where a side has fewer levels the other goes on alone. OKX,
    "Order book channels checksum field deprecation", 2026.
    """

    name = NAME

    def __init__(self, venue: str = NAME) -> None:
        self.venue = venue

    def messages(self, payload: bytes, ts_receive: int) -> Iterator[BookMessage | TradeMessage | str]:
        """Messages of one frame; of those that tell nothing of a book or a trade the kind, as a string."""
        if payload.strip() in (b"pong", b"ping"):
            yield "control"
            return
        message = orjson.loads(payload)
        if not isinstance(message, dict):
            raise InputError(f"a message must be an object, got {type(message).__name__}")
        arg = message.get("arg") or {}
        channel, symbol = arg.get("channel"), arg.get("instId")
        if "data" not in message or channel is None:
            yield str(message.get("event", "control"))
        elif channel in BOOKS:
            for data in message["data"]:
                yield self._book(symbol, channel, message.get("action") == "snapshot", data)
        elif channel in ("trades", "trades-all"):
            for data in message["data"]:
                side = {"buy": 1, "sell": -1}.get(data["side"], 0)
                time = int(data["ts"]) * MILLISECOND
                yield TradeMessage(data["instId"], time, int(data["tradeId"]), data["px"], data["sz"], side, channel)
        else:
            yield channel

    @staticmethod
    def checksum(book: SentLevels) -> int:
        """The checksum that OKX would send with this book."""
        pairs = zip_longest(book.best(BID, CHECKED), book.best(ASK, CHECKED))
        text = ":".join(word for pair in pairs for level in pair if level is not None for word in level)
        crc = zlib.crc32(text.encode())
        return crc - (1 << 32) if crc >= 1 << 31 else crc

    @staticmethod
    def _book(symbol: str, channel: str, snapshot: bool, data: dict[str, Any]) -> BookMessage:
        levels = [
            (side, level[0], level[1]) for side, name in ((BID, "bids"), (ASK, "asks")) for level in data.get(name, ())
        ]
        checksum = int(data["checksum"]) if data.get("checksum") is not None else None
        sequence = int(data["seqId"]) if "seqId" in data else None
        if checksum == 0 and sequence is not None:
            checksum = None
        previous = int(data["prevSeqId"]) if "prevSeqId" in data else None
        time = int(data["ts"]) * MILLISECOND
        return BookMessage(symbol, snapshot, levels, time, checksum, None, sequence, previous, channel)
