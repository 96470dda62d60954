"""Book feeds that carry a checksum: each book is held against it after every message, and a wrong one is a gap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.formats.feed_instruments import find_instruments, whole_ticks
from genesis_lib.feeds.formats.feed_messages import BookMessage, Dialect, TradeMessage, exchange_time, number_of, parsed
from genesis_lib.feeds.formats.sent_levels import SentLevels
from genesis_lib.feeds.formats.websocket_log import Frame, frames, in_order
from genesis_lib.feeds.recording import Recording
from genesis_lib.types import DepthSnapshot, DepthUpdate, Event, Gap, Instrument, Trade

if TYPE_CHECKING:
    from genesis_lib.feeds.validation import Quarantine

CACHE = 200_000  # strings remembered with their ticks


@dataclass(slots=True)
class _State:
    """One instrument while its log is read."""

    instrument: Instrument
    counts: Counter[str] = field(default_factory=Counter)
    book: SentLevels = field(default_factory=SentLevels)
    ticks: dict[str, int] = field(default_factory=dict)
    held: bool = False  # there was a snapshot
    broken: bool = False  # the book may be wrong until the next
    sequence: int | None = None
    channels: dict[str, str] = field(default_factory=dict)
    last_trade: int = -1

    def tick(self, price: str) -> int:
        """Whole ticks of a price, exactly."""
        tick = self.ticks.get(price)
        if tick is None:
            if len(self.ticks) >= CACHE:
                self.ticks.clear()
            tick = self.ticks[price] = whole_ticks(price, self.instrument)
        return tick


class ChecksummedLog:
    """The files of one connection, and the instruments that have a book in them.

    Attributes
    ----------
    counts : Counter
        Of the last pass: lines that belong to no instrument, by kind.
    lines : int
        Messages read in that pass.
    states : dict
        By symbol, of that pass: ``states[symbol].counts`` has ``snapshot``, ``update``, ``trade``, ``checksums``,
        ``checksums_ok``.
    """

    def __init__(
        self,
        paths: tuple[Path, ...],
        dialect: Dialect,
        *,
        tick_size: float | None = None,
        symbol: str | None = None,
        quarantine: Quarantine | None = None,
    ) -> None:
        self.paths, self.dialect, self.quarantine = paths, dialect, quarantine
        self.counts: Counter[str] = Counter()
        self.lines = 0
        self.states: dict[str, _State] = {}
        lenient = quarantine is not None
        self.instruments = find_instruments(paths, dialect, tick_size=tick_size, symbol=symbol, lenient=lenient)

    def read(self, symbols: Collection[str] | None = None) -> Iterator[Event]:
        """Events of some instruments (all when left out) in the order in which they came, each book checked."""
        chosen = self.instruments if symbols is None else {name: self.instruments[name] for name in symbols}
        self.states = {name: _State(instrument) for name, instrument in chosen.items()}
        self.counts.clear()
        self.lines = 0
        needles = [] if symbols is None else [word for name in symbols for word in _spellings(name)]
        for frame in frames(self.paths):
            if frame.connected:
                yield from self._reconnected(frame)
                continue
            self.lines += 1
            of_others = needles and not any(word in frame.payload for word in needles)
            if of_others and frame.whole and frame.payload.rstrip().endswith((b"]", b"}")):
                continue  # what is broken may have been of these
            try:
                for message in parsed(self.dialect, frame):
                    state = None if isinstance(message, str) else self.states.get(message.symbol)
                    if state is None:
                        self.counts[message if isinstance(message, str) else "of other instruments"] += 1
                    elif type(message) is TradeMessage:
                        yield from self._trade(state, message, frame)
                    else:
                        yield from self._book(state, message, frame)
            except InputError as error:
                yield from self._bad(frame, str(error))

    def _book(self, state: _State, message: BookMessage, frame: Frame) -> Iterator[Event]:
        if not _first_channel(state, "book", message.channel):
            return
        symbol, book = message.symbol, state.book
        time = exchange_time(message, frame)
        state.counts["snapshot" if message.snapshot else "update"] += 1
        state.book.depth = message.depth
        cause = None
        if message.snapshot:
            gone = book.columns()[:2]
            book.clear()
        elif not state.held:
            cause = "update before any snapshot"
        elif message.previous is not None and state.sequence is not None and message.previous != state.sequence:
            cause = f"prevSeqId is {message.previous} where {state.sequence} must follow"
        state.held |= message.snapshot
        state.sequence = message.sequence
        levels = [(side, state.tick(price), price, quantity) for side, price, quantity in message.levels]
        _check(levels)
        book.change(levels)
        dropped = book.cut()
        if message.checksum is not None:
            state.counts["checksums"] += 1
            own = self.dialect.checksum(book)
            if own == message.checksum:
                state.counts["checksums_ok"] += 1
            elif cause is None:
                cause = f"checksum {message.checksum} where the book gives {own}"
        if message.snapshot and cause is None:
            state.broken = False
            yield DepthSnapshot(symbol, time, frame.ts_receive, -1, *book.columns())
            return
        if cause is not None and not state.broken:
            state.broken = True
            yield Gap(symbol, time, frame.ts_receive, cause, -1, -1)
        # A snapshot that its own checksum denies heals nothing: it comes out as changes to what there was.
        changes = [(side, tick, float(quantity)) for side, tick, _, quantity in levels]
        changes += [(side, tick, 0.0) for side, tick in dropped]
        if message.snapshot:
            changes = [(int(side), int(tick), 0.0) for side, tick in zip(*gone)] + changes
        yield DepthUpdate(symbol, time, frame.ts_receive, -1, -1, -1, *_columns(changes))

    @staticmethod
    def _trade(state: _State, message: TradeMessage, frame: Frame) -> Iterator[Event]:
        if not _first_channel(state, "trade", message.channel):
            return
        if 0 <= message.trade_id <= state.last_trade:  # told again after subscribing again
            state.counts["trade repeated"] += 1
            return
        state.last_trade = max(state.last_trade, message.trade_id)
        state.counts["trade"] += 1
        time = exchange_time(message, frame)
        quantity = number_of(message.quantity)
        tick = state.tick(message.price)
        yield Trade(message.symbol, time, frame.ts_receive, message.trade_id, tick, quantity, message.side)

    def _reconnected(self, frame: Frame) -> Iterator[Event]:
        yield from self._break(frame, "the connection was made anew")

    def _bad(self, frame: Frame, reason: str) -> Iterator[Event]:
        """Set a message aside; nobody can say whose book it would have changed."""
        if self.quarantine is None:
            raise RecordingError(reason, frame.file, frame.number)
        text = frame.payload.decode(errors="replace").rstrip("\n")
        self.quarantine.reject(frame.file, frame.number, "bad message", text, ts_exchange=frame.ts_receive)
        self.counts["bad message"] += 1
        yield from self._break(frame, f"a message that cannot be read: {reason}")

    def _break(self, frame: Frame, cause: str) -> Iterator[Event]:
        for symbol, state in self.states.items():
            state.sequence = None
            if state.held and not state.broken:
                state.broken = True
                yield Gap(symbol, frame.ts_receive, frame.ts_receive, cause, -1, -1)


class ChecksummedRecording(Recording):
    """One instrument of a log; its events are checked as they are read, for whoever reads them."""

    def __init__(self, log: ChecksummedLog, instrument: Instrument) -> None:
        super().__init__(log.paths, instrument)
        self.log, self.kind = log, log.dialect.name

    @property
    def name(self) -> str:
        """Names of the files, and the instrument where there are several."""
        files = " + ".join(path.name for path in self.paths)
        return files if len(self.log.instruments) == 1 else f"{files} ({self.instrument.symbol})"

    def __iter__(self) -> Iterator[Event]:
        symbol = self.instrument.symbol
        for event in self.log.read((symbol,)):
            self.counts, self.lines = self.log.states[symbol].counts, self.log.lines
            yield event

    def events(self) -> Iterator[Event]:
        """The same: the checksums tell what is in step."""
        return iter(self)


def open_recordings(
    paths: Iterable[Path],
    dialect: Dialect,
    *,
    tick_size: float | None = None,
    symbol: str | None = None,
    quarantine: Quarantine | None = None,
) -> list[Recording]:
    """Open the logs of each connection as recordings, one for each instrument.

    Parameters
    ----------
    tick_size, symbol
        Of one instrument, where not all are wanted or the grid is known better than the log tells.
    quarantine
        Takes messages that cannot be read, and a gap stands in their place; None refuses the log at the first.

    Raises
    ------
    RecordingError
        When a log cannot be read or holds no book (of that symbol); names file and line.
    """
    logs = [
        ChecksummedLog(tuple(group), dialect, tick_size=tick_size, symbol=symbol, quarantine=quarantine)
        for group in in_order(map(Path, paths))
    ]
    return [ChecksummedRecording(log, instrument) for log in logs for instrument in log.instruments.values()]


def _first_channel(state: _State, what: str, channel: str) -> bool:
    """Where two channels tell the same of one instrument, the first is taken and the other counted."""
    first = state.channels.setdefault(what, channel)
    if channel != first:
        state.counts[f"{channel} beside {first}"] += 1
    return channel == first


def _spellings(symbol: str) -> list[bytes]:
    quoted = orjson.dumps(symbol)
    return [quoted, quoted.replace(b"/", b"\\/")]


def _check(levels: list[tuple[int, int, str, str]]) -> None:
    for level in levels:
        number_of(level[3])


def _columns(changes: list[tuple[int, int, float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    sides = np.array([side for side, _, _ in changes], np.int8)
    ticks = np.array([tick for _, tick, _ in changes], np.int64)
    return sides, ticks, np.array([quantity for _, _, quantity in changes], np.float64)
