"""The levels of one side in order of price, *best last*: what happens near the touch moves few entries."""

from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memmove

cdef struct Ladder:
    int64_t* keys  # falling; the tick of an ask, the negated tick of a bid: the best level has the smallest key
    int32_t* levels  # index of each
    Py_ssize_t n
    Py_ssize_t room

cdef enum:
    NEAR = 8  # levels compared one by one before halving begins


cdef inline int64_t ladder_key(int side, int64_t tick) noexcept nogil:
    return tick if side else -tick


cdef inline Py_ssize_t ladder_place(const Ladder* ladder, int64_t key) noexcept nogil:
    """Number of levels worse than `key`: where it stands, or would."""
    cdef Py_ssize_t at = ladder.n, low = 0, near = ladder.n - NEAR, half
    while at > 0 and at > near and ladder.keys[at - 1] <= key:
        at -= 1
    if at > near or at == 0 or ladder.keys[at - 1] > key:
        return at
    while at > 1:  # no branch but the loop's own: where a far order goes cannot be foreseen
        half = at >> 1
        low += half & -<Py_ssize_t>(ladder.keys[low + half - 1] > key)
        at -= half
    return low + (ladder.keys[low] > key)


cdef inline int32_t ladder_find(const Ladder* ladder, int64_t key) noexcept nogil:
    """Index of the level with this key, -1 when there is none."""
    cdef Py_ssize_t at = ladder_place(ladder, key)
    return ladder.levels[at] if at < ladder.n and ladder.keys[at] == key else -1


cdef inline int32_t ladder_level(const Ladder* ladder, Py_ssize_t rank) noexcept nogil:
    """Index of the level that stands `rank` behind the best, which must be there."""
    return ladder.levels[ladder.n - 1 - rank]


cdef inline bint ladder_room(Ladder* ladder) noexcept nogil:
    """Make room for one more level; False without memory, the ladder is then as it was."""
    cdef Py_ssize_t room = 2 * ladder.room + 64
    cdef void* larger
    if ladder.n < ladder.room:
        return True
    larger = realloc(ladder.keys, room * sizeof(int64_t))
    if larger == NULL:
        return False
    ladder.keys = <int64_t*>larger
    larger = realloc(ladder.levels, room * sizeof(int32_t))
    if larger == NULL:
        return False
    ladder.levels = <int32_t*>larger
    ladder.room = room
    return True


cdef inline void ladder_put(Ladder* ladder, Py_ssize_t at, int64_t key, int32_t level) noexcept nogil:
    """Insert a level at the place `ladder_place` gave; `ladder_room` has made room."""
    memmove(ladder.keys + at + 1, ladder.keys + at, (ladder.n - at) * sizeof(int64_t))
    memmove(ladder.levels + at + 1, ladder.levels + at, (ladder.n - at) * sizeof(int32_t))
    ladder.keys[at] = key
    ladder.levels[at] = level
    ladder.n += 1


cdef inline void ladder_take(Ladder* ladder, int64_t key) noexcept nogil:
    """Remove a level that is there."""
    cdef Py_ssize_t at = ladder_place(ladder, key)
    ladder.n -= 1
    memmove(ladder.keys + at, ladder.keys + at + 1, (ladder.n - at) * sizeof(int64_t))
    memmove(ladder.levels + at, ladder.levels + at + 1, (ladder.n - at) * sizeof(int32_t))


cdef inline void ladder_close(Ladder* ladder) noexcept nogil:
    """Give the memory back."""
    free(ladder.keys)
    free(ladder.levels)
