# Windows over rows: a lag, sums and extremes, a variance. Twin: _rolling_py.py.
#
# A window is kept as two parts: a running aggregate of the newest values and, over the older ones, aggregates that were
# made backwards once a round. Nothing is ever subtracted: no drift, and a NaN leaves with its row. Each kernel takes n
# values at once; a single one is n = 1, so that push and run cannot differ.

from libc.math cimport NAN
from libc.string cimport memcpy


cdef struct Window:
    Py_ssize_t pos  # next slot of the ring
    Py_ssize_t count  # values seen since the last reset, no further than span
    double front, front2  # aggregate of the slots 0..pos-1 of the ring's present round


cdef enum Fold:
    FOLD_SUM, FOLD_MIN, FOLD_MAX


cdef inline double lesser(double x, double y) noexcept nogil:
    # NaN where either is
    return x if x < y or x != x else y


cdef inline double greater(double x, double y) noexcept nogil:
    return x if x > y or x != x else y


cdef inline double fold(Fold kind, double x, double y) noexcept nogil:
    if kind == FOLD_SUM:
        return x + y
    return lesser(x, y) if kind == FOLD_MIN else greater(x, y)


cdef inline void fold_run(
    Fold kind, Py_ssize_t span, Window* w, double* ring, const double* x, double* out, Py_ssize_t n
) noexcept nogil:
    cdef Py_ssize_t i = 0, j, stop, pos
    cdef double front, value
    while i < n:
        pos, front = w.pos, w.front
        stop = min(i + span - 1 - pos, n)  # the row before the one that ends the round, or the last
        if pos == 0 and i < stop:
            front = x[i]
            ring[0] = front
            out[i] = fold(kind, ring[1], front) if w.count == span else NAN
            i, pos = i + 1, 1
        if w.count == span:
            for j in range(stop - i):
                value = x[i + j]
                front = fold(kind, front, value)
                out[i + j] = fold(kind, ring[pos + j + 1], front)
                ring[pos + j] = value
        else:
            for j in range(stop - i):
                front = fold(kind, front, x[i + j])
                out[i + j] = NAN
                ring[pos + j] = x[i + j]
        pos += stop - i
        i = stop
        w.pos, w.front = pos, front
        if i == n:
            return
        value = x[i]
        out[i] = value if pos == 0 else fold(kind, front, value)
        ring[pos] = value
        for j in range(span - 2, -1, -1):
            value = fold(kind, ring[j], value)
            ring[j] = value
        w.pos, w.count = 0, span
        i += 1


cdef inline void lag_run(
    Py_ssize_t span, Window* w, double* ring, const double* x, double* out, Py_ssize_t n
) noexcept nogil:
    cdef Py_ssize_t i, pos = w.pos, unknown = min(span - w.count, n)
    w.count = min(w.count + n, span)
    if n >= span:
        memcpy(out, ring + pos, (span - pos) * sizeof(double))
        memcpy(out + span - pos, ring, pos * sizeof(double))
        memcpy(out + span, x, (n - span) * sizeof(double))
        memcpy(ring, x + n - span, span * sizeof(double))
        w.pos = 0
    else:
        for i in range(n):
            out[i] = ring[pos]
            ring[pos] = x[i]
            pos = pos + 1 if pos + 1 < span else 0
        w.pos = pos
    for i in range(unknown):
        out[i] = NAN


cdef inline void welford(double* mean, double* m2, double n, double x) noexcept nogil:
    # n counts x too; what is divided does not wait for the mean
    cdef double delta = x - mean[0]
    mean[0] += delta * (1.0 / n)
    m2[0] += delta * (x - mean[0])


cdef inline double var_step(Py_ssize_t span, Window* w, double* ring, double x) noexcept nogil:
    cdef Py_ssize_t i, pos = w.pos
    cdef double* m2 = ring + span
    cdef double delta, mean, spread, old, new
    ring[pos] = x
    if pos == 0:
        w.front = x
        # x - x is 0, or NaN for what is not finite
        w.front2 = x - x
    else:
        welford(&w.front, &w.front2, pos + 1.0, x)
    if pos == span - 1:
        m2[pos] = x - x
        for i in range(span - 2, -1, -1):
            mean, spread = ring[i + 1], m2[i + 1]
            welford(&mean, &spread, span - i, ring[i])
            ring[i], m2[i] = mean, spread
        w.pos, w.count = 0, span
        return w.front2 / span
    w.pos = pos + 1
    if w.count < span:
        return NAN
    old, new = span - 1 - pos, pos + 1
    delta = w.front - ring[pos + 1]
    return (m2[pos + 1] + w.front2 + delta * delta * (old * new / span)) / span


cdef inline void var_run(
    Py_ssize_t span, Window* w, double* ring, const double* x, double* out, Py_ssize_t n
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = var_step(span, w, ring, x[i])
