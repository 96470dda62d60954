"""Binance's public archives (data.binance.vision): bookTicker as rows of one level, trades beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genesis_lib.errors import RecordingError
from genesis_lib.feeds.formats.chains import SAME_SESSION_NS, chains
from genesis_lib.feeds.formats.decompression import head_of
from genesis_lib.feeds.formats.delimited import Table, blocks, parse
from genesis_lib.feeds.formats.grids import on_grid
from genesis_lib.feeds.formats.mending import Lost
from genesis_lib.feeds.formats.row_files import RowFiles, Rows
from genesis_lib.feeds.formats.rows_and_trades import RowsAndTrades
from genesis_lib.feeds.instruments import known
from genesis_lib.feeds.validation import refuse
from genesis_lib.types import Instrument, Trade

if TYPE_CHECKING:
    from genesis_lib.feeds.snapshots import FinishedSession
    from genesis_lib.feeds.validation import Quarantine

NAME = "binance-archive"
TICKER, TRADES, AGGREGATES, DEPTH = "bookTicker", "trades", "aggTrades", "bookDepth"
MICROSECONDS_FROM = 10**14  # spot archives count microseconds from 2025 on, all others milliseconds
_NAME = re.compile(r"([A-Z0-9_]+)-(bookTicker|trades|aggTrades|bookDepth)-\d{4}-\d\d(?:-\d\d)?\b")
_NUMBER, _TIME, _FLAG = r"\d+(?:\.\d+)?", r"\d{13,16}", r"(?:true|false|True|False)"
# By kind: columns, and the first line of a file without a header. Spot files have one column more.
COLUMNS = {
    TICKER: ("id", "bid", "bid_size", "ask", "ask_size", "time", "event_time"),
    TRADES: ("id", "price", "size", "quote", "time", "maker"),
    AGGREGATES: ("id", "price", "size", "first", "last", "time", "maker"),
}
_BARE = {
    TICKER: re.compile(rf"\d+(?:,{_NUMBER}){{4}},{_TIME},{_TIME}"),
    TRADES: re.compile(rf"\d+(?:,{_NUMBER}){{3}},{_TIME},{_FLAG}(,{_FLAG})?"),
    AGGREGATES: re.compile(rf"\d+(?:,{_NUMBER}){{2}},\d+,\d+,{_TIME},{_FLAG}(,{_FLAG})?"),
}
_HEADS = {
    TICKER: ("update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time",),
    TRADES: ("id,price,qty,quote_qty,time,is_buyer_maker",),
    AGGREGATES: ("agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker",),
    DEPTH: ("timestamp,percentage,depth,notional",),
}


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """A file: what it holds, of which instrument, and whether it has a header and the spot market's further column."""

    path: Path
    kind: str
    venue: str
    symbol: str
    header: bool
    spot: bool

    def tables(self) -> Iterator[Table]:
        """Its rows, a block at a time."""
        names = COLUMNS[self.kind] + (("best",) if self.spot else ())
        kinds = {"id": "int", "time": "int", "maker": "bool"}
        wanted = {name: kinds.get(name, "float") for name in names if name not in ("quote", "first", "last", "best")}
        for block in blocks(self.path, skip_lines=int(self.header)):
            yield parse(block, names, wanted | ({"event_time": "int"} if self.kind == TICKER else {}))

    def span(self) -> tuple[int, int]:
        """First and last time, ns."""
        first, last = 2**62, -1
        for table in self.tables():
            times = _ns(table.columns["time"][~table.unreadable])
            if len(times):
                first, last = min(first, int(times.min())), max(last, int(times.max()))
        if last < 0:
            raise RecordingError("no row in it that can be read", self.path)
        return first, last


class TickerRows(RowFiles):
    """Best bid and ask as rows of one level; exchange time is the transaction's, and the files know no other clock."""

    kind = NAME

    def __init__(
        self,
        files: list[ArchiveFile],
        *,
        tick_size: float | None = None,
        symbol: str | None = None,
        venue: str | None = None,
        quarantine: Quarantine | None = None,
    ) -> None:
        first = files[0]
        found = known(first.venue, first.symbol)
        super().__init__([file.path for file in files], tick_size=tick_size, quarantine=quarantine)
        self._files = {file.path: file for file in files}
        self._names = venue or first.venue, symbol or first.symbol
        self._known = (tick_size or found.tick_size, found.lot_size) if found else None

    @property
    def instrument(self) -> Instrument:
        """By the file's name; a grid that is not known is found in the rows."""
        self._known = self._known or self._grid()
        return Instrument(*self._names, *self._known)

    def _rows(self, path: Path) -> Iterator[Rows]:
        for table in self._files[path].tables():
            levels = np.stack([table.columns[name] for name in ("bid", "bid_size", "ask", "ask_size")], axis=1)
            ts = _ns(table.columns["time"])
            yield Rows(
                table.lines,
                ts,
                ts,
                levels[:, None, :],
                table.unreadable,
                table.ragged,
                table.block.texts,
                table.columns["id"],
            )


def recognises(path: Path, head: bytes) -> bool:
    """Whether the first line is a header of the archives', or a row in the shape of one of them."""
    return _kind_of(head) is not None


def open_files(
    paths: list[Path],
    *,
    tick_size: float | None = None,
    symbol: str | None = None,
    venue: str | None = None,
    quarantine: Quarantine | None = None,
) -> list[FinishedSession]:
    """Open bookTicker files as sessions of rows, with the trades (or else aggTrades) of the same symbol and time.

    Raises
    ------
    RecordingError
        For what makes no book: trades alone, and bookDepth, which holds sums within some percentages of the price.
    """
    files = [_describe(path, symbol, venue) for path in paths]
    sessions: list[FinishedSession] = []
    for name in sorted({(file.venue, file.symbol) for file in files}):
        own = [file for file in files if (file.venue, file.symbol) == name]
        spans = {file.path: file.span() for file in own}
        trades = [file for file in own if file.kind == TRADES] or [file for file in own if file.kind == AGGREGATES]
        tickers = {file.path: file for file in own if file.kind == TICKER}
        if not tickers:
            raise RecordingError(
                f"trades alone make no book: give the bookTicker archive of {name[1]} and of the same time with them",
                own[0].path,
            )
        for run in chains((*spans[path], path) for path in tickers):
            rows = TickerRows([tickers[path] for path in run], tick_size=tick_size, quarantine=quarantine)
            first, last = spans[run[0]][0] - SAME_SESSION_NS, spans[run[-1]][1] + SAME_SESSION_NS
            beside = [file for file in trades if spans[file.path][0] <= last and first <= spans[file.path][1]]
            beside.sort(key=lambda file: spans[file.path])
            if beside:
                reading = partial(_read_trades, beside, rows, quarantine)
                sessions.append(RowsAndTrades(rows, [file.path for file in beside], reading))
            else:
                sessions.append(rows)
    return sessions


def _kind_of(head: bytes) -> tuple[str, bool, bool] | None:
    """Kind, whether there is a header, and whether it is of the spot market (in files without one)."""
    line = head.partition(b"\n")[0].strip().decode("utf-8-sig", errors="replace")
    for kind, heads in _HEADS.items():
        if line in heads:
            return kind, True, False
    for kind, pattern in _BARE.items():
        match = pattern.fullmatch(line)
        if match:
            return kind, False, kind != TICKER and match[1] is not None
    return None


def _describe(path: Path, symbol: str | None, venue: str | None) -> ArchiveFile:
    found = _kind_of(head_of(path))
    if found is None:
        raise RecordingError(f"none of Binance's archives of {', '.join(COLUMNS)}", path)
    kind, header, spot = found
    if kind == DEPTH:
        raise RecordingError(
            "bookDepth holds sums within some percentages of the price and no levels: no book can be had from it", path
        )
    match = _NAME.match(path.name)
    symbol = symbol or (match[1] if match else None)
    if symbol is None:
        raise RecordingError("no column names its symbol, and its name is not SYMBOL-bookTicker-DATE: say which", path)
    if venue is None:
        coin_margined = re.search(r"USD_(PERP|\d{6})$", symbol)
        venue = "binance-spot" if spot else "binance-coinm" if coin_margined else "binance-usdm"
    return ArchiveFile(path, kind, venue, symbol, header, spot)


def _read_trades(files: list[ArchiveFile], rows: TickerRows, quarantine: Quarantine | None) -> Iterator[Trade | Lost]:
    instrument, latest = rows.instrument, 0
    symbol, tick_size = instrument.symbol, instrument.tick_size
    for file in files:
        for table in file.tables():
            price, size, times = table.columns["price"], table.columns["size"], _ns(table.columns["time"])
            reasons = np.full(len(table), "", object)
            with np.errstate(invalid="ignore"):
                for reason, where in (
                    ("unreadable", table.unreadable),
                    ("non-finite", ~(np.isfinite(price) & np.isfinite(size))),
                    ("negative", (price <= 0) | (size < 0) | (price > 2.0**50 * tick_size)),
                ):
                    reasons[where & (reasons == "")] = reason
            told = np.maximum(np.maximum.accumulate(np.where(reasons == "", times, latest)), latest)
            reasons[(reasons == "") & (times < told)] = "time going back"
            latest = int(told[-1]) if len(told) else latest
            ticks = np.rint(np.where(reasons == "", price, 0.0) / tick_size).astype(np.int64).tolist()
            market = on_grid(np.where(reasons == "", price, 0.0), tick_size).tolist()
            texts = iter(table.block.texts(sorted({*table.lines[reasons != ""].tolist(), *table.ragged})))
            columns = [column.tolist() for column in (table.lines, table.columns["id"], size, table.columns["maker"])]
            ragged = iter([*table.ragged, 2**62])
            missing = next(ragged)
            for line, number, amount, maker, when, reason, tick, whole in zip(
                *columns, told.tolist(), reasons.tolist(), ticks, market
            ):
                while missing < line:
                    yield _set_aside(file, missing, "unreadable", next(texts), when, symbol, quarantine)
                    missing = next(ragged)
                if reason:
                    yield _set_aside(file, line, reason, next(texts), when, symbol, quarantine)
                else:
                    yield Trade(symbol, when, when, number, tick, amount, -1 if maker else 1, whole and amount > 0)
            while missing < 2**62:
                yield _set_aside(file, missing, "unreadable", next(texts), latest, symbol, quarantine)
                missing = next(ragged)


def _set_aside(
    file: ArchiveFile, line: int, reason: str, text: str, when: int, symbol: str, quarantine: Quarantine | None
) -> Lost:
    if quarantine is None:
        refuse(file.path, line, reason, text)
    quarantine.reject(file.path, line, reason, text, ts_exchange=when, symbol=symbol)
    return Lost(when, when, f"{file.path.name}:{line}: {reason}")


def _ns(times: np.ndarray) -> np.ndarray:
    return np.where(times >= MICROSECONDS_FROM, times * 1000, times * 1_000_000)
