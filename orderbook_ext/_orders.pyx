"""The order-level book: every order in its queue, and the levels that follow from them.

`_queues.pxd` holds the structure, `_order_messages.pxd` what a message does to it; here stands the Python class.
"""

import numpy as np

from orderbook_ext import _checks, _order_checks as rules

from cpython.buffer cimport PyBUF_C_CONTIGUOUS, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_AsUnsignedLongLong
from cpython.number cimport PyNumber_Index
from libc.stdint cimport INT64_MAX, int8_t, int32_t, int64_t, uint64_t
from libc.stdlib cimport free

from orderbook_ext._ids cimport Slot, ids_find, ids_open
from orderbook_ext._order_messages cimport (
    CLEAR, Changes, DUPLICATE, EXCESS, FOLLOWED, INVALID, LEVEL_BITS, LIMIT_BITS, Orders, SHORT, Status, TOTAL, UNKNOWN,
    orders_add, orders_cancel, orders_changes, orders_execute, orders_execute_at, orders_follow, orders_modify,
    orders_reduce, orders_take, orders_top,
)
from orderbook_ext._queues cimport (
    Fills, Ladder, Level, Order, Reserve, TICK_BITS, available, best_level, clear, close, find_level, give_reserve,
    remove, rest,
)

assert rules.CLEAR == CLEAR and rules.MAX_LEVEL == <int64_t>1 << LEVEL_BITS
assert rules.MAX_TICK == rules.MAX_QUANTITY == <int64_t>1 << LIMIT_BITS


cdef inline uint64_t id_of(value) except? 0xFFFFFFFFFFFFFFFE:
    """An order's id; a typed argument would truncate 1.5 without a word."""
    try:
        return PyLong_AsUnsignedLongLong(PyNumber_Index(value))
    except OverflowError:
        return rules.order_id(value)


cdef inline int64_t whole(value) except? -1:
    """A whole number, -1 for one that does not fit."""
    cdef int overflow = 0
    return PyLong_AsLongLongAndOverflow(PyNumber_Index(value), &overflow)


cdef inline int side_of(value) except -1:
    cdef int64_t code = whole(value)
    return <int>code if 0 <= code <= 1 else rules.side(value)


cdef inline int64_t tick_of(value) except -1:
    cdef int64_t tick = whole(value)
    return tick if 0 <= tick <= (<int64_t>1 << LIMIT_BITS) else rules.tick(value)


cdef inline int64_t quantity_of(value) except -1:
    cdef int64_t quantity = whole(value)
    return quantity if 1 <= quantity <= (<int64_t>1 << LIMIT_BITS) else rules.quantity(value)


cdef tuple change_columns(const Changes* changes):
    """Sides, ticks and quantities of the changes as arrays."""
    cdef Py_ssize_t i
    sides, ticks, quantities = np.empty(changes.n, np.int8), np.empty(changes.n, np.int64), np.empty(changes.n, np.int64)
    cdef int8_t[::1] side = sides
    cdef int64_t[::1] tick = ticks
    cdef int64_t[::1] quantity = quantities
    for i in range(changes.n):
        side[i] = <int8_t>(changes.rows[2 * i] >> TICK_BITS)
        tick[i] = changes.rows[2 * i] & ((<int64_t>1 << TICK_BITS) - 1)
        quantity[i] = changes.rows[2 * i + 1]
    return sides, ticks, quantities


cdef class OrderLevelBook:
    """Order-level (L3) book with price-time priority: every order by its id, and the levels that follow from them.

    Parameters
    ----------
    tick_size, lot_size
        What a tick and a lot are worth in `top`; everything else is whole ticks and whole lots (or shares).
    depth
        Levels a side that `apply_tops` writes, 1 to 1000.
    strict
        True raises ValueError for an unknown order, an id that is taken, or a quantity larger than what is open, and
        leaves the book as it was. False is for files that begin in the middle of a day: what names an unknown order is
        left out and counted (`unknown_orders`), so is an add whose id is taken (`duplicate_orders`); what takes more
        than is open takes all of it and is counted (`excess_quantities`). Values that no book can hold always raise.

    Notes
    -----
    Order ids are 0 to 2**64 - 1, sides 0 (bid) and 1 (ask), ticks 0 to 2**50, an order's quantity 1 to 2**50. A crossed
    book, as in an auction, is told (`is_crossed`) and never matched or repaired: `take` is what trades.

    Finding, adding, filling and removing an order takes the same time in any book; `queue_position` walks to the nearer
    end of the queue. 32 bytes an order and 32 to 64 for its id, 52 a level; memory is used again, and grows only with
    the most that was ever held at once. Only when memory runs out the book is left empty.

    Examples
    --------
    >>> book = OrderLevelBook(tick_size=0.01)
    >>> book.add(7001, 0, 18_180, 300)
    >>> book.add(7002, 0, 18_180, 100)
    >>> book.queue_position(7002)
    (1, 300)
    >>> book.execute(7001, 200), book.level(0, 18_180)
    (100, (200, 2))
    >>> book.top(1)
    array([[181.8, 200. ,   nan,   nan]])
    """

    def __cinit__(self, tick_size=1.0, lot_size=1.0, depth=10, *, strict=True):
        (
            self.book.prices.tick_size, self.book.prices.scale, self.book.amounts.tick_size, self.book.amounts.scale,
            self.book.depth,
        ) = rules.scales(tick_size, lot_size, depth)
        self.book.strict = bool(strict)
        self.book.held.order_pool.free = self.book.held.level_pool.free = self.book.held.reserve_pool.free = -1
        if not ids_open(&self.book.held.ids, 10):
            raise MemoryError("no memory for an order-level book")

    def __dealloc__(self):
        close(&self.book.held)

    cdef int settle(self) except -1:
        if self.book.held.failed:
            self.book.held.failed = False
            clear(&self.book.held)
            raise MemoryError("no memory for the orders of a book; it was cleared")
        return 0

    cdef int refuse(self, Status status, verb, uint64_t id, int side, int64_t tick, int64_t quantity) except -1:
        """Raise for what was not followed; a tolerant book has counted it already."""
        cdef int32_t level
        if status == TOTAL:
            side = side if verb.startswith("add") else self.order(id)[0]
            level = find_level(&self.book.held, side, tick)
            held = self.book.held.levels[level].quantity
            if not verb.startswith("add") and self.order(id)[1] == tick:
                held -= self.order(id)[2]
            rules.refuse_total(verb, id, quantity, held)
        if not self.book.strict or status == FOLLOWED:
            return 0
        if status == UNKNOWN:
            rules.refuse_unknown(verb, id)
        if status == DUPLICATE:
            rules.refuse_duplicate(verb, id, self.order(id))
        if status == SHORT:
            level = find_level(&self.book.held, side, tick)
            rules.refuse_short(verb, side, tick, quantity, available(&self.book.held, level) if level >= 0 else 0)
        rules.refuse_excess(verb, id, quantity, self.order(id)[2] + (self.reserve(id) if verb == "reduce" else 0))

    cdef object run(self, columns, double* tops, ends):
        """Follow a batch; gives how much was not followed, or the changes of each group that `ends` closes."""
        actions, ids, sides, ticks, quantities = rules.columns(*columns)
        cdef const int8_t[::1] action = actions
        cdef const uint64_t[::1] id = ids
        cdef const int8_t[::1] side = sides
        cdef const int64_t[::1] tick = ticks
        cdef const int64_t[::1] quantity = quantities
        cdef const int64_t[::1] end
        cdef int64_t[::1] offset
        cdef Orders* book = &self.book
        cdef Py_ssize_t i = 0, group = 0, n = len(action), groups = 0, width = 4 * book.depth
        cdef int64_t before = book.unknown + book.duplicate + book.excess
        cdef Status status = FOLLOWED
        cdef Changes changes
        changes.rows, changes.n, changes.room = NULL, 0, 0
        if ends is not None:
            end = rules.ends(ends, n)
            groups = len(end)
            offsets = np.zeros(groups + 1, np.int64)
            offset = offsets
        try:
            with nogil:
                while True:
                    while group < groups and end[group] == i:
                        orders_changes(book, &changes)
                        group += 1
                        offset[group] = changes.n
                    if i == n or book.held.failed:
                        break
                    status = orders_follow(book, action[i], id[i], side[i], tick[i], quantity[i])
                    if status == INVALID or status == TOTAL or (status != FOLLOWED and book.strict):
                        break
                    if tops != NULL:
                        orders_top(book, book.depth, tops + i * width)
                    i += 1
            self.settle()
            if i < n:
                rules.row(i, action[i], side[i], tick[i], quantity[i])
                try:
                    self.refuse(status, rules.VERBS[action[i]], id[i], side[i], tick[i], quantity[i])
                except ValueError as error:
                    raise ValueError(f"row {i}: {error}") from None
            if ends is not None:
                return offsets, *change_columns(&changes)
            return book.unknown + book.duplicate + book.excess - before
        finally:
            free(changes.rows)

    def clear(self):
        """Remove every order; the counts stay, and what was held counts as touched."""
        clear(&self.book.held)
        self.settle()

    def add(self, order_id, side_code, tick, quantity):
        """Let an order rest at the end of its level's queue; what crosses is told by `is_crossed`, never matched."""
        cdef uint64_t id = id_of(order_id)
        cdef int side = side_of(side_code)
        cdef int64_t place = tick_of(tick), amount = quantity_of(quantity)
        cdef Status status = orders_add(&self.book, id, side, place, amount)
        if status != FOLLOWED or self.book.held.failed:
            self.settle()
            self.refuse(status, "add", id, side, place, amount)

    def add_iceberg(self, order_id, side_code, tick, quantity, shown):
        """`add` an order of which `shown` are displayed at a time; each refill goes to the end of the queue."""
        cdef uint64_t id = id_of(order_id)
        cdef int side = side_of(side_code)
        cdef int64_t place = tick_of(tick), amount = quantity_of(quantity), part
        part = rules.whole("shown", shown, 1, rules.MAX_QUANTITY)
        cdef int64_t first = part if part < amount else amount
        cdef Status status = orders_add(&self.book, id, side, place, first)
        if status == FOLLOWED and amount > part and not self.book.held.failed:
            give_reserve(&self.book.held, <int32_t>ids_find(&self.book.held.ids, id), amount - part, part)
        self.settle()
        self.refuse(status, "add_iceberg", id, side, place, first)

    def modify(self, order_id, tick, quantity, bint keep_priority=False):
        """Give an order another price or quantity; a new price or more quantity goes to the end of the queue.

        With `keep_priority` more quantity at the same price keeps its place. Of an iceberg it is the shown part.
        """
        cdef uint64_t id = id_of(order_id)
        cdef int64_t place = tick_of(tick), amount = quantity_of(quantity)
        cdef Status status = orders_modify(&self.book, id, place, amount, keep_priority)
        self.settle()
        self.refuse(status, "modify_keep" if keep_priority else "modify", id, 0, place, amount)

    def replace(self, order_id, new_id, tick, quantity):
        """Put a new order, at the end of its queue, in the place of an old one on the same side."""
        cdef uint64_t id = id_of(order_id), new
        cdef int64_t place, amount, index
        cdef int32_t there
        new = rules.whole("new_id", new_id, 0, rules.MAX_ID)
        place, amount, index = tick_of(tick), quantity_of(quantity), ids_find(&self.book.held.ids, id)
        if index < 0:
            self.book.unknown += not self.book.strict
            self.refuse(UNKNOWN, "replace", id, 0, place, amount)
            return
        if new != id and ids_find(&self.book.held.ids, new) >= 0:
            self.book.duplicate += not self.book.strict
            self.refuse(DUPLICATE, "replace", new, 0, place, amount)
            return
        side, old_tick, old = self.order(id)
        there = find_level(&self.book.held, side, place)
        held = self.book.held.levels[there].quantity - (old if old_tick == place else 0) if there >= 0 else 0
        if held + amount > rules.MAX_LEVEL:
            rules.refuse_total("replace", new, amount, held)
        remove(&self.book.held, <int32_t>index)
        rest(&self.book.held, new, side, place, amount)
        self.settle()

    def reduce(self, order_id, quantity):
        """Cancel part of an order (of an iceberg first what is not shown); it keeps its place. Gives what is left."""
        cdef uint64_t id = id_of(order_id)
        cdef int64_t amount = quantity_of(quantity), left
        cdef Status status = orders_reduce(&self.book, id, amount, &left)
        self.settle()
        self.refuse(status, "reduce", id, 0, 0, amount)
        return left

    def cancel(self, order_id):
        """Remove an order; gives the quantity it still had, 0 when a tolerant book did not hold it."""
        cdef uint64_t id = id_of(order_id)
        cdef int64_t left
        cdef Status status = orders_cancel(&self.book, id, &left)
        if status != FOLLOWED or self.book.held.failed:
            self.settle()
            self.refuse(status, "cancel", id, 0, 0, 0)
        return left

    def execute(self, order_id, quantity):
        """Fill an order in part or whole, wherever in its queue it stands. Gives what it shows after that."""
        cdef uint64_t id = id_of(order_id)
        cdef int64_t amount = quantity_of(quantity), left
        cdef Status status = orders_execute(&self.book, id, amount, &left)
        if status != FOLLOWED or self.book.held.failed:
            self.settle()
            self.refuse(status, "execute", id, 0, 0, amount)
        return left

    def execute_at(self, side_code, tick, quantity):
        """Fill the oldest orders of a level where the venue names none; gives (order id, quantity) of each fill."""
        cdef int side = side_of(side_code)
        cdef int64_t place = tick_of(tick), amount = quantity_of(quantity)
        cdef Fills fills
        cdef Py_ssize_t i
        cdef Status status
        fills.rows, fills.n, fills.room = NULL, 0, 0
        try:
            status = orders_execute_at(&self.book, side, place, amount, &fills)
            self.settle()
            self.refuse(status, "execute_at", 0, side, place, amount)
            return [(fills.rows[i].id, fills.rows[i].quantity) for i in range(fills.n)]
        finally:
            free(fills.rows)

    def execute_hidden(self, quantity):
        """Count a trade against an order that is not displayed; nothing displayed changes."""
        self.book.hidden_quantity += quantity_of(quantity)
        self.book.hidden_trades += 1

    def take(self, side_code, quantity, worst=None):
        """Trade against this side, best price and oldest order first, no further than tick `worst`.

        Gives (order id, tick, quantity) of each fill; less than `quantity` in all when the side does not hold it.
        """
        cdef int side = side_of(side_code)
        cdef int64_t amount = quantity_of(quantity), limit = INT64_MAX
        cdef Fills fills
        cdef Py_ssize_t i
        if worst is not None:
            limit = min(max(PyNumber_Index(worst), -1), rules.MAX_TICK + 1)
            limit = limit if side else -limit
        fills.rows, fills.n, fills.room = NULL, 0, 0
        try:
            orders_take(&self.book, side, amount, limit, &fills)
            self.settle()
            return [(fills.rows[i].id, fills.rows[i].tick, fills.rows[i].quantity) for i in range(fills.n)]
        finally:
            free(fills.rows)

    def apply(self, actions, ids, sides, ticks, quantities):
        """Follow many messages in order, without the interpreter: the actions are those of `orderbook_ext.OrderAction`.

        Parameters
        ----------
        actions, ids, sides, ticks, quantities
            int8, uint64 (or int64), int8, int64 and int64, all (n,). A column that an action does not use may hold
            anything: ADD uses all; MODIFY and MODIFY_KEEP the id, tick and quantity; REDUCE and EXECUTE the id and
            quantity; CANCEL the id; EXECUTE_AT side, tick and quantity; EXECUTE_HIDDEN the quantity; CLEAR nothing.

        Returns
        -------
        int
            Messages that a tolerant book could not follow as they came.

        Raises
        ------
        ValueError
            Naming the row; the rows before it stay applied, it and those behind it are not.
        """
        return self.run((actions, ids, sides, ticks, quantities), NULL, None)

    def apply_tops(self, actions, ids, sides, ticks, quantities, out=None):
        """`apply` that writes the top `depth` levels after every message to (n, depth, 4)."""
        cdef Py_buffer view
        out = _checks.out_array(out, (len(actions), self.book.depth, 4))
        PyObject_GetBuffer(out, &view, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS)
        try:
            self.run((actions, ids, sides, ticks, quantities), <double*>view.buf, None)
        finally:
            PyBuffer_Release(&view)
        return out

    def apply_changes(self, actions, ids, sides, ticks, quantities, ends):
        """`apply` that gives the `changes` after every group of messages, whose ends (as in a slice) are given.

        Returns
        -------
        tuple
            ``offsets`` int64 (groups + 1), ``sides``, ``ticks``, ``quantities``: of group ``g`` they lie from
            ``offsets[g]`` to ``offsets[g + 1]``. Levels touched before the call belong to the first group.
        """
        return self.run((actions, ids, sides, ticks, quantities), NULL, ends)

    def changes(self):
        """Levels touched since the last call: sides, ticks and the quantities they hold now (0: gone), in order."""
        cdef Changes changes
        changes.rows, changes.n, changes.room = NULL, 0, 0
        try:
            orders_changes(&self.book, &changes)
            self.settle()
            return change_columns(&changes)
        finally:
            free(changes.rows)

    def top(self, n=10, out=None):
        """Best `n` levels, (n, 4): bid price, bid quantity, ask price, ask quantity; NaN where empty."""
        cdef Py_buffer view
        cdef Py_ssize_t rows = _checks.rows(n)
        out = _checks.out_array(out, (rows, 4))
        PyObject_GetBuffer(out, &view, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS)
        orders_top(&self.book, rows, <double*>view.buf)
        PyBuffer_Release(&view)
        return out

    def level(self, side_code, tick):
        """Quantity and number of orders at a tick, (0, 0) when there are none."""
        cdef int32_t at = find_level(&self.book.held, side_of(side_code), tick_of(tick))
        if at < 0:
            return 0, 0
        return self.book.held.levels[at].quantity, self.book.held.levels[at].count

    def levels(self, side_code, n=None):
        """Best `n` levels of a side (all by default), best first, int64 (levels, 3): tick, quantity, orders."""
        cdef const Ladder* ladder = &self.book.held.sides[side_of(side_code)]
        cdef Py_ssize_t i, held = ladder.n if n is None else min(_checks.rows(n), ladder.n)
        cdef const Level* level
        out = np.empty((held, 3), np.int64)
        cdef int64_t[:, ::1] rows = out
        for i in range(held):
            level = &self.book.held.levels[ladder.levels[ladder.n - 1 - i]]
            rows[i, 0], rows[i, 1], rows[i, 2] = level.tick, level.quantity, level.count
        return out

    def queue(self, side_code, tick):
        """(order id, quantity) of every order at a tick, oldest first."""
        cdef int32_t at = find_level(&self.book.held, side_of(side_code), tick_of(tick))
        cdef const Order* orders = self.book.held.orders
        at = self.book.held.levels[at].first if at >= 0 else -1
        out = []
        while at >= 0:
            out.append((orders[at].id, orders[at].quantity))
            at = orders[at].after
        return out

    def order(self, order_id):
        """Side, tick and shown quantity of an order; None when it is not held."""
        cdef int64_t at = ids_find(&self.book.held.ids, id_of(order_id))
        cdef const Level* level
        if at < 0:
            return None
        level = &self.book.held.levels[self.book.held.orders[at].level]
        return level.side, level.tick, self.book.held.orders[at].quantity

    def reserve(self, order_id):
        """Quantity of an iceberg that is not shown; 0 for any other order."""
        cdef int64_t at = ids_find(&self.book.held.ids, id_of(order_id))
        if at < 0 or self.book.held.orders[at].reserve < 0:
            return 0
        return self.book.held.reserves[self.book.held.orders[at].reserve].hidden

    def queue_position(self, order_id):
        """Orders and quantity that stand before an order in its queue.

        Walks the queue from both ends at once: it takes as many steps as there are orders before it or behind it,
        whichever are fewer, some 2 ns each while they are in the cache.
        """
        cdef uint64_t id = id_of(order_id)
        cdef const Order* orders = self.book.held.orders
        cdef int64_t at = ids_find(&self.book.held.ids, id), steps = 0, ahead = 0, behind = 0
        cdef int32_t front, back
        cdef const Level* level
        if at < 0:
            rules.refuse_unknown("queue_position", id)
        front, back = orders[at].before, orders[at].after
        while front >= 0 and back >= 0:
            ahead += orders[front].quantity
            behind += orders[back].quantity
            front, back = orders[front].before, orders[back].after
            steps += 1
        if front < 0:
            return steps, ahead
        level = &self.book.held.levels[orders[at].level]
        return level.count - 1 - steps, level.quantity - orders[at].quantity - behind

    def size(self, side_code):
        """Number of levels of a side."""
        return self.book.held.sides[side_of(side_code)].n

    def __len__(self):
        return self.book.held.ids.count

    def __contains__(self, order_id):
        return ids_find(&self.book.held.ids, id_of(order_id)) >= 0

    @property
    def strict(self):
        """Whether what cannot be right raises."""
        return self.book.strict

    @property
    def tick_size(self):
        """Worth of a tick."""
        return self.book.prices.tick_size

    @property
    def lot_size(self):
        """Worth of a lot."""
        return self.book.amounts.tick_size

    @property
    def depth(self):
        """Levels a side that `apply_tops` writes."""
        return self.book.depth

    @property
    def unknown_orders(self):
        """Messages that named an order which a tolerant book did not hold."""
        return self.book.unknown

    @property
    def duplicate_orders(self):
        """Adds that a tolerant book left out because their id was taken."""
        return self.book.duplicate

    @property
    def excess_quantities(self):
        """Messages that took more than was open, of which a tolerant book took all."""
        return self.book.excess

    @property
    def hidden_trades(self):
        """Trades against orders that are not displayed."""
        return self.book.hidden_trades

    @property
    def hidden_quantity(self):
        """Their quantity."""
        return self.book.hidden_quantity

    @property
    def best_bid_tick(self):
        """Tick of the best bid; None when there is none."""
        cdef int32_t at = best_level(&self.book.held, 0)
        return self.book.held.levels[at].tick if at >= 0 else None

    @property
    def best_ask_tick(self):
        """Tick of the best ask; None when there is none."""
        cdef int32_t at = best_level(&self.book.held, 1)
        return self.book.held.levels[at].tick if at >= 0 else None

    @property
    def is_crossed(self):
        """Whether the best bid is at or above the best ask, as in an auction; told, never repaired."""
        cdef int32_t bid = best_level(&self.book.held, 0), ask = best_level(&self.book.held, 1)
        return bid >= 0 and ask >= 0 and self.book.held.levels[bid].tick >= self.book.held.levels[ask].tick

    @property
    def nbytes(self):
        """Memory the book holds, in bytes."""
        cdef Py_ssize_t total = sizeof(Orders) + (self.book.held.ids.mask + 1) * sizeof(Slot)
        total += self.book.held.order_pool.room * sizeof(Order) + self.book.held.level_pool.room * sizeof(Level)
        total += self.book.held.reserve_pool.room * sizeof(Reserve) + self.book.held.touched_room * sizeof(int64_t)
        for side in range(2):
            total += self.book.held.sides[side].room * (sizeof(int64_t) + sizeof(int32_t))
        return total

    def __repr__(self):
        best = f"{self.best_bid_tick}/{self.best_ask_tick}"
        return f"<OrderLevelBook orders={len(self)} bids={self.size(0)} asks={self.size(1)} best={best}>"
