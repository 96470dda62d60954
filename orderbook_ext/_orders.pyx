"""The order-level book: every order in its queue, and the levels that follow from them.

`_queues.pxd` holds the structure, `_order_messages.pxd` what a message does to it; here stands what Python calls.
"""

import numpy as np

from orderbook_ext import _checks, _order_checks as rules

from cpython.buffer cimport PyBUF_C_CONTIGUOUS, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int8_t, int32_t, int64_t, uint64_t
from libc.stdlib cimport free

from orderbook_ext._fills cimport Fills, available
from orderbook_ext._ids cimport ids_find, ids_home
from orderbook_ext._order_messages cimport (
    CLEAR, Changes, DUPLICATE, FOLLOWED, INVALID, LEVEL_BITS, LIMIT_BITS, Orders, SHORT, Status, TOTAL, UNKNOWN,
    orders_add, orders_cancel, orders_changes, orders_execute, orders_execute_at, orders_follow, orders_modify,
    orders_reduce, orders_take, orders_top,
)
from orderbook_ext._order_view cimport OrderView
from orderbook_ext._queues cimport clear, find_level, give_reserve, remove, rest
from orderbook_ext._touched cimport code_side, code_tick
from orderbook_ext._whole cimport id_of, limit_of, quantity_of, side_of, tick_of

cdef extern from *:
    """
    #if defined(_MSC_VER)
    #define genesis_prefetch(p) ((void)(p))
    #else
    #define genesis_prefetch(p) __builtin_prefetch(p)
    #endif
    """
    void prefetch "genesis_prefetch"(const void*) noexcept nogil

cdef enum:
    AHEAD = 8  # rows between asking the memory for an id's slot and needing it

assert rules.CLEAR == CLEAR and rules.MAX_LEVEL == <int64_t>1 << LEVEL_BITS
assert rules.MAX_TICK == rules.MAX_QUANTITY == <int64_t>1 << LIMIT_BITS


cdef void* column_of(array, Py_buffer* view) except NULL:
    """Where a new array holds its values; the caller releases the view."""
    PyObject_GetBuffer(array, view, PyBUF_WRITABLE)
    return view.buf


cdef tuple change_columns(const Changes* changes):
    """Sides, ticks and quantities of the changes as arrays."""
    cdef Py_ssize_t i
    cdef Py_buffer views[3]
    cdef int8_t* side
    cdef int64_t* tick
    cdef int64_t* quantity
    sides, ticks, quantities = np.empty(changes.n, np.int8), np.empty(changes.n, np.int64), np.empty(changes.n, np.int64)
    side = <int8_t*>column_of(sides, &views[0])
    tick = <int64_t*>column_of(ticks, &views[1])
    quantity = <int64_t*>column_of(quantities, &views[2])
    for i in range(changes.n):
        side[i] = <int8_t>code_side(changes.rows[2 * i])
        tick[i] = code_tick(changes.rows[2 * i])
        quantity[i] = changes.rows[2 * i + 1]
    for i in range(3):
        PyBuffer_Release(&views[i])
    return sides, ticks, quantities


cdef class OrderLevelBook(OrderView):
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

    Finding, filling and removing an order takes the same time in any book, adding one at the touch too; where a level
    opens or closes far from it, the levels better than it are moved. `queue_position` walks to the nearer end of the
    queue. 32 bytes an order and 32 to 64 for its id, 44 a level; memory is used again, and grows only with the most
    that was ever held at once. Only when memory runs out the book is left empty. A batch lets other threads run; one
    of them that uses the same book meanwhile gets a RuntimeError.

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
        self.check()
        if ends is not None:
            end = rules.ends(ends, n)
            groups = len(end)
            offsets = np.zeros(groups + 1, np.int64)
            offset = offsets
        try:
            self.busy = True
            with nogil:
                while True:
                    while group < groups and end[group] == i:
                        orders_changes(book, &changes)
                        group += 1
                        offset[group] = changes.n
                    if i == n or book.held.failed:
                        break
                    if i + AHEAD < n:
                        prefetch(&book.held.ids.slots[ids_home(&book.held.ids, id[i + AHEAD])])
                    status = orders_follow(book, action[i], id[i], side[i], tick[i], quantity[i])
                    if status == INVALID or status == TOTAL or (status != FOLLOWED and book.strict):
                        break
                    if tops != NULL:
                        orders_top(book, book.depth, tops + i * width)
                    i += 1
            self.busy = False
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
        self.check()
        clear(&self.book.held)
        self.settle()

    def add(self, order_id, side_code, tick, quantity):
        """Let an order rest at the end of its level's queue; what crosses is told by `is_crossed`, never matched."""
        self.check()
        cdef uint64_t id = id_of(order_id)
        cdef int side = side_of(side_code)
        cdef int64_t place = tick_of(tick), amount = quantity_of(quantity)
        cdef Status status = orders_add(&self.book, id, side, place, amount)
        if status != FOLLOWED or self.book.held.failed:
            self.settle()
            self.refuse(status, "add", id, side, place, amount)

    def add_iceberg(self, order_id, side_code, tick, quantity, shown):
        """`add` an order of which `shown` are displayed at a time; each refill goes to the end of the queue."""
        self.check()
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
        self.check()
        cdef uint64_t id = id_of(order_id)
        cdef int64_t place = tick_of(tick), amount = quantity_of(quantity)
        cdef Status status = orders_modify(&self.book, id, place, amount, keep_priority)
        self.settle()
        self.refuse(status, "modify_keep" if keep_priority else "modify", id, 0, place, amount)

    def replace(self, order_id, new_id, tick, quantity):
        """Put a new order, at the end of its queue, in the place of an old one on the same side."""
        self.check()
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
        self.check()
        cdef uint64_t id = id_of(order_id)
        cdef int64_t amount = quantity_of(quantity), left
        cdef Status status = orders_reduce(&self.book, id, amount, &left)
        self.settle()
        self.refuse(status, "reduce", id, 0, 0, amount)
        return left

    def cancel(self, order_id):
        """Remove an order; gives the quantity it still had, 0 when a tolerant book did not hold it."""
        self.check()
        cdef uint64_t id = id_of(order_id)
        cdef int64_t left
        cdef Status status = orders_cancel(&self.book, id, &left)
        if status != FOLLOWED or self.book.held.failed:
            self.settle()
            self.refuse(status, "cancel", id, 0, 0, 0)
        return left

    def execute(self, order_id, quantity):
        """Fill an order in part or whole, wherever in its queue it stands. Gives what it shows after that."""
        self.check()
        cdef uint64_t id = id_of(order_id)
        cdef int64_t amount = quantity_of(quantity), left
        cdef Status status = orders_execute(&self.book, id, amount, &left)
        if status != FOLLOWED or self.book.held.failed:
            self.settle()
            self.refuse(status, "execute", id, 0, 0, amount)
        return left

    def execute_at(self, side_code, tick, quantity):
        """Fill the oldest orders of a level where the venue names none; gives (order id, quantity) of each fill."""
        self.check()
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
        self.check()
        self.book.hidden_quantity += quantity_of(quantity)
        self.book.hidden_trades += 1

    def take(self, side_code, quantity, worst=None):
        """Trade against this side, best price and oldest order first, no further than tick `worst`.

        Gives (order id, tick, quantity) of each fill; less than `quantity` in all when the side does not hold it.
        """
        self.check()
        cdef int side = side_of(side_code)
        cdef int64_t amount = quantity_of(quantity), limit = limit_of(side, worst)
        cdef Fills fills
        cdef Py_ssize_t i
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
        self.check()
        cdef Changes changes
        changes.rows, changes.n, changes.room = NULL, 0, 0
        try:
            orders_changes(&self.book, &changes)
            self.settle()
            return change_columns(&changes)
        finally:
            free(changes.rows)
