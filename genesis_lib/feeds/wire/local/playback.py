"""What a local venue plays: the messages of a recording or of the simulator, beside the book that they make."""

from __future__ import annotations

import asyncio
import heapq
import math
import re
import time
from collections.abc import AsyncIterator, Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import orjson

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.binance import GAP, BinanceParser, decode, message_of
from genesis_lib.feeds.recording import BinanceRecording, raw_lines
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire.local.market import Market, Update
from genesis_lib.feeds.wire.local.streams import MARKETS
from genesis_lib.types import Event, Instrument

KINDS = {"depthUpdate": "depth", "markPriceUpdate": "markPrice"}  # messages whose stream has another name
_SPEED = re.compile(r"@depth@(\d+)ms")
_LOOK = 2000  # lines that are read for the speed of the diffs

Source = Simulator | BinanceRecording


class Message(NamedTuple):
    """One message as it was received."""

    ts_receive: int
    key: str  # of its stream, see `streams.Stream`; empty for a snapshot, which only REST gives
    data: str
    event: Event | None


class Playback:
    """Play the messages of one instrument, keeping its `market` as of the last one.

    A recording starts at the moment its snapshot joins its diffs: what lies before has no book.

    Parameters
    ----------
    source
        A simulator or a recording.
    market
        Of a simulator: the market whose format it speaks, USD-M when left out. A recording speaks its own.

    Attributes
    ----------
    now : int
        Receive time of the last message, ns since 1970.
    provenance : str
        ``recorded`` or ``simulated``.
    simulator : Simulator or None
        What it is played from, where it is not a recording.

    Raises
    ------
    RecordingError
        When there is no snapshot to start a book from.
    """

    def __init__(self, source: Source, market: str | None = None) -> None:
        if market not in (None, *MARKETS):
            raise InputError(f"market must be one of {', '.join(MARKETS)}, got {market!r}")
        self.provenance, self.name, self.now, native = source.provenance, source.name, 0, 0
        self.simulator = source if isinstance(source, Simulator) else None
        if isinstance(source, Simulator):
            spoken = replace(source.instrument, venue=market) if market else source.instrument
            self.market_name = market or "binance-usdm"
            self._messages = self._written(source, spoken)
        else:
            spoken, native = source.instrument, native_speed(source.paths)
            self.market_name = spoken.venue if spoken.venue in MARKETS else "binance-usdm"  # as the simulator writes
            if market not in (None, self.market_name):
                raise InputError(f"market must be that of the recording, {self.market_name}, got {market!r}")
            self._messages = self._read(source.paths, spoken)
        self.instrument = spoken
        marks = isinstance(source, Simulator) and self.market_name != "binance-spot"
        self.market = Market(spoken, native, marks=marks)
        while not self.market.is_whole:
            message = next(self._messages, None)
            if message is None:
                raise RecordingError("holds no snapshot that its diffs continue; there is no book to serve", self.name)
            for _ in self.take(message):
                pass
        self.start = self.now

    @property
    def last_id(self) -> int:
        """Update id of the book."""
        return self.market.last_id

    def top(self, n: int) -> np.ndarray:
        """(n, 4) best levels of the true book."""
        return self.market.book.top(n)

    def __iter__(self) -> Iterator[Message]:
        return self._messages

    def take(self, message: Message, wanted: Collection[str] = ()) -> Iterator[Update]:
        """Work a message in when its time has come; gives what goes out because of it."""
        self.now = max(self.now, message.ts_receive)
        for update in self.market.take(message.event, message.key, message.data, wanted):
            if update.key:
                yield update

    def _written(self, simulator: Simulator, instrument: Instrument) -> Iterator[Message]:
        write = None
        for event in simulator:
            write = write or self.market.writer.message  # `market` is there once the first message is asked for
            stream, data = write(event)
            yield Message(event.ts_receive, stream_key(stream), data, event)

    def _read(self, files: tuple[Path, ...], instrument: Instrument) -> Iterator[Message]:
        parser = BinanceParser(instrument)
        for line in raw_lines(files):
            try:
                message = decode(line.payload)
                event = parser.parse(message, line.ts_receive)
            except InputError as error:
                raise RecordingError(str(error), line.file, line.number) from None
            kind, body = message_of(message)
            if kind == "snapshot" or kind == GAP:
                yield Message(line.ts_receive, "", "", event)
            elif kind != "control":
                # A line without the envelope of a combined stream is of the stream that has its kind.
                stream = message.get("stream") or f"{instrument.symbol}@{KINDS.get(kind, kind)}"
                yield Message(line.ts_receive, stream_key(stream), orjson.dumps(body).decode(), event)


def open_playbacks(source: object, market: str | None = None) -> list[Playback]:
    """Open what a venue is to play: a simulator, files, or several of them; one playback an instrument.

    Raises
    ------
    InputError
        When a file is not of Binance's format, or a symbol comes twice.
    """
    given = list(source) if isinstance(source, Iterable) and not isinstance(source, (str, Simulator)) else [source]
    simulators = [one for one in given if isinstance(one, Simulator)]
    files = [one for one in given if not isinstance(one, Simulator)]
    sources: list[Source] = list(simulators)
    if files:
        from genesis_lib.feeds.snapshots import open_sessions  # pyarrow, for those who read files

        sessions = open_sessions(files)
        foreign = [session.name for session in sessions if not isinstance(session, BinanceRecording)]
        if foreign:
            raise InputError(f"source must be recorded in Binance's format, got {', '.join(foreign)}")
        sources += sessions
    names = [one.instrument.symbol for one in sources]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"source must name each symbol once, got {name} {names.count(name)} times")
    if not sources:
        raise InputError("source names nothing to play")
    playbacks = [Playback(one, market) for one in sources]
    markets = sorted({playback.market_name for playback in playbacks})
    if len(markets) > 1:
        raise InputError(f"a venue is of one market, got {', '.join(markets)}")
    return playbacks


async def paced(playbacks: list[Playback], speed: float) -> AsyncIterator[tuple[Playback, Message]]:
    """Messages of all playbacks, each started at once, `speed` times as fast as they were received."""
    began, sent = time.monotonic(), 0

    def from_its_start(number: int) -> Iterator[tuple[int, int, Message]]:
        for message in playbacks[number]:
            yield message.ts_receive - playbacks[number].start, number, message

    for offset, number, message in heapq.merge(*map(from_its_start, range(len(playbacks))), key=lambda item: item[:2]):
        if speed == math.inf:
            sent += 1
            if sent % 32 == 0:
                await asyncio.sleep(0)
        else:
            await asyncio.sleep(max(began + offset / 1e9 / speed - time.monotonic(), 0.0))
        yield playbacks[number], message


def stream_key(name: str) -> str:
    """The key of a stream as it was recorded: without its speed, in lower case up to the kind.

    >>> stream_key("BTCUSDT@depth@100ms"), stream_key("")
    ('btcusdt@depth', '')
    """
    symbol, at, kind = name.partition("@")
    return f"{symbol.lower()}{at}{kind.partition('@')[0]}"


def native_speed(files: Iterable[Path]) -> int:
    """Milliseconds between the diffs of a recording, by the name of their stream; 0 where it tells none."""
    for number, line in enumerate(raw_lines(files)):
        match = _SPEED.search(line.payload[:100].decode(errors="replace"))
        if match or number > _LOOK:
            return int(match[1]) if match else 0
    return 0
