"""Orders in their queues: the state of an order-level book, and the few moves everything else is made of.

Every order is a node of 32 bytes in one pool, linked to the orders before and after it in its level. Levels are nodes
of a second pool; of each side one array names the levels in order of price, *best last*, so that what happens near the
touch moves few entries. Nodes that are given up are used again first. `_queues_py.py` is the same in Python.

Costs: finding an order, and taking it out of the middle of its queue, does not depend on the size of the book. Finding
a level compares with the levels better than it, one by one for the first eight, by halving beyond. Opening or closing
a level moves the entries of the levels better than it, 12 bytes each: nothing at the touch, some 0.1 us where a
thousand levels are better.
"""

from libc.stdint cimport INT32_MAX, int8_t, int32_t, int64_t, uint64_t
from libc.stdlib cimport free, qsort, realloc
from libc.string cimport memmove

from orderbook_ext._ids cimport Ids, ids_find, ids_put, ids_room, ids_take

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

cdef struct Ladder:
    int64_t* keys  # falling; the tick of an ask, the negated tick of a bid: the best level has the smallest key
    int32_t* levels
    Py_ssize_t n
    Py_ssize_t room

cdef struct Pool:
    int32_t n  # nodes ever used
    int32_t room
    int32_t free  # first of the nodes given up, -1 for none

cdef struct Queues:
    Ids ids
    Order* orders
    Pool order_pool
    Level* levels
    Pool level_pool
    Reserve* reserves
    Pool reserve_pool
    Ladder sides[2]
    int64_t* touched  # side << 51 | tick of the levels touched, in the order they were, some perhaps twice
    Py_ssize_t n_touched
    Py_ssize_t touched_room
    bint failed  # out of memory: the book can no longer be trusted

cdef struct Fill:
    uint64_t id
    int64_t tick
    int64_t quantity

cdef struct Fills:
    Fill* rows
    Py_ssize_t n
    Py_ssize_t room

cdef enum:
    TICK_BITS = 51  # one more than a tick has


cdef inline int64_t ladder_key(int side, int64_t tick) noexcept nogil:
    return tick if side else -tick


cdef inline Py_ssize_t ladder_place(const Ladder* ladder, int64_t key) noexcept nogil:
    """Number of levels worse than `key`: where it stands, or would."""
    cdef Py_ssize_t at = ladder.n, low = 0, near = ladder.n - 8, middle
    while at > 0 and at > near and ladder.keys[at - 1] <= key:
        at -= 1
    if at > near or at == 0 or ladder.keys[at - 1] > key:
        return at
    while low < at:
        middle = (low + at) >> 1
        if ladder.keys[middle] > key:
            low = middle + 1
        else:
            at = middle
    return low


cdef inline int32_t find_level(const Queues* q, int side, int64_t tick) noexcept nogil:
    """Index of the level at a tick, -1 when nothing rests there."""
    cdef const Ladder* ladder = &q.sides[side]
    cdef int64_t key = ladder_key(side, tick)
    cdef Py_ssize_t at = ladder_place(ladder, key)
    return ladder.levels[at] if at < ladder.n and ladder.keys[at] == key else -1


cdef inline int32_t best_level(const Queues* q, int side) noexcept nogil:
    """Index of a side's best level, -1 when it is empty."""
    return q.sides[side].levels[q.sides[side].n - 1] if q.sides[side].n else -1


cdef inline int rising(const void* one, const void* other) noexcept nogil:
    cdef int64_t a = (<const int64_t*>one)[0], b = (<const int64_t*>other)[0]
    return (a > b) - (a < b)


cdef inline void settle_touched(Queues* q) noexcept nogil:
    """Bring what was touched in order, each level once."""
    cdef Py_ssize_t i, j, n = 0
    cdef int64_t code
    if q.n_touched > 24:
        qsort(q.touched, q.n_touched, sizeof(int64_t), rising)
    else:
        for i in range(1, q.n_touched):
            code, j = q.touched[i], i
            while j > 0 and q.touched[j - 1] > code:
                q.touched[j] = q.touched[j - 1]
                j -= 1
            q.touched[j] = code
    for i in range(q.n_touched):
        if i == 0 or q.touched[i] != q.touched[i - 1]:
            q.touched[n] = q.touched[i]
            n += 1
    q.n_touched = n


cdef inline void touch(Queues* q, Level* level) noexcept nogil:
    """Note that a level changed. Who never asks for the changes pays with memory for each tick once, not each time."""
    cdef int64_t* larger
    if level.touched:
        return
    if q.n_touched == q.touched_room:
        settle_touched(q)
        if 2 * q.n_touched >= q.touched_room:
            larger = <int64_t*>realloc(q.touched, (2 * q.touched_room + 256) * sizeof(int64_t))
            if larger == NULL:
                q.failed = True
                return
            q.touched = larger
            q.touched_room = 2 * q.touched_room + 256
    q.touched[q.n_touched] = (<int64_t>level.side << TICK_BITS) | level.tick
    q.n_touched += 1
    level.touched = True


cdef inline bint pool_full(const Pool* pool) noexcept nogil:
    return pool.free < 0 and pool.n == pool.room


cdef inline void* pool_grow(Pool* pool, void* nodes, size_t size) noexcept nogil:
    """Larger memory for the nodes, NULL when there is none."""
    cdef int64_t room = 2 * <int64_t>pool.room + 64
    if room > INT32_MAX:
        return NULL
    nodes = realloc(nodes, room * size)
    if nodes != NULL:
        pool.room = <int32_t>room
    return nodes


cdef inline bint make_room(Queues* q, int side) noexcept nogil:
    """Make sure that one more order, level and id fit; False without memory, the book is then as it was."""
    cdef void* larger
    cdef Ladder* ladder = &q.sides[side]
    if pool_full(&q.order_pool):
        larger = pool_grow(&q.order_pool, q.orders, sizeof(Order))
        if larger == NULL:
            return False
        q.orders = <Order*>larger
    if pool_full(&q.level_pool):
        larger = pool_grow(&q.level_pool, q.levels, sizeof(Level))
        if larger == NULL:
            return False
        q.levels = <Level*>larger
    if ladder.n == ladder.room:
        larger = realloc(ladder.keys, (2 * ladder.room + 64) * sizeof(int64_t))
        if larger == NULL:
            return False
        ladder.keys = <int64_t*>larger
        larger = realloc(ladder.levels, (2 * ladder.room + 64) * sizeof(int32_t))
        if larger == NULL:
            return False
        ladder.levels = <int32_t*>larger
        ladder.room = 2 * ladder.room + 64
    return ids_room(&q.ids)


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
    memmove(ladder.keys + at + 1, ladder.keys + at, (ladder.n - at) * sizeof(int64_t))
    memmove(ladder.levels + at + 1, ladder.levels + at, (ladder.n - at) * sizeof(int32_t))
    ladder.keys[at] = key
    ladder.levels[at] = new
    ladder.n += 1
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
    cdef Ladder* ladder = &q.sides[level.side]
    cdef Py_ssize_t at = ladder_place(ladder, ladder_key(level.side, level.tick))
    ladder.n -= 1
    memmove(ladder.keys + at, ladder.keys + at + 1, (ladder.n - at) * sizeof(int64_t))
    memmove(ladder.levels + at, ladder.levels + at + 1, (ladder.n - at) * sizeof(int32_t))
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
    cdef void* larger
    cdef int32_t new = q.reserve_pool.free
    if pool_full(&q.reserve_pool):
        larger = pool_grow(&q.reserve_pool, q.reserves, sizeof(Reserve))
        if larger == NULL:
            q.failed = True
            return
        q.reserves = <Reserve*>larger
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
    """Trade the oldest orders of a level one after another, up to `quantity`; what is left of that. `fills` may be NULL."""
    cdef int side = q.levels[at_level].side
    cdef int64_t tick = q.levels[at_level].tick, done
    cdef int32_t index
    while quantity and at_level >= 0 and not q.failed:
        index = q.levels[at_level].first
        done = q.orders[index].quantity
        if done > quantity:
            done = quantity
        quantity -= done
        if fills != NULL:
            note_fill(q, fills, q.orders[index].id, tick, done)
        if q.levels[at_level].count > 1 or done < q.orders[index].quantity:
            fill(q, index, done)
        else:
            fill(q, index, done)
            at_level = find_level(q, side, tick)  # it is gone, unless an iceberg opened it anew
    return quantity


cdef inline void clear(Queues* q) noexcept nogil:
    """Remove every order; what was held counts as touched, the memory stays."""
    cdef Py_ssize_t i
    cdef uint64_t at
    cdef int side
    for side in range(2):
        for i in range(q.sides[side].n):
            touch(q, &q.levels[q.sides[side].levels[i]])
        q.sides[side].n = 0
    for at in range(q.ids.mask + 1):
        q.ids.slots[at].place = 0
    q.ids.count = 0
    q.order_pool.n = q.level_pool.n = q.reserve_pool.n = 0
    q.order_pool.free = q.level_pool.free = q.reserve_pool.free = -1


cdef inline void close(Queues* q) noexcept nogil:
    """Give the memory back."""
    cdef int side
    for side in range(2):
        free(q.sides[side].keys)
        free(q.sides[side].levels)
    free(q.ids.slots)
    free(q.orders)
    free(q.levels)
    free(q.reserves)
    free(q.touched)
