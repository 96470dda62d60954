"""Whole ticks of a decimal: by one multiplication where it lies on the grid exactly, else as float64 arithmetic finds it.

A decimal of m and p places is ``m * scale / 10**p`` ticks. With the fraction in lowest terms, ``m * times / (odd *
2**shift)``, m is divisible when its product with the inverse of `odd` (modulo 2**64), turned right by `shift`, is no
greater than ``(2**64 - 1) / (odd * 2**shift)``; and then that is the quotient. A price that is a whole number of ticks
so is one by the float64 rule as well, the same one: two roundings of 2**-53 are far below what that allows for.

References
----------
H. Warren, "Hacker's Delight", 2nd edition, section 10-17, "Test for zero remainder after division by a constant".
"""

from libc.math cimport fabs
from libc.stdint cimport UINT64_MAX, int64_t, uint64_t

from orderbook_ext._decimal cimport WHOLE_POWERS
from orderbook_ext._grid cimport TICK_BITS, Grid

cdef enum:
    EXACT_PLACES = 9  # 0 to 8 decimals

cdef extern from *:
    """
    typedef struct {
        uint64_t inverse;
        uint64_t limit;
        uint64_t times;
        int shift;
    } genesis_exact;
    """
    ctypedef struct Exact "genesis_exact":
        uint64_t inverse
        uint64_t limit  # greatest quotient that is a tick a book holds; 0 where the grid is not 1 / whole
        uint64_t times
        int shift


cdef inline void exact_open(Exact* table, Grid grid) noexcept nogil:
    """Fill the table of a grid, a row for each number of decimals."""
    cdef uint64_t scale = <uint64_t>grid.scale if grid.scale < 1e15 else 0
    cdef uint64_t divisor, rest, common
    cdef int places, step
    for places in range(EXACT_PLACES):
        table[places].limit = 0
        if scale == 0:
            continue
        divisor = WHOLE_POWERS[places]
        common = scale
        rest = divisor
        while rest:
            common, rest = rest, common % rest
        table[places].times = scale // common
        divisor //= common
        table[places].limit = UINT64_MAX // divisor
        if table[places].limit > (<uint64_t>1 << TICK_BITS) // table[places].times:
            table[places].limit = (<uint64_t>1 << TICK_BITS) // table[places].times
        table[places].shift = 0
        while divisor % 2 == 0:
            divisor //= 2
            table[places].shift += 1
        table[places].inverse = divisor  # right in its 3 lowest bits; each step doubles them
        for step in range(5):
            table[places].inverse *= 2 - divisor * table[places].inverse


cdef inline bint exact_tick(const Exact* row, uint64_t mantissa, int64_t* tick) noexcept nogil:
    """Ticks of a price by its row of the table; False when it is none, or none that is seen so."""
    cdef uint64_t product = mantissa * row.inverse
    cdef uint64_t quotient = (product >> row.shift) | (product << ((64 - row.shift) & 63))
    tick[0] = <int64_t>(quotient * row.times)
    return quotient - 1 < row.limit  # 0 becomes the greatest


cdef inline bint price_tick(Grid grid, double price, double* exact, double* whole) noexcept nogil:
    """Price in ticks, as it is and rounded half to even; False beyond what a book holds."""
    exact[0] = price * grid.scale if grid.scale != 0 else price / grid.tick_size
    if not exact[0] < <double>(<int64_t>1 << TICK_BITS):
        return False
    # 1.5 * 2**52: no float64 of this size has a fraction, so the sum is rounded to a whole number.
    whole[0] = (exact[0] + 6755399441055744.0) - 6755399441055744.0
    return True


cdef inline bint on_grid(double exact, double whole) noexcept nogil:
    """Whether a price of `exact` ticks is one of `whole` ticks, float rounding apart."""
    return fabs(exact - whole) <= 1e-9 + 1e-15 * whole


cdef inline bint level_tick(Grid grid, double price, int64_t* tick) noexcept nogil:
    """Ticks of a level's price; False when it lies off the grid, at 0 or beyond what a book holds."""
    cdef double exact, whole
    if not price_tick(grid, price, &exact, &whole) or not on_grid(exact, whole) or not whole > 0:
        return False
    tick[0] = <int64_t>whole
    return True
