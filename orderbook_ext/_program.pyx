"""Programs that turn book rows into columns; compiled.

A program works through its instructions a block of rows at a time, column by column, so that each inner loop is a plain
array; a single row is a block of one. An invalid row ends a block and clears every memory.
"""

from libc.math cimport NAN
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from orderbook_ext._columns cimport (
    COMPONENT, DECAY, EMA, HOLD, LAG, MAX, MIN, MOVE, SECONDS, SINCE, SUM, VAR, VPIN, Op, compute, value_of,
)
from orderbook_ext._kernels cimport (
    BUCKETS, VPIN_HEAD, decay_step, ema_step, hold_step, seconds_step, since_step, vpin_step,
)
from orderbook_ext._learned cimport MOVE_MEMORY, component_memory, component_step, move_step
from orderbook_ext._windows cimport FOLD_MAX, FOLD_MIN, FOLD_SUM, Window, fold_run, lag_run, var_run

import numpy as np

from orderbook_ext._layout import FLOW, check, place

cdef enum:
    BLOCK = 192  # rows worked through at once: some forty columns of them stay in the first cache
    STRIDE = BLOCK + 8  # from column to column: a power of two would let them push each other out of the cache
    TILE = 8  # columns of the result written together: a cache line

cdef Py_ssize_t _FLOW = FLOW
cdef long long DAY = 86_400_000_000_000  # ns


cdef Py_ssize_t memory_of(Op op, Py_ssize_t span, Py_ssize_t count) noexcept nogil:
    """Doubles that an instruction's memory takes."""
    if op == LAG or op == SUM or op == MIN or op == MAX:
        return span
    if op == VAR:
        return 2 * span
    if op == VPIN:
        return VPIN_HEAD + span
    if op == SECONDS:
        return BUCKETS
    if op == COMPONENT:
        return component_memory(count)
    return MOVE_MEMORY if op == MOVE else 0


cdef aligned(Py_ssize_t count):
    """Zeros that begin with a cache line, so that no vector lies across two."""
    made = np.zeros(count + 8)
    start = -(made.ctypes.data // 8) % 8
    return made[start : start + count]


cdef class Program:
    """A list of instructions that turns book rows into columns, with the memory of its kernels.

    Registers: the row (levels x 4, flow x 7, tick size, seconds since the previous row, seconds of the day),
    `constants`, then one for each instruction `(op, args, span, param)`, whose `args` are registers before its own.
    `outputs` are the registers that make a column each.
    """

    def __cinit__(self):
        self._code = NULL
        self._windows = NULL

    def __dealloc__(self):
        free(self._code)
        free(self._windows)

    def __init__(self, levels, constants, code, outputs):
        cdef Py_ssize_t i, k, base = 0, cleared
        self._alone()
        code = [(op, tuple(args), span, param) for op, args, span, param in code]
        check(levels, constants, code, outputs)
        self.levels, self.columns, self._length = levels, len(outputs), len(code)
        slots, count = place(levels, constants, code, outputs)
        inputs = 4 * levels + _FLOW + 3
        scratch = aligned(count * STRIDE)
        for k, value in enumerate(constants):
            scratch.reshape(-1, STRIDE)[slots[inputs + k]] = value
        self._scratch = scratch
        used = [(k, slots[k] * STRIDE) for k in range(inputs) if slots[k] >= 0]
        self._inputs = np.array(used, np.intp).reshape(-1, 2)
        self._outputs = np.array([slots[o] * STRIDE for o in outputs], np.intp)
        self._args = np.array([slots[a] * STRIDE for _, args, _, _ in code for a in args], np.intp)
        self._gathered = np.zeros(max((len(args) for _, args, _, _ in code), default=1))
        self._allocate()
        k = 0
        for i, (op, args, span, param) in enumerate(code):
            size = memory_of(<Op>(<int>op), span, len(args))
            # a ring is written before it is read, a table starts from nothing
            cleared = VPIN_HEAD if op == VPIN else size if op in (SECONDS, COMPONENT, MOVE) else 0
            a, b, c = (slots[args[min(j, len(args) - 1)]] * STRIDE for j in range(3))
            out = slots[inputs + len(constants) + i] * STRIDE
            self._code[i] = Instruction(<Op>(<int>op), out, a, b, c, k, len(args), span, base, cleared, param)
            base += size
            k += len(args)
        self._memory = np.zeros(max(base, 1))
        self._clear()

    cdef int _allocate(self) except -1:
        free(self._code)
        free(self._windows)
        self._code = <Instruction*>calloc(max(self._length, 1), sizeof(Instruction))
        self._windows = <Window*>calloc(max(self._length, 1), sizeof(Window))
        if self._code == NULL or self._windows == NULL:
            raise MemoryError
        return 0

    def fresh(self):
        """The same program with nothing remembered."""
        cdef Program other = Program.__new__(Program)
        other.levels, other.columns, other._length = self.levels, self.columns, self._length
        other._inputs, other._outputs, other._args = self._inputs, self._outputs, self._args
        other._allocate()
        memcpy(other._code, self._code, self._length * sizeof(Instruction))
        other._scratch = aligned(self._scratch.shape[0])
        other._scratch[:] = self._scratch
        other._gathered = np.array(self._gathered)
        other._memory = np.zeros(self._memory.shape[0])
        other._clear()
        return other

    def reset(self):
        """Forget every window."""
        self._alone()
        self._clear()

    cdef int _alone(self) except -1:
        # `run` lets other threads go on: they may not write into its memory meanwhile.
        if self._running:
            raise RuntimeError("a Program must not be used while it runs in another thread: give each its own, fresh()")
        return 0

    cdef void _clear(self) noexcept nogil:
        cdef Py_ssize_t i
        memset(self._windows, 0, self._length * sizeof(Window))
        for i in range(self._length):
            if self._code[i].size:
                memset(&self._memory[self._code[i].base], 0, self._code[i].size * sizeof(double))
        self._started = False

    cdef void _load(
        self, const double* levels, const double* flow, const long long* ts, double tick_size, Py_ssize_t n
    ) noexcept nogil:
        """Turn the inputs that are used into columns."""
        cdef Py_ssize_t i, j, k, width = 4 * self.levels
        cdef const double* source
        cdef double* column
        for j in range(self._inputs.shape[0]):
            k = self._inputs[j, 0]
            column = &self._scratch[self._inputs[j, 1]]
            if k < width:
                source = levels + k
                for i in range(n):
                    column[i] = source[i * width]
            elif k < width + _FLOW:
                source = flow + k - width
                for i in range(n):
                    column[i] = source[i * _FLOW]
            elif k == width + _FLOW:
                for i in range(n):
                    column[i] = tick_size
            elif k == width + _FLOW + 1:
                # A clock that jumps back has no negative duration.
                column[0] = <double>max(ts[0] - self._last, 0) * 1e-9 if self._started else NAN
                for i in range(1, n):
                    column[i] = <double>max(ts[i] - ts[i - 1], 0) * 1e-9
            else:
                for i in range(n):
                    column[i] = <double>((ts[i] % DAY + DAY) % DAY) * 1e-9
        self._last, self._started = ts[n - 1], True

    cdef void _kernel(self, Instruction* code, Window* w, Py_ssize_t n) noexcept nogil:
        cdef double* scratch = &self._scratch[0]
        cdef double* memory = &self._memory[0] + code.base
        cdef double* out = scratch + code.out
        cdef const double* x = scratch + code.a
        cdef const double* y = scratch + code.b
        cdef const double* z = scratch + code.c
        cdef double* gathered
        cdef Op op = code.op
        cdef Py_ssize_t i, j
        if op == SUM:
            fold_run(FOLD_SUM, code.span, w, memory, x, out, n)
        elif op == LAG:
            lag_run(code.span, w, memory, x, out, n)
        elif op == MIN:
            fold_run(FOLD_MIN, code.span, w, memory, x, out, n)
        elif op == MAX:
            fold_run(FOLD_MAX, code.span, w, memory, x, out, n)
        elif op == VAR:
            var_run(code.span, w, memory, x, out, n)
        elif op == VPIN:
            for i in range(n):
                out[i] = vpin_step(code.span, w, memory, x[i], y[i])
        elif op == EMA:
            for i in range(n):
                out[i] = ema_step(code.span, w, x[i])
        elif op == DECAY:
            for i in range(n):
                out[i] = decay_step(code.param, w, x[i], y[i])
        elif op == SECONDS:
            for i in range(n):
                out[i] = seconds_step(code.param, w, memory, x[i], y[i])
        elif op == HOLD:
            for i in range(n):
                out[i] = hold_step(w, x[i])
        elif op == SINCE:
            for i in range(n):
                out[i] = since_step(w, x[i], y[i])
        elif op == MOVE:
            for i in range(n):
                out[i] = move_step(code.span, w, memory, x[i], y[i], z[i])
        elif op == COMPONENT:
            gathered = &self._gathered[0]
            for i in range(n):
                for j in range(code.count):
                    gathered[j] = scratch[self._args[code.args + j] + i]
                out[i] = component_step(code.span, code.count, w, memory, gathered)

    cdef void _store(self, double* out, Py_ssize_t n) noexcept nogil:
        """Turn the columns that were asked for into rows."""
        cdef Py_ssize_t i, j, c = 0, columns = self.columns
        cdef const double* scratch = &self._scratch[0]
        cdef const double* column[TILE]
        cdef const Py_ssize_t* places = &self._outputs[0]
        cdef double* row
        while c + TILE <= columns and n > 1:
            for j in range(TILE):
                column[j] = scratch + places[c + j]
            row = out + c
            for i in range(n):
                row[0], row[1], row[2], row[3] = column[0][i], column[1][i], column[2][i], column[3][i]
                row[4], row[5], row[6], row[7] = column[4][i], column[5][i], column[6][i], column[7][i]
                row += columns
            c += TILE
        for j in range(c, columns):
            for i in range(n):
                out[i * columns + j] = scratch[places[j] + i]

    cdef void _block(
        self, const double* levels, const double* flow, const long long* ts, double tick_size, Py_ssize_t n, double* out
    ) noexcept nogil:
        """Columns of n rows, all valid, no more than BLOCK."""
        cdef Py_ssize_t i
        cdef Instruction* code = self._code
        cdef double* scratch = &self._scratch[0]
        self._load(levels, flow, ts, tick_size, n)
        for i in range(self._length):
            if code.op >= LAG:
                self._kernel(code, self._windows + i, n)
            elif n == 1:
                scratch[code.out] = value_of(code.op, scratch[code.a], scratch[code.b], scratch[code.c])
            else:
                compute(code.op, scratch + code.out, scratch + code.a, scratch + code.b, scratch + code.c, n)
            code += 1
        self._store(out, n)

    def push(self, const double[:, ::1] levels, const double[::1] flow, long long ts, double tick_size, bint valid):
        """Columns (F,) of the next row; all NaN, and every window reset, where `valid` is False."""
        if levels.shape[0] != self.levels or levels.shape[1] != 4 or flow.shape[0] != _FLOW:
            raise ValueError(f"levels must have shape ({self.levels}, 4) and flow ({_FLOW},)")
        cdef Py_ssize_t i
        self._alone()
        result = np.empty(self.columns)
        cdef double[::1] out = result
        if not valid:
            self._clear()
            for i in range(self.columns):
                out[i] = NAN
        elif self.columns:
            self._block(&levels[0, 0], &flow[0], &ts, tick_size, 1, &out[0])
        return result

    def run(self, const double[:, :, ::1] levels, const double[:, ::1] flow, ts, double tick_size, valid):
        """Columns (n, F) of the next n rows."""
        cdef const long long[::1] times = np.ascontiguousarray(ts, np.int64)
        cdef const unsigned char[::1] ok = np.ascontiguousarray(valid, bool).view(np.uint8)
        cdef Py_ssize_t i = 0, j, n = levels.shape[0]
        if levels.shape[1] != self.levels or levels.shape[2] != 4 or flow.shape[1] != _FLOW:
            raise ValueError(f"levels must have shape (n, {self.levels}, 4) and flow (n, {_FLOW})")
        if not flow.shape[0] == times.shape[0] == ok.shape[0] == n:
            raise ValueError(f"levels, flow, ts and valid must have the same length, got {n} levels")
        self._alone()
        result = np.empty((n, self.columns))
        cdef double[:, ::1] out = result
        if self.columns:
            self._running = True
            with nogil:
                while i < n:
                    j = i
                    while j < n and j - i < BLOCK and ok[j]:
                        j += 1
                    if j > i:
                        self._block(&levels[i, 0, 0], &flow[i, 0], &times[i], tick_size, j - i, &out[i, 0])
                    else:
                        self._clear()
                        for j in range(self.columns):
                            out[i, j] = NAN
                        j = i + 1
                    i = j
            self._running = False
        return result
