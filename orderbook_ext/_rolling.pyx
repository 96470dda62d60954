"""Rolling statistics over rows; compiled. `push` is `run` over one value, so both give the same bits."""

from libc.math cimport NAN, sqrt
from libc.string cimport memset

from orderbook_ext._windows cimport FOLD_MAX, FOLD_MIN, FOLD_SUM, Window, fold_run, lag_run, var_run

import numpy as np

KINDS = ("lag", "sum", "mean", "min", "max", "var", "std")


cdef class Rolling:
    """One rolling statistic over the last `span` values."""

    def __init__(self, kind, span):
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
        if not (isinstance(span, (int, np.integer)) and span >= 1):
            raise ValueError(f"span must be a whole number of at least 1, got {span!r}")
        self._alone()
        self.kind, self._span = kind, span
        base = {"mean": "sum", "std": "var"}.get(kind, kind)
        self._kind = <Kind>(<int>("lag", "sum", "min", "max", "var").index(base))
        self._mean, self._root = kind == "mean", kind == "std"
        self._memory = np.zeros(2 * span if self._kind == VAR else span)
        self.reset()

    @property
    def span(self):
        return self._span

    cdef int _alone(self) except -1:
        # `run` lets other threads go on: they may not write into its memory meanwhile.
        if self._running:
            raise RuntimeError("a Rolling must not be used while it runs in another thread: give each its own")
        return 0

    def reset(self):
        """Forget everything."""
        self._alone()
        memset(&self._window, 0, sizeof(Window))

    cdef void _next(self, const double* x, double* out, Py_ssize_t n) noexcept nogil:
        cdef Py_ssize_t i
        cdef Window* w = &self._window
        cdef double* memory = &self._memory[0]
        if self._kind == LAG:
            lag_run(self._span, w, memory, x, out, n)
        elif self._kind == SUM:
            fold_run(FOLD_SUM, self._span, w, memory, x, out, n)
        elif self._kind == MIN:
            fold_run(FOLD_MIN, self._span, w, memory, x, out, n)
        elif self._kind == MAX:
            fold_run(FOLD_MAX, self._span, w, memory, x, out, n)
        else:
            var_run(self._span, w, memory, x, out, n)
        if self._mean:
            for i in range(n):
                out[i] /= self._span
        elif self._root:
            for i in range(n):
                out[i] = sqrt(out[i])

    def push(self, double x):
        """Take in the next value and give the statistic; NaN until `span` values were seen."""
        cdef double out
        self._alone()
        self._next(&x, &out, 1)
        return out

    def run(self, values, valid=None):
        """Push each value of an array; where `valid` is False the window is reset and the result NaN."""
        cdef const double[::1] x = np.ascontiguousarray(values, np.float64)
        cdef Py_ssize_t i = 0, j, n = x.shape[0]
        cdef const unsigned char[::1] ok = (
            np.ones(n, np.uint8) if valid is None else np.ascontiguousarray(valid, bool).view(np.uint8)
        )
        if ok.shape[0] != n:
            raise ValueError(f"valid must have the {n} elements of values, got {ok.shape[0]}")
        self._alone()
        result = np.empty(n)
        cdef double[::1] out = result
        self._running = True
        with nogil:
            while i < n:
                j = i
                while j < n and ok[j]:
                    j += 1
                if j > i:
                    self._next(&x[i], &out[i], j - i)
                else:
                    memset(&self._window, 0, sizeof(Window))
                    out[i] = NAN
                    j = i + 1
                i = j
        self._running = False
        return result
