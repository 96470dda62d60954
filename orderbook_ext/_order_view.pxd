"""The state of an order-level book, whose functions stand in `_order_messages.pxd`, in a class."""

from orderbook_ext._order_messages cimport Orders


cdef class OrderView:
    cdef Orders book
    cdef bint busy  # a batch is running without the interpreter's lock
    cdef int check(self) except -1
