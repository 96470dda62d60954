"""Which levels changed since somebody asked, each told once and in order."""

from libc.stdint cimport int64_t
from libc.stdlib cimport qsort, realloc

cdef struct Touched:
    int64_t* codes  # in the order they came, some perhaps twice
    Py_ssize_t n
    Py_ssize_t room

cdef enum:
    CODE_BITS = 51  # one more than a tick has
    FEW = 24  # sorted by insertion


cdef inline int64_t code_of(int side, int64_t tick) noexcept nogil:
    """A level as one number, in whose order bids come before asks and ticks rise."""
    return (<int64_t>side << CODE_BITS) | tick


cdef inline int code_side(int64_t code) noexcept nogil:
    return <int>(code >> CODE_BITS)


cdef inline int64_t code_tick(int64_t code) noexcept nogil:
    return code & ((<int64_t>1 << CODE_BITS) - 1)


cdef inline int rising(const void* one, const void* other) noexcept nogil:
    cdef int64_t a = (<const int64_t*>one)[0], b = (<const int64_t*>other)[0]
    return (a > b) - (a < b)


cdef inline void touched_settle(Touched* touched) noexcept nogil:
    """Bring the levels in order, each once."""
    cdef Py_ssize_t i, j, n = 0
    cdef int64_t code
    if touched.n > FEW:
        qsort(touched.codes, touched.n, sizeof(int64_t), rising)
    else:
        for i in range(1, touched.n):
            code, j = touched.codes[i], i
            while j > 0 and touched.codes[j - 1] > code:
                touched.codes[j] = touched.codes[j - 1]
                j -= 1
            touched.codes[j] = code
    for i in range(touched.n):
        if i == 0 or touched.codes[i] != touched.codes[i - 1]:
            touched.codes[n] = touched.codes[i]
            n += 1
    touched.n = n


cdef inline bint touched_add(Touched* touched, int64_t code) noexcept nogil:
    """Note a level; False without memory.

    Who never asks for the changes pays with memory for each price once, not for each time it was touched.
    """
    cdef int64_t* larger
    if touched.n == touched.room:
        touched_settle(touched)
        if 2 * touched.n >= touched.room:
            larger = <int64_t*>realloc(touched.codes, (2 * touched.room + 256) * sizeof(int64_t))
            if larger == NULL:
                return False
            touched.codes = larger
            touched.room = 2 * touched.room + 256
    touched.codes[touched.n] = code
    touched.n += 1
    return True
