"""The columns of one call, opened as plain buffers: a third of what three typed memoryviews cost."""

from cpython.buffer cimport PyBUF_FORMAT, PyBUF_STRIDES, PyBuffer_Release, PyObject_CheckBuffer, PyObject_GetBuffer

cdef struct Batch:
    Py_buffer sides
    Py_buffer places  # ticks or prices
    Py_buffer quantities
    int opened  # how many of the three must be released


cdef inline bint borrow(object values, char kind, Py_buffer* view) except -1:
    """Open a contiguous one-dimensional buffer of "b" int8, "l" int64 or "d" float64; False when it is none."""
    cdef char got
    if not PyObject_CheckBuffer(values):
        return False
    PyObject_GetBuffer(values, view, PyBUF_FORMAT | PyBUF_STRIDES)
    if view.ndim == 1 and (view.strides[0] == view.itemsize or view.shape[0] < 2) and view.format[1] == 0:
        got = b"l" if view.format[0] == b"q" else view.format[0]
        if got == kind and view.itemsize == (1 if kind == b"b" else 8):
            return True
    PyBuffer_Release(view)
    return False


cdef inline void batch_close(Batch* batch):
    """Release what was opened."""
    if batch.opened > 0:
        PyBuffer_Release(&batch.sides)
    if batch.opened > 1:
        PyBuffer_Release(&batch.places)
    if batch.opened > 2:
        PyBuffer_Release(&batch.quantities)
