"""The order-level books people use instead: one in plain Python, and nautilus_trader's in Rust."""

from __future__ import annotations

import sys
from importlib import import_module
from itertools import islice

import numpy as np
from sortedcontainers import SortedDict

from benchmarks.order_streams import OrderStream
from orderbook_ext import OrderAction

DEPTH = 10


class PythonOrders:
    """Orders in a dict, each price's queue in another, prices in a sorted dictionary a side, bids by negated tick."""

    name = "dict + sortedcontainers"

    def __init__(self, stream: OrderStream) -> None:
        self.messages = list(zip(*(column.tolist() for column in stream.columns)))
        self.out = np.empty((DEPTH, 4))
        self.reset()

    def reset(self) -> None:
        """Empty the book; not timed."""
        self.sides = (SortedDict(), SortedDict())  # key -> [quantity, order id -> quantity]
        self.orders: dict[int, tuple[int, int]] = {}  # order id -> side, key

    def updates(self) -> None:
        """Follow every message."""
        for message in self.messages:
            self.follow(*message)

    def tops(self) -> None:
        """Follow every message, the best ten levels of both sides in numpy after each."""
        for message in self.messages:
            self.follow(*message)
            self.top()

    def follow(self, action: int, order: int, side: int, tick: int, quantity: int) -> None:
        """Work one message in; an order that is not held is left out."""
        if action == OrderAction.ADD:
            key = tick if side else -tick
            levels = self.sides[side]
            level = levels.get(key)
            if level is None:
                levels[key] = [quantity, {order: quantity}]
            else:
                level[0] += quantity
                level[1][order] = quantity
            self.orders[order] = (side, key)
            return
        place = self.orders.get(order)
        if place is None:
            return
        side, key = place
        level = self.sides[side][key]
        held = level[1][order]
        if action != OrderAction.CANCEL and quantity < held:
            level[1][order] = held - quantity
            level[0] -= quantity
            return
        del level[1][order], self.orders[order]
        level[0] -= held
        if not level[1]:
            del self.sides[side][key]

    def position(self, order: int) -> tuple[int, int]:
        """Orders and quantity before an order in its queue."""
        side, key = self.orders[order]
        orders = ahead = 0
        for other, quantity in self.sides[side][key][1].items():
            if other == order:
                break
            orders += 1
            ahead += quantity
        return orders, ahead

    def top(self) -> np.ndarray:
        """Best ten levels, as `OrderLevelBook.top` writes them."""
        self.out.fill(np.nan)
        for column, sign, levels in ((0, -1.0, self.sides[0]), (2, 1.0, self.sides[1])):
            best = [(sign * key, levels[key][0]) for key in islice(levels, DEPTH)]
            if best:
                self.out[: len(best), column : column + 2] = best
        return self.out


class Nautilus:
    """nautilus_trader's book in Rust, through its Python binding, told what is left of each order."""

    name = "nautilus_trader (pyo3)"

    def __init__(self, stream: OrderStream) -> None:
        self._pyo3 = pyo3 = import_module("nautilus_trader.core.nautilus_pyo3")
        self._id = pyo3.InstrumentId.from_str("BOOK.BENCH")
        sides, actions = (pyo3.OrderSide.BUY, pyo3.OrderSide.SELL), pyo3.BookAction
        held: dict[int, tuple[int, int, int]] = {}
        self._deltas = []
        for action, order, side, tick, quantity in zip(*(column.tolist() for column in stream.columns)):
            if action == OrderAction.ADD:
                held[order], change = (side, tick, quantity), actions.ADD
            elif order not in held:
                continue
            elif action == OrderAction.CANCEL or quantity >= held[order][2]:
                change = actions.DELETE
            else:
                held[order], change = (*held[order][:2], held[order][2] - quantity), actions.UPDATE
            side, tick, left = held[order] if change != actions.DELETE else held.pop(order)
            one = pyo3.BookOrder(sides[side], pyo3.Price(float(tick), 0), pyo3.Quantity(float(left), 0), order)
            self._deltas.append(pyo3.OrderBookDelta(self._id, change, one, 0, 0, 0, 0))
        self._out = np.empty((DEPTH, 4))
        self.reset()

    def reset(self) -> None:
        """Empty the book; not timed."""
        self._book = self._pyo3.OrderBook(self._id, self._pyo3.BookType.L3_MBO)

    def updates(self) -> None:
        """Follow every message."""
        apply = self._book.apply_delta
        for delta in self._deltas:
            apply(delta)

    def tops(self) -> None:
        """Follow every message, the best ten levels of both sides in numpy after each."""
        for delta in self._deltas:
            self._book.apply_delta(delta)
            self.top()

    def top(self) -> np.ndarray:
        """Best ten levels, as `OrderLevelBook.top` writes them."""
        self._out.fill(np.nan)
        for column, levels in ((0, self._book.bids(DEPTH)), (2, self._book.asks(DEPTH))):
            for i, level in enumerate(levels):
                self._out[i, column : column + 2] = level.price.as_double(), level.size()
        return self._out


def installed(stream: OrderStream) -> list[PythonOrders | Nautilus]:
    """The peers that are installed, filled with a stream; a line on stderr for one that is not (`bench` extra)."""
    peers: list[PythonOrders | Nautilus] = [PythonOrders(stream)]
    try:
        peers.append(Nautilus(stream))
    except ImportError as error:
        print(f"orders: {Nautilus.name} is left out: {error}", file=sys.stderr)
    return peers
