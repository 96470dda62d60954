# Kernels with a memory of another kind than a window of rows: of event time, of volume, of the last known value.
# Twin: _kernels_py.py. `dt` is the seconds (or rows) since the previous value, NaN for the first.

from libc.math cimport NAN, exp2, fabs

from orderbook_ext._windows cimport Window


cdef enum:
    VPIN_HEAD = 6  # size, filled, signed, total, rows, value: in front of the ring
    VPIN_ROWS = 50  # rows with trades before the first bucket opens
    VPIN_SCALE = 10  # a bucket holds this many times the mean volume of a row with trades
    BUCKETS = 32  # parts of a window of seconds


cdef inline double vpin_step(Py_ssize_t span, Window* w, double* head, double buy, double sell) noexcept nogil:
    cdef double* ring = head + VPIN_HEAD
    cdef double left = buy + sell, share, room, total
    cdef Py_ssize_t i, k
    if left > 0:
        share = (buy - sell) / left
        head[3] += left
        head[4] += 1.0
        if head[0] == 0.0 and head[4] >= VPIN_ROWS:
            head[0] = VPIN_SCALE * head[3] / head[4]
        if head[0] > 0:
            for k in range(2 * span):
                room = head[0] - head[1]
                if left < room:
                    head[1] += left
                    head[2] += share * left
                    break
                head[2] += share * room
                left -= room
                ring[w.pos] = fabs(head[2]) / head[0]
                w.pos = w.pos + 1 if w.pos + 1 < span else 0
                if w.count < span:
                    w.count += 1
                head[0] = VPIN_SCALE * head[3] / head[4]
                head[1] = head[2] = 0.0
            total = 0.0
            for i in range(span):
                total += ring[i]
            head[5] = total / span
    return head[5] if w.count == span else NAN


cdef inline double ema_step(Py_ssize_t span, Window* w, double x) noexcept nogil:
    if x != x:
        return NAN
    if w.count == 0:
        w.front = x
    else:
        w.front += 2.0 / (span + 1.0) * (x - w.front)
    if w.count < span:
        w.count += 1
    return w.front if w.count == span else NAN


cdef inline double decay_step(double half, Window* w, double x, double dt) noexcept nogil:
    if dt == dt:
        w.front *= exp2(-dt / half)
        w.front2 += dt
    if x != x:
        return NAN
    w.front += x
    return w.front if w.front2 >= half else NAN


cdef inline double seconds_step(double seconds, Window* w, double* ring, double x, double dt) noexcept nogil:
    # count is the number of the present bucket since the reset, front the sum of the others, front2 the clock
    cdef Py_ssize_t i, bucket
    if dt == dt:
        w.front2 += dt
    bucket = <Py_ssize_t>(w.front2 / (seconds / BUCKETS))
    if bucket > w.count:
        for i in range(min(bucket - w.count, BUCKETS)):
            w.pos = w.pos + 1 if w.pos + 1 < BUCKETS else 0
            ring[w.pos] = 0.0
        w.count = bucket
        w.front = 0.0
        for i in range(1, BUCKETS):
            w.front += ring[(w.pos + i) % BUCKETS]
    ring[w.pos] += x
    return w.front + ring[w.pos] if w.count >= BUCKETS else NAN


cdef inline double hold_step(Window* w, double x) noexcept nogil:
    if x == x:
        w.front, w.count = x, 1
    return w.front if w.count else NAN


cdef inline double since_step(Window* w, double x, double dt) noexcept nogil:
    if dt == dt:
        w.front += dt
    if x == x and x != 0.0:
        w.front, w.count = 0.0, 1
    return w.front if w.count else NAN
