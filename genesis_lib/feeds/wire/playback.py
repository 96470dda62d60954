"""What a local venue plays: the messages of a recording or of the simulator, in time, beside the book they make."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import orjson

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.binance import GAP, BinanceParser, BinanceSync, decode, message_of
from genesis_lib.feeds.recording import BinanceRecording, raw_lines
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire.binance_wire import BinanceWriter
from genesis_lib.types import ASK, BID, DepthSnapshot, DepthUpdate, Event, Gap
from orderbook_ext import OrderBook

STREAMS = {"depthUpdate": "depth", "markPriceUpdate": "markPrice"}  # kinds whose stream has another name


class Message(NamedTuple):
    """One message on its way to the clients."""

    ts_receive: int
    stream: str  # without its speed: "btcusdt@depth"; empty for a snapshot, which only REST gives
    data: str
    combined: str  # the same in the envelope of a combined stream
    is_diff: bool


class Playback:
    """Play messages `speed` times as fast as they were received, keeping the book as of the last one.

    A recording starts at the moment its snapshot joins its diffs: what lies before has no book.

    Attributes
    ----------
    now : int
        Receive time of the last message, ns since 1970.
    provenance : str
        ``recorded`` or ``simulated``.
    """

    def __init__(self, source: Path | str | list | Simulator, speed: float = math.inf) -> None:
        self.speed, self.now = speed, 0
        if isinstance(source, Simulator):
            self.instrument, self.provenance, self.name = source.instrument, source.provenance, source.name
            self._writer = BinanceWriter(self.instrument)
            self._messages = self._written(source)
        else:
            from genesis_lib.feeds.snapshots import open_sessions  # pyarrow, for those who read files

            sessions = open_sessions(source)
            if len(sessions) != 1 or not isinstance(sessions[0], BinanceRecording):
                names = ", ".join(session.name for session in sessions)
                raise InputError(f"source must be one session recorded in Binance's format, got {names}")
            recording = sessions[0]
            self.instrument, self.name, self.provenance = recording.instrument, recording.name, recording.provenance
            self._writer = BinanceWriter(self.instrument)
            self._messages = self._read(recording.paths)
        self._sync = BinanceSync("spot" if self.instrument.venue == "binance-spot" else "futures")
        self._book = OrderBook(self.instrument.tick_size, self.instrument.lot_size)
        self._exchange_ms = 0
        while not self._sync.joined:
            if next(self._messages, None) is None:
                raise RecordingError("holds no snapshot that its diffs continue; there is no book to serve", self.name)

    @property
    def last_id(self) -> int:
        """Update id of the book."""
        return self._sync.last_id

    async def messages(self) -> AsyncIterator[Message]:
        """Messages when they are due."""
        began, first, sent = time.monotonic(), self.now, 0
        for message in self._messages:
            if not message.stream:
                continue
            if self.speed == math.inf:
                sent += 1
                if sent % 32 == 0:
                    await asyncio.sleep(0)
            else:
                wait = began + (self.now - first) / 1e9 / self.speed - time.monotonic()
                await asyncio.sleep(max(wait, 0.0))
            yield message

    def depth(self, limit: int) -> str | None:
        """The REST answer to a depth request, JSON text; None while the recorded book is broken."""
        if not self._sync.joined:
            return None
        bids, asks = (self._book.levels(side)[:limit] for side in ("bid", "ask"))
        levels = np.concatenate([bids, asks])
        ticks = np.array([self.instrument.ticks(float(price)) for price in levels[:, 0]], np.int64)
        sides = np.array([BID] * len(bids) + [ASK] * len(asks), np.int8)
        ts = self._exchange_ms * 1_000_000
        event = DepthSnapshot(self.instrument.symbol, ts, ts, self._sync.last_id, sides, ticks, levels[:, 1])
        return self._writer.message(event)[1]

    def top(self, n: int) -> np.ndarray:
        """(n, 4) best levels of the true book."""
        return self._book.top(n)

    def exchange_info(self) -> dict:
        """The part of Binance's exchangeInfo that says on which grid the symbol trades."""
        i = self.instrument
        return {
            "serverTime": self.now // 1_000_000,
            "symbols": [
                {
                    "symbol": i.symbol,
                    "status": "TRADING",
                    "filters": [
                        {"filterType": "PRICE_FILTER", "tickSize": self._writer.tick_size},
                        {"filterType": "LOT_SIZE", "stepSize": self._writer.lot_size},
                    ],
                }
            ],
        }

    @staticmethod
    def stream_name(name: str) -> str:
        """A stream's name without its speed, in lower case up to the kind.

        >>> Playback.stream_name("BTCUSDT@depth@100ms")
        'btcusdt@depth'
        """
        symbol, _, kind = name.partition("@")
        return f"{symbol.lower()}@{kind.partition('@')[0]}"

    def _apply(self, event: Event | None) -> None:
        if event is None:
            return
        for out in self._sync.push(event):
            if isinstance(out, DepthSnapshot):
                self._book.snapshot_ticks(out.sides, out.ticks, out.quantities)
            elif isinstance(out, DepthUpdate):
                self._book.apply_ticks(out.sides, out.ticks, out.quantities)
            if isinstance(out, (DepthSnapshot, DepthUpdate, Gap)):
                self._exchange_ms = out.ts_exchange // 1_000_000

    def _written(self, simulator: Simulator) -> Iterator[Message]:
        for event in simulator:
            self.now = event.ts_receive
            self._apply(event)
            stream, data = self._writer.message(event)
            if not stream:
                yield Message(event.ts_receive, "", data, data, False)
                continue
            combined = f'{{"stream":"{stream}","data":{data}}}'
            yield Message(event.ts_receive, self.stream_name(stream), data, combined, isinstance(event, DepthUpdate))

    def _read(self, files: tuple[Path, ...]) -> Iterator[Message]:
        parser = BinanceParser(self.instrument)
        for line in raw_lines(files):
            try:
                message = decode(line.payload)
                event = parser.parse(message, line.ts_receive)
            except InputError as error:
                raise RecordingError(str(error), line.file, line.number) from None
            self.now = max(self.now, line.ts_receive)
            self._apply(event)
            kind, body = message_of(message)
            data = orjson.dumps(body).decode()
            if isinstance(event, DepthSnapshot):
                yield Message(line.ts_receive, "", data, data, False)
            elif kind not in ("control", "snapshot", GAP):
                # A line without the envelope of a combined stream is of the stream that has its kind.
                stream = message.get("stream") or f"{self.instrument.symbol}@{STREAMS.get(kind, kind)}"
                name, combined = self.stream_name(stream), f'{{"stream":"{stream}","data":{data}}}'
                yield Message(line.ts_receive, name, data, combined, isinstance(event, DepthUpdate))
