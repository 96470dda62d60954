"""The book for other compiled code: a struct, functions that need no interpreter, and the Python class around it."""

from libc.stdint cimport int8_t, int64_t
from libc.string cimport memcpy

from orderbook_ext._grid cimport Grid
from orderbook_ext._side cimport Side, side_set

cdef struct Book:
    Side sides[2]
    int depth
    Grid grid


cdef inline bint book_set(Book* book, int side, int64_t tick, double quantity) noexcept nogil:
    """Set one level, 0 deletes; True when that was the delete of a level not held. Nothing is checked."""
    return side_set(&book.sides[side], (2 * side - 1) * tick, quantity)


cdef inline void book_best(const Book* book, Py_ssize_t n, double* out) noexcept nogil:
    """Write the best `n` levels, at most `depth`, to `out` [n][4]: bid price, bid quantity, ask price, ask quantity."""
    cdef const double* bids = book.sides[0].pairs
    cdef const double* asks = book.sides[1].pairs
    cdef Py_ssize_t i
    for i in range(n):
        memcpy(out + 4 * i, bids + 2 * i, 2 * sizeof(double))
        memcpy(out + 4 * i + 2, asks + 2 * i, 2 * sizeof(double))


cdef Py_ssize_t book_apply(
    Book* book, const int8_t* sides, const int64_t* ticks, const double* quantities, Py_ssize_t n
) noexcept nogil

cdef void book_top(const Book* book, Py_ssize_t n, double* out) noexcept nogil

cdef class OrderBook:
    cdef Book book
    cdef readonly double lot_size
    cdef readonly Py_ssize_t unknown_deletes
    cdef int64_t* scratch  # ticks of a batch given in prices
    cdef Py_ssize_t scratch_room
    cdef int set_level(self, int code, int64_t tick, double quantity) except -1
    cdef int64_t tick_of(self, double price) except -1
    cdef const int64_t* ticks_of(self, const Py_buffer* prices) except? NULL
    cdef Py_ssize_t run(self, sides, places, quantities, bint priced, bint fresh, double* tops) except -1
    cdef int settle(self) except -1
