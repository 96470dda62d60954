"""Python numbers to the whole numbers of an order-level book; what is out of range is refused by `_order_checks`."""

from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_AsUnsignedLongLong
from cpython.number cimport PyNumber_Index
from libc.stdint cimport INT64_MAX, int64_t, uint64_t

from orderbook_ext._order_messages cimport LIMIT_BITS


cdef inline object refused(rule, value):
    """Let the rule of that name word the error."""
    from orderbook_ext import _order_checks

    return getattr(_order_checks, rule)(value)


cdef inline uint64_t id_of(value) except? 0xFFFFFFFFFFFFFFFE:
    """An order's id; a typed argument would truncate 1.5 without a word."""
    try:
        return PyLong_AsUnsignedLongLong(PyNumber_Index(value))
    except OverflowError:
        return refused("order_id", value)


cdef inline int64_t whole(value) except? -1:
    """A whole number, -1 for one that does not fit."""
    cdef int overflow = 0
    return PyLong_AsLongLongAndOverflow(PyNumber_Index(value), &overflow)


cdef inline int side_of(value) except -1:
    cdef int64_t code = whole(value)
    return <int>code if 0 <= code <= 1 else refused("side", value)


cdef inline int64_t tick_of(value) except -1:
    cdef int64_t tick = whole(value)
    return tick if 0 <= tick <= (<int64_t>1 << LIMIT_BITS) else refused("tick", value)


cdef inline int64_t quantity_of(value) except -1:
    cdef int64_t quantity = whole(value)
    return quantity if 1 <= quantity <= (<int64_t>1 << LIMIT_BITS) else refused("quantity", value)


cdef inline int64_t limit_of(int side, worst) except? -3:
    """The ladder's key of the worst tick to go to; any whole number, None for no limit."""
    cdef int overflow = 0
    cdef int64_t tick
    if worst is None:
        return INT64_MAX
    tick = PyLong_AsLongLongAndOverflow(PyNumber_Index(worst), &overflow)
    if overflow:
        tick = overflow * INT64_MAX
    return tick if side else -tick
