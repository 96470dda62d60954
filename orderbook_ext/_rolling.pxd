# Rolling statistics; see _rolling_py.py for the readable twin.

from orderbook_ext._windows cimport Window


cdef enum Kind:
    LAG, SUM, MIN, MAX, VAR


cdef class Rolling:
    cdef Kind _kind
    cdef Py_ssize_t _span
    cdef Window _window
    cdef double[::1] _memory
    cdef bint _mean, _root, _running
    cdef int _alone(self) except -1
    cdef readonly str kind
    cdef void _next(self, const double* x, double* out, Py_ssize_t n) noexcept nogil
