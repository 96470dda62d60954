"""The order books people use instead, all behind the same few questions."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from itertools import islice
from typing import Protocol

import numpy as np
from sortedcontainers import SortedDict

from benchmarks.streams import Stream

DEPTH = 10
MOST_TICKS = 20_000_000  # of a peer that holds an array over the whole range of prices


class Peer(Protocol):
    """A book filled from a stream; what it needs as input is made beforehand and not timed."""

    name: str

    def reset(self) -> None:
        """Empty the book; not timed."""

    def updates(self) -> None:
        """Apply the whole stream."""

    def tops(self) -> None:
        """Apply the whole stream, the best ten levels of both sides in numpy after every update."""

    def top(self) -> np.ndarray:
        """Best ten levels, as `OrderBook.top` writes them."""


class SortedBook:
    """The book most Python code has: a sorted dictionary a side, bids by negated price."""

    name = "dict + sortedcontainers"

    def __init__(self, stream: Stream) -> None:
        price = stream.instrument.price(stream.ticks)
        keys = np.where(stream.sides == 0, -price, price)
        self.stream_levels = list(zip(stream.sides.tolist(), keys.tolist(), stream.quantities.tolist()))
        self.out = np.empty((DEPTH, 4))
        self.reset()

    def reset(self) -> None:
        self.sides = (SortedDict(), SortedDict())

    def updates(self) -> None:
        self.apply(self.stream_levels)

    def tops(self) -> None:
        for level in self.stream_levels:
            self.apply((level,))
            self.top()

    def apply(self, levels: Iterable[tuple[int, float, float]]) -> None:
        """Set levels given as side, key (price; negated for a bid), quantity."""
        sides = self.sides
        for side, key, quantity in levels:
            if quantity:
                sides[side][key] = quantity
            else:
                sides[side].pop(key, None)

    def top(self) -> np.ndarray:
        bids, asks = self.sides
        flat: list[float] = []
        for bid, ask in zip(islice(bids, DEPTH), islice(asks, DEPTH)):
            flat += (-bid, bids[bid], ask, asks[ask])
        if len(flat) == 4 * DEPTH:
            self.out.reshape(-1)[:] = flat  # one conversion is the fastest way into numpy
            return self.out
        self.out.fill(np.nan)
        for i, bid in enumerate(islice(bids, DEPTH)):
            self.out[i, :2] = -bid, bids[bid]
        for i, ask in enumerate(islice(asks, DEPTH)):
            self.out[i, 2:] = ask, asks[ask]
        return self.out


class OrderBookPackage:
    """`order-book`, a sorted dictionary in C."""

    name = "order-book"

    def __init__(self, stream: Stream) -> None:
        self._make = import_module("order_book").OrderBook
        price = stream.instrument.price(stream.ticks)
        self._levels = list(zip(stream.sides.tolist(), price.tolist(), stream.quantities.tolist()))
        self._out = np.empty((DEPTH, 4))
        self.reset()

    def reset(self) -> None:
        self._book = self._make()

    def updates(self) -> None:
        sides = (self._book.bids, self._book.asks)
        for side, price, quantity in self._levels:
            half = sides[side]
            if quantity:
                half[price] = quantity
            elif price in half:
                del half[price]

    def tops(self) -> None:
        sides = (self._book.bids, self._book.asks)
        for side, price, quantity in self._levels:
            half = sides[side]
            if quantity:
                half[price] = quantity
            elif price in half:
                del half[price]
            self.top()

    def top(self) -> np.ndarray:
        bids, asks = self._book.bids, self._book.asks
        if len(bids) >= DEPTH and len(asks) >= DEPTH:
            flat: list[float] = []
            for i in range(DEPTH):
                flat += bids.index(i) + asks.index(i)
            self._out.reshape(-1)[:] = flat
            return self._out
        self._out.fill(np.nan)
        for column, half in ((0, bids), (2, asks)):
            for i in range(min(DEPTH, len(half))):
                self._out[i, column : column + 2] = half.index(i)
        return self._out


class Nautilus:
    """nautilus_trader's book in Rust, through its Python binding."""

    name = "nautilus_trader (pyo3)"

    def __init__(self, stream: Stream) -> None:
        self._pyo3 = pyo3 = import_module("nautilus_trader.core.nautilus_pyo3")
        self._id = pyo3.InstrumentId.from_str("BOOK.BENCH")
        sides = (pyo3.OrderSide.BUY, pyo3.OrderSide.SELL)
        price = stream.instrument.price(stream.ticks)
        self._deltas = []
        for side, level, quantity in zip(stream.sides.tolist(), price.tolist(), stream.quantities.tolist()):
            order = pyo3.BookOrder(sides[side], pyo3.Price(level, 2), pyo3.Quantity(quantity, 5), 0)
            action = pyo3.BookAction.UPDATE if quantity else pyo3.BookAction.DELETE
            self._deltas.append(pyo3.OrderBookDelta(self._id, action, order, 0, 0, 0, 0))
        self._out = np.empty((DEPTH, 4))
        self.reset()

    def reset(self) -> None:
        self._book = self._pyo3.OrderBook(self._id, self._pyo3.BookType.L2_MBP)

    def updates(self) -> None:
        apply = self._book.apply_delta
        for delta in self._deltas:
            apply(delta)

    def tops(self) -> None:
        apply = self._book.apply_delta
        for delta in self._deltas:
            apply(delta)
            self.top()

    def top(self) -> np.ndarray:
        bids, asks = self._book.bids(DEPTH), self._book.asks(DEPTH)
        flat: list[float] = []
        for bid, ask in zip(bids, asks):
            flat += (bid.price.as_double(), bid.size(), ask.price.as_double(), ask.size())
        if len(flat) == 4 * DEPTH:
            self._out.reshape(-1)[:] = flat
            return self._out
        self._out.fill(np.nan)
        for column, half in ((0, bids), (2, asks)):
            for i, level in enumerate(half):
                self._out[i, column : column + 2] = level.price.as_double(), level.size()
        return self._out


class Lrvx:
    """FLOX's book in C++, through its package `lrvx`; `updates` gives it a message at a time."""

    name = "lrvx"

    def __init__(self, stream: Stream) -> None:
        self._book = import_module("lrvx").OrderBook(stream.instrument.tick_size)
        price, none = stream.instrument.price(stream.ticks), np.empty(0)
        self._messages = []
        for at, (sides, _, quantities) in stream.messages().items():
            prices, bids = price[at : at + len(sides)], sides == 0
            self._messages.append((prices[bids], quantities[bids], prices[~bids], quantities[~bids]))
        pairs = [(price[i : i + 1], stream.quantities[i : i + 1]) for i in range(len(stream))]
        self._singles = [
            (*pair, none, none) if side == 0 else (none, none, *pair)
            for side, pair in zip(stream.sides.tolist(), pairs)
        ]
        self._out = np.empty((DEPTH, 4))

    def reset(self) -> None:
        self._book.clear()

    def updates(self) -> None:
        apply = self._book.apply_delta
        for message in self._messages:
            apply(*message)

    def tops(self) -> None:
        apply, bids, asks = self._book.apply_delta, self._book.get_bids, self._book.get_asks
        for single in self._singles:
            apply(*single)
            bids(DEPTH)
            asks(DEPTH)

    def top(self) -> np.ndarray:
        self._out.fill(np.nan)
        for column, half in ((0, self._book.get_bids(DEPTH)), (2, self._book.get_asks(DEPTH))):
            self._out[: len(half), column : column + 2] = half
        return self._out


class LrvxBatch(Lrvx):
    """The same book given the whole stream in one call."""

    name = "lrvx, one batch"

    def __init__(self, stream: Stream) -> None:
        super().__init__(stream)
        price, bids = stream.instrument.price(stream.ticks), stream.sides == 0
        self._messages = [(price[bids], stream.quantities[bids], price[~bids], stream.quantities[~bids])]


class HftBacktest:
    """hftbacktest's feed replay on its fastest book, the ROI vector, inside one compiled numba loop.

    It keeps two books, the exchange's and the trader's, as its users get it.
    """

    name = "hftbacktest (ROI vector)"

    def __init__(self, stream: Stream) -> None:
        from benchmarks.hft_replay import build, events_of, replay, replay_tops

        price = stream.instrument.price(stream.ticks)
        self._range = float(price.min()), float(price.max()) + stream.instrument.tick_size
        if (self._range[1] - self._range[0]) / stream.instrument.tick_size > MOST_TICKS:
            raise ImportError("its array would need more memory than is sensible for these far levels")
        self._build, self._replay, self._replay_tops = build, replay, replay_tops
        self._instrument, self._events = stream.instrument, events_of(stream)
        self._out = np.empty((DEPTH, 4))
        self.reset()

    def reset(self) -> None:
        self._backtest = self._build(self._events, self._instrument, *self._range)

    def updates(self) -> None:
        self._replay(self._backtest)

    def tops(self) -> None:
        self._replay_tops(self._backtest, self._out)

    def top(self) -> np.ndarray:
        self.reset()
        self.tops()
        return self._out


# In this order: lrvx cannot be loaded any more once the two behind it have taken the thread-local storage.
PEERS: tuple[type, ...] = (SortedBook, OrderBookPackage, Lrvx, LrvxBatch, Nautilus, HftBacktest)


def installed(stream: Stream, tell: Callable[[str], object] = lambda text: print(text, file=sys.stderr)) -> list[Peer]:
    """Peers that are installed, filled with a stream; a line on stderr for each that is not (`bench` extra)."""
    found: list[Peer] = []
    for peer in PEERS:
        try:
            found.append(peer(stream))
        except ImportError as error:
            tell(f"book: {peer.name} left out: {error}")
    return found
