"""Order ids and where their orders lie: an open table, probed in line, that closes its gaps when an id leaves.

At most half of the slots are taken, so a probe looks at one or two neighbouring slots of 16 bytes. Nothing is ever
marked as deleted: a day of a hundred million ids, few of them at a time, leaves the table as small as it was.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

cdef struct Slot:
    uint64_t id
    int64_t place  # index of the order plus one; 0 where the slot is free

cdef struct Ids:
    Slot* slots
    uint64_t mask  # number of slots - 1, a power of two less one
    int shift
    Py_ssize_t count


cdef inline uint64_t ids_home(const Ids* ids, uint64_t id) noexcept nogil:
    """Slot in which the search for an id starts; the high half is folded in, as some venues number from there."""
    return ((id ^ (id >> 32)) * <uint64_t>0x9E3779B97F4A7C15) >> ids.shift


cdef inline int64_t ids_find(const Ids* ids, uint64_t id) noexcept nogil:
    """Index of the order with this id, -1 when there is none."""
    cdef uint64_t at = ids_home(ids, id)
    while ids.slots[at].place != 0 and ids.slots[at].id != id:
        at = (at + 1) & ids.mask
    return ids.slots[at].place - 1


cdef inline void ids_put(Ids* ids, uint64_t id, int64_t index) noexcept nogil:
    """Add an id that is not held; `ids_room` has made room for it."""
    cdef uint64_t at = ids_home(ids, id)
    while ids.slots[at].place != 0:
        at = (at + 1) & ids.mask
    ids.slots[at].id = id
    ids.slots[at].place = index + 1
    ids.count += 1


cdef inline void ids_take(Ids* ids, uint64_t id) noexcept nogil:
    """Remove an id that is held, and move up those that had to go past it."""
    cdef uint64_t hole = ids_home(ids, id)
    cdef uint64_t at, home
    while ids.slots[hole].id != id or ids.slots[hole].place == 0:
        hole = (hole + 1) & ids.mask
    at = hole
    while True:
        at = (at + 1) & ids.mask
        if ids.slots[at].place == 0:
            break
        home = ids_home(ids, ids.slots[at].id)
        if ((at - home) & ids.mask) >= ((at - hole) & ids.mask):
            ids.slots[hole] = ids.slots[at]
            hole = at
    ids.slots[hole].place = 0
    ids.count -= 1


cdef inline bint ids_open(Ids* ids, int bits) noexcept nogil:
    """Get an empty table of ``2 ** bits`` slots; False without memory."""
    ids.slots = <Slot*>calloc(<size_t>1 << bits, sizeof(Slot))
    ids.mask = (<uint64_t>1 << bits) - 1
    ids.shift = 64 - bits
    ids.count = 0
    return ids.slots != NULL


cdef inline bint ids_room(Ids* ids) noexcept nogil:
    """Make room for one more id; False without memory, the table is then as it was."""
    cdef Ids larger
    cdef uint64_t at
    if 2 * <uint64_t>(ids.count + 1) <= ids.mask + 1:
        return True
    if not ids_open(&larger, 65 - ids.shift):
        return False
    for at in range(ids.mask + 1):
        if ids.slots[at].place != 0:
            ids_put(&larger, ids.slots[at].id, ids.slots[at].place - 1)
    free(ids.slots)
    ids[0] = larger
    return True


cdef inline void ids_clear(Ids* ids) noexcept nogil:
    """Forget every id; the memory stays."""
    memset(ids.slots, 0, (ids.mask + 1) * sizeof(Slot))
    ids.count = 0
