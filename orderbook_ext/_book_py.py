"""The order book in plain Python: what the compiled one must equal, level for level and bit for bit."""

from __future__ import annotations

import math
import operator
from bisect import bisect_left, insort

import numpy as np

from orderbook_ext import _checks


class _Side:
    """Quantities by key, and the keys in order, best first.

    A key is the tick of an ask and the negated tick of a bid: the best level always has the smallest key.
    """

    def __init__(self, code: int) -> None:
        self.sign = 1 if code else -1
        self.quantities: dict[int, float] = {}
        self.keys: list[int] = []

    def set(self, tick: int, quantity: float) -> bool:
        """Replace the quantity at `tick`; False when there was nothing to delete."""
        key = self.sign * tick
        held = key in self.quantities
        if quantity > 0:
            if not held:
                insort(self.keys, key)
            self.quantities[key] = quantity
        elif held:
            del self.quantities[key]
            del self.keys[bisect_left(self.keys, key)]
        return held or quantity > 0

    def levels(self, n: int | None = None) -> list[tuple[int, float]]:
        """Tick and quantity of the best `n` levels, all by default."""
        return [(self.sign * key, self.quantities[key]) for key in self.keys[:n]]

    @property
    def best(self) -> int | None:
        """Best tick."""
        return self.sign * self.keys[0] if self.keys else None


class OrderBook:
    """Level-2 order book of one instrument; the readable twin of the compiled class, with its whole surface.

    Parameters
    ----------
    tick_size, lot_size
        Grid of prices, in units of price, and of quantities.
    depth
        Levels a side that `top` answers fastest (in the compiled book; here it only sets `apply_tops`).

    Examples
    --------
    >>> book = OrderBook(0.1, 0.001)
    >>> book.update("bid", 28145.1, 2.0)
    >>> book.best_bid, book.best_bid_tick
    (28145.1, 281451)
    """

    def __init__(self, tick_size: float, lot_size: float, depth: int = 10) -> None:
        self.tick_size, self.lot_size, self._scale, self.depth = _checks.grid(tick_size, lot_size, depth)
        self.unknown_deletes = 0
        self.clear()

    def clear(self) -> None:
        """Remove every level; the count of unknown deletes stays."""
        self._sides = (_Side(0), _Side(1))

    def snapshot(self, bids, asks) -> None:
        """Replace the book by two ladders (n, 2) of price and quantity."""
        self.snapshot_ticks(*_checks.snapshot_columns(bids, asks, self.tick_size, self._scale))

    def snapshot_ticks(self, sides, ticks, quantities) -> None:
        """Replace the book by levels given as int8 sides, int64 ticks, float64 quantities."""
        columns = self._columns(sides, ticks, quantities)
        self.clear()
        self._apply(*columns)

    def update(self, side: str, price: float, quantity: float) -> None:
        """Set one level's quantity; 0 deletes it."""
        self.update_tick(_checks.side_code(side), self._tick(price), quantity)

    def update_tick(self, side_code: int, tick: int, quantity: float) -> None:
        """Set the quantity at a tick of side 0 (bid) or 1 (ask)."""
        side_code, tick = operator.index(side_code), operator.index(tick)
        _checks.check_level(side_code, tick, quantity)
        self.unknown_deletes += not self._sides[side_code].set(tick, float(quantity))

    def apply(self, sides, prices, quantities) -> int:
        """Set many levels, in order; gives the number of deletes of levels not held."""
        prices = _checks.column("prices", prices, np.float64)
        ticks = _checks.ticks_of(prices, self.tick_size, self._scale)
        return self.apply_ticks(sides, ticks, quantities)

    def apply_ticks(self, sides, ticks, quantities) -> int:
        """`apply` with int64 ticks for prices."""
        unknown = self._apply(*self._columns(sides, ticks, quantities))
        self.unknown_deletes += unknown
        return unknown

    def apply_tops(self, sides, ticks, quantities, out=None) -> np.ndarray:
        """`apply_ticks` that writes the top `depth` levels after every update to (n, depth, 4)."""
        columns = self._columns(sides, ticks, quantities)
        out = _checks.out_array(out, (len(columns[0]), self.depth, 4))
        for i, row in enumerate(zip(*columns)):
            self.unknown_deletes += self._apply(*([value] for value in row))
            self.top(self.depth, out[i])
        return out

    def top(self, n: int = 10, out=None) -> np.ndarray:
        """Best `n` levels, (n, 4): bid price, bid quantity, ask price, ask quantity; NaN where empty."""
        n = _checks.rows(n)
        out = _checks.out_array(out, (n, 4))
        out.fill(math.nan)
        for code, side in enumerate(self._sides):
            for i, (tick, quantity) in enumerate(side.levels(n)):
                out[i, 2 * code : 2 * code + 2] = self._price(tick), quantity
        return out

    def level(self, side: str, price: float) -> float:
        """Quantity held at a price, 0.0 when none."""
        half = self._sides[_checks.side_code(side)]
        return half.quantities.get(half.sign * self._tick(price), 0.0)

    def levels(self, side: str) -> np.ndarray:
        """Every level of a side, best first, (n, 2): price, quantity."""
        held = self._sides[_checks.side_code(side)].levels()
        return np.array([(self._price(tick), quantity) for tick, quantity in held]).reshape(-1, 2)

    def size(self, side: str) -> int:
        """Number of levels of a side."""
        return len(self._sides[_checks.side_code(side)].keys)

    def __len__(self) -> int:
        return sum(len(side.keys) for side in self._sides)

    @property
    def best_bid_tick(self) -> int | None:
        """Tick of the best bid; None when there is none."""
        return self._sides[0].best

    @property
    def best_ask_tick(self) -> int | None:
        """Tick of the best ask; None when there is none."""
        return self._sides[1].best

    @property
    def best_bid(self) -> float:
        """Price of the best bid; NaN when there is none."""
        return self._price(self.best_bid_tick)

    @property
    def best_ask(self) -> float:
        """Price of the best ask; NaN when there is none."""
        return self._price(self.best_ask_tick)

    @property
    def mid(self) -> float:
        """Mean of best bid and best ask; NaN when a side is empty."""
        return (self.best_bid + self.best_ask) / 2.0

    @property
    def spread(self) -> float:
        """Best ask less best bid, rounded once; negative when crossed, NaN when a side is empty."""
        bid, ask = self.best_bid_tick, self.best_ask_tick
        return math.nan if bid is None or ask is None else self._price(ask - bid)

    @property
    def is_crossed(self) -> bool:
        """Whether the best bid is at or above the best ask; told, never repaired."""
        bid, ask = self.best_bid_tick, self.best_ask_tick
        return bid is not None and ask is not None and bid >= ask

    @property
    def nbytes(self) -> int:
        """Memory of the levels, roughly: a dictionary entry, a key and a float each."""
        return 168 * len(self)

    def __repr__(self) -> str:
        return (
            f"<OrderBook tick={self.tick_size:g} bids={self.size('bid')} asks={self.size('ask')} "
            f"best={self.best_bid:.10g}/{self.best_ask:.10g}>"
        )

    def _columns(self, sides, ticks, quantities) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        columns = (
            _checks.column("sides", sides, np.int8),
            _checks.column("ticks", ticks, np.int64),
            _checks.column("quantities", quantities, np.float64),
        )
        _checks.check_batch(*columns)
        return columns

    def _apply(self, sides, ticks, quantities) -> int:
        columns = (np.asarray(column).tolist() for column in (sides, ticks, quantities))
        return sum(not self._sides[side].set(tick, quantity) for side, tick, quantity in zip(*columns))

    def _tick(self, price: float) -> int:
        return _checks.price_tick(price, self.tick_size, self._scale)

    def _price(self, tick: int | None) -> float:
        if tick is None:
            return math.nan
        return tick / self._scale if self._scale else tick * self.tick_size
