"""What can be read of an order-level book, in plain Python: the twin of ``_order_view.pyx``."""

from __future__ import annotations

import operator

import numpy as np

from orderbook_ext import _checks
from orderbook_ext import _order_checks as rules
from orderbook_ext._queues_py import Queues


class OrderView:
    """The reading half of `OrderLevelBook`, which is its only use."""

    def __init__(self, tick_size: float = 1.0, lot_size: float = 1.0, depth: int = 10, *, strict: bool = True) -> None:
        values = rules.scales(tick_size, lot_size, depth)
        self.tick_size, self._tick_scale, self.lot_size, self._lot_scale, self.depth = values
        self.strict = bool(strict)
        self.unknown_orders = self.duplicate_orders = self.excess_quantities = 0
        self.hidden_trades = self.hidden_quantity = 0
        self._held = Queues()

    def top(self, n: int = 10, out=None) -> np.ndarray:
        """Best `n` levels, (n, 4): bid price, bid quantity, ask price, ask quantity; NaN where empty."""
        n = _checks.rows(n)
        out = _checks.out_array(out, (n, 4))
        out.fill(np.nan)
        for side in (0, 1):
            for i, (tick, quantity, _) in enumerate(self.levels(side, n).tolist()):
                out[i, 2 * side] = rules.price(tick, self.tick_size, self._tick_scale)
                out[i, 2 * side + 1] = rules.price(quantity, self.lot_size, self._lot_scale)
        return out

    def level(self, side_code: int, tick: int) -> tuple[int, int]:
        """Quantity and number of orders at a tick, (0, 0) when there are none."""
        side_code, tick = rules.side(side_code), rules.tick(tick)
        return self._held.total(side_code, tick), len(self._held.levels[side_code].get(tick, ()))

    def levels(self, side_code: int, n: int | None = None) -> np.ndarray:
        """Best `n` levels of a side (all by default), best first, int64 (levels, 3): tick, quantity, orders."""
        side_code, n = rules.side(side_code), None if n is None else _checks.rows(n)
        ticks = self._held.ticks[side_code]
        chosen = (ticks if side_code else ticks[::-1])[:n]
        return np.array([(tick, *self.level(side_code, tick)) for tick in chosen], np.int64).reshape(-1, 3)

    def queue(self, side_code: int, tick: int) -> list[tuple[int, int]]:
        """(order id, quantity) of every order at a tick, oldest first."""
        return list(self._held.levels[rules.side(side_code)].get(rules.tick(tick), {}).items())

    def youngest(self, side_code: int, tick: int) -> int | None:
        """Id of the last order in a tick's queue; None when nothing rests there."""
        return next(reversed(self._held.levels[rules.side(side_code)].get(rules.tick(tick), {})), None)

    def available(self, side_code: int, worst: int | None = None) -> int:
        """Quantity that `OrderLevelBook.take` could get from a side up to tick `worst`, reserves of icebergs too."""
        side = rules.side(side_code)
        return sum(self._held.available(side, tick) for tick in self._held.within(side, worst))

    def order(self, order_id: int) -> tuple[int, int, int] | None:
        """Side, tick and shown quantity of an order; None when it is not held."""
        place = self._held.orders.get(rules.order_id(order_id))
        return None if place is None else (*place, self._held.shown(order_id))

    def reserve(self, order_id: int) -> int:
        """Quantity of an iceberg that is not shown; 0 for any other order."""
        return self._held.reserves.get(rules.order_id(order_id), (0, 0))[0]

    def queue_position(self, order_id: int) -> tuple[int, int]:
        """Orders and quantity that stand before an order in its queue."""
        order_id = rules.order_id(order_id)
        if order_id not in self._held.orders:
            rules.refuse_unknown("queue_position", order_id)
        queue = self.queue(*self._held.orders[order_id])
        place = [order for order, _ in queue].index(order_id)
        return place, sum(quantity for _, quantity in queue[:place])

    def size(self, side_code: int) -> int:
        """Number of levels of a side."""
        return len(self._held.ticks[rules.side(side_code)])

    def __len__(self) -> int:
        return len(self._held.orders)

    def __contains__(self, order_id: int) -> bool:
        return operator.index(order_id) in self._held.orders

    @property
    def best_bid_tick(self) -> int | None:
        """Tick of the best bid; None when there is none."""
        return self._held.best(0)

    @property
    def best_ask_tick(self) -> int | None:
        """Tick of the best ask; None when there is none."""
        return self._held.best(1)

    @property
    def touch(self) -> tuple[int | None, int, int | None, int]:
        """Best bid tick, its quantity, best ask tick, its quantity; (None, 0) for a side without orders."""
        bid, ask = self._held.best(0), self._held.best(1)
        return bid, self._held.total(0, bid), ask, self._held.total(1, ask)

    @property
    def is_crossed(self) -> bool:
        """Whether the best bid is at or above the best ask, as in an auction; told, never repaired."""
        bid, ask = self._held.best(0), self._held.best(1)
        return bid is not None and ask is not None and bid >= ask

    def __repr__(self) -> str:
        best = f"{self.best_bid_tick}/{self.best_ask_tick}"
        return f"<OrderLevelBook orders={len(self)} bids={self.size(0)} asks={self.size(1)} best={best}>"
