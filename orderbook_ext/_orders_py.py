"""The order-level book in plain Python: what the compiled one must equal, order for order."""

from __future__ import annotations

import operator

import numpy as np

from orderbook_ext import _checks
from orderbook_ext import _order_checks as rules
from orderbook_ext._order_view_py import OrderView
from orderbook_ext._queues_py import Fill


class OrderLevelBook(OrderView):
    """Order-level (L3) book with price-time priority; the readable twin of the compiled class, with its whole surface.

    Parameters
    ----------
    tick_size, lot_size
        What a tick and a lot are worth in `top`.
    depth
        Levels a side that `apply_tops` writes.
    strict
        True raises for what cannot be right; False counts it and goes on.

    Examples
    --------
    >>> book = OrderLevelBook()
    >>> book.add(1, 0, 100, 5)
    >>> book.add(2, 0, 100, 7)
    >>> book.queue_position(2)
    (1, 5)
    """

    def clear(self) -> None:
        """Remove every order; the counts stay, and what was held counts as touched."""
        self._held.clear()

    def add(self, order_id: int, side_code: int, tick: int, quantity: int) -> None:
        """Let an order rest at the end of its level's queue; what crosses is told by `is_crossed`, never matched."""
        self._add("add", order_id, side_code, tick, rules.quantity(quantity))

    def add_iceberg(self, order_id: int, side_code: int, tick: int, quantity: int, shown: int) -> None:
        """`add` an order of which `shown` are displayed at a time; each refill goes to the end of the queue."""
        quantity, shown = rules.quantity(quantity), rules.whole("shown", shown, 1, rules.MAX_QUANTITY)
        if self._add("add_iceberg", order_id, side_code, tick, min(shown, quantity)) and quantity > shown:
            self._held.reserves[operator.index(order_id)] = (quantity - shown, shown)

    def modify(self, order_id: int, tick: int, quantity: int, keep_priority: bool = False) -> None:
        """Give an order another price or quantity; a new price or more quantity goes to the end of the queue.

        With `keep_priority` more quantity at the same price keeps its place. Of an iceberg it is the shown part.
        """
        order_id, tick, quantity = rules.order_id(order_id), rules.tick(tick), rules.quantity(quantity)
        verb = "modify_keep" if keep_priority else "modify"
        held = self.order(order_id)
        if held is None:
            self._unknown(verb, order_id)
            return
        side, old_tick, old = held
        self._room(verb, order_id, side, tick, quantity, old if tick == old_tick else 0)
        if tick == old_tick and (keep_priority or quantity <= old):
            self._held.resize(order_id, quantity)
        else:
            self._held.lift(order_id)
            self._held.rest(order_id, side, tick, quantity)

    def replace(self, order_id: int, new_id: int, tick: int, quantity: int) -> None:
        """Put a new order, at the end of its queue, in the place of an old one on the same side."""
        order_id, new_id = rules.order_id(order_id), rules.whole("new_id", new_id, 0, rules.MAX_ID)
        tick, quantity = rules.tick(tick), rules.quantity(quantity)
        held = self.order(order_id)
        if held is None:
            self._unknown("replace", order_id)
        elif new_id != order_id and new_id in self._held.orders:
            self._duplicate("replace", new_id)
        else:
            self._room("replace", new_id, held[0], tick, quantity, held[2] if tick == held[1] else 0)
            self._remove(order_id)
            self._held.rest(new_id, held[0], tick, quantity)

    def reduce(self, order_id: int, quantity: int) -> int:
        """Cancel part of an order (of an iceberg first what is not shown); it keeps its place. Gives what is left."""
        order_id, quantity = rules.order_id(order_id), rules.quantity(quantity)
        if order_id not in self._held.orders:
            return self._unknown("reduce", order_id)
        hidden, shown = self._held.reserves.get(order_id, (0, 0))
        left = hidden + self._held.shown(order_id) - quantity
        if left < 0:
            self._excess("reduce", order_id, quantity, left + quantity)
        if left <= 0:
            self._remove(order_id)
            return 0
        if hidden > quantity:
            self._held.reserves[order_id] = (hidden - quantity, shown)
        else:
            self._held.reserves.pop(order_id, None)
            self._held.resize(order_id, left)
        return left

    def cancel(self, order_id: int) -> int:
        """Remove an order; gives the quantity it still had, 0 when a tolerant book did not hold it."""
        order_id = rules.order_id(order_id)
        return self._remove(order_id) if order_id in self._held.orders else self._unknown("cancel", order_id)

    def execute(self, order_id: int, quantity: int) -> int:
        """Fill an order in part or whole, wherever in its queue it stands. Gives what it shows after that."""
        order_id, quantity = rules.order_id(order_id), rules.quantity(quantity)
        if order_id not in self._held.orders:
            return self._unknown("execute", order_id)
        shown = self._held.shown(order_id)
        if quantity > shown:
            self._excess("execute", order_id, quantity, shown)
        self._held.fill(order_id, min(quantity, shown))
        return self._held.shown(order_id) if order_id in self._held.orders else 0

    def execute_at(self, side_code: int, tick: int, quantity: int) -> list[tuple[int, int]]:
        """Fill the oldest orders of a level where the venue names none; gives (order id, quantity) of each fill."""
        side_code, tick, quantity = rules.side(side_code), rules.tick(tick), rules.quantity(quantity)
        held = self._held.available(side_code, tick)
        if quantity > held:
            if self.strict:
                rules.refuse_short("execute_at", side_code, tick, quantity, held)
            self.excess_quantities += 1
        return [(order, filled) for order, _, filled in self._held.fill_level(side_code, tick, quantity)]

    def execute_hidden(self, quantity: int) -> None:
        """Count a trade against an order that is not displayed; nothing displayed changes."""
        self.hidden_quantity += rules.quantity(quantity)
        self.hidden_trades += 1

    def take(self, side_code: int, quantity: int, worst: int | None = None) -> list[Fill]:
        """Trade against this side, best price and oldest order first, no further than tick `worst`.

        Gives (order id, tick, quantity) of each fill; less than `quantity` in all when the side does not hold it.
        """
        side, left = rules.side(side_code), rules.quantity(quantity)
        worst = None if worst is None else operator.index(worst)
        fills: list[Fill] = []
        for tick in self._held.within(side, worst):
            if not left:
                break
            done = self._held.fill_level(side, tick, left)
            left -= sum(fill[2] for fill in done)
            fills += done
        return fills

    def apply(self, actions, ids, sides, ticks, quantities) -> int:
        """Follow many messages (`OrderAction`) in order; gives how many a tolerant book could not follow."""
        rows, before = self._rows(actions, ids, sides, ticks, quantities), self._not_followed()
        for i, row in enumerate(rows):
            self._follow(i, *row)
        return self._not_followed() - before

    def apply_tops(self, actions, ids, sides, ticks, quantities, out=None) -> np.ndarray:
        """`apply` that writes the top `depth` levels after every message to (n, depth, 4)."""
        rows = self._rows(actions, ids, sides, ticks, quantities)
        out = _checks.out_array(out, (len(rows), self.depth, 4))
        for i, row in enumerate(rows):
            self._follow(i, *row)
            self.top(self.depth, out[i])
        return out

    def apply_changes(self, actions, ids, sides, ticks, quantities, ends) -> tuple[np.ndarray, ...]:
        """`apply` that gives the `changes` after every group of messages, whose ends (as in a slice) are given.

        Returns
        -------
        tuple
            ``offsets`` int64 (groups + 1), ``sides``, ``ticks``, ``quantities``: of group ``g`` they lie from
            ``offsets[g]`` to ``offsets[g + 1]``. Levels touched before the call belong to the first group.
        """
        rows = self._rows(actions, ids, sides, ticks, quantities)
        start, offsets, parts = 0, [0], [(np.empty(0, np.int8), np.empty(0, np.int64), np.empty(0, np.int64))]
        for end in rules.ends(ends, len(rows)).tolist():
            for i in range(start, end):
                self._follow(i, *rows[i])
            parts.append(self.changes())
            offsets.append(offsets[-1] + len(parts[-1][0]))
            start = end
        return np.array(offsets, np.int64), *(np.concatenate(column) for column in zip(*parts))

    def changes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Levels touched since the last call: sides, ticks and the quantities they hold now (0: gone), in order."""
        touched = sorted(self._held.touched)
        self._held.touched.clear()
        return (
            np.array([side for side, _ in touched], np.int8),
            np.array([tick for _, tick in touched], np.int64),
            np.array([self._held.total(*place) for place in touched], np.int64),
        )

    def _add(self, verb: str, order_id: int, side_code: int, tick: int, quantity: int) -> bool:
        order_id, side_code, tick = rules.order_id(order_id), rules.side(side_code), rules.tick(tick)
        if order_id in self._held.orders:
            self._duplicate(verb, order_id)
            return False
        self._room(verb, order_id, side_code, tick, quantity, 0)
        self._held.rest(order_id, side_code, tick, quantity)
        return True

    def _remove(self, order_id: int) -> int:
        return self._held.lift(order_id) + self._held.reserves.pop(order_id, (0, 0))[0]

    def _room(self, verb: str, order_id: int, side: int, tick: int, quantity: int, gone: int) -> None:
        held = self._held.total(side, tick) - gone
        if held + quantity > rules.MAX_LEVEL:
            rules.refuse_total(verb, order_id, quantity, held)

    def _unknown(self, verb: str, order_id: int) -> int:
        if self.strict:
            rules.refuse_unknown(verb, order_id)
        self.unknown_orders += 1
        return 0

    def _duplicate(self, verb: str, order_id: int) -> None:
        if self.strict:
            rules.refuse_duplicate(verb, order_id, self.order(order_id))
        self.duplicate_orders += 1

    def _excess(self, verb: str, order_id: int, asked: int, held: int) -> None:
        if self.strict:
            rules.refuse_excess(verb, order_id, asked, held)
        self.excess_quantities += 1

    def _not_followed(self) -> int:
        return self.unknown_orders + self.duplicate_orders + self.excess_quantities

    @staticmethod
    def _rows(*columns) -> list[tuple[int, int, int, int, int]]:
        return list(zip(*(column.tolist() for column in rules.columns(*columns))))

    def _follow(self, i: int, action: int, order_id: int, side: int, tick: int, quantity: int) -> None:
        rules.row(i, action, side, tick, quantity)
        try:
            match action:
                case rules.ADD:
                    self.add(order_id, side, tick, quantity)
                case rules.MODIFY | rules.MODIFY_KEEP:
                    self.modify(order_id, tick, quantity, action == rules.MODIFY_KEEP)
                case rules.REDUCE:
                    self.reduce(order_id, quantity)
                case rules.CANCEL:
                    self.cancel(order_id)
                case rules.EXECUTE:
                    self.execute(order_id, quantity)
                case rules.EXECUTE_AT:
                    self.execute_at(side, tick, quantity)
                case rules.EXECUTE_HIDDEN:
                    self.execute_hidden(quantity)
                case rules.CLEAR:
                    self.clear()
        except ValueError as error:
            raise ValueError(f"row {i}: {error}") from None
