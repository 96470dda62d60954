"""Binance's messages kept as JSON files: lists of diffs or trades, and REST snapshots, each a file of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.binance import BinanceParser, message_of, venue_of
from genesis_lib.feeds.formats.decompression import open_bytes
from genesis_lib.feeds.instruments import grid_of, known
from genesis_lib.feeds.recording import Recording
from genesis_lib.types import Event, Instrument

if TYPE_CHECKING:
    from genesis_lib.feeds.validation import Quarantine

NAME = "binance-lists"
_START = re.compile(rb'\s*(\[\s*\{\s*"e"\s*:\s*"(depthUpdate|aggTrade|trade)"|\{\s*"lastUpdateId"\s*:)')


def recognises(path: Path, head: bytes) -> bool:
    """Whether a file begins as a list of diffs or trades, or as a REST snapshot."""
    return _START.match(head) is not None


def open_files(
    paths: list[Path],
    *,
    tick_size: float | None = None,
    symbol: str | None = None,
    venue: str | None = None,
    quarantine: Quarantine | None = None,
) -> list[Recording]:
    """Open the files of a folder as one session; a snapshot does not name its symbol, so all are of one.

    A recording is evidence: a file that cannot be read is an error, whatever the quarantine.
    """
    folders: dict[Path, list[Path]] = {}
    for path in sorted(map(Path, paths)):
        folders.setdefault(path.parent, []).append(path)
    sessions = [BinanceLists(tuple(group), tick_size=tick_size, venue=venue) for group in folders.values()]
    if symbol is not None:
        names = ", ".join(session.instrument.symbol for session in sessions)
        sessions = [session for session in sessions if session.instrument.symbol == symbol]
        if not sessions:
            raise RecordingError(f"no diffs of symbol {symbol!r} in it; it has {names}", paths[0])
    return sessions


class BinanceLists(Recording):
    """Diffs, trades and REST snapshots of one symbol.

    The files do not tell when a message was received: that is taken for the venue's own time. A snapshot has no time at
    all: it stands before the first diff that goes beyond it.
    """

    kind = NAME

    def __init__(self, paths: tuple[Path, ...], *, tick_size: float | None = None, venue: str | None = None) -> None:
        self._messages = _ordered(paths)
        diffs = [message for _, message in self._messages if message_of(message)[0] == "depthUpdate"]
        if not diffs:
            raise RecordingError("no diffs among these files: nothing to rebuild a book of", paths[0])
        symbols = sorted({message["s"] for _, message in self._messages if "s" in message})
        if len(symbols) > 1:
            raise RecordingError(f"several symbols ({', '.join(symbols)}), and a snapshot names none", paths[0])
        found = venue or venue_of(diffs[0])
        instrument = known(found, symbols[0])
        if instrument is None or tick_size is not None:
            books = [message for _, message in self._messages if message.get("e", "depthUpdate") == "depthUpdate"]
            levels = [level for book in books for key in ("b", "a", "bids", "asks") for level in book.get(key, ())]
            prices, quantities = zip(*levels)
            instrument = Instrument(found, symbols[0], tick_size or grid_of(prices), grid_of(quantities))
        super().__init__(paths, instrument)

    def __iter__(self) -> Iterator[Event]:
        parser = BinanceParser(self.instrument)
        self.counts, self.lines = parser.counts, 0
        time = 0
        for path, message in self._messages:
            self.lines += 1
            time = max(time, _time(message) or time)
            try:
                event = parser.parse(message, time)
            except InputError as error:
                raise RecordingError(f"{error} (message {self.lines})", path) from None
            if event is not None:
                yield event


def _ordered(paths: tuple[Path, ...]) -> list[tuple[Path, dict[str, Any]]]:
    """All messages in order of time: a trade before the diff of the same moment, a snapshot before what follows it."""
    timed: list[tuple[int, int, Path, dict[str, Any]]] = []
    snapshots: list[tuple[Path, dict[str, Any]]] = []
    for path in paths:
        with open_bytes(path) as stream:
            try:
                content = orjson.loads(stream.read())
            except orjson.JSONDecodeError as error:
                raise RecordingError(f"not JSON: {error.msg} at character {error.pos + 1}", path) from None
        if isinstance(content, dict):
            snapshots.append((path, content))
            continue
        for number, message in enumerate(content, 1):
            time = _time(message) if isinstance(message, dict) else None
            if time is None:
                raise RecordingError(f"message {number} has no time E", path)
            timed.append((time, message.get("e") == "depthUpdate", path, message))
    timed.sort(key=lambda entry: entry[:2])
    ordered = [(path, message) for _, _, path, message in timed]
    try:
        for path, snapshot in sorted(snapshots, key=lambda entry: -entry[1]["lastUpdateId"]):
            beyond = (
                n
                for n, (_, m) in enumerate(ordered)
                if m.get("e") == "depthUpdate" and m["u"] > snapshot["lastUpdateId"]
            )
            ordered.insert(next(beyond, len(ordered)), (path, snapshot))
    except (KeyError, TypeError) as error:
        raise RecordingError(f"a diff or snapshot without its number: {error!r}", paths[0]) from None
    return ordered


def _time(message: dict[str, Any]) -> int | None:
    """Nanoseconds of a message's time: of a trade when it was made."""
    value = message.get("T" if message.get("e") != "depthUpdate" and "T" in message else "E")
    return int(value) * 1_000_000 if isinstance(value, int) else None
