# The rolling kernels and the instructions of a column program; see _rolling_py.py for the readable twin.

cdef enum Op:
    ADD, SUB, MUL, DIV, RATIO, MIN2, MAX2, GE, LE, ABS, SQRT, LOG, LOG1P, RINT, OR_ZERO, LAG, SUM, MIN, MAX, VAR, VPIN


cdef struct Instruction:
    Op op
    Py_ssize_t a, b  # registers read
    Py_ssize_t span  # rows (buckets of VPIN) remembered; 0 for the stateless
    Py_ssize_t base  # where its memory starts


cdef struct Window:
    Py_ssize_t pos  # next slot of the ring
    Py_ssize_t count  # values seen since the last reset, no further than span
    double front, front2  # aggregate of the slots 0..pos-1 of the ring's present round


cdef Py_ssize_t memory_of(Op op, Py_ssize_t span) noexcept nogil
cdef double advance(Op op, Py_ssize_t span, Window* w, double* ring, double x, double y) noexcept nogil


cdef class Rolling:
    cdef Op _op
    cdef Py_ssize_t _span
    cdef Window _window
    cdef double[::1] _memory
    cdef bint _mean, _root
    cdef readonly str kind
    cdef double _next(self, double x) noexcept nogil


cdef class Program:
    cdef readonly Py_ssize_t levels, columns
    cdef Py_ssize_t _inputs, _length
    cdef Instruction* _code
    cdef Window* _windows
    cdef double[::1] _registers
    cdef double[::1] _memory
    cdef Py_ssize_t[::1] _outputs
    cdef long long _last
    cdef bint _started
    cdef object _source
    cdef void _clear(self) noexcept nogil
    cdef void _step(
        self, const double* levels, const double* flow, long long ts, double tick_size, bint valid, double* out
    ) noexcept nogil
