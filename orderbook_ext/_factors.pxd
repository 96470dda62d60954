"""What moves simulated prices: random numbers, and the hidden factors; `_factors_py.py` is the same in Python.

Every draw has a line of its own: C may evaluate the operands of one expression in any order.
"""

from libc.math cimport exp, log
from libc.stdint cimport int64_t, uint64_t

cdef enum:
    MOODS = 3

cdef struct Stream:
    uint64_t state

cdef struct Climate:  # the constants of `_factors_py`
    double pulls[MOODS]
    double shakes[MOODS]
    double spread
    double jumps  # a cell
    double jump
    double diffusion

cdef struct Factor:
    Stream random
    int64_t cells
    double value
    double activity
    double mood
    double moods[MOODS]


cdef inline double draw(Stream* stream) noexcept nogil:
    """The next number from 0 to 1."""
    cdef uint64_t z
    stream.state += <uint64_t>0x9E3779B97F4A7C15
    z = stream.state
    z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
    z ^= z >> 31
    return <double>(z >> 11) * (1.0 / 9007199254740992.0)


cdef inline double bell(Stream* stream) noexcept nogil:
    """The sum of three draws, less its mean."""
    cdef double first = draw(stream), second = draw(stream), third = draw(stream)
    return first + second + third - 1.5


cdef inline double waiting(Stream* stream) noexcept nogil:
    """Logarithm of 1 less a draw: an exponential, negative."""
    return log(1.0 - draw(stream))


cdef inline void factor_advance(Factor* factor, const Climate* climate, int64_t cells) noexcept nogil:
    """Move on to a cell of the grid, counted from the start."""
    cdef double spread = factor.mood * factor.mood * climate.spread
    cdef double shake, gauss, pace, size
    cdef int i
    while factor.cells < cells:
        factor.cells += 1
        for i in range(MOODS):
            shake = (draw(&factor.random) - 0.5) * climate.shakes[i]
            factor.moods[i] += -factor.moods[i] * climate.pulls[i] + shake
        factor.activity = factor.mood * (factor.moods[0] + factor.moods[1] + factor.moods[2])
        gauss = bell(&factor.random) * 2.0
        pace = exp(factor.activity - spread)
        factor.value += gauss * pace * climate.diffusion
        if draw(&factor.random) < climate.jumps * exp(factor.activity - 0.5 * spread):
            size = -waiting(&factor.random) * climate.jump
            factor.value += size if draw(&factor.random) < 0.5 else -size
