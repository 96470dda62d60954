# Kernels that learn from the rows so far: the first principal component, and the expected move of the mid.
# Twin: _learned_py.py.

from libc.math cimport NAN, fabs, rint

from orderbook_ext._windows cimport Window


cdef enum:
    LEANS = 11  # buckets of the best quantities' imbalance, the middle one even
    SPREADS = 3  # one tick, two, more
    STATES = LEANS * SPREADS
    MOVE_MEMORY = STATES * (STATES + 4)
    MOVE_PRIOR = 300  # rows without a move that every state is given: some ten moves at the pace of busy markets
    COMPONENT_WARMUP = 100


cdef inline Py_ssize_t component_memory(Py_ssize_t k) noexcept nogil:
    return k * (k + 4)


cdef inline double component_step(
    Py_ssize_t span, Py_ssize_t k, Window* w, double* memory, const double* x
) noexcept nogil:
    """Sum of weights x over sum of |weights|, with the weights of the rows before."""
    cdef double* weights = memory
    cdef double* mean = memory + k
    cdef double* delta = memory + 2 * k
    cdef double* image = memory + 3 * k
    cdef double* cov = memory + 4 * k
    cdef double alpha, value, total = 0.0, norm = 0.0, result = NAN
    cdef Py_ssize_t i, j
    if x[0] != x[0]:
        return NAN
    if w.count == 0:
        for i in range(k):
            weights[i] = 1.0 / k
    if w.count >= min(span, COMPONENT_WARMUP):
        for i in range(k):
            total += weights[i] * (0.0 if x[i] != x[i] else x[i])
            norm += fabs(weights[i])
        result = total / norm
    if w.count < span:
        w.count += 1
    alpha = max(2.0 / (span + 1.0), 1.0 / w.count)
    for i in range(k):
        delta[i] = (0.0 if x[i] != x[i] else x[i]) - mean[i]
        mean[i] += alpha * delta[i]
    total = norm = 0.0
    for i in range(k):
        value = 0.0
        for j in range(k):
            cov[i * k + j] = (1.0 - alpha) * (cov[i * k + j] + alpha * delta[i] * delta[j])
            value += cov[i * k + j] * weights[j]
        image[i] = value
        total += value
        norm += fabs(value)
    if norm > 0.0:
        if total < 0.0:
            norm = -norm
        for i in range(k):
            weights[i] = image[i] / norm
    return result


cdef inline double move_step(
    Py_ssize_t span, Window* w, double* memory, double lean, double spread, double mid
) noexcept nogil:
    """Stoikov's adjustment of the state the row is in, in units of `mid`; each row refreshes its own state."""
    cdef double* pending = memory  # rows in each state since the mid last moved
    cdef double* seen = memory + STATES  # rows that were followed by a move
    cdef double* moved = memory + 2 * STATES  # sum of those moves
    cdef double* adjust = memory + 3 * STATES
    cdef double* after = memory + 4 * STATES  # (state, state after the move)
    cdef Py_ssize_t s, bucket, wide, state, mirror, other
    cdef double change, value
    if lean != lean or spread != spread or mid != mid:
        return NAN
    # to the nearest: two leans that mirror each other never fall into buckets that do not
    bucket = <Py_ssize_t>(rint(max(-0.5, min(lean - 0.5, 0.5)) * (LEANS - 1))) + LEANS // 2
    wide = 0 if spread < 1.5 else (1 if spread < 2.5 else 2)
    state = bucket * SPREADS + wide
    mirror = (LEANS - 1 - bucket) * SPREADS + wide
    change = mid - w.front
    if w.count and change != 0.0:
        for s in range(STATES):
            if pending[s] > 0.0:
                # what happened on one side is as likely on the other
                other = (LEANS - 1 - s // SPREADS) * SPREADS + s % SPREADS
                seen[s] += pending[s]
                seen[other] += pending[s]
                moved[s] += pending[s] * change
                moved[other] -= pending[s] * change
                after[s * STATES + state] += pending[s]
                after[other * STATES + mirror] += pending[s]
                pending[s] = 0.0
    pending[state] += 1.0
    w.front = mid
    if w.count < span:
        w.count += 1
    value = moved[state]
    for s in range(STATES):
        value += after[state * STATES + s] * adjust[s]
    value = value / (seen[state] + MOVE_PRIOR)
    if state == mirror:
        value = 0.0
    adjust[state], adjust[mirror] = value, -value
    return value if w.count == span else NAN
