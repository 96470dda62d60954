"""One symbol as a venue knows it: its true book, and every stream that can be made of what happens in it."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection, Iterator
from typing import NamedTuple

import numpy as np

from genesis_lib.feeds.binance_sync import BinanceSync
from genesis_lib.feeds.wire.binance_wire import BinanceWriter
from genesis_lib.feeds.wire.local.trade_statistics import Aggregate, TradeStatistics
from genesis_lib.types import ASK, BID, DepthSnapshot, DepthUpdate, Event, Gap, Instrument, MarkPrice, Trade
from orderbook_ext import OrderBook

MS = 1_000_000
SECOND, FUNDING = 1000, 8 * 3_600_000  # ms
OLDER_EVERY, OLDER_KEPT = 32, 16  # diffs between the books that are kept for a stale answer, and how many


class Update(NamedTuple):
    """One message of one stream, on its way to whoever wants it."""

    key: str  # see `streams.Stream.key`
    data: str
    first_id: int  # of a diff U, of a trade its id; -1 for others
    last_id: int


class Market:
    """Take the events of a symbol in order; give the messages of the streams that are wanted.

    Parameters
    ----------
    instrument
        Its venue decides the format.
    native_ms
        Milliseconds between the diffs that there are.
    marks
        Whether to tell the mid as mark price, each second: for data that has no mark prices of its own.

    Attributes
    ----------
    book : OrderBook
        The true book.
    last_id : int
        Its update id.
    statistics : TradeStatistics
    mark : MarkPrice or None
        The newest one told.
    """

    def __init__(self, instrument: Instrument, native_ms: int = 0, *, marks: bool = False) -> None:
        self.instrument, self.native_ms, self._marks = instrument, native_ms, marks
        self.writer = BinanceWriter(instrument)
        self.statistics = TradeStatistics(self.writer)
        self.book = OrderBook(instrument.tick_size, instrument.lot_size)
        self.mark: MarkPrice | None = None
        self._sync = BinanceSync("spot" if instrument.venue == "binance-spot" else "futures")
        self._name = instrument.symbol.lower()
        self._windows: dict[str, _Window] = {}
        self._seconds: dict[str, int] = {}
        self._exchange_ms = 0
        self._diffs = 0
        self._older: deque[tuple[int, int, np.ndarray, np.ndarray]] = deque(maxlen=OLDER_KEPT)

    @property
    def last_id(self) -> int:
        """Update id of the book."""
        return self._sync.last_id

    @property
    def is_whole(self) -> bool:
        """Whether there is a book; a recording may be broken here."""
        return self._sync.joined

    def take(self, event: Event | None, key: str, data: str, wanted: Collection[str] = ()) -> Iterator[Update]:
        """Work an event in, and give its own message (`key`, `data`) and what else follows from it."""
        if event is None:
            yield Update(key, data, -1, -1)
            return
        self._apply(event)
        ms = event.ts_exchange // MS
        if isinstance(event, DepthUpdate):
            yield from self._closed(ms, wanted)
            self._exchange_ms = max(self._exchange_ms, ms)
            for name, window in self._windows.items():
                if name in wanted:
                    window.add(event)
            yield Update(key, data, event.first_id, event.last_id)
            if self._marks:
                yield from self._marked(event)
        elif isinstance(event, Trade):
            yield Update(key, data, event.trade_id, event.trade_id)
            ended = self.statistics.take(event)
            if ended is not None and key.endswith("@trade"):
                yield self._aggregate(ended)
            yield from self._each_second(ms, wanted)
        elif key:
            if isinstance(event, MarkPrice):
                self.mark = event
            yield Update(key, data, -1, -1)

    def _marked(self, diff: DepthUpdate) -> Iterator[Update]:
        ms, key = diff.ts_exchange // MS, f"{self._name}@markPrice"
        bid, ask = self.book.best_bid_tick, self.book.best_ask_tick
        if bid is None or ask is None or self._seconds.get(key) == ms // SECOND:
            return
        self._seconds[key] = ms // SECOND
        mid = (self.instrument.price(bid) + self.instrument.price(ask)) / 2.0
        funding = (ms // FUNDING + 1) * FUNDING * MS
        self.mark = MarkPrice(diff.symbol, ms // SECOND * SECOND * MS, diff.ts_receive, mid, mid, 0.0, funding)
        yield Update(key, self.writer.message(self.mark)[1], -1, -1)

    def flush(self) -> Iterator[Update]:
        """Give what waits for its window to end: the data is over."""
        for window in self._windows.values():
            if window.levels:
                yield self._window(window)
        ended = self.statistics.close(1 << 62)
        if ended is not None:
            yield self._aggregate(ended)

    def depth(self, limit: int, age: int = 0) -> str | None:
        """The REST answer to a depth request, JSON text; None while there is no book.

        `age` > 0 gives one of the books before: the newest kept one for 1, the oldest for a large number.
        """
        if not self.is_whole:
            return None
        if age and self._older:
            last_id, ms, bids, asks = self._older[-min(age, len(self._older))]
        else:
            last_id, ms = self.last_id, self._exchange_ms
            bids, asks = self.book.levels("bid"), self.book.levels("ask")
        return self._snapshot(last_id, ms, bids[:limit], asks[:limit])

    def _snapshot(self, last_id: int, ms: int, bids: np.ndarray, asks: np.ndarray) -> str:
        levels = np.concatenate([bids, asks])
        ticks = np.array([self.instrument.ticks(float(price)) for price in levels[:, 0]], np.int64)
        sides = np.array([BID] * len(bids) + [ASK] * len(asks), np.int8)
        event = DepthSnapshot(self.instrument.symbol, ms * MS, ms * MS, last_id, sides, ticks, levels[:, 1])
        return self.writer.message(event)[1]

    def _apply(self, event: Event) -> None:
        for out in self._sync.push(event):
            if isinstance(out, DepthSnapshot):
                self.book.snapshot_ticks(out.sides, out.ticks, out.quantities)
            elif isinstance(out, DepthUpdate):
                self.book.apply_ticks(out.sides, out.ticks, out.quantities)
                self._diffs += 1
                if self._diffs % OLDER_EVERY == 0:
                    sides = (self.book.levels("bid"), self.book.levels("ask"))
                    self._older.append((out.last_id, out.ts_exchange // MS, *sides))
            if isinstance(out, (DepthSnapshot, DepthUpdate, Gap)):
                self._exchange_ms = max(self._exchange_ms, out.ts_exchange // MS)

    def _closed(self, ms: int, wanted: Collection[str]) -> Iterator[Update]:
        """Windows that a diff at `ms` ends; those that nobody wants any more are forgotten, new ones opened."""
        for key in [key for key in self._windows if key not in wanted]:
            del self._windows[key]
        for key in wanted:
            kind = key.removeprefix(self._name)
            if key not in self._windows and kind != key and kind.startswith("@depth") and kind != "@depth":
                self._windows[key] = _Window(key, *_window_of(kind))
        for window in self._windows.values():
            if window.levels and window.number != ms // window.length:
                yield self._window(window)
            window.number = ms // window.length

    def _window(self, window: _Window) -> Update:
        diff, levels = window.take(self.instrument.symbol), window.shown
        if not levels:
            return Update(window.key, self.writer.diff(diff), diff.first_id, diff.last_id)
        bids, asks = self.book.levels("bid")[:levels], self.book.levels("ask")[:levels]
        if self.writer.is_spot:
            return Update(window.key, self._snapshot(diff.last_id, diff.ts_exchange // MS, bids, asks), -1, -1)
        table = np.concatenate([bids, asks])
        ticks = np.array([self.instrument.ticks(float(price)) for price in table[:, 0]], np.int64)
        sides = np.array([BID] * len(bids) + [ASK] * len(asks), np.int8)
        best = diff._replace(sides=sides, ticks=ticks, quantities=table[:, 1])
        return Update(window.key, self.writer.diff(best), -1, -1)

    def _aggregate(self, ended: Aggregate) -> Update:
        w, trade, ms = self.writer, ended.first, ended.first.ts_exchange // MS
        told = {"e": "aggTrade", "E": ms, "s": self.instrument.symbol, "a": ended.number}
        told |= {"p": w.price(trade.tick), "q": w.quantity(ended.quantity), "f": trade.trade_id, "l": ended.last_id}
        told |= {"T": ms, "m": trade.side < 0} | ({"M": True} if w.is_spot else {})
        return Update(f"{self._name}@aggTrade", _compact(told), ended.number, ended.number)

    def _each_second(self, ms: int, wanted: Collection[str]) -> Iterator[Update]:
        """Tickers and klines, told with the first trade of a second."""
        for key in wanted:
            symbol, _, kind = key.rpartition("@")
            if symbol not in ("", self._name) or not kind.startswith(("ticker", "miniTicker", "kline_")):
                continue
            if self._seconds.get(key) == ms // SECOND:
                continue
            self._seconds[key] = ms // SECOND
            if kind.startswith("kline_"):
                interval = kind.removeprefix("kline_")
                bars = self.statistics.bars(interval)
                if bars:
                    told = {"e": "kline", "E": ms, "s": self.instrument.symbol}
                    yield Update(key, _compact(told | {"k": self.statistics.kline(bars[-1], interval)}), -1, -1)
            else:
                told = self.ticker(ms, mini=kind == "miniTicker")
                if told:
                    yield Update(key, _compact(told if symbol else [told]), -1, -1)

    def ticker(self, ms: int, *, mini: bool) -> dict | None:
        """The rolling day as a ``24hrTicker`` or ``24hrMiniTicker`` message; None before the first trade."""
        day, w = self.statistics.day(), self.writer
        if day is None:
            return None
        told = {"e": "24hrMiniTicker" if mini else "24hrTicker", "E": ms, "s": self.instrument.symbol}
        prices = {"c": w.price(day.close), "o": w.price(day.open), "h": w.price(day.high), "l": w.price(day.low)}
        volumes = {"v": w.quantity(day.volume), "q": f"{day.notional:.8f}"}
        if mini:
            return told | prices | volumes
        change = self.instrument.price(day.close) - self.instrument.price(day.open)
        percent = 100.0 * change / self.instrument.price(day.open)
        mean = day.notional / day.volume if day.volume else 0.0
        told |= {"p": f"{change:.8f}", "P": f"{percent:.3f}", "w": f"{mean:.8f}"} | prices
        told |= {"Q": w.quantity(self.statistics.trades[-1].quantity)} | volumes
        if w.is_spot:
            bid, bid_size, ask, ask_size = (f"{value:.8f}" for value in self.book.top(1)[0])
            told |= {"x": prices["o"], "b": bid, "B": bid_size, "a": ask, "A": ask_size}
        return told | {"O": day.start, "C": ms, "F": day.first_id, "L": day.last_id, "n": day.count}


class _Window:
    """Diffs that go out as one: of the last quantity of each level, from the first id to the last."""

    def __init__(self, key: str, length: int, shown: int) -> None:
        self.key, self.length, self.shown, self.number = key, length, shown, -1
        self.levels: dict[tuple[int, int], float] = {}
        self._first: DepthUpdate | None = None
        self._last: DepthUpdate | None = None

    def add(self, diff: DepthUpdate) -> None:
        """Take in the next diff."""
        if not self.levels:
            self._first = diff
        self._last = diff
        places = zip(diff.sides.tolist(), diff.ticks.tolist())
        self.levels.update(zip(places, diff.quantities.tolist()))

    def take(self, symbol: str) -> DepthUpdate:
        """Everything since the last call as one diff."""
        first, last = self._first, self._last
        sides = np.array([side for side, _ in self.levels], np.int8)
        ticks = np.array([tick for _, tick in self.levels], np.int64)
        quantities = np.array(list(self.levels.values()), np.float64)
        self.levels = {}
        ts = last.ts_exchange
        return DepthUpdate(symbol, ts, ts, first.first_id, last.last_id, first.prev_id, sides, ticks, quantities)


def _window_of(kind: str) -> tuple[int, int]:
    """Length in ms and levels of ``@depth@100ms`` or ``@depth5@100ms`` (``@depth5`` is as fast as the diffs)."""
    levels, _, speed = kind.removeprefix("@depth").partition("@")
    return int(speed.removesuffix("ms") or 1), int(levels or 0)


def _compact(told: dict | list) -> str:
    return json.dumps(told, separators=(",", ":"))
