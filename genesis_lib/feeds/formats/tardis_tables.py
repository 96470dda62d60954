"""Tardis CSV files as columns: which kind a header names, what a pass over a file finds, one symbol's rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.formats.decompression import head_of
from genesis_lib.feeds.formats.delimited import Table, blocks, parse
from genesis_lib.feeds.formats.grids import Grid

HEAD = ("exchange", "symbol", "timestamp", "local_timestamp")
BOOK, TRADES, QUOTES, SNAPSHOTS = "incremental_book_L2", "trades", "quotes", "book_snapshot"
COLUMNS = {
    BOOK: (*HEAD, "is_snapshot", "side", "price", "amount"),
    TRADES: (*HEAD, "id", "side", "price", "amount"),
    QUOTES: (*HEAD, "ask_amount", "ask_price", "bid_price", "bid_amount"),
}
KINDS = {"timestamp": "int", "local_timestamp": "int", "is_snapshot": "bool", "side": "code", "symbol": "code"}
KINDS |= {"exchange": "code", "id": "text"}
MICROSECOND = 1000
_LEVEL = re.compile(r"(asks|bids)\[(\d+)\]\.(price|amount)")


@dataclass(slots=True)
class Found:
    """What a first pass finds of one symbol in one file: venue, times of arrival (ns), grids."""

    exchange: str
    symbol: str
    first: int
    last: int
    prices: Grid = field(default_factory=Grid)
    amounts: Grid = field(default_factory=Grid)


@dataclass(frozen=True, slots=True)
class TardisFile:
    """A file of one kind: its columns in order, and for snapshots how many levels a side they hold."""

    path: Path
    kind: str
    columns: tuple[str, ...]
    levels: int = 0

    def tables(self, *, names: tuple[str, ...] | None = None) -> Iterator[Table]:
        """The rows of all symbols, a block at a time, of these columns (all when left out)."""
        kinds = {name: KINDS.get(name, "float") for name in names or self.columns}
        for block in blocks(self.path, skip_lines=1):
            yield parse(block, self.columns, kinds)

    def survey(self) -> dict[str, Found]:
        """Find the symbols in it.

        Raises
        ------
        RecordingError
            When no row names a symbol.
        """
        prices = [name for name in self.columns if name.endswith("price")]
        amounts = [name for name in self.columns if name.endswith("amount")]
        found: dict[str, Found] = {}
        for table in self.tables(names=("exchange", "symbol", "local_timestamp", *prices, *amounts)):
            columns = table.columns
            for code, symbol in enumerate(table.words["symbol"]):
                own = (columns["symbol"] == code) & ~table.unreadable & (columns["exchange"] >= 0)
                if not own.any():
                    continue
                arrived = columns["local_timestamp"][own]
                exchange = table.words["exchange"][columns["exchange"][np.argmax(own)]]
                entry = found.setdefault(symbol, Found(exchange, symbol, int(arrived[0]) * MICROSECOND, 0))
                entry.last = max(entry.last, int(arrived[-1]) * MICROSECOND)
                for names, grid in ((prices, entry.prices), (amounts, entry.amounts)):
                    for name in names:
                        values = columns[name][own]
                        grid.add(values[np.isfinite(values) & (values > 0) & (values < 2.0**62)])
        if not found:
            raise RecordingError("no row in it that can be read", self.path)
        return found


def describe(path: Path, head: bytes) -> TardisFile | None:
    """Say what kind of Tardis file a header tells of; None when it is none."""
    line = head.partition(b"\n")[0].strip().decode("utf-8-sig", errors="replace")
    columns = tuple(line.split(","))
    for kind, wanted in COLUMNS.items():
        if columns[:4] == HEAD and set(columns) == set(wanted):
            return TardisFile(path, kind, columns)
    levels = [_LEVEL.fullmatch(name) for name in columns[4:]]
    if columns[:4] == HEAD and levels and all(levels):
        count = 1 + max(int(level[2]) for level in levels)
        if len(set(columns)) == len(columns) == 4 + 4 * count:  # price and amount of every level of both sides, once
            return TardisFile(path, SNAPSHOTS, columns, count)
    return None


def require(path: Path) -> TardisFile:
    """Describe a file that must be one of Tardis'; `RecordingError` when it is not."""
    file = describe(path, head_of(path))
    if file is None:
        raise RecordingError(
            f"not a Tardis CSV: its first line is none of the headers of {', '.join((*COLUMNS, 'book_snapshot_N'))}",
            path,
        )
    return file


def own_rows(table: Table, symbol: str) -> np.ndarray:
    """(n,) bool: the rows of one symbol."""
    words = table.words["symbol"]
    return table.columns["symbol"] == (words.index(symbol) if symbol in words else -2)


def grid_of(found: list[Found], tick_size: float | None, path: Path) -> tuple[float, float]:
    """Tick and lot size over several files."""
    prices, amounts = Grid(), Grid()
    for entry in found:
        prices.merge(entry.prices)
        amounts.merge(entry.amounts)
    try:
        return tick_size or prices.price_step(), amounts.step or 1.0
    except InputError as error:
        raise RecordingError(str(error), path) from None
