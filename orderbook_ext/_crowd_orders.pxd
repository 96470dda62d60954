"""What the crowd of a simulated market does to the book, and how it is told; `_crowd_orders_py.py` is the same."""

from libc.math cimport fabs
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport realloc

from orderbook_ext._factors cimport Climate, Factor, Stream, draw, waiting
from orderbook_ext._fills cimport Fills
from orderbook_ext._order_messages cimport Orders, orders_add, orders_cancel, orders_take
from orderbook_ext._queues cimport Level, best_level, find_level

cdef enum:
    BID
    ASK
    KINDS = 6
    TABLE = 4096
    MINUTES = 1441
    NONE = -1  # in place of a tick
    TRADE = 2
    TICKER = 3
    OWN_BITS = 48

cdef struct Row:  # kind, ms, time of receipt, id, and four more, as in the twin's tuples
    int64_t cells[8]

cdef struct Rows:
    Row* rows
    Py_ssize_t n
    Py_ssize_t room

cdef struct Numbers:  # all of them double, in the order of `NUMBERS`
    double interval_ms, hurry, volatility, shared, particular, doubt, drive, permanent, impact, forget
    double takers, pick_off, reach, split, tail, lean_takers, lean_imbalance
    double makers, patience, lean_makers, fear, calm, late, quick, slowness, noise
    double near_rate, near_span, far_rate, calming, unrest, fast_decay, slow_decay

cdef struct Meta:
    int64_t side
    int64_t left

cdef struct Slots:
    uint64_t* orders
    Py_ssize_t n

cdef struct State:
    Orders* book
    Numbers p
    Stream random
    Stream latency
    Climate climate
    Factor own
    Factor common
    int64_t* trade_size
    int64_t* touch_size
    int64_t* near_size
    int64_t* far_size
    int64_t* far_distance
    double* day
    Slots near
    Slots far
    Meta* metas
    Py_ssize_t n_metas
    int64_t row, now, start, elapsed
    int64_t update_id, depth_id, trade_id, last_receive
    uint64_t last_order
    double informed, activity, fair, value, mid, burst, busy, push, target
    double fast[KINDS]
    double slow[2]
    double excite[KINDS][KINDS]
    double excite_slow
    int64_t last_touch[4]
    int64_t bid, bids, ask, asks
    int64_t nearest[2]
    int64_t farthest[2]
    Rows told
    Fills fills
    uint64_t* queue
    Py_ssize_t queue_room
    bint failed  # no memory for what is told


cdef inline bint mine(uint64_t order) noexcept nogil:
    return order > <uint64_t>1 << OWN_BITS


cdef inline int64_t pick(const int64_t* table, Stream* stream) noexcept nogil:
    return table[<int>(draw(stream) * TABLE)]


cdef inline void cancel(State* s, uint64_t order) noexcept nogil:
    cdef int64_t left
    orders_cancel(s.book, order, &left)


cdef inline void tell(
    State* s, int64_t kind, int64_t ms, int64_t received, int64_t number, int64_t a, int64_t b, int64_t c, int64_t d
) noexcept nogil:
    cdef Row* larger
    cdef int64_t* cells
    if s.told.n == s.told.room:
        larger = <Row*>realloc(s.told.rows, (2 * s.told.room + 64) * sizeof(Row))
        if larger == NULL:
            s.failed = True
            return
        s.told.rows = larger
        s.told.room = 2 * s.told.room + 64
    cells = s.told.rows[s.told.n].cells
    cells[0], cells[1], cells[2], cells[3], cells[4], cells[5], cells[6], cells[7] = kind, ms, received, number, a, b, c, d
    s.told.n += 1


cdef inline int64_t receive(State* s, int64_t ts) noexcept nogil:
    """Receive time (ns) of a message sent now: some 2 ms later, never before the previous one."""
    cdef int64_t received = ts + 1_500_000 + <int64_t>(-600_000.0 * waiting(&s.latency))
    if received <= s.last_receive:
        received = s.last_receive + 1
    s.last_receive = received
    return received


cdef inline bint read_touch(State* s) noexcept nogil:
    cdef int32_t bid = best_level(&s.book.held, BID), ask = best_level(&s.book.held, ASK)
    s.bid = s.ask = NONE
    s.bids = s.asks = 0
    if bid >= 0:
        s.bid, s.bids = s.book.held.levels[bid].tick, s.book.held.levels[bid].quantity
    if ask >= 0:
        s.ask, s.asks = s.book.held.levels[ask].tick, s.book.held.levels[ask].quantity
    return bid >= 0 and ask >= 0


cdef inline bint tell_touch(State* s, int64_t ms) noexcept nogil:
    """Add a row for best prices and what rests there, if that changed since it was told."""
    cdef int32_t bid = best_level(&s.book.held, BID), ask = best_level(&s.book.held, ASK)
    cdef const Level* b
    cdef const Level* a
    if bid < 0 or ask < 0:
        return False
    b, a = &s.book.held.levels[bid], &s.book.held.levels[ask]
    if (
        b.tick == s.last_touch[0] and b.quantity == s.last_touch[1]
        and a.tick == s.last_touch[2] and a.quantity == s.last_touch[3]
    ):
        return False
    s.last_touch[0], s.last_touch[1], s.last_touch[2], s.last_touch[3] = b.tick, b.quantity, a.tick, a.quantity
    s.update_id += 1
    tell(s, TICKER, ms, receive(s, ms * 1_000_000), s.update_id, b.tick, b.quantity, a.tick, a.quantity)
    return True


cdef inline uint64_t rest_order(State* s, int side, int64_t tick, int64_t lots) noexcept nogil:
    s.last_order += 1
    orders_add(s.book, s.last_order, side, tick, lots)
    return s.last_order


cdef inline bint allowed(const State* s, int side, int64_t tick) noexcept nogil:
    cdef int64_t opposite = s.bid if side else s.ask, distance
    if s.farthest[side] < s.nearest[side] or opposite == NONE:
        return True
    distance = tick - opposite if tick > opposite else opposite - tick
    return not s.nearest[side] <= distance <= s.farthest[side]


cdef inline double off(const State* s) noexcept nogil:
    """How far the price is from what the value is thought to be; squared, as nobody can tell a tick or two."""
    cdef double x = (s.fair - 0.5 * <double>(s.bid + s.ask)) / s.p.doubt
    return x * fabs(x)


cdef inline double lean_of(State* s) noexcept nogil:
    """Where informed flow points: how far the price is from what they think, and what pushes them."""
    cdef double x = off(s)
    s.informed = 3.0 if x > 3.0 else -3.0 if x < -3.0 else x
    return s.informed + s.push


cdef inline void excite(State* s, int kind) noexcept nogil:
    cdef int other
    for other in range(KINDS):
        s.fast[other] += s.excite[kind][other]
    if kind < 2:
        s.slow[kind] += s.excite_slow


cdef inline void market(State* s, int side, int64_t lots, int64_t worst, int64_t ms) noexcept nogil:
    """A market order, no further than a tick, and its trades."""
    cdef Py_ssize_t i
    cdef int64_t received
    s.fills.n = 0
    orders_take(s.book, 1 - side, lots, worst if 1 - side else -worst, &s.fills)
    for i in range(s.fills.n):
        s.trade_id += 1
        received = receive(s, ms * 1_000_000)
        tell(
            s, TRADE, ms, received, s.trade_id, s.fills.rows[i].tick, s.fills.rows[i].quantity,
            1 if side == BID else -1, <int64_t>s.fills.rows[i].id,
        )


cdef inline Py_ssize_t queue_of(State* s, int side, int64_t tick) noexcept nogil:
    """Copy the ids of a level's orders, oldest first; gives how many."""
    cdef int32_t at = find_level(&s.book.held, side, tick)
    cdef Py_ssize_t n = 0
    cdef uint64_t* larger
    if at < 0:
        return 0
    if s.book.held.levels[at].count > s.queue_room:
        larger = <uint64_t*>realloc(s.queue, 2 * s.book.held.levels[at].count * sizeof(uint64_t))
        if larger == NULL:
            s.failed = True
            return 0
        s.queue = larger
        s.queue_room = 2 * s.book.held.levels[at].count
    at = s.book.held.levels[at].first
    while at >= 0:
        s.queue[n] = s.book.held.orders[at].id
        at = s.book.held.orders[at].after
        n += 1
    return n


cdef inline void clear_level(State* s, int side, int64_t tick, Py_ssize_t first) noexcept nogil:
    """Cancel all that the crowd has at a level, from one of its orders on."""
    cdef Py_ssize_t i, n = queue_of(s, side, tick)
    for i in range(first, n):
        if mine(s.queue[i]):
            cancel(s, s.queue[i])


cdef inline void step_in(State* s, int side, int64_t tick, int64_t left) noexcept nogil:
    """Makers form a better level, and leave the one that was the best."""
    cdef Py_ssize_t i, n, slot
    cdef int many
    if not allowed(s, side, tick):
        return
    n = queue_of(s, side, left)
    for i in range(n):
        if mine(s.queue[i]):
            if draw(&s.random) < 0.9:
                cancel(s, s.queue[i])
            else:
                slot = <Py_ssize_t>(draw(&s.random) * <double>s.far.n)
                cancel(s, s.far.orders[slot])
                s.far.orders[slot] = s.queue[i]
    many = 8 + <int>(draw(&s.random) * 40)
    for i in range(many):
        rest_order(s, side, tick, pick(s.touch_size, &s.random))
    read_touch(s)


cdef inline void close_spread(State* s) noexcept nogil:
    """Makers fill a spread wider than a tick, up to where they think the price is."""
    cdef int64_t bid, ask, middle
    cdef double fair
    if not read_touch(s) or s.ask - s.bid == 1:
        return
    bid, ask = s.bid, s.ask
    fair = s.fair + s.p.doubt * s.push + (draw(&s.random) - 0.5) * s.p.noise
    middle = bid if fair < bid else ask - 1 if fair >= ask else <int64_t>fair
    if middle > bid:
        step_in(s, BID, middle, bid)
    if middle + 1 < ask:
        step_in(s, ASK, middle + 1, ask)


cdef inline void refresh(State* s, Slots* slots, Py_ssize_t slot, int64_t distance, int64_t lots) noexcept nogil:
    """Cancel the order of a slot and send another one at a distance from the touch; even slots bid."""
    cdef int side = slot & 1
    cdef int64_t best, tick
    if slots.orders[slot]:
        cancel(s, slots.orders[slot])
        read_touch(s)
    best = s.ask if side else s.bid
    if best == NONE:
        if side:
            best = (0 if s.bid == NONE else s.bid) + 1
        else:
            best = (2 if s.ask == NONE else s.ask) - 1
    tick = best + distance if side else best - distance
    if distance > 60 and draw(&s.random) < 0.7:
        tick -= tick % 10
    if tick > 0 and allowed(s, side, tick):
        slots.orders[slot] = rest_order(s, side, tick, lots)
    else:
        slots.orders[slot] = 0


cdef inline void refresh_near(State* s, Py_ssize_t slot) noexcept nogil:
    cdef int64_t distance = 1 + <int64_t>(-s.p.near_span * waiting(&s.random))
    refresh(s, &s.near, slot, distance, pick(s.near_size, &s.random))


cdef inline void refresh_far(State* s, Py_ssize_t slot) noexcept nogil:
    cdef int64_t distance = pick(s.far_distance, &s.random)
    refresh(s, &s.far, slot, distance, pick(s.far_size, &s.random))
