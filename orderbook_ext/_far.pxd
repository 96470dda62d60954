"""Levels far from the touch: an ordered map of keys to quantities, in leaves of at most 64.

Four in a hundred updates of a real book land here. A binary search over the leaves' lowest keys and one inside the leaf
find a key; an insert moves half a leaf. Keys stay in order, so walking away from the touch is a walk along the leaves.
"""

from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memmove

cdef enum:
    LEAF = 64

cdef struct Leaf:
    int n
    int64_t keys[LEAF]
    double quantities[LEAF]

cdef struct Far:
    Leaf** leaves  # never empty ones
    int64_t* lows  # lowest key of each leaf: the index is searched without touching the leaves
    Py_ssize_t n_leaves
    Py_ssize_t room
    Py_ssize_t count  # levels held


cdef inline Py_ssize_t far_leaf(const Far* far, int64_t key) noexcept nogil:
    """Index of the leaf in which `key` is or would be; 0 when it precedes all."""
    cdef Py_ssize_t low = 0, high = far.n_leaves, middle
    while high - low > 1:
        middle = (low + high) >> 1
        if far.lows[middle] <= key:
            low = middle
        else:
            high = middle
    return low


cdef inline int leaf_place(const Leaf* leaf, int64_t key) noexcept nogil:
    """Number of keys in the leaf below `key`."""
    cdef int low = 0, high = leaf.n, middle
    while low < high:
        middle = (low + high) >> 1
        if leaf.keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low


cdef inline int far_open(Far* far, Py_ssize_t at) noexcept nogil:
    """Put an empty leaf at index `at`; False without memory."""
    cdef Leaf** leaves
    cdef int64_t* lows
    cdef Leaf* leaf
    cdef Py_ssize_t room
    if far.n_leaves == far.room:
        room = 2 * far.room + 8
        leaves = <Leaf**>realloc(far.leaves, room * sizeof(Leaf*))
        if leaves == NULL:
            return False
        far.leaves = leaves
        lows = <int64_t*>realloc(far.lows, room * sizeof(int64_t))
        if lows == NULL:
            return False
        far.lows = lows
        far.room = room
    leaf = <Leaf*>malloc(sizeof(Leaf))
    if leaf == NULL:
        return False
    leaf.n = 0
    memmove(far.leaves + at + 1, far.leaves + at, (far.n_leaves - at) * sizeof(Leaf*))
    memmove(far.lows + at + 1, far.lows + at, (far.n_leaves - at) * sizeof(int64_t))
    far.leaves[at] = leaf
    far.n_leaves += 1
    return True


cdef inline void far_close(Far* far, Py_ssize_t at) noexcept nogil:
    """Take the leaf at index `at` out."""
    free(far.leaves[at])
    far.n_leaves -= 1
    memmove(far.leaves + at, far.leaves + at + 1, (far.n_leaves - at) * sizeof(Leaf*))
    memmove(far.lows + at, far.lows + at + 1, (far.n_leaves - at) * sizeof(int64_t))


cdef inline int far_put(Far* far, int64_t key, double quantity) noexcept nogil:
    """Set a quantity greater than 0: 1 when the key was held before, 0 when it is new, -1 without memory."""
    cdef Py_ssize_t at
    cdef Leaf* leaf
    cdef Leaf* right
    cdef int place
    if far.n_leaves == 0 and not far_open(far, 0):
        return -1
    at = far_leaf(far, key)
    leaf = far.leaves[at]
    place = leaf_place(leaf, key)
    if place < leaf.n and leaf.keys[place] == key:
        leaf.quantities[place] = quantity
        return 1
    if leaf.n == LEAF:
        if not far_open(far, at + 1):
            return -1
        right = far.leaves[at + 1]
        right.n = LEAF // 2
        leaf.n = LEAF - LEAF // 2
        memcpy(right.keys, leaf.keys + leaf.n, right.n * sizeof(int64_t))
        memcpy(right.quantities, leaf.quantities + leaf.n, right.n * sizeof(double))
        far.lows[at + 1] = right.keys[0]
        if place > leaf.n:
            place -= leaf.n
            leaf = right
            at += 1
    memmove(leaf.keys + place + 1, leaf.keys + place, (leaf.n - place) * sizeof(int64_t))
    memmove(leaf.quantities + place + 1, leaf.quantities + place, (leaf.n - place) * sizeof(double))
    leaf.keys[place] = key
    leaf.quantities[place] = quantity
    leaf.n += 1
    far.lows[at] = leaf.keys[0]
    far.count += 1
    return 0


cdef inline bint far_take(Far* far, int64_t key) noexcept nogil:
    """Remove a key; False when it was not held."""
    cdef Py_ssize_t at = far_leaf(far, key)
    cdef Leaf* leaf
    cdef int place
    if far.n_leaves == 0:
        return False
    leaf = far.leaves[at]
    place = leaf_place(leaf, key)
    if place == leaf.n or leaf.keys[place] != key:
        return False
    leaf.n -= 1
    far.count -= 1
    memmove(leaf.keys + place, leaf.keys + place + 1, (leaf.n - place) * sizeof(int64_t))
    memmove(leaf.quantities + place, leaf.quantities + place + 1, (leaf.n - place) * sizeof(double))
    if leaf.n == 0:
        far_close(far, at)
    else:
        far.lows[at] = leaf.keys[0]
    return True


cdef inline bint far_next(const Far* far, int64_t above, int64_t* key, double* quantity) noexcept nogil:
    """Lowest key at or over `above` with its quantity; False when there is none."""
    cdef Py_ssize_t at = far_leaf(far, above)
    cdef int place
    if far.n_leaves == 0:
        return False
    place = leaf_place(far.leaves[at], above)
    if place == far.leaves[at].n:
        at += 1
        place = 0
        if at == far.n_leaves:
            return False
    key[0] = far.leaves[at].keys[place]
    quantity[0] = far.leaves[at].quantities[place]
    return True


cdef inline void far_clear(Far* far) noexcept nogil:
    """Forget every level; the index keeps its memory."""
    cdef Py_ssize_t at
    for at in range(far.n_leaves):
        free(far.leaves[at])
    far.n_leaves = 0
    far.count = 0
