"""Orders in their queues, in plain Python: the twin of ``_queues.pxd``."""

from __future__ import annotations

from bisect import bisect_left, insort

Fill = tuple[int, int, int]  # order id, tick, quantity


class Queues:
    """Orders by id, and by side and tick in order of priority; nothing is checked here.

    Attributes
    ----------
    levels : tuple of dict
        Of each side: tick -> order id -> shown quantity, oldest first.
    ticks : tuple of list
        Of each side: ticks that hold orders, ascending.
    orders : dict
        Order id -> side, tick.
    reserves : dict
        Id of an iceberg -> quantity not shown, quantity shown at a time.
    touched : set
        (side, tick) of every level changed since somebody emptied the set.
    """

    def __init__(self) -> None:
        self.levels: tuple[dict[int, dict[int, int]], ...] = ({}, {})
        self.ticks: tuple[list[int], list[int]] = ([], [])
        self.orders: dict[int, tuple[int, int]] = {}
        self.reserves: dict[int, tuple[int, int]] = {}
        self.touched: set[tuple[int, int]] = set()

    def clear(self) -> None:
        """Remove every order; what was held counts as touched."""
        for side in (0, 1):
            self.touched.update((side, tick) for tick in self.ticks[side])
            self.levels[side].clear()
            self.ticks[side].clear()
        self.orders.clear()
        self.reserves.clear()

    def best(self, side: int) -> int | None:
        """Best tick of a side."""
        ticks = self.ticks[side]
        return ticks[0 if side else -1] if ticks else None

    def within(self, side: int, worst: int | None) -> list[int]:
        """Ticks of a side that are no worse than `worst`, best first."""
        ticks = self.ticks[side][:: 1 if side else -1]
        return ticks if worst is None else [tick for tick in ticks if (tick <= worst if side else tick >= worst)]

    def total(self, side: int, tick: int | None) -> int:
        """Quantity shown at a level."""
        return sum(self.levels[side].get(tick, {}).values())

    def available(self, side: int, tick: int) -> int:
        """Quantity shown at a level and what its icebergs keep back."""
        hidden = sum(self.reserves[order][0] for order in self.levels[side].get(tick, ()) if order in self.reserves)
        return self.total(side, tick) + hidden

    def shown(self, order: int) -> int:
        """Quantity shown of an order."""
        side, tick = self.orders[order]
        return self.levels[side][tick][order]

    def rest(self, order: int, side: int, tick: int, quantity: int) -> None:
        """Put an order at the end of its level's queue."""
        queue = self.levels[side].get(tick)
        if queue is None:
            queue = self.levels[side][tick] = {}
            insort(self.ticks[side], tick)
        queue[order] = quantity
        self.orders[order] = (side, tick)
        self.touched.add((side, tick))

    def lift(self, order: int) -> int:
        """Take an order out of its queue, but leave its reserve alone; gives what it showed."""
        side, tick = self.orders.pop(order)
        queue = self.levels[side][tick]
        quantity = queue.pop(order)
        self.touched.add((side, tick))
        if not queue:
            del self.levels[side][tick]
            del self.ticks[side][bisect_left(self.ticks[side], tick)]
        return quantity

    def resize(self, order: int, quantity: int) -> None:
        """Set the quantity shown of an order that keeps its place."""
        side, tick = self.orders[order]
        self.levels[side][tick][order] = quantity
        self.touched.add((side, tick))

    def fill(self, order: int, quantity: int) -> None:
        """Trade up to what an order shows; an iceberg shows more of its reserve at the end of the queue."""
        side, tick = self.orders[order]
        left = self.shown(order) - quantity
        if left:
            self.resize(order, left)
            return
        self.lift(order)
        hidden, shown = self.reserves.pop(order, (0, 0))
        if hidden:
            self.rest(order, side, tick, min(hidden, shown))
            if hidden > shown:
                self.reserves[order] = (hidden - shown, shown)

    def fill_level(self, side: int, tick: int, quantity: int) -> list[Fill]:
        """Trade the oldest orders of a level one after another, up to `quantity`."""
        fills: list[Fill] = []
        while quantity and tick in self.levels[side]:
            order, shown = next(iter(self.levels[side][tick].items()))
            done = min(shown, quantity)
            self.fill(order, done)
            fills.append((order, tick, done))
            quantity -= done
        return fills
