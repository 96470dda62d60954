"""Tardis' downloadable CSV files: incremental_book_L2, book_snapshot_N and quotes as books, and trades beside them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.formats.chains import SAME_SESSION_NS, chains
from genesis_lib.feeds.formats.row_files import RowFiles, Rows
from genesis_lib.feeds.formats.rows_and_trades import RowsAndTrades
from genesis_lib.feeds.formats.tardis_events import TardisBook, read_trades
from genesis_lib.feeds.formats.tardis_tables import (
    BOOK,
    MICROSECOND,
    QUOTES,
    SNAPSHOTS,
    TRADES,
    Found,
    TardisFile,
    describe,
    grid_of,
    own_rows,
    require,
)
from genesis_lib.types import Instrument

if TYPE_CHECKING:
    from genesis_lib.feeds.snapshots import FinishedSession
    from genesis_lib.feeds.validation import Quarantine

NAME = "tardis"


class TardisRows(RowFiles):
    """Rows of ``book_snapshot_N`` or ``quotes`` files of one symbol; a side may have fewer levels than N.

    Exchange time is ``timestamp``, receive time ``local_timestamp``, by which the file is ordered.
    """

    kind = NAME

    def __init__(
        self,
        files: list[TardisFile],
        instrument: Instrument,
        *,
        tick_size: float | None = None,
        quarantine: Quarantine | None = None,
    ) -> None:
        super().__init__([file.path for file in files], tick_size=tick_size, quarantine=quarantine, partial=True)
        self._files = {file.path: file for file in files}
        self._instrument, self._symbol = instrument, instrument.symbol

    @cached_property
    def instrument(self) -> Instrument:
        """As the file names it."""
        return self._instrument

    def of_symbol(self, symbol: str) -> TardisRows:
        """Read the rows that the file calls `symbol`, whatever the instrument is called."""
        self._symbol = symbol
        return self

    def _rows(self, path: Path) -> Iterator[Rows]:
        file = self._files[path]
        if file.kind == QUOTES:
            names = ["bid_price", "bid_amount", "ask_price", "ask_amount"]
        else:
            sides = [(side, field) for side in ("bids", "asks") for field in ("price", "amount")]
            names = [f"{side}[{level}].{field}" for level in range(file.levels) for side, field in sides]
        for table in file.tables():
            own = own_rows(table, self._symbol)
            columns = table.columns
            levels = np.stack([columns[name][own] for name in names], axis=1).reshape(-1, len(names) // 4, 4)
            exchange, receive = (columns[name][own] * MICROSECOND for name in ("timestamp", "local_timestamp"))
            unreadable = table.unreadable[own]
            yield Rows(table.lines[own], exchange, receive, levels, unreadable, table.ragged, table.block.texts)


def recognises(path: Path, head: bytes) -> bool:
    """Whether the first line is a header of Tardis'."""
    return head.startswith((b"exchange,", b"\xef\xbb\xbfexchange,")) and describe(path, head) is not None


def open_files(
    paths: list[Path],
    *,
    tick_size: float | None = None,
    symbol: str | None = None,
    venue: str | None = None,
    quarantine: Quarantine | None = None,
) -> list[FinishedSession]:
    """Open files as sessions, one a symbol, book kind and contiguous time; trades go with the book of their time.

    Parameters
    ----------
    symbol
        Picks one where files hold several; where they hold one, its name.
    venue
        Instead of the exchange that the files name.

    Raises
    ------
    RecordingError
        When no row can be read, or there are trades and no book for them: trades alone make no book.
    """
    files = [require(path) for path in paths]
    seen = {file.path: file.survey() for file in files}
    symbols = sorted({(entry.exchange, name) for found in seen.values() for name, entry in found.items()})
    if symbol in {name for _, name in symbols}:
        symbols = [(exchange, name) for exchange, name in symbols if name == symbol]
        symbol = None
    elif symbol is not None and len(symbols) > 1:
        names = ", ".join(name for _, name in symbols)
        raise InputError(f"symbol {symbol!r} is none of the {len(symbols)} in these files: {names}")
    sessions: list[FinishedSession] = []
    others = f"; these files hold {', '.join(name for _, name in symbols)}: --symbol picks one" * (len(symbols) > 1)
    for exchange, name in symbols:
        own = [(file, seen[file.path][name]) for file in files if name in seen[file.path]]
        own = [(file, entry) for file, entry in own if entry.exchange == exchange]
        trades = {file.path: (file, entry) for file, entry in own if file.kind == TRADES}
        for kind in (BOOK, SNAPSHOTS, QUOTES):
            of_kind = {file.path: (file, entry) for file, entry in own if file.kind == kind}
            for run in chains((entry.first, entry.last, path) for path, (_, entry) in of_kind.items()):
                books = [of_kind[path] for path in run]
                beside = [pair for pair in trades.values() if _overlap(pair[1], books[0][1], books[-1][1])]
                try:
                    tick, lot = grid_of([entry for _, entry in books], tick_size, run[0])
                except RecordingError as error:
                    raise RecordingError(f"{error.cause} ({name}){others}" if others else error.cause, run[0]) from None
                instrument = Instrument(venue or exchange, symbol or name, tick, lot)
                sessions.append(_session(books, beside, instrument, name, tick_size, quarantine))
                for file, _ in beside:
                    trades.pop(file.path)
        if trades:
            raise RecordingError(
                f"trades alone make no book: give the incremental_book_L2 (or book_snapshot) of {name} and of the same "
                f"time with them{others}",
                next(iter(trades)),
            )
    return sessions


def _session(
    books: list[tuple[TardisFile, Found]],
    trades: list[tuple[TardisFile, Found]],
    instrument: Instrument,
    symbol: str,
    tick_size: float | None,
    quarantine: Quarantine | None,
) -> FinishedSession:
    files = [file for file, _ in books]
    beside = [file for file, _ in sorted(trades, key=lambda pair: pair[1].first)]
    if files[0].kind == BOOK:
        return TardisBook(files, beside, instrument, symbol, quarantine=quarantine)
    rows = TardisRows(files, instrument, tick_size=tick_size, quarantine=quarantine).of_symbol(symbol)
    if not beside:
        return rows
    paths = [file.path for file in beside]
    return RowsAndTrades(rows, paths, partial(read_trades, beside, instrument, symbol, quarantine))


def _overlap(entry: Found, first: Found, last: Found) -> bool:
    return entry.first <= last.last + SAME_SESSION_NS and first.first - SAME_SESSION_NS <= entry.last
