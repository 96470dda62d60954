"""Level-2 order book: a tick-indexed window that follows the market, a bitmap over it, and a map for far levels."""

from cpython.buffer cimport (
    PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_CheckBuffer,
    PyObject_GetBuffer,
)
from cpython.long cimport PyLong_AsLongLongAndOverflow
from cpython.number cimport PyNumber_Index
from libc.math cimport NAN
from libc.stdint cimport int8_t, int64_t, uint64_t
from libc.stdlib cimport free, malloc

import numpy as np

from orderbook_ext import _checks
from orderbook_ext._batch cimport Batch, batch_close, borrow
from orderbook_ext._far cimport Leaf
from orderbook_ext._grid cimport TICK_BITS, grid_price, grid_tick
from orderbook_ext._side cimport WINDOW, WORDS, Side, side_clear, side_close, side_next, side_open, side_price

cdef enum:
    SCRATCH_KEPT = 65536  # ticks of a batch that stay allocated for the next one

cdef str BID = "bid"
cdef str ASK = "ask"
cdef int64_t MAX_TICK = <int64_t>1 << TICK_BITS
cdef double INFINITE = float("inf")


cdef Py_ssize_t book_apply(
    Book* book, const int8_t* sides, const int64_t* ticks, const double* quantities, Py_ssize_t n
) noexcept nogil:
    """Set many levels, in order; the number of deletes of levels not held. Nothing is checked."""
    cdef Py_ssize_t i, unknown = 0
    for i in range(n):
        unknown += book_set(book, sides[i], ticks[i], quantities[i])
    return unknown


cdef void book_top(const Book* book, Py_ssize_t n, double* out) noexcept nogil:
    """Write the best `n` levels to `out` [n][4]: the best `depth` are at hand, deeper ones are walked to."""
    cdef Py_ssize_t i
    cdef int code
    cdef int64_t key
    cdef double quantity
    cdef const Side* side
    book_best(book, n if n < book.depth else book.depth, out)
    if n <= book.depth:
        return
    for i in range(4 * book.depth, 4 * n):
        out[i] = NAN
    for code in range(2):
        side = &book.sides[code]
        if side.n_best < book.depth:
            continue
        key = side.worst
        for i in range(book.depth, n):
            if not side_next(side, key + 1, &key, &quantity):
                break
            out[4 * i + 2 * code] = side_price(side, key)
            out[4 * i + 2 * code + 1] = quantity


cdef inline int code_of(object side) except -1:
    return 0 if side is BID else 1 if side is ASK else _checks.side_code(side)


cdef inline bint is_quantity(double quantity) noexcept nogil:
    return (quantity >= 0) & (quantity < INFINITE)


cdef int batch_open(Batch* batch, sides, places, quantities, bint priced) except -1:
    """Open the three columns, converting what is not of its exact type; close the batch whatever happens here."""
    batch.opened = 0
    if not borrow(sides, b"b", &batch.sides):
        borrow(_checks.column("sides", sides, np.int8), b"b", &batch.sides)
    batch.opened = 1
    if priced:
        if not borrow(places, b"d", &batch.places):
            borrow(_checks.column("prices", places, np.float64), b"d", &batch.places)
    elif not borrow(places, b"l", &batch.places):
        borrow(_checks.column("ticks", places, np.int64), b"l", &batch.places)
    batch.opened = 2
    if not borrow(quantities, b"d", &batch.quantities):
        borrow(_checks.column("quantities", quantities, np.float64), b"d", &batch.quantities)
    batch.opened = 3
    return 0


cdef bint batch_holds(const Batch* batch, const int64_t* ticks) noexcept nogil:
    """Whether the columns are equally long and every value is one a book can hold; no branch inside the loop."""
    cdef const unsigned char* sides = <const unsigned char*>batch.sides.buf
    cdef const double* quantities = <const double*>batch.quantities.buf
    cdef Py_ssize_t i, n = batch.sides.shape[0]
    cdef bint good = True
    if batch.places.shape[0] != n or batch.quantities.shape[0] != n:
        return False
    for i in range(n):
        good &= (sides[i] <= 1) & (<uint64_t>ticks[i] <= <uint64_t>MAX_TICK) & is_quantity(quantities[i])
    return good


cdef class OrderBook:
    """Level-2 order book of one instrument; quantities replace what a level held, 0 removes it.

    Parameters
    ----------
    tick_size, lot_size
        Grid of prices, in units of price, and of quantities. Prices off the grid are refused; quantities are kept as
        they come.
    depth
        Levels a side that are kept in order after every update, 1 to 1000: `top` copies them.

    Notes
    -----
    A price is ``ticks / round(1 / tick_size)`` where the tick is 1 over a whole number, else ``ticks * tick_size``: the
    float64 nearest to the decimal the venue quotes. A crossed book (`is_crossed`) is told and never repaired. Whatever
    raises leaves the book as it was; only when memory runs out it is left empty.

    Examples
    --------
    >>> book = OrderBook(tick_size=0.1, lot_size=0.001)
    >>> book.snapshot([[28145.1, 2.0], [28145.0, 5.0]], [[28145.2, 1.5]])
    >>> book.update("ask", 28145.3, 0.25)
    >>> book.top(2)
    array([[2.81451e+04, 2.00000e+00, 2.81452e+04, 1.50000e+00],
           [2.81450e+04, 5.00000e+00, 2.81453e+04, 2.50000e-01]])
    """

    def __cinit__(self, tick_size, lot_size, depth=10):
        cdef int code
        self.book.grid.tick_size, self.lot_size, self.book.grid.scale, self.book.depth = _checks.grid(tick_size, lot_size, depth)
        for code in range(2):
            if not side_open(&self.book.sides[code], code, self.book.depth, self.book.grid):
                raise MemoryError("no memory for an order book")

    def __dealloc__(self):
        side_close(&self.book.sides[0])
        side_close(&self.book.sides[1])
        free(self.scratch)

    cdef int64_t tick_of(self, double price) except -1:
        cdef int64_t tick
        if not grid_tick(self.book.grid, price, &tick):
            return _checks.price_tick(price, self.book.grid.tick_size, self.book.grid.scale)
        return tick

    cdef int set_level(self, int code, int64_t tick, double quantity) except -1:
        if not is_quantity(quantity):
            _checks.check_level(code, tick, quantity)
        self.unknown_deletes += book_set(&self.book, code, tick, quantity)
        return self.settle()

    cdef int settle(self) except -1:
        if self.book.sides[0].failed or self.book.sides[1].failed:
            self.clear()
            raise MemoryError("no memory for the far levels of an order book; it was cleared")
        return 0

    cdef const int64_t* ticks_of(self, const Py_buffer* prices) except? NULL:
        """Ticks of a batch of prices in memory of the book's own; NULL when a price is refused."""
        cdef const double* values = <const double*>prices.buf
        cdef Py_ssize_t i, n = prices.shape[0]
        cdef bint good = True
        if n >= self.scratch_room:
            free(self.scratch)
            self.scratch = <int64_t*>malloc((2 * n + 64) * sizeof(int64_t))
            self.scratch_room = 2 * n + 64 if self.scratch != NULL else 0
            if self.scratch == NULL:
                raise MemoryError(f"no memory for a batch of {n} levels")
        for i in range(n):
            good &= grid_tick(self.book.grid, values[i], &self.scratch[i])
        return self.scratch if good else NULL

    cdef Py_ssize_t run(self, sides, places, quantities, bint priced, bint fresh, double* tops) except -1:
        """Check a batch whole, then apply it: after clearing the book (`fresh`), or keeping each `top` (`tops`)."""
        cdef Batch batch
        cdef const int64_t* ticks
        cdef const int8_t* codes
        cdef const double* amounts
        cdef Py_ssize_t i, unknown = 0, width = 4 * self.book.depth
        try:
            batch_open(&batch, sides, places, quantities, priced)
            ticks = self.ticks_of(&batch.places) if priced else <const int64_t*>batch.places.buf
            if ticks == NULL or not batch_holds(&batch, ticks):
                _checks.explain(sides, places, quantities, self.tick_size, self.book.grid.scale if priced else None)
            if fresh:
                self.clear()
            codes = <const int8_t*>batch.sides.buf
            amounts = <const double*>batch.quantities.buf
            if tops == NULL:
                unknown = book_apply(&self.book, codes, ticks, amounts, batch.sides.shape[0])
            else:
                for i in range(batch.sides.shape[0]):
                    unknown += book_set(&self.book, codes[i], ticks[i], amounts[i])
                    book_best(&self.book, self.book.depth, tops + i * width)
        finally:
            batch_close(&batch)
            if self.scratch_room > SCRATCH_KEPT:
                free(self.scratch)
                self.scratch = NULL
                self.scratch_room = 0
        self.settle()
        if not fresh:
            self.unknown_deletes += unknown
        return unknown

    def clear(self):
        """Remove every level; the count of unknown deletes stays."""
        side_clear(&self.book.sides[0])
        side_clear(&self.book.sides[1])

    def snapshot(self, bids, asks):
        """Replace the book by two ladders (n, 2) of price and quantity."""
        sides, ticks, quantities = _checks.snapshot_columns(bids, asks, self.book.grid.tick_size, self.book.grid.scale)
        self.run(sides, ticks, quantities, False, True, NULL)

    def snapshot_ticks(self, sides, ticks, quantities):
        """Replace the book by levels given as int8 sides, int64 ticks, float64 quantities."""
        self.run(sides, ticks, quantities, False, True, NULL)

    def update(self, side, double price, double quantity):
        """Set one level's quantity; 0 deletes it."""
        self.set_level(code_of(side), self.tick_of(price), quantity)

    def update_tick(self, side_code, tick, double quantity):
        """Set the quantity at a tick of side 0 (bid) or 1 (ask)."""
        # A typed argument would truncate 1.5 without a word; an overflow gives -1, which is refused.
        cdef int overflow = 0
        cdef int64_t code = PyLong_AsLongLongAndOverflow(PyNumber_Index(side_code), &overflow)
        cdef int64_t place = PyLong_AsLongLongAndOverflow(PyNumber_Index(tick), &overflow)
        if not (0 <= code <= 1 and 0 <= place <= MAX_TICK):
            _checks.check_level(side_code, tick, quantity)
        self.set_level(code, place, quantity)

    def apply(self, sides, prices, quantities):
        """Set many levels, in order: int8 sides (0 bid, 1 ask), float64 prices and quantities, all (n,).

        Returns
        -------
        int
            Deletes of levels that were not held.
        """
        return self.run(sides, prices, quantities, True, False, NULL)

    def apply_ticks(self, sides, ticks, quantities):
        """`apply` with int64 ticks for prices."""
        return self.run(sides, ticks, quantities, False, False, NULL)

    def apply_tops(self, sides, ticks, quantities, out=None):
        """`apply_ticks` that writes the top `depth` levels after every update to (n, depth, 4)."""
        cdef Py_buffer view
        out = _checks.out_array(out, (len(sides), self.book.depth, 4))
        PyObject_GetBuffer(out, &view, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS)
        try:
            self.run(sides, ticks, quantities, False, False, <double*>view.buf)
        finally:
            PyBuffer_Release(&view)
        return out

    def top(self, Py_ssize_t n=10, out=None):
        """Best `n` levels, (n, 4): bid price, bid quantity, ask price, ask quantity; NaN where empty.

        Parameters
        ----------
        n
            At least 1; up to `depth` is a copy, more is walked.
        out
            C-contiguous float64 array (n, 4) to write into and return.
        """
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
            book_top(&self.book, n, <double*>view.buf)
        finally:
            PyBuffer_Release(&view)
        return out

    def level(self, side, double price):
        """Quantity held at a price, 0.0 when none."""
        cdef Side* half = &self.book.sides[code_of(side)]
        cdef int64_t key = half.sign * self.tick_of(price)
        cdef int64_t found
        cdef double quantity
        return quantity if side_next(half, key, &found, &quantity) and found == key else 0.0

    def levels(self, side):
        """Every level of a side, best first, (n, 2): price, quantity."""
        cdef Side* half = &self.book.sides[code_of(side)]
        cdef object out = np.empty((half.count, 2))
        cdef double[:, ::1] rows = out
        cdef int64_t key = half.base
        cdef double quantity = 0.0
        cdef Py_ssize_t i
        for i in range(half.count):
            side_next(half, key, &key, &quantity)
            rows[i, 0] = side_price(half, key)
            rows[i, 1] = quantity
            key += 1
        return out

    def size(self, side):
        """Number of levels of a side."""
        return self.book.sides[code_of(side)].count

    def __len__(self):
        return self.book.sides[0].count + self.book.sides[1].count

    @property
    def tick_size(self):
        """Step of prices."""
        return self.book.grid.tick_size

    @property
    def depth(self):
        """Levels a side that are kept in order."""
        return self.book.depth

    @property
    def best_bid_tick(self):
        """Tick of the best bid; None when there is none."""
        return -self.book.sides[0].best[0] if self.book.sides[0].count else None

    @property
    def best_ask_tick(self):
        """Tick of the best ask; None when there is none."""
        return self.book.sides[1].best[0] if self.book.sides[1].count else None

    @property
    def best_bid(self):
        """Price of the best bid; NaN when there is none."""
        return self.book.sides[0].pairs[0]

    @property
    def best_ask(self):
        """Price of the best ask; NaN when there is none."""
        return self.book.sides[1].pairs[0]

    @property
    def mid(self):
        """Mean of best bid and best ask; NaN when a side is empty."""
        return (self.book.sides[0].pairs[0] + self.book.sides[1].pairs[0]) / 2.0

    @property
    def spread(self):
        """Best ask less best bid, rounded once; negative when crossed, NaN when a side is empty."""
        if not (self.book.sides[0].count and self.book.sides[1].count):
            return NAN
        return grid_price(self.book.grid, self.book.sides[1].best[0] + self.book.sides[0].best[0])

    @property
    def is_crossed(self):
        """Whether the best bid is at or above the best ask; told, never repaired."""
        if not (self.book.sides[0].count and self.book.sides[1].count):
            return False
        return -self.book.sides[0].best[0] >= self.book.sides[1].best[0]

    @property
    def nbytes(self):
        """Memory the book holds, in bytes; it does not grow with the levels inside the windows."""
        cdef Py_ssize_t total = sizeof(Book) + 4 * self.book.depth * sizeof(double)
        cdef int code
        for code in range(2):
            total += WINDOW * sizeof(double) + WORDS * sizeof(uint64_t) + self.book.depth * sizeof(int64_t)
            total += self.book.sides[code].far.n_leaves * sizeof(Leaf)
            total += self.book.sides[code].far.room * (sizeof(Leaf*) + sizeof(int64_t))
        return total + self.scratch_room * sizeof(int64_t)

    def __repr__(self):
        return (
            f"<OrderBook tick={self.tick_size:g} bids={self.size('bid')} asks={self.size('ask')} "
            f"best={self.best_bid:.10g}/{self.best_ask:.10g}>"
        )
