"""Tardis' level updates, snapshots and trades as typed events, in the order in which they arrived."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from genesis_lib.feeds.formats.mending import Mender
from genesis_lib.feeds.formats.tardis_rows import Lost, RowReader
from genesis_lib.feeds.formats.tardis_tables import TardisFile
from genesis_lib.feeds.recording import Recording
from genesis_lib.types import ASK, BID, DepthSnapshot, DepthUpdate, Event, Instrument, Snapshot, Trade

if TYPE_CHECKING:
    from genesis_lib.feeds.formats.tardis import TardisRows
    from genesis_lib.feeds.validation import Quarantine


class _Tardis(Recording):
    """A session of events: something that tells the book, and the trades of its time."""

    kind = "tardis"

    def __init__(
        self,
        books: list[TardisFile],
        trades: list[TardisFile],
        instrument: Instrument,
        symbol: str,
        *,
        quarantine: Quarantine | None = None,
    ) -> None:
        super().__init__(tuple(file.path for file in (*books, *trades)), instrument)
        self._books, self._trades, self._symbol, self._quarantine = books, trades, symbol, quarantine

    def events(self) -> Iterator[Event]:
        """The events: they need no joining, snapshots and updates follow each other in the files."""
        return iter(self)

    def _reader(self) -> RowReader:
        return RowReader(self.instrument, self._symbol, self._quarantine)

    def _merged(self, book: Iterator) -> Iterator:
        """Book and trades by time of arrival, trades first: the book changes because of them."""
        if not self._trades:
            return book
        timed = ((item.ts_receive, 1, item) for item in book)
        trades = ((item.ts_receive, 0, item) for item in self._read_trades())
        return (item for _, _, item in heapq.merge(trades, timed, key=lambda entry: entry[:2]))

    def _read_trades(self) -> Iterator[Trade | Lost]:
        symbol, reader, number = self.instrument.symbol, self._reader(), count(1)
        for file in self._trades:
            for item in reader.trades(file):
                self.lines += 1
                if type(item) is Lost:
                    yield item
                    continue
                sent, arrived, tick, quantity, side, market = item
                self.counts["trade"] += 1
                yield Trade(symbol, sent, arrived, next(number), tick, quantity, side, market)


class TardisBook(_Tardis):
    """A session of ``incremental_book_L2`` files of one symbol, and the trades of its time.

    Rows of one ``local_timestamp`` are one message. Rows before the first snapshot were buffered by the recorder and
    are passed over. A snapshot later in a file says that the connection was made anew: a `Gap` stands before it, since
    what happened between is not in the data. A row that is set aside leaves its level in doubt, see `Mender`.
    """

    def __iter__(self) -> Iterator[Event]:
        self.counts.clear()
        self.lines = 0
        mender, reader = Mender(self.instrument), self._reader()
        symbol, joined, counts = self.instrument.symbol, False, self.counts
        messages = (message for file in self._books for message in reader.messages(file))
        for item in self._merged(messages):
            if type(item) is Trade:
                yield item
                continue
            if type(item) is Lost:  # of the trades
                yield from mender.lose(*item[:3])
                continue
            sent, arrived, opens, anew, *levels, lost = item
            if not joined and not opens:
                counts["before the snapshot"] += 1
                continue
            for one in lost:
                yield from mender.lose(*one[:3])
            if opens:
                if anew:
                    yield from mender.lose(sent, arrived, "the recorder connected anew: a snapshot in mid-file")
                counts["snapshot"] += 1
                joined = True
                yield mender.push(DepthSnapshot(symbol, sent, arrived, -1, *levels))
                for one in lost:
                    yield from mender.lose(*one[:3])
            elif len(levels[0]):
                counts["depth"] += 1
                yield mender.push(DepthUpdate(symbol, sent, arrived, -1, -1, -1, *levels), whole=not lost)
            for one in lost:
                mender.doubt_all() if one.level is None else mender.doubt(*one.level)
        self.lines += reader.rows
        if self._quarantine is not None:
            self._quarantine.check_share(reader.rows - reader.bad, reader.bad, self.name)


class TardisRowsAndTrades(_Tardis):
    """Rows of ``book_snapshot_N`` or ``quotes`` with the trades of their time: each row is a whole book."""

    def __init__(
        self, rows: TardisRows, trades: list[TardisFile], symbol: str, *, quarantine: Quarantine | None = None
    ) -> None:
        super().__init__([], trades, rows.instrument, symbol, quarantine=quarantine)
        self._rows = rows
        self.paths = (*rows.paths, *self.paths)

    def __iter__(self) -> Iterator[Event]:
        self.counts.clear()
        self.lines = 0
        mender = Mender(self.instrument)
        for item in self._merged(self._rows.events()):
            if type(item) is Trade:
                yield item
            elif type(item) is Lost:
                yield from mender.lose(*item[:3])
            else:
                self.lines += 1
                self.counts["snapshot"] += 1
                if not item.valid:
                    yield from mender.lose(item.ts_exchange, item.ts_receive, "rows before it were set aside")
                yield mender.push(whole_book(item, self.instrument))


def whole_book(row: Snapshot, instrument: Instrument) -> DepthSnapshot:
    """A row as the snapshot of a book that has no more levels than the row."""
    prices, quantities = row.levels[:, 0::2].T, row.levels[:, 1::2].T  # (2, L)
    held = np.isfinite(prices)
    sides = np.repeat(np.array([BID, ASK], np.int8), held.sum(axis=1))
    ticks = np.rint(prices[held] / instrument.tick_size).astype(np.int64)
    return DepthSnapshot(instrument.symbol, row.ts_exchange, row.ts_receive, -1, sides, ticks, quantities[held])
