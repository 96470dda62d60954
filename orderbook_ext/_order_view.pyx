"""What can be read of an order-level book: levels, queues, single orders. Nothing here changes anything."""

import numpy as np

from orderbook_ext import _checks, _order_checks as rules

from cpython.buffer cimport PyBUF_FORMAT, PyBUF_STRIDES, PyBuffer_Release, PyObject_CheckBuffer, PyObject_GetBuffer
from libc.stdint cimport int32_t, int64_t, uint64_t

from orderbook_ext._fills cimport available
from orderbook_ext._ids cimport Slot, ids_find, ids_open
from orderbook_ext._ladder cimport Ladder, ladder_level
from orderbook_ext._order_messages cimport Orders, orders_top
from orderbook_ext._queues cimport Level, Order, Reserve, best_level, close, find_level
from orderbook_ext._whole cimport id_of, limit_of, side_of, tick_of


cdef class OrderView:
    """The reading half of `OrderLevelBook`, which is its only use."""

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

    cdef inline int check(self) except -1:
        """Raise while a batch runs in another thread: the memory may move under whoever looks at it."""
        if self.busy:
            raise RuntimeError("another thread is applying a batch to this order-level book")
        return 0

    def top(self, Py_ssize_t n=10, out=None):
        """Best `n` levels, (n, 4): bid price, bid quantity, ask price, ask quantity; NaN where empty."""
        self.check()
        cdef Py_buffer view
        if n < 1:
            _checks.rows(n)
        if out is None:
            out = np.empty((n, 4))
        if not PyObject_CheckBuffer(out):
            _checks.out_array(out, (n, 4))
        PyObject_GetBuffer(out, &view, PyBUF_FORMAT | PyBUF_STRIDES)
        try:
            if (
                view.readonly or view.ndim != 2 or view.shape[0] != n or view.shape[1] != 4 or view.itemsize != 8
                or view.format[0] != b"d" or view.strides[1] != 8 or view.strides[0] != 32
            ):
                _checks.out_array(out, (n, 4))
            orders_top(&self.book, n, <double*>view.buf)
        finally:
            PyBuffer_Release(&view)
        return out

    def level(self, side_code, tick):
        """Quantity and number of orders at a tick, (0, 0) when there are none."""
        self.check()
        cdef int32_t at = find_level(&self.book.held, side_of(side_code), tick_of(tick))
        if at < 0:
            return 0, 0
        return self.book.held.levels[at].quantity, self.book.held.levels[at].count

    def levels(self, side_code, n=None):
        """Best `n` levels of a side (all by default), best first, int64 (levels, 3): tick, quantity, orders."""
        self.check()
        cdef const Ladder* ladder = &self.book.held.sides[side_of(side_code)]
        cdef Py_ssize_t i, held = ladder.n if n is None else min(_checks.rows(n), ladder.n)
        cdef const Level* level
        out = np.empty((held, 3), np.int64)
        cdef int64_t[:, ::1] rows = out
        for i in range(held):
            level = &self.book.held.levels[ladder_level(ladder, i)]
            rows[i, 0], rows[i, 1], rows[i, 2] = level.tick, level.quantity, level.count
        return out

    def queue(self, side_code, tick):
        """(order id, quantity) of every order at a tick, oldest first."""
        self.check()
        cdef int32_t at = find_level(&self.book.held, side_of(side_code), tick_of(tick))
        cdef const Order* orders = self.book.held.orders
        at = self.book.held.levels[at].first if at >= 0 else -1
        out = []
        while at >= 0:
            out.append((orders[at].id, orders[at].quantity))
            at = orders[at].after
        return out

    def youngest(self, side_code, tick):
        """Id of the last order in a tick's queue; None when nothing rests there."""
        self.check()
        cdef int32_t at = find_level(&self.book.held, side_of(side_code), tick_of(tick))
        return self.book.held.orders[self.book.held.levels[at].last].id if at >= 0 else None

    def available(self, side_code, worst=None):
        """Quantity that `OrderLevelBook.take` could get from a side up to tick `worst`, reserves of icebergs too."""
        self.check()
        cdef int side = side_of(side_code)
        cdef const Ladder* ladder = &self.book.held.sides[side]
        cdef int64_t limit = limit_of(side, worst)
        cdef Py_ssize_t i
        total = 0
        for i in range(ladder.n - 1, -1, -1):
            if ladder.keys[i] > limit:
                break
            total += available(&self.book.held, ladder.levels[i])
        return total

    def order(self, order_id):
        """Side, tick and shown quantity of an order; None when it is not held."""
        self.check()
        cdef int64_t at = ids_find(&self.book.held.ids, id_of(order_id))
        cdef const Level* level
        if at < 0:
            return None
        level = &self.book.held.levels[self.book.held.orders[at].level]
        return level.side, level.tick, self.book.held.orders[at].quantity

    def reserve(self, order_id):
        """Quantity of an iceberg that is not shown; 0 for any other order."""
        self.check()
        cdef int64_t at = ids_find(&self.book.held.ids, id_of(order_id))
        if at < 0 or self.book.held.orders[at].reserve < 0:
            return 0
        return self.book.held.reserves[self.book.held.orders[at].reserve].hidden

    def queue_position(self, order_id):
        """Orders and quantity that stand before an order in its queue.

        Walks the queue from both ends at once: it takes as many steps as there are orders before it or behind it,
        whichever are fewer, some 2 ns each while they are in the cache.
        """
        self.check()
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
        self.check()
        return self.book.held.sides[side_of(side_code)].n

    def __len__(self):
        self.check()
        return self.book.held.ids.count

    def __contains__(self, order_id):
        self.check()
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
        self.check()
        cdef int32_t at = best_level(&self.book.held, 0)
        return self.book.held.levels[at].tick if at >= 0 else None

    @property
    def best_ask_tick(self):
        """Tick of the best ask; None when there is none."""
        self.check()
        cdef int32_t at = best_level(&self.book.held, 1)
        return self.book.held.levels[at].tick if at >= 0 else None

    @property
    def touch(self):
        """Best bid tick, its quantity, best ask tick, its quantity; (None, 0) for a side without orders."""
        self.check()
        cdef int32_t bid = best_level(&self.book.held, 0), ask = best_level(&self.book.held, 1)
        cdef const Level* levels = self.book.held.levels
        bids = (levels[bid].tick, levels[bid].quantity) if bid >= 0 else (None, 0)
        return bids + ((levels[ask].tick, levels[ask].quantity) if ask >= 0 else (None, 0))

    @property
    def is_crossed(self):
        """Whether the best bid is at or above the best ask, as in an auction; told, never repaired."""
        self.check()
        cdef int32_t bid = best_level(&self.book.held, 0), ask = best_level(&self.book.held, 1)
        return bid >= 0 and ask >= 0 and self.book.held.levels[bid].tick >= self.book.held.levels[ask].tick

    @property
    def nbytes(self):
        """Memory the book holds, in bytes."""
        self.check()
        cdef Py_ssize_t total = sizeof(Orders) + (self.book.held.ids.mask + 1) * sizeof(Slot)
        total += self.book.held.order_pool.room * sizeof(Order) + self.book.held.level_pool.room * sizeof(Level)
        total += self.book.held.reserve_pool.room * sizeof(Reserve) + self.book.held.touched.room * sizeof(int64_t)
        for side in range(2):
            total += self.book.held.sides[side].room * (sizeof(int64_t) + sizeof(int32_t))
        return total

    def __repr__(self):
        best = f"{self.best_bid_tick}/{self.best_ask_tick}"
        return f"<OrderLevelBook orders={len(self)} bids={self.size(0)} asks={self.size(1)} best={best}>"
