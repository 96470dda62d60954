"""Binance's messages once they are decoded: which kind, of which venue, and the values of their fields."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import orjson

from genesis_lib.errors import InputError

GAP = "genesisGap"  # not Binance's: the line a recorder writes where its connection broke
MILLISECOND = 1_000_000
MICROSECONDS_FROM = 10**14  # a time above is in microseconds (an option of the spot streams), below in milliseconds
BEYOND = 2**63  # ids, and times in nanoseconds (the year 2262), are int64 from here on
_BEST_LEVELS = re.compile(r"@depth\d")  # the stream btcusdt@depth5@100ms, but not btcusdt@depth@100ms


def message_of(message: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Kind and body of a decoded message, out of the combined stream's envelope where it has one.

    The kind is the venue's event name; ``bookTicker`` and ``snapshot`` also where the venue leaves the name out;
    ``partial depth`` for a stream of the best levels, ``control`` for answers and whatever else has no name.
    """
    if not isinstance(message, Mapping):
        raise InputError(f"a message must be a JSON object, got {type(message).__name__}")
    data = message.get("data", message)
    if not isinstance(data, Mapping):
        return "control", {}
    kind = data.get("e")
    # Streams of the best 5, 10 or 20 levels look like diffs (futures) or like a REST snapshot (spot) and are neither.
    if (kind == "depthUpdate" or "lastUpdateId" in data) and _BEST_LEVELS.search(str(message.get("stream", ""))):
        return "partial depth", data
    if kind is not None:
        return str(kind), data
    if "lastUpdateId" in data:
        return "snapshot", data
    if "u" in data and "b" in data and "a" in data:
        return "bookTicker", data
    return "control", data


def venue_of(message: Mapping[str, Any]) -> str | None:
    """Venue that a message betrays: futures diffs have ``pu``, COIN-M ones ``ps``, spot diffs neither; else None."""
    kind, data = message_of(message)
    if kind != "depthUpdate":
        return None
    return "binance-coinm" if "ps" in data else "binance-usdm" if "pu" in data else "binance-spot"


def decode(payload: bytes | str) -> Any:
    """Decode one JSON message; `InputError`, with the byte (the first is 0), when it is none."""
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        offset = len(error.doc[: error.pos].encode()) if isinstance(error.doc, str) else error.pos
        raise InputError(f"not JSON: {error.msg.partition(': line ')[0]} at byte {offset}") from None


def nanoseconds(value: Any) -> int:
    """Nanoseconds of a time that a message tells."""
    time = _whole(value)
    ns = time * 1000 if time >= MICROSECONDS_FROM else time * MILLISECOND
    if not 0 <= ns < BEYOND:
        raise InputError(f"a time must be ms or us since 1970, got {time}")
    return ns


def id_of(value: Any) -> int:
    """An id of updates or trades."""
    number = _whole(value)
    if not 0 <= number < BEYOND:
        raise InputError(f"an id must be 0 to 2**63 - 1, got {number}")
    return number


def _whole(value: Any) -> int:
    """A number that is whole as it comes: what `int` cuts off, or makes of a truth value, was never sent."""
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise InputError(f"a time or an id must be a whole number, got {value!r}")
    return int(value)


def number_of(value: Any, name: str) -> float:
    """A price or quantity."""
    number = float(value)
    if not (0 <= number < math.inf):
        raise InputError(f"{name} must be finite and not negative, got {value!r}")
    return number
