"""Orders in their queues: the state of an order-level book, and the few moves everything else is made of.

Every order is a node of 32 bytes in one pool, linked to the orders before and after it in its level; levels are nodes
of a second pool, which a ladder a side names in order of price. `_queues_py.py` is the same in Python.

Costs: finding an order, and taking it out of the middle of its queue, does not depend on the size of the book. Finding
a level compares with the levels better than it, one by one for the first eight, by halving beyond. Opening or closing
a level moves the entries of the levels better than it, 12 bytes each: nothing at the touch, a third of a microsecond
where a thousand levels are better, one or two where ten thousand are.
"""

from libc.stdint cimport int8_t, int32_t, int64_t, uint64_t
from libc.stdlib cimport free

from orderbook_ext._ids cimport Ids, ids_clear, ids_put, ids_room, ids_take
from orderbook_ext._ladder cimport (
    Ladder, ladder_close, ladder_find, ladder_key, ladder_level, ladder_place, ladder_put, ladder_room, ladder_take,
)
from orderbook_ext._pool cimport Pool, pool_clear, pool_room
from orderbook_ext._touched cimport Touched, code_of, touched_add

cdef struct Order:
    uint64_t id
    int64_t quantity  # shown
    int32_t level
    int32_t before  # index of the order in front of it in its queue, -1 for the first
    int32_t after  # of the one behind it, -1 for the last; of a free node the next free one
    int32_t reserve  # of an iceberg, else -1

cdef struct Level:
    int64_t tick
    int64_t quantity  # shown, of all its orders
    int32_t first
    int32_t last
    int32_t count
    int8_t side
    int8_t touched  # already noted in `touched`

cdef struct Reserve:
    int64_t hidden
    int64_t shown  # at a time; of a free node the next free one

cdef struct Queues:
    Ids ids
    Order* orders
    Pool order_pool
    Level* levels
    Pool level_pool
    Reserve* reserves
    Pool reserve_pool
    Ladder sides[2]
    Touched touched
    bint failed  # out of memory: the book can no longer be trusted


cdef inline int32_t find_level(const Queues* q, int side, int64_t tick) noexcept nogil:
    """Index of the level at a tick, -1 when nothing rests there."""
    return ladder_find(&q.sides[side], ladder_key(side, tick))


cdef inline int32_t best_level(const Queues* q, int side) noexcept nogil:
    """Index of a side's best level, -1 when it is empty."""
    return ladder_level(&q.sides[side], 0) if q.sides[side].n else -1


cdef inline void touch(Queues* q, Level* level) noexcept nogil:
    """Note that a level changed."""
    if not level.touched:
        level.touched = True
        if not touched_add(&q.touched, code_of(level.side, level.tick)):
            q.failed = True


cdef inline bint make_room(Queues* q, int side) noexcept nogil:
    """Make sure that one more order, level and id fit; False without memory, the book is then as it was."""
    return (
        pool_room(&q.order_pool, <void**>&q.orders, sizeof(Order))
        and pool_room(&q.level_pool, <void**>&q.levels, sizeof(Level))
        and ladder_room(&q.sides[side])
        and ids_room(&q.ids)
    )


cdef inline int32_t open_level(Queues* q, int side, int64_t tick) noexcept nogil:
    """Index of the level at a tick, which is put in its place if there is none."""
    cdef Ladder* ladder = &q.sides[side]
    cdef int64_t key = ladder_key(side, tick)
    cdef Py_ssize_t at = ladder_place(ladder, key)
    cdef int32_t new
    cdef Level* level
    if at < ladder.n and ladder.keys[at] == key:
        return ladder.levels[at]
    new = q.level_pool.free
    if new >= 0:
        q.level_pool.free = q.levels[new].first
    else:
        new = q.level_pool.n
        q.level_pool.n += 1
    ladder_put(ladder, at, key, new)
    level = &q.levels[new]
    level.tick = tick
    level.side = side
    level.quantity = level.count = 0
    level.first = level.last = -1
    level.touched = False
    return new


cdef inline void close_level(Queues* q, int32_t index) noexcept nogil:
    """Take an empty level out."""
    cdef Level* level = &q.levels[index]
    ladder_take(&q.sides[level.side], ladder_key(level.side, level.tick))
    level.first = q.level_pool.free
    q.level_pool.free = index


cdef inline void link_last(Queues* q, int32_t index, int32_t at_level) noexcept nogil:
    """Put an order, whose quantity is set, at the end of a level's queue."""
    cdef Order* order = &q.orders[index]
    cdef Level* level = &q.levels[at_level]
    order.level = at_level
    order.before = level.last
    order.after = -1
    if level.last >= 0:
        q.orders[level.last].after = index
    else:
        level.first = index
    level.last = index
    level.count += 1
    level.quantity += order.quantity
    touch(q, level)


cdef inline void unlink(Queues* q, int32_t index) noexcept nogil:
    """Take an order out of its queue, and its level out of the book when it was the last one."""
    cdef Order* order = &q.orders[index]
    cdef Level* level = &q.levels[order.level]
    if order.before >= 0:
        q.orders[order.before].after = order.after
    else:
        level.first = order.after
    if order.after >= 0:
        q.orders[order.after].before = order.before
    else:
        level.last = order.before
    level.count -= 1
    level.quantity -= order.quantity
    touch(q, level)
    if level.count == 0:
        close_level(q, order.level)


cdef inline int32_t rest(Queues* q, uint64_t id, int side, int64_t tick, int64_t quantity) noexcept nogil:
    """Put a new order at the end of its level's queue; its index, -1 without memory."""
    cdef int32_t new
    if not make_room(q, side):
        q.failed = True
        return -1
    new = q.order_pool.free
    if new >= 0:
        q.order_pool.free = q.orders[new].after
    else:
        new = q.order_pool.n
        q.order_pool.n += 1
    q.orders[new].id = id
    q.orders[new].quantity = quantity
    q.orders[new].reserve = -1
    link_last(q, new, open_level(q, side, tick))
    ids_put(&q.ids, id, new)
    return new


cdef inline void move(Queues* q, int32_t index, int side, int64_t tick, int64_t quantity) noexcept nogil:
    """Put an order that rests at the end of a level's queue, with another quantity."""
    if not make_room(q, side):
        q.failed = True
        return
    unlink(q, index)
    q.orders[index].quantity = quantity
    link_last(q, index, open_level(q, side, tick))


cdef inline void resize(Queues* q, int32_t index, int64_t quantity) noexcept nogil:
    """Set the quantity shown of an order that keeps its place."""
    cdef Order* order = &q.orders[index]
    q.levels[order.level].quantity += quantity - order.quantity
    order.quantity = quantity
    touch(q, &q.levels[order.level])


cdef inline void drop_reserve(Queues* q, Order* order) noexcept nogil:
    """Make an ordinary order of an iceberg."""
    if order.reserve >= 0:
        q.reserves[order.reserve].shown = q.reserve_pool.free
        q.reserve_pool.free = order.reserve
        order.reserve = -1


cdef inline void give_reserve(Queues* q, int32_t index, int64_t hidden, int64_t shown) noexcept nogil:
    """Make an iceberg of an order."""
    cdef int32_t new = q.reserve_pool.free
    if not pool_room(&q.reserve_pool, <void**>&q.reserves, sizeof(Reserve)):
        q.failed = True
        return
    if new >= 0:
        q.reserve_pool.free = <int32_t>q.reserves[new].shown
    else:
        new = q.reserve_pool.n
        q.reserve_pool.n += 1
    q.reserves[new].hidden = hidden
    q.reserves[new].shown = shown
    q.orders[index].reserve = new


cdef inline void remove(Queues* q, int32_t index) noexcept nogil:
    """Take an order out of the book, its reserve too."""
    cdef Order* order = &q.orders[index]
    unlink(q, index)
    drop_reserve(q, order)
    ids_take(&q.ids, order.id)
    order.after = q.order_pool.free
    q.order_pool.free = index


cdef inline void clear(Queues* q) noexcept nogil:
    """Remove every order; what was held counts as touched, the memory stays."""
    cdef Py_ssize_t i
    cdef int side
    for side in range(2):
        for i in range(q.sides[side].n):
            touch(q, &q.levels[q.sides[side].levels[i]])
        q.sides[side].n = 0
    ids_clear(&q.ids)
    pool_clear(&q.order_pool)
    pool_clear(&q.level_pool)
    pool_clear(&q.reserve_pool)


cdef inline void close(Queues* q) noexcept nogil:
    """Give the memory back."""
    ladder_close(&q.sides[0])
    ladder_close(&q.sides[1])
    free(q.ids.slots)
    free(q.orders)
    free(q.levels)
    free(q.reserves)
    free(q.touched.codes)
