# The instructions of a column program; see _program_py.py for the readable twin.

from orderbook_ext._columns cimport Op
from orderbook_ext._windows cimport Window


cdef struct Instruction:
    Op op
    Py_ssize_t out, a, b, c  # where the columns start in the scratch
    Py_ssize_t args, count  # all of them, for a kernel of many
    Py_ssize_t span  # rows (buckets of VPIN) remembered
    Py_ssize_t base, size  # where its memory starts, and how much of it a reset clears
    double param


cdef class Program:
    cdef readonly Py_ssize_t levels, columns
    cdef Py_ssize_t _length
    cdef Instruction* _code
    cdef Window* _windows
    cdef double[::1] _scratch
    cdef double[::1] _memory
    cdef double[::1] _gathered
    cdef Py_ssize_t[::1] _args
    cdef Py_ssize_t[:, ::1] _inputs
    cdef Py_ssize_t[::1] _outputs
    cdef long long _last
    cdef bint _started, _running
    cdef int _allocate(self) except -1
    cdef int _alone(self) except -1
    cdef void _clear(self) noexcept nogil
    cdef void _load(
        self, const double* levels, const double* flow, const long long* ts, double tick_size, Py_ssize_t n
    ) noexcept nogil
    cdef void _kernel(self, Instruction* code, Window* w, Py_ssize_t n) noexcept nogil
    cdef void _store(self, double* out, Py_ssize_t n) noexcept nogil
    cdef void _block(
        self, const double* levels, const double* flow, const long long* ts, double tick_size, Py_ssize_t n, double* out
    ) noexcept nogil
