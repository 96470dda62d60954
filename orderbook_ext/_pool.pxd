"""Nodes of one kind in one piece of memory, named by index; those that are given up are used again first."""

from libc.stdint cimport INT32_MAX, int32_t, int64_t
from libc.stdlib cimport realloc

cdef struct Pool:
    int32_t n  # nodes ever used
    int32_t room
    int32_t free  # first of the nodes given up, -1 for none; each of them names the next


cdef inline bint pool_room(Pool* pool, void** nodes, size_t size) noexcept nogil:
    """Make room for one more node; False without memory, the pool is then as it was."""
    cdef int64_t room = 2 * <int64_t>pool.room + 64
    cdef void* larger
    if pool.free >= 0 or pool.n < pool.room:
        return True
    if room > INT32_MAX:
        return False
    larger = realloc(nodes[0], room * size)
    if larger == NULL:
        return False
    nodes[0] = larger
    pool.room = <int32_t>room
    return True


cdef inline void pool_clear(Pool* pool) noexcept nogil:
    """Forget every node; the memory stays."""
    pool.n = 0
    pool.free = -1
