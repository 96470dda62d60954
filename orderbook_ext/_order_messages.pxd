"""What each message does to an order-level book, what is refused, and what can be read: all without the interpreter.

`_order_checks.OrderAction` names the actions in the same order and words the refusals.
"""

from libc.math cimport NAN
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport realloc

from orderbook_ext._fills cimport Fills, available, fill, fill_level
from orderbook_ext._grid cimport Grid, grid_price
from orderbook_ext._ids cimport ids_find
from orderbook_ext._ladder cimport Ladder, ladder_key, ladder_level
from orderbook_ext._queues cimport (
    Level, Order, Queues, Reserve, best_level, clear, drop_reserve, find_level, move, remove, resize, rest,
)
from orderbook_ext._touched cimport code_side, code_tick, touched_settle

cdef enum:
    ADD
    MODIFY
    MODIFY_KEEP
    REDUCE
    CANCEL
    EXECUTE
    EXECUTE_AT
    EXECUTE_HIDDEN
    CLEAR

cdef enum Status:
    FOLLOWED
    INVALID  # a value that no book can hold
    UNKNOWN  # no such order
    DUPLICATE  # the id is taken
    EXCESS  # more than the order has open
    SHORT  # more than rests at the price
    TOTAL  # the level would hold more than a sum can tell

cdef enum:
    LIMIT_BITS = 50  # of a tick and of one order's quantity
    LEVEL_BITS = 62  # of all quantities of a level

cdef struct Orders:
    Queues held
    Grid prices
    Grid amounts
    int depth
    bint strict  # otherwise what is refused below is counted, and followed as far as it can be
    int64_t unknown
    int64_t duplicate
    int64_t excess
    int64_t hidden_trades
    int64_t hidden_quantity

cdef struct Changes:
    int64_t* rows  # pairs: touched code, quantity
    Py_ssize_t n
    Py_ssize_t room


cdef inline Status unknown(Orders* book) noexcept nogil:
    book.unknown += not book.strict
    return UNKNOWN


cdef inline Status orders_add(Orders* book, uint64_t id, int side, int64_t tick, int64_t quantity) noexcept nogil:
    cdef int32_t level
    if ids_find(&book.held.ids, id) >= 0:
        book.duplicate += not book.strict
        return DUPLICATE
    level = find_level(&book.held, side, tick)
    if level >= 0 and book.held.levels[level].quantity > (<int64_t>1 << LEVEL_BITS) - quantity:
        return TOTAL
    rest(&book.held, id, side, tick, quantity)
    return FOLLOWED


cdef inline Status orders_modify(Orders* book, uint64_t id, int64_t tick, int64_t quantity, bint keep) noexcept nogil:
    cdef Queues* held = &book.held
    cdef int64_t index = ids_find(&held.ids, id), gone
    cdef Order* order
    cdef Level* level
    cdef int32_t there
    if index < 0:
        return unknown(book)
    order = &held.orders[index]
    level = &held.levels[order.level]
    there = order.level if level.tick == tick else find_level(held, level.side, tick)
    gone = order.quantity if there == order.level else 0
    if there >= 0 and held.levels[there].quantity - gone > (<int64_t>1 << LEVEL_BITS) - quantity:
        return TOTAL
    if there == order.level and (keep or quantity <= order.quantity):
        resize(held, <int32_t>index, quantity)
    else:
        move(held, <int32_t>index, level.side, tick, quantity)
    return FOLLOWED


cdef inline Status orders_reduce(Orders* book, uint64_t id, int64_t quantity, int64_t* left) noexcept nogil:
    cdef Queues* held = &book.held
    cdef int64_t index = ids_find(&held.ids, id)
    cdef Order* order
    cdef Reserve* reserve
    left[0] = 0
    if index < 0:
        return unknown(book)
    order = &held.orders[index]
    reserve = &held.reserves[order.reserve] if order.reserve >= 0 else NULL
    left[0] = order.quantity + (reserve.hidden if reserve != NULL else 0) - quantity
    if left[0] < 0:
        left[0] = 0
        if book.strict:
            return EXCESS
        book.excess += 1
        remove(held, <int32_t>index)
        return EXCESS
    if left[0] == 0:
        remove(held, <int32_t>index)
    elif reserve != NULL and reserve.hidden > quantity:
        reserve.hidden -= quantity
    else:
        drop_reserve(held, order)
        resize(held, <int32_t>index, left[0])
    return FOLLOWED


cdef inline Status orders_cancel(Orders* book, uint64_t id, int64_t* left) noexcept nogil:
    cdef Queues* held = &book.held
    cdef int64_t index = ids_find(&held.ids, id)
    cdef Order* order
    left[0] = 0
    if index < 0:
        return unknown(book)
    order = &held.orders[index]
    left[0] = order.quantity + (held.reserves[order.reserve].hidden if order.reserve >= 0 else 0)
    remove(held, <int32_t>index)
    return FOLLOWED


cdef inline Status orders_execute(Orders* book, uint64_t id, int64_t quantity, int64_t* left) noexcept nogil:
    cdef Queues* held = &book.held
    cdef int64_t index = ids_find(&held.ids, id)
    cdef Status status = FOLLOWED
    cdef bint over
    left[0] = 0
    if index < 0:
        return unknown(book)
    if quantity > held.orders[index].quantity:
        if book.strict:
            return EXCESS
        book.excess += 1
        quantity = held.orders[index].quantity
        status = EXCESS
    over = quantity == held.orders[index].quantity and held.orders[index].reserve < 0
    fill(held, <int32_t>index, quantity)
    if not over:
        left[0] = held.orders[index].quantity
    return status


cdef inline Status orders_execute_at(Orders* book, int side, int64_t tick, int64_t quantity, Fills* fills) noexcept nogil:
    cdef int32_t level = find_level(&book.held, side, tick)
    cdef Status status = FOLLOWED
    if level < 0 or (quantity > book.held.levels[level].quantity and quantity > available(&book.held, level)):
        if book.strict:
            return SHORT
        book.excess += 1
        status = SHORT
    if level >= 0:
        fill_level(&book.held, level, quantity, fills)
    return status


cdef inline void orders_take(Orders* book, int side, int64_t quantity, int64_t limit, Fills* fills) noexcept nogil:
    """Trade against a side, best price and oldest order first, up to the key `limit`."""
    cdef int32_t level = best_level(&book.held, side)
    while level >= 0 and quantity and ladder_key(side, book.held.levels[level].tick) <= limit and not book.held.failed:
        quantity = fill_level(&book.held, level, quantity, fills)
        level = best_level(&book.held, side)


cdef inline Status orders_follow(
    Orders* book, int action, uint64_t id, int side, int64_t tick, int64_t quantity
) noexcept nogil:
    """Follow one row of a batch."""
    cdef int64_t left
    cdef bint sized = action != CANCEL and action != CLEAR
    cdef bint priced = action <= MODIFY_KEEP or action == EXECUTE_AT
    if (
        action < ADD or action > CLEAR or (sized and not (1 <= quantity <= (<int64_t>1 << LIMIT_BITS)))
        or (priced and not (0 <= tick <= (<int64_t>1 << LIMIT_BITS))) or ((action == ADD or action == EXECUTE_AT) and side & ~1)
    ):
        return INVALID
    if action == ADD:
        return orders_add(book, id, side, tick, quantity)
    if action == CANCEL:
        return orders_cancel(book, id, &left)
    if action == EXECUTE:
        return orders_execute(book, id, quantity, &left)
    if action == REDUCE:
        return orders_reduce(book, id, quantity, &left)
    if action == EXECUTE_AT:
        return orders_execute_at(book, side, tick, quantity, NULL)
    if action == EXECUTE_HIDDEN:
        book.hidden_trades += 1
        book.hidden_quantity += quantity
    elif action == CLEAR:
        clear(&book.held)
    else:
        return orders_modify(book, id, tick, quantity, action == MODIFY_KEEP)
    return FOLLOWED


cdef inline void orders_top(const Orders* book, Py_ssize_t n, double* out) noexcept nogil:
    """Write the best `n` levels of both sides."""
    cdef const Ladder* ladder
    cdef const Level* level
    cdef Py_ssize_t i, held
    cdef int side
    for side in range(2):
        ladder = &book.held.sides[side]
        held = n if n < ladder.n else ladder.n
        for i in range(held):
            level = &book.held.levels[ladder_level(ladder, i)]
            out[4 * i + 2 * side] = grid_price(book.prices, level.tick)
            out[4 * i + 2 * side + 1] = grid_price(book.amounts, level.quantity)
        for i in range(held, n):
            out[4 * i + 2 * side] = out[4 * i + 2 * side + 1] = NAN


cdef inline void orders_changes(Orders* book, Changes* changes) noexcept nogil:
    """Append the levels touched, in order, with what they hold; forget them."""
    cdef Queues* held = &book.held
    cdef Py_ssize_t i, room
    cdef int64_t code
    cdef int64_t* larger
    cdef int32_t level
    touched_settle(&held.touched)
    if changes.n + held.touched.n > changes.room:
        room = 2 * (changes.n + held.touched.n)
        larger = <int64_t*>realloc(changes.rows, 2 * room * sizeof(int64_t))
        if larger == NULL:
            held.failed = True
            return
        changes.rows = larger
        changes.room = room
    for i in range(held.touched.n):
        code = held.touched.codes[i]
        level = find_level(held, code_side(code), code_tick(code))
        changes.rows[2 * changes.n] = code
        changes.rows[2 * changes.n + 1] = 0
        if level >= 0:
            changes.rows[2 * changes.n + 1] = held.levels[level].quantity
            held.levels[level].touched = False
        changes.n += 1
    held.touched.n = 0
