"""One side of a book: a window of ticks with a bitmap over it, the far levels, and the best levels kept in order.

A key is the tick of an ask and the negated tick of a bid: on both sides the best level has the smallest key, and one
code serves both. What must hold after every function here:

- the window holds every level with ``base <= key < base + WINDOW``; a level's slot is ``key % WINDOW``, so that moving
  the window moves no level that stays inside;
- every far level lies behind the window (``key >= base + WINDOW``), none before it;
- a bit is set where a quantity is held, a bit of the summary where a word of the bitmap is not 0;
- `best` holds the keys of the best ``min(depth, count)`` levels in order, `pairs` their prices and quantities.
"""

from libc.math cimport NAN
from libc.stdint cimport INT64_MAX, int64_t, uint64_t
from libc.stdlib cimport calloc, free, malloc

from orderbook_ext._far cimport Far, far_clear, far_next, far_put, far_take
from orderbook_ext._grid cimport Grid, grid_price

cdef extern from *:
    """
    #if defined(_MSC_VER)
    #include <intrin.h>
    static inline int genesis_lowest_bit(unsigned long long x) {
        unsigned long i;
        _BitScanForward64(&i, x);
        return (int)i;
    }
    #else
    #define genesis_lowest_bit(x) __builtin_ctzll(x)
    #endif
    """
    int lowest_bit "genesis_lowest_bit"(uint64_t) noexcept nogil

cdef enum:
    WINDOW = 65536  # ticks; 512 KiB of quantities stay in the second-level cache
    WORDS = WINDOW // 64
    SUMMARY = WORDS // 64
    HEADROOM = WINDOW // 4  # ticks before the best level after the window moved
    TEN = 10  # the depth for which moves have a fixed length
    BEHIND = WINDOW // 2  # the window moves when the best level lies deeper in it than this

cdef struct Side:
    int64_t sign  # key = sign * tick
    int64_t base  # lowest key of the window, a multiple of 64
    int64_t worst  # key of the last level of `best` when it is full, else INT64_MAX
    double* quantities  # [WINDOW], 0 where no level is
    uint64_t* words  # [WORDS]
    uint64_t summary[SUMMARY]
    Far far
    Py_ssize_t count  # levels held, far ones too
    int depth
    int n_best
    int64_t* best  # [2 * depth], INT64_MAX from `n_best` to `depth`; behind it what a move of fixed length reads
    double* pairs  # [2 * depth][2]: price and quantity of `best`, NaN where none is
    Grid grid
    bint failed  # out of memory: the side can no longer be trusted


cdef inline double side_price(const Side* side, int64_t key) noexcept nogil:
    """Price of a key, rounded once."""
    return grid_price(side.grid, side.sign * key)


cdef inline void side_mark(Side* side, int64_t key, double quantity) noexcept nogil:
    """Store a quantity in the window and keep the bitmap true; no branch, as neither outcome can be foreseen."""
    cdef uint64_t slot = <uint64_t>key & (WINDOW - 1)
    cdef uint64_t word = slot >> 6
    cdef uint64_t bits = side.words[word] & ~(<uint64_t>1 << (slot & 63))
    cdef uint64_t group = side.summary[word >> 6] & ~(<uint64_t>1 << (word & 63))
    bits |= <uint64_t>(quantity != 0) << (slot & 63)
    side.quantities[slot] = quantity
    side.words[word] = bits
    side.summary[word >> 6] = group | (<uint64_t>(bits != 0) << (word & 63))


cdef inline bint window_next(const Side* side, int64_t above, int64_t* key) noexcept nogil:
    """Lowest key held in the window at or over `above` (which lies in it); False when there is none."""
    cdef uint64_t slot = <uint64_t>above & (WINDOW - 1)
    cdef uint64_t word = slot >> 6
    cdef uint64_t bits = side.words[word] & (~<uint64_t>0 << (slot & 63))
    cdef uint64_t group
    cdef int step
    if bits == 0:
        # The words that follow, through the summary: once around the ring, its first group twice.
        group = word >> 6
        bits = side.summary[group] & ~((<uint64_t>2 << (word & 63)) - 1)
        for step in range(SUMMARY):
            if bits != 0:
                break
            group = (group + 1) & (SUMMARY - 1)
            bits = side.summary[group]
        if bits == 0:
            return False
        word = (group << 6) + <uint64_t>lowest_bit(bits)
        bits = side.words[word]
    slot = (word << 6) + <uint64_t>lowest_bit(bits)
    key[0] = side.base + <int64_t>((slot - <uint64_t>side.base) & (WINDOW - 1))
    return key[0] >= above  # a lower one lies behind the end of the ring: before `above`


cdef inline bint side_next(const Side* side, int64_t above, int64_t* key, double* quantity) noexcept nogil:
    """Best level at or behind key `above`; False when there is none."""
    if above < side.base:
        above = side.base
    if above - side.base < WINDOW and window_next(side, above, key):
        quantity[0] = side.quantities[<uint64_t>key[0] & (WINDOW - 1)]
        return True
    return far_next(&side.far, above, key, quantity)


cdef inline void side_recentre(Side* side, int64_t best) noexcept nogil:
    """Move the window so that `best`, the side's best key or one better than all, has `HEADROOM` before it."""
    cdef int64_t base = (best - HEADROOM) & ~<int64_t>63
    cdef int64_t key
    cdef double quantity
    cdef int64_t above
    if base < side.base:
        above = base + WINDOW if base + WINDOW > side.base else side.base
        while side.count > side.far.count and above - side.base < WINDOW and window_next(side, above, &key):
            if far_put(&side.far, key, side.quantities[<uint64_t>key & (WINDOW - 1)]) < 0:
                side.failed = True
            side_mark(side, key, 0.0)
            above = key + 1
        side.base = base
    else:
        side.base = base
        while far_next(&side.far, base, &key, &quantity) and key - base < WINDOW:
            far_take(&side.far, key)
            side_mark(side, key, quantity)


cdef inline void best_write(Side* side, int at, int64_t key, double quantity) noexcept nogil:
    side.best[at] = key
    side.pairs[2 * at] = side_price(side, key)
    side.pairs[2 * at + 1] = quantity


cdef inline void best_move(Side* side, int to, int at) noexcept nogil:
    side.best[to] = side.best[at]
    side.pairs[2 * to] = side.pairs[2 * at]
    side.pairs[2 * to + 1] = side.pairs[2 * at + 1]


cdef inline void best_change(Side* side, int64_t key, double quantity, bint held) noexcept nogil:
    """Bring `best` and `pairs` up to date after a change at a key not worse than the last of them."""
    cdef int place = 0, at, last = side.depth - 1
    cdef int64_t following
    cdef double amount
    if last == TEN - 1:
        for at in range(TEN):  # no branch: where a level stands cannot be foreseen
            place += side.best[at] < key
    else:
        while side.best[place] < key:
            place += 1
    if held and quantity != 0:
        side.pairs[2 * place + 1] = quantity
        return
    if quantity != 0:
        if last == TEN - 1:
            for at in range(TEN - 2, -1, -1):
                best_move(side, place + at + 1, place + at)
        else:
            for at in range(last, place, -1):
                best_move(side, at, at - 1)
        best_write(side, place, key, quantity)
        side.n_best += side.n_best <= last
    elif held:
        if last == TEN - 1:
            for at in range(TEN - 1):
                best_move(side, place + at, place + at + 1)
        else:
            for at in range(place, last):
                best_move(side, at, at + 1)
        side.n_best -= 1
        side.best[last] = INT64_MAX
        side.pairs[2 * last] = side.pairs[2 * last + 1] = NAN
        if side.n_best == last:  # it was full: there may be one to follow
            following = key if last == 0 else side.best[last - 1]
            if side.count > last and side_next(side, following + 1, &following, &amount):
                best_write(side, last, following, amount)
                side.n_best += 1
        if place == 0 and side.n_best and side.best[0] - side.base > BEHIND:
            side_recentre(side, side.best[0])
    side.worst = side.best[last]


cdef inline bint outside(Side* side, int64_t key, double quantity) noexcept nogil:
    """Set a level that lies outside the window, moving the window where it must; True when it was held before."""
    cdef int held = 0
    if key - side.base >= WINDOW and side.count:
        if quantity == 0:
            held = far_take(&side.far, key)
        else:
            held = far_put(&side.far, key, quantity)
            if held < 0:
                side.failed = True
                held = 0
    elif quantity != 0:
        side_recentre(side, key)  # better than all, or the first of an empty side
        side_mark(side, key, quantity)
    return held


cdef inline bint side_set(Side* side, int64_t key, double quantity) noexcept nogil:
    """Set a level, 0 deletes; True when that was the delete of a level not held."""
    cdef bint held
    if <uint64_t>(key - side.base) < WINDOW:
        held = side.quantities[<uint64_t>key & (WINDOW - 1)] != 0
        side_mark(side, key, quantity)
    else:
        held = outside(side, key, quantity)
    side.count += <Py_ssize_t>(quantity != 0) - <Py_ssize_t>held
    if key <= side.worst:
        best_change(side, key, quantity, held)
    return (quantity == 0) & (not held)


cdef inline void side_clear(Side* side) noexcept nogil:
    """Remove every level."""
    cdef int64_t key
    cdef int at
    while side.count > side.far.count and window_next(side, side.base, &key):
        side_mark(side, key, 0.0)
        side.count -= 1
    far_clear(&side.far)
    side.count = 0
    side.n_best = 0
    side.worst = INT64_MAX
    side.failed = False
    for at in range(2 * side.depth):
        side.best[at] = INT64_MAX
        side.pairs[2 * at] = side.pairs[2 * at + 1] = NAN


cdef inline bint side_open(Side* side, int code, int depth, Grid grid) noexcept nogil:
    """Get a zeroed side ready for use; False without memory (then still `side_close` it)."""
    side.sign = 1 if code else -1
    side.depth = depth
    side.grid = grid
    side.quantities = <double*>calloc(WINDOW, sizeof(double))
    side.words = <uint64_t*>calloc(WORDS, sizeof(uint64_t))
    side.best = <int64_t*>malloc(2 * depth * sizeof(int64_t))
    side.pairs = <double*>malloc(4 * depth * sizeof(double))
    if side.quantities == NULL or side.words == NULL or side.best == NULL or side.pairs == NULL:
        return False
    side_clear(side)
    return True


cdef inline void side_close(Side* side) noexcept nogil:
    """Give the memory back."""
    far_clear(&side.far)
    free(side.far.leaves)
    free(side.far.lows)
    free(side.quantities)
    free(side.words)
    free(side.best)
    free(side.pairs)
