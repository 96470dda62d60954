"""The order-level book for other compiled code: an `OrderView` that can be changed."""

from libc.stdint cimport int64_t, uint64_t

from orderbook_ext._order_messages cimport Status
from orderbook_ext._order_view cimport OrderView


cdef class OrderLevelBook(OrderView):
    cdef int settle(self) except -1
    cdef int refuse(self, Status status, verb, uint64_t id, int side, int64_t tick, int64_t quantity) except -1
    cdef object run(self, columns, double* tops, ends)
