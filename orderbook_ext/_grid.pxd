"""The grid prices live on, and the two ways across it; `_checks.grid` and `_checks.ticks_of` are the same in Python."""

from libc.math cimport fabs
from libc.stdint cimport int64_t

cdef enum:
    TICK_BITS = 50  # beyond 2**50 ticks a float64 price no longer tells a thousandth of a tick

cdef struct Grid:
    double tick_size
    double scale  # 1 / tick_size where that is a whole number, else 0


cdef inline double grid_price(Grid grid, int64_t ticks) noexcept nogil:
    """Price of a number of ticks, rounded once."""
    return <double>ticks / grid.scale if grid.scale != 0 else <double>ticks * grid.tick_size


cdef inline bint grid_tick(Grid grid, double price, int64_t* tick) noexcept nogil:
    """Whole ticks of a price; False when it is no price or more than a thousandth of a tick off the grid."""
    cdef double exact = price * grid.scale if grid.scale != 0 else price / grid.tick_size
    if not (exact > -0.5 and exact < <double>(<int64_t>1 << TICK_BITS)):
        return False
    tick[0] = <int64_t>(exact + 0.5)
    return fabs(exact - <double>tick[0]) <= 1e-3
