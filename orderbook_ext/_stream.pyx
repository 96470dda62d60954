"""Streaming networks, a row a step; compiled. See _stream_py.py for the readable twin, which gives the same bits."""

from cpython.buffer cimport (
    PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_CheckBuffer,
    PyObject_GetBuffer,
)
from libc.math cimport NAN
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from orderbook_ext._stream cimport (
    PANEL, StreamOp, StreamScaler, StreamSet, stream_set, stream_sets, stream_softmax,
)

import os

import numpy as np

from orderbook_ext._stream_packing import PANEL as WIDTH, aligned, filled, packed
from orderbook_ext._stream_plan import KINDS, LARGEST, VARIABLE, check
from orderbook_ext._stream_scaling import scaling

SETS = ("portable", "avx2", "avx512")
if WIDTH != PANEL:
    raise ImportError(f"panels are {PANEL} wide in _stream.h and {WIDTH} in _stream_packing.py")

cdef object empty = np.empty
cdef tuple PLAIN = ("C_CONTIGUOUS", "ALIGNED")


def instruction_sets():
    """Instruction sets that this machine has, the slowest first."""
    return tuple(name for number, name in enumerate(SETS) if stream_sets() >> number & 1)


def instruction_set():
    """The one that networks run on: the fastest, or what ``GENESIS_INSTRUCTIONS`` names."""
    return _chosen(os.environ.get(VARIABLE) or None)


def _chosen(name):
    present = instruction_sets()
    if name is None:
        return present[len(present) - 1]
    if name not in present:
        raise ValueError(f"{VARIABLE} must be one of {', '.join(present)} on this machine, got {name!r}")
    return name


cdef class Plan:
    """A network ready to run: registers, operations and packed weights, shared by all streams that run it.

    Parameters
    ----------
    registers, operations
        See `Register` and `Operation`; operations run in this order.
    output
        Register and place of the 3 * `heads` logits.
    window
        Rows an answer needs.
    heads
        Answers a row.
    instructions
        One of `instruction_sets()`; the fastest, or what ``GENESIS_INSTRUCTIONS`` names, when left out.

    Raises
    ------
    ValueError
        When an operation would reach beyond its registers, or a weight does not fit.
    """

    cdef StreamOp* _ops
    cdef Py_ssize_t _now, _later  # operations before the answer, and after it
    cdef StreamSet _set
    cdef int64_t[:, ::1] _places  # rows, width, ring, first float
    cdef Py_ssize_t _size
    cdef Py_ssize_t _output, _output_at
    cdef tuple _kept
    cdef readonly Py_ssize_t window, heads, width
    cdef readonly str instructions

    def __cinit__(self):
        self._ops = NULL

    def __dealloc__(self):
        free(self._ops)

    def __init__(self, registers, operations, output, window, heads=1, instructions=None):
        cdef Py_ssize_t at = 0, i
        if self._ops != NULL:
            raise RuntimeError("a Plan is made once")
        registers, operations = check(registers, operations, output, window, heads)
        self.instructions = instruction_set() if instructions is None else _chosen(instructions)
        self._set = stream_set(SETS.index(self.instructions))
        self.window, self.heads, self.width = window, heads, registers[0].width
        self._output, self._output_at = output
        places = np.zeros((len(registers), 4), np.int64)
        for i, (rows, width, ring) in enumerate(registers):
            places[i] = rows, width, ring, at
            at += -(-rows * width * (2 if ring else 1) // PANEL) * PANEL
        if at > 8 * LARGEST:
            raise ValueError(f"registers must hold at most {8 * LARGEST} floats together, got {at}")
        self._places, self._size = places, at
        ordered = [op for op in operations if not op.ahead] + [op for op in operations if op.ahead]
        self._later = sum(op.ahead for op in ordered)
        self._now = len(ordered) - self._later
        self._ops = <StreamOp*>calloc(max(len(ordered), 1), sizeof(StreamOp))
        if self._ops == NULL:
            raise MemoryError
        kept = []
        for i, op in enumerate(ordered):
            self._place(&self._ops[i], op, registers[op.dst], kept)
        self._kept = tuple(kept)

    cdef int _place(self, StreamOp* to, op, target, list kept) except -1:
        cdef float[::1] floats
        to.kind = KINDS.index(op.kind)
        to.src, to.add, to.dst = op.src, op.add, op.dst
        to.src_at, to.add_at, to.dst_at = op.src_at, op.add_at, op.dst_at
        to.taps, to.tap_step, to.inputs, to.positions = op.taps, op.tap_step, op.inputs, op.positions
        to.src_step, to.dst_step, to.outputs = op.src_step, op.dst_step, op.outputs
        to.add_step = op.add_step if op.add >= 0 else 0
        to.slope = op.slope
        to.weight = to.bias = to.gain = to.shift = NULL
        to.tanh = op.tanh
        if op.weight is not None:
            if op.kind == "depthwise":
                weight = filled(op.weight)
                to.inputs = weight.shape[1]  # from tap to tap
                weight = weight.reshape(-1)
            else:
                weight = packed(op.weight[None] if op.kind == "lstm" else op.weight)
            floats = weight
            to.weight = &floats[0]
            kept.append(weight)
        if op.bias is not None:
            floats = self._keep(op.bias, kept)
            to.bias = &floats[0]
        if op.gain is not None:
            floats = self._keep(op.gain, kept)
            to.gain = &floats[0]
            floats = self._keep(op.shift, kept)
            to.shift = &floats[0]
        if target.ring:
            to.back = target.rows * target.width
            to.written = (op.positions - 1) * op.dst_step + op.outputs
        return 0

    cdef _keep(self, values, list kept):
        made = filled(values.reshape(1, -1)).reshape(-1)
        kept.append(made)
        return made

    @property
    def floats(self):
        """Float32 that each stream keeps for itself."""
        return self._size


cdef class Stream:
    """One instrument's way through a plan.

    Parameters
    ----------
    plan
        The network.
    mean, std, clip
        Raw rows become ``(row - mean) / std``, held within plus and minus `clip`; left as they are when left out.
    temperature
        Each head's logits are divided by its own, 1 when left out.
    head
        Whose probabilities `step` gives.

    Attributes
    ----------
    remaining : int
        Rows still to come before there is an answer.
    """

    cdef readonly Plan plan
    cdef readonly Py_ssize_t head
    cdef object _floats, _mean, _std, _temperature
    cdef StreamScaler _by
    cdef const double[::1] _temperatures
    cdef float* _memory
    cdef float** _at
    cdef int64_t* _slots
    cdef Py_ssize_t _seen
    cdef bint _prepared, _running

    def __cinit__(self):
        self._at = NULL
        self._slots = NULL
        self._memory = NULL

    def __dealloc__(self):
        free(self._at)
        free(self._slots)

    def __init__(self, Plan plan not None, mean=None, std=None, clip=None, temperature=None, head=0):
        cdef float[::1] floats
        cdef const double[::1] column
        cdef Py_ssize_t n = plan._places.shape[0]
        if self._at != NULL:
            raise RuntimeError("a Stream is made once")
        if plan._kept is None:
            raise RuntimeError("plan was never made")
        self._mean, self._std, self._by.clip, self._temperature, self.head = scaling(
            plan.width, plan.heads, mean, std, clip, temperature, head
        )
        column = self._mean
        self._by.mean = &column[0]
        column = self._std
        self._by.std = &column[0]
        self._temperatures = self._temperature
        self._at = <float**>calloc(n, sizeof(float*))
        self._slots = <int64_t*>calloc(n, sizeof(int64_t))
        if self._at == NULL or self._slots == NULL:
            raise MemoryError
        self._floats = aligned(plan._size)
        floats = self._floats
        self.plan = plan
        self._memory = &floats[0]
        self._forget()

    cdef int _alone(self) except -1:
        if self._memory == NULL:
            raise RuntimeError("this Stream was never made")
        # `run` lets other threads go on: they may not write into its memory meanwhile.
        if self._running:
            raise RuntimeError("a Stream must not be used while it runs in another thread: give each its own")
        return 0

    cdef void _forget(self) noexcept nogil:
        cdef Py_ssize_t i
        memset(self._memory, 0, self.plan._size * sizeof(float))
        for i in range(self.plan._places.shape[0]):
            self._slots[i] = 0
            self._at[i] = self._memory + self.plan._places[i, 3]
        self._seen = 0
        self._prepared = False

    cdef void _prepare(self) noexcept nogil:
        """Do what may be done before the next row is known."""
        if self.plan._later and not self._prepared and self._seen:
            self.plan._set.work(self.plan._ops + self.plan._now, self.plan._later, self._at)
            self._prepared = True

    cdef const float* _take(self, const double* row) noexcept nogil:
        """Take a raw row and give the logits; NULL while there are none."""
        cdef Py_ssize_t i
        cdef const int64_t* place
        cdef float* to
        self._prepare()
        for i in range(self.plan._places.shape[0]):
            place = &self.plan._places[i, 0]
            if place[2]:
                self._slots[i] = self._slots[i] + 1 if self._slots[i] + 1 < place[0] else 0
                self._at[i] = self._memory + place[3] + (self._slots[i] + 1) * place[1]
        place = &self.plan._places[0, 0]
        to = self._at[0] + (place[0] - 1) * place[1]
        if not self.plan._set.scale(&self._by, row, to, self.plan.width):
            if self._seen:
                self._forget()
            return NULL
        if place[2]:
            for i in range(self.plan.width):
                (to - place[0] * place[1])[i] = to[i]
        self._prepared = False
        self.plan._set.work(self.plan._ops, self.plan._now, self._at)
        if self._seen < self.plan.window:
            self._seen += 1
        return self._logits()

    cdef const float* _logits(self) noexcept nogil:
        if self._seen < self.plan.window:
            return NULL
        return self._at[self.plan._output] + self.plan._output_at

    @property
    def remaining(self):
        if self._memory == NULL:
            self._alone()
        return self.plan.window - self._seen

    def reset(self):
        """Forget every row."""
        self._alone()
        self._forget()

    def ahead(self):
        """Do now what the next step can do before its row is known; it does so itself when this is left out."""
        self._alone()
        self._prepare()

    def step(self, row):
        """Take one raw row (width,), give the primary head's probabilities (3,) float64.

        They are NaN while `remaining` is not 0. A row that holds anything but finite numbers forgets all before it.
        """
        cdef Py_buffer view
        cdef const float* logits
        cdef Py_ssize_t length
        self._alone()
        length = 8 * self.plan.width
        result = empty(3)
        if not PyObject_CheckBuffer(row):
            row = np.asarray(row, np.float64)
        PyObject_GetBuffer(row, &view, PyBUF_STRIDES | PyBUF_FORMAT)
        if (
            view.ndim != 1 or view.len != length or view.strides[0] != 8
            or view.format == NULL or view.format[0] != c"d" or view.format[1] != 0
        ):
            PyBuffer_Release(&view)
            row = np.require(row, np.float64, PLAIN)
            if row.shape != (self.plan.width,):
                raise ValueError(f"row must have shape ({self.plan.width},), got {row.shape}")
            PyObject_GetBuffer(row, &view, PyBUF_C_CONTIGUOUS)
        if self._running:  # begun by another thread while this row was read
            PyBuffer_Release(&view)
            self._alone()
        logits = self._take(<const double*>view.buf)
        PyBuffer_Release(&view)
        PyObject_GetBuffer(result, &view, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE)
        self._answer(logits, self.head, <double*>view.buf)
        PyBuffer_Release(&view)
        return result

    cdef void _answer(self, const float* logits, Py_ssize_t head, double* out) noexcept nogil:
        if logits == NULL:
            out[0] = out[1] = out[2] = NAN
        else:
            stream_softmax(logits + 3 * head, self._temperatures[head], out)

    @property
    def probabilities(self):
        """Of all heads after the last row: (heads, 3) float64, NaN while warming up."""
        cdef double[:, ::1] out
        cdef Py_ssize_t head
        self._alone()
        result = empty((self.plan.heads, 3))
        out = result
        for head in range(self.plan.heads):
            self._answer(self._logits(), head, &out[head, 0])
        return result

    @property
    def logits(self):
        """Of all heads after the last row: (heads, 3) float64, NaN while warming up."""
        cdef double[:, ::1] out
        self._alone()
        result = empty((self.plan.heads, 3))
        out = result
        self._copy(self._logits(), &out[0, 0])
        return result

    cdef void _copy(self, const float* logits, double* out) noexcept nogil:
        cdef Py_ssize_t i
        for i in range(3 * self.plan.heads):
            out[i] = NAN if logits == NULL else logits[i]

    def run(self, rows, valid=None, logits=False):
        """Step through (n, width) raw rows: (n, heads, 3) probabilities, or logits; not `valid` is as good as NaN."""
        cdef Py_ssize_t i, head, n
        cdef const double[:, ::1] given
        cdef const unsigned char[::1] ok
        cdef double[:, :, ::1] out
        cdef const float* answer
        cdef bint raw = logits
        self._alone()
        rows = np.require(rows, np.float64, PLAIN)
        if rows.ndim != 2 or rows.shape[1] != self.plan.width:
            raise ValueError(f"rows must have shape (n, {self.plan.width}), got {rows.shape}")
        n = rows.shape[0]
        valid = np.ones(n, bool) if valid is None else np.ascontiguousarray(valid, bool)
        if valid.shape != (n,):
            raise ValueError(f"valid must have the {n} elements of rows, got shape {valid.shape}")
        result = empty((n, self.plan.heads, 3))
        given, ok, out = rows, valid.view(np.uint8), result
        self._alone()
        self._running = True
        with nogil:
            for i in range(n):
                answer = NULL
                if ok[i]:
                    answer = self._take(&given[i, 0])
                elif self._seen:
                    self._forget()
                if raw:
                    self._copy(answer, &out[i, 0, 0])
                else:
                    for head in range(self.plan.heads):
                        self._answer(answer, head, &out[i, head, 0])
        self._running = False
        return result
