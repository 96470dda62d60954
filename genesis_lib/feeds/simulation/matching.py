"""A matching engine: resting orders in price-time priority, whole lots, never crossed."""

from __future__ import annotations

from genesis_lib.errors import InputError
from genesis_lib.types import BID

Fill = tuple[int, int, int]  # order id of the resting order, tick, lots


class MatchingEngine:
    """The limit order book of an exchange, order by order.

    Each level is a queue in order of arrival. Quantities are whole lots, so that sums are exact. `changed` collects the
    levels touched since `take_changes`, which is what a level-2 feed publishes.

    >>> engine = MatchingEngine()
    >>> a, b = engine.limit(1, 101, 5), engine.limit(1, 101, 7)
    >>> engine.market(0, 6) == [(a, 101, 5), (b, 101, 1)]
    True
    >>> engine.total(1, 101)
    6
    """

    def __init__(self) -> None:
        self.queues: tuple[dict[int, dict[int, int]], dict[int, dict[int, int]]] = ({}, {})
        self.orders: dict[int, tuple[int, int]] = {}  # order id -> side, tick
        self.best: list[int | None] = [None, None]
        self.reserves: dict[int, tuple[int, int]] = {}  # iceberg order id -> hidden lots, lots shown at a time
        self.last_order = 0
        self._changed: tuple[set[int], set[int]] = (set(), set())

    def total(self, side: int, tick: int) -> int:
        """Lots resting at a level, 0 where there is none."""
        queue = self.queues[side].get(tick)
        return sum(queue.values()) if queue else 0

    def open_lots(self, order: int) -> int:
        """Lots of an order that still rest, 0 once it is filled or cancelled."""
        place = self.orders.get(order)
        return self.queues[place[0]][place[1]][order] if place else 0

    def rest(self, side: int, tick: int, lots: int) -> int:
        """Add an order that is known not to cross; returns its id."""
        queues = self.queues[side]
        self.last_order = order = self.last_order + 1
        queue = queues.get(tick)
        if queue is None:
            queues[tick] = {order: lots}
            best = self.best[side]
            if best is None or (tick > best if side == BID else tick < best):
                self.best[side] = tick
        else:
            queue[order] = lots
        self.orders[order] = (side, tick)
        self._changed[side].add(tick)
        return order

    def limit(self, side: int, tick: int, lots: int) -> int:
        """Add a limit order; what crosses trades first. Returns its id (known to `orders` only if some of it rests)."""
        if lots <= 0:
            raise InputError(f"lots must be positive, got {lots}")
        opposite = self.best[1 - side]
        if opposite is not None and (tick >= opposite if side == BID else tick <= opposite):
            lots -= sum(fill[2] for fill in self.market(side, lots, tick))
            if not lots:
                self.last_order += 1
                return self.last_order
        return self.rest(side, tick, lots)

    def market(self, side: int, lots: int, worst: int | None = None) -> list[Fill]:
        """Take `lots` from the other side, best price and oldest order first, no further than tick `worst`."""
        other = 1 - side
        queues, fills = self.queues[other], []
        while lots > 0:
            tick = self.best[other]
            if tick is None or (worst is not None and (tick > worst if side == BID else tick < worst)):
                break
            queue = queues[tick]
            while lots > 0 and queue:
                order = next(iter(queue))
                open_lots = queue[order]
                if open_lots > lots:
                    queue[order] = open_lots - lots
                    fills.append((order, tick, lots))
                    lots = 0
                else:
                    del queue[order]
                    fills.append((order, tick, open_lots))
                    lots -= open_lots
                    if order in self.reserves:
                        self._show_more(order, queue)
                    else:
                        del self.orders[order]
            self._changed[other].add(tick)
            if not queue:
                del queues[tick]
                self._step_back(other, tick)
        return fills

    def iceberg(self, side: int, tick: int, lots: int, shown: int) -> int:
        """Add an order of which only `shown` lots are visible at a time; each refill queues up anew."""
        order = self.limit(side, tick, min(shown, lots))
        if lots > shown and order in self.orders:
            self.reserves[order] = (lots - shown, shown)
        return order

    def _show_more(self, order: int, queue: dict[int, int]) -> None:
        hidden, shown = self.reserves[order]
        queue[order] = min(shown, hidden)
        if hidden > shown:
            self.reserves[order] = (hidden - shown, shown)
        else:
            del self.reserves[order]

    def cancel(self, order: int) -> bool:
        """Remove an order; False when it no longer rests."""
        place = self.orders.pop(order, None)
        if place is None:
            return False
        self.reserves.pop(order, None)
        side, tick = place
        queue = self.queues[side][tick]
        del queue[order]
        self._changed[side].add(tick)
        if not queue:
            del self.queues[side][tick]
            if tick == self.best[side]:
                self._step_back(side, tick)
        return True

    def cancel_level(self, side: int, tick: int) -> int:
        """Remove every order of a level; returns how many there were."""
        orders = list(self.queues[side].get(tick, ()))
        for order in orders:
            self.cancel(order)
        return len(orders)

    def levels(self, side: int, n: int | None = None) -> list[tuple[int, int]]:
        """(tick, lots) of the best `n` levels, best first."""
        ticks = sorted(self.queues[side], reverse=side == BID)[:n]
        return [(tick, self.total(side, tick)) for tick in ticks]

    def take_changes(self) -> tuple[list[int], list[int]]:
        """Ticks touched since the last call, bids and asks, ascending; forgets them."""
        bids, asks = self._changed
        taken = sorted(bids), sorted(asks)
        bids.clear()
        asks.clear()
        return taken

    def _step_back(self, side: int, tick: int) -> None:
        queues = self.queues[side]
        step = -1 if side == BID else 1
        for _ in range(48):
            tick += step
            if tick in queues:
                self.best[side] = tick
                return
        if not queues:
            self.best[side] = None
        else:
            self.best[side] = max(queues) if side == BID else min(queues)
