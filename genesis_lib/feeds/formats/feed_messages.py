"""What the feeds of venues with checksums say, in one shape, and how a frame of a log becomes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import orjson

from genesis_lib.errors import InputError
from genesis_lib.feeds.formats.sent_levels import SentLevels
from genesis_lib.feeds.formats.websocket_log import Frame
from genesis_lib.feeds.instruments import MINUTE

MOST_AHEAD = 60 * MINUTE  # of a venue's clock before the receiver's; what is more is a damaged number


class BookMessage(NamedTuple):
    """A snapshot or the levels that changed: (side, price, quantity) as sent, in the order in which they came."""

    symbol: str
    snapshot: bool
    levels: list[tuple[int, str, str]]
    ts_exchange: int | None
    checksum: int | None = None
    depth: int | None = None  # levels a side that the venue tells
    sequence: int | None = None
    previous: int | None = None  # sequence of the message before
    channel: str = "book"


class TradeMessage(NamedTuple):
    """A trade, price and quantity as sent; `side` is the aggressor's."""

    symbol: str
    ts_exchange: int | None
    trade_id: int
    price: str
    quantity: str
    side: int
    channel: str = "trade"


class Dialect(Protocol):
    """What is particular to a venue."""

    name: str
    venue: str

    def messages(self, payload: bytes, ts_receive: int) -> Iterator[BookMessage | TradeMessage | str]:
        """Messages of one frame."""

    def checksum(self, book: SentLevels) -> int:
        """The checksum that belongs to a book."""


def parsed(dialect: Dialect, frame: Frame) -> Iterator[BookMessage | TradeMessage | str]:
    """Messages of a frame; `InputError` when it cannot be read."""
    try:
        for message in dialect.messages(frame.payload, frame.ts_receive):
            _refuse_other_than_texts(message)
            yield message
    except orjson.JSONDecodeError as error:
        if not frame.whole:  # a recorder that was stopped, or a copy that broke off, in the middle of a line
            raise InputError("the log ends in the middle of this message") from None
        raise InputError(f"not JSON: {error.msg} at character {error.pos + 1}") from None
    except InputError:
        raise
    except (KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise InputError(f"a message that cannot be read: {error!r}") from None


def _refuse_other_than_texts(message: BookMessage | TradeMessage | str) -> None:
    """`TypeError` where a symbol, price or quantity did not come as a string, as both venues send them."""
    if type(message) is BookMessage:
        "".join([message.symbol, *[level[1] for level in message.levels], *[level[2] for level in message.levels]])
    elif type(message) is TradeMessage:
        "".join([message.symbol, message.price, message.quantity])


def exchange_time(message: BookMessage | TradeMessage, frame: Frame) -> int:
    """Exchange time of a message, the receive time where it has none."""
    time = frame.ts_receive if message.ts_exchange is None else message.ts_exchange
    if time > frame.ts_receive + MOST_AHEAD:
        raise InputError(f"exchange time {time} lies more than an hour behind the receive time {frame.ts_receive}")
    return time


def number_of(text: str) -> float:
    """A quantity as a number; `InputError` when it is negative or not finite."""
    try:
        quantity = float(text)
    except ValueError:
        raise InputError(f"quantity {text!r} is no number") from None
    if not 0 <= quantity < float("inf"):
        raise InputError(f"a quantity must be finite and not negative, got {text!r}")
    return quantity
