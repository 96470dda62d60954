"""Databento's ten levels (MBP-10) as a session of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.formats.databento import NAME, Found, trade_of
from genesis_lib.feeds.formats.databento_files import F_LAST, F_MAYBE_BAD_BOOK, PRICE_UNIT, UNDEF_PRICE, UNDEF_TIME
from genesis_lib.feeds.formats.feed_instruments import MOST_TICKS
from genesis_lib.feeds.recording import Recording
from genesis_lib.types import ASK, BID, DepthSnapshot, DepthUpdate, Event, Gap, Instrument


class DatabentoLevels(Recording):
    """One instrument's ten best levels after each change, as the levels that changed from one record to the next.

    The book is looked at where an event ends (F_LAST). F_MAYBE_BAD_BOOK is a gap at that record; the next one without
    it tells the whole of what there is to know again.
    """

    kind = NAME

    def __init__(self, what: Found, instrument: Instrument) -> None:
        super().__init__(tuple(path for path, _ in what.files), instrument)
        self.what = what
        self._unit = round(instrument.tick_size * PRICE_UNIT)
        if self._unit < 1 or what.unit % self._unit:
            raise InputError(f"tick_size {instrument.tick_size!r} is not the grid of {instrument.name}")

    @property
    def name(self) -> str:
        """Names of the files and the instrument."""
        return f"{' + '.join(path.name for path in self.paths)} ({self.instrument.symbol})"

    @property
    def span(self) -> tuple[int, int]:
        """Receive time of the first and the last record, ns."""
        return self.what.first, self.what.last

    def __iter__(self) -> Iterator[Event]:
        self.counts, self.lines = Counter(), 0
        symbol, unit = self.instrument.symbol, self._unit
        held: dict[tuple[int, int], int] | None = None
        for path, part in self.what.records():
            before = self.lines
            self.lines += len(part)
            for action, number in zip(*np.unique(part["action"], return_counts=True)):
                self.counts[action.decode(errors="replace")] += int(number)
            for number, row in enumerate(part, before + 1):
                time, local = int(row["ts_event"]), int(row["ts_recv"])
                time = local if time == UNDEF_TIME else time
                if row["action"] == b"T" and row["price"] != UNDEF_PRICE:
                    yield trade_of(row, symbol, unit)
                if row["flags"] & F_MAYBE_BAD_BOOK:
                    if held is not None:
                        yield Gap(symbol, time, local, "the venue's feed was interrupted (F_MAYBE_BAD_BOOK)", -1, -1)
                    held = None
                    continue
                if self.what.marked and not row["flags"] & F_LAST:
                    continue
                now = _levels(row["levels"], unit)
                if not all(0 < tick <= MOST_TICKS for _, tick in now):
                    raise RecordingError(f"a level at a price that no book holds: {row}", path, number)
                if held is None:
                    yield DepthSnapshot(symbol, time, local, -1, *_columns({}, now))
                elif now != held:
                    yield DepthUpdate(symbol, time, local, -1, -1, -1, *_columns(held, now))
                held = now

    def events(self) -> Iterator[Event]:
        """The same: nothing has to be joined."""
        return iter(self)


def _levels(levels: np.ndarray, unit: int) -> dict[tuple[int, int], int]:
    found: dict[tuple[int, int], int] = {}
    for bid, ask, bid_size, ask_size, _, _ in levels.tolist():
        if bid != UNDEF_PRICE and bid_size:
            found[BID, bid // unit] = bid_size
        if ask != UNDEF_PRICE and ask_size:
            found[ASK, ask // unit] = ask_size
    return found


def _columns(before: dict, after: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    changes = sorted(
        (side, tick, after.get((side, tick), 0))
        for side, tick in before.keys() | after.keys()
        if before.get((side, tick)) != after.get((side, tick))
    )
    sides = np.array([side for side, _, _ in changes], np.int8)
    ticks = np.array([tick for _, tick, _ in changes], np.int64)
    return sides, ticks, np.array([size for _, _, size in changes], np.float64)
