"""How resting orders trade: one order, or a level's oldest one after another, icebergs showing more as they go."""

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport realloc

from orderbook_ext._queues cimport Level, Order, Queues, Reserve, drop_reserve, find_level, move, remove, resize

cdef struct Fill:
    uint64_t id
    int64_t tick
    int64_t quantity

cdef struct Fills:
    Fill* rows
    Py_ssize_t n
    Py_ssize_t room


cdef inline void fill(Queues* q, int32_t index, int64_t quantity) noexcept nogil:
    """Trade up to what an order shows; an iceberg shows more of its reserve at the end of the queue."""
    cdef Order* order = &q.orders[index]
    cdef Reserve* reserve
    cdef int64_t more
    cdef Level level
    if quantity < order.quantity:
        resize(q, index, order.quantity - quantity)
    elif order.reserve < 0:
        remove(q, index)
    else:
        reserve = &q.reserves[order.reserve]
        more = reserve.shown if reserve.shown < reserve.hidden else reserve.hidden
        reserve.hidden -= more
        if reserve.hidden == 0:
            drop_reserve(q, order)
        level = q.levels[order.level]
        move(q, index, level.side, level.tick, more)


cdef inline int64_t available(const Queues* q, int32_t at_level) noexcept nogil:
    """Quantity shown at a level and what its icebergs keep back."""
    cdef int64_t total = q.levels[at_level].quantity
    cdef int32_t index = q.levels[at_level].first
    while index >= 0 and q.reserve_pool.n:
        if q.orders[index].reserve >= 0:
            total += q.reserves[q.orders[index].reserve].hidden
        index = q.orders[index].after
    return total


cdef inline void note_fill(Queues* q, Fills* fills, uint64_t id, int64_t tick, int64_t quantity) noexcept nogil:
    cdef Fill* larger
    if fills.n == fills.room:
        larger = <Fill*>realloc(fills.rows, (2 * fills.room + 32) * sizeof(Fill))
        if larger == NULL:
            q.failed = True
            return
        fills.rows = larger
        fills.room = 2 * fills.room + 32
    fills.rows[fills.n].id = id
    fills.rows[fills.n].tick = tick
    fills.rows[fills.n].quantity = quantity
    fills.n += 1


cdef inline int64_t fill_level(Queues* q, int32_t at_level, int64_t quantity, Fills* fills) noexcept nogil:
    """Trade the oldest orders of a level one after another, up to `quantity`; what is left of that.

    `fills` may be NULL.
    """
    cdef int side = q.levels[at_level].side
    cdef int64_t tick = q.levels[at_level].tick, done
    cdef int32_t index
    cdef bint alone
    while quantity and at_level >= 0 and not q.failed:
        index = q.levels[at_level].first
        done = q.orders[index].quantity
        if done > quantity:
            done = quantity
        quantity -= done
        if fills != NULL:
            note_fill(q, fills, q.orders[index].id, tick, done)
        alone = q.levels[at_level].count == 1 and done == q.orders[index].quantity
        fill(q, index, done)
        if alone:
            at_level = find_level(q, side, tick)  # it is gone, unless an iceberg opened it anew
    return quantity
