"""Rows of a book and the trades of the same time, as one stream of events."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genesis_lib.feeds.formats.mending import Lost, Mender
from genesis_lib.feeds.recording import Recording
from genesis_lib.types import ASK, BID, DepthSnapshot, Event, Instrument, Snapshot, Trade

if TYPE_CHECKING:
    from genesis_lib.feeds.formats.row_files import RowFiles


class RowsAndTrades(Recording):
    """A session whose rows are whole books and whose trades stand in files of their own.

    Parameters
    ----------
    rows
        The books; a row that is not valid comes behind a `Gap`.
    paths
        Files of the trades.
    trades
        Called for each pass: trades in order of arrival, a `Lost` where one was set aside.
    """

    def __init__(self, rows: RowFiles, paths: Iterable[Path], trades: Callable[[], Iterator[Trade | Lost]]) -> None:
        super().__init__((*rows.paths, *paths), rows.instrument)
        self.kind, self._rows, self._trades = rows.kind, rows, trades

    def events(self) -> Iterator[Event]:
        """The events: they need no joining."""
        return iter(self)

    def __iter__(self) -> Iterator[Event]:
        self.counts.clear()
        self.lines = 0
        mender = Mender(self.instrument)
        for item in merged(self._trades(), self._rows.events()):
            if type(item) is Lost:
                yield from mender.lose(*item[:3])
                continue
            self.lines += 1
            if type(item) is Trade:
                self.counts["trade"] += 1
                yield item
                continue
            self.counts["snapshot"] += 1
            if not item.valid:
                yield from mender.lose(
                    item.ts_exchange, item.ts_receive, "rows before it were set aside, or are missing"
                )
            yield mender.push(whole_book(item, self.instrument))


def merged(trades: Iterator, book: Iterator) -> Iterator:
    """Two streams by time of arrival, at one time trades first: the book changes because of them."""
    timed = ((item.ts_receive, 0, item) for item in trades), ((item.ts_receive, 1, item) for item in book)
    return (item for _, _, item in heapq.merge(*timed, key=lambda entry: entry[:2]))


def whole_book(row: Snapshot, instrument: Instrument) -> DepthSnapshot:
    """A row as the snapshot of a book that has no more levels than the row."""
    prices, quantities = row.levels[:, 0::2].T, row.levels[:, 1::2].T  # (2, L)
    held = np.isfinite(prices)
    sides = np.repeat(np.array([BID, ASK], np.int8), held.sum(axis=1))
    ticks = np.rint(prices[held] / instrument.tick_size).astype(np.int64)
    return DepthSnapshot(instrument.symbol, row.ts_exchange, row.ts_receive, -1, sides, ticks, quantities[held])
