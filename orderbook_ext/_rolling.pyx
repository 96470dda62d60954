"""Rolling statistics, and programs of them that turn a book row into columns; compiled.

One inline step serves `push` (a value or a row) and `run` (an array of them), so both give the same bits. A window is
kept as two parts: a running aggregate of the newest values and, over the older ones, aggregates that were made backwards
once a round. Nothing is ever subtracted: no drift, and a NaN leaves with its row.
"""

from libc.math cimport NAN, fabs, log, log1p, rint, sqrt
from libc.stdlib cimport calloc, free
from libc.string cimport memset

import numpy as np

OPS = (
    "add", "sub", "mul", "div", "ratio", "min2", "max2", "ge", "le", "abs", "sqrt", "log", "log1p", "rint", "or_zero",
    "lag", "sum", "min", "max", "var", "vpin",
)
KINDS = ("lag", "sum", "mean", "min", "max", "var", "std")
FLOW = 7  # columns of a row's flow
VPIN_ROWS = 50  # rows with trades before the first bucket opens
VPIN_SCALE = 10.0  # a bucket holds this many times the mean volume of a row with trades
VPIN_HEAD = 6  # size, filled, signed, total, rows, value: in front of the ring

cdef Py_ssize_t _FLOW = FLOW
cdef Py_ssize_t _VPIN_HEAD = VPIN_HEAD
cdef double _VPIN_ROWS = VPIN_ROWS
cdef double _VPIN_SCALE = VPIN_SCALE


cdef Py_ssize_t memory_of(Op op, Py_ssize_t span) noexcept nogil:
    """Doubles that an instruction's window needs."""
    if op < LAG:
        return 0
    if op == VAR:
        return 2 * span
    if op == VPIN:
        return _VPIN_HEAD + span
    return span


cdef inline double lesser(double x, double y) noexcept nogil:
    if x != x or y != y:
        return NAN
    return x if x < y else y


cdef inline double greater(double x, double y) noexcept nogil:
    if x != x or y != y:
        return NAN
    return x if x > y else y


cdef inline double fold(Op op, double x, double y) noexcept nogil:
    if op == SUM:
        return x + y
    if op == MIN:
        return lesser(x, y)
    return greater(x, y)


cdef inline double window_step(Op op, Py_ssize_t span, Window* w, double* ring, double x) noexcept nogil:
    cdef Py_ssize_t i, pos = w.pos
    cdef double value
    ring[pos] = x
    w.front = x if pos == 0 else fold(op, w.front, x)
    if w.count < span:
        w.count += 1
    if pos == span - 1:
        for i in range(span - 2, -1, -1):
            ring[i] = fold(op, ring[i], ring[i + 1])
        w.pos = 0
        return w.front
    w.pos = pos + 1
    if w.count < span:
        return NAN
    value = fold(op, ring[pos + 1], w.front)
    return value


cdef inline double lag_step(Py_ssize_t span, Window* w, double* ring, double x) noexcept nogil:
    cdef double value = ring[w.pos] if w.count == span else NAN
    ring[w.pos] = x
    w.pos = w.pos + 1 if w.pos + 1 < span else 0
    if w.count < span:
        w.count += 1
    return value


cdef inline void welford(double* mean, double* m2, double n, double x) noexcept nogil:
    # n counts x too
    cdef double delta = x - mean[0]
    mean[0] += delta / n
    m2[0] += delta * delta * ((n - 1.0) / n)


cdef inline double var_step(Py_ssize_t span, Window* w, double* ring, double x) noexcept nogil:
    cdef Py_ssize_t i, pos = w.pos
    cdef double* m2 = ring + span
    cdef double delta, mean, spread, old, new
    ring[pos] = x
    if pos == 0:
        w.front = x
        # x - x is 0, or NaN for what is not finite
        w.front2 = x - x
    else:
        welford(&w.front, &w.front2, pos + 1.0, x)
    if w.count < span:
        w.count += 1
    if pos == span - 1:
        m2[pos] = x - x
        for i in range(span - 2, -1, -1):
            mean, spread = ring[i + 1], m2[i + 1]
            welford(&mean, &spread, span - i, ring[i])
            ring[i], m2[i] = mean, spread
        w.pos = 0
        return w.front2 / span
    w.pos = pos + 1
    if w.count < span:
        return NAN
    old, new = span - 1 - pos, pos + 1
    delta = w.front - ring[pos + 1]
    return (m2[pos + 1] + w.front2 + delta * delta * (old * new / span)) / span


cdef inline double vpin_step(Py_ssize_t span, Window* w, double* head, double buy, double sell) noexcept nogil:
    cdef double* ring = head + _VPIN_HEAD
    cdef double left = buy + sell, share, room, total
    cdef Py_ssize_t i, k
    if left > 0:
        share = (buy - sell) / left
        head[3] += left
        head[4] += 1.0
        if head[0] == 0.0 and head[4] >= _VPIN_ROWS:
            head[0] = _VPIN_SCALE * head[3] / head[4]
        if head[0] > 0:
            for k in range(2 * span):
                room = head[0] - head[1]
                if left < room:
                    head[1] += left
                    head[2] += share * left
                    break
                head[2] += share * room
                left -= room
                ring[w.pos] = fabs(head[2]) / head[0]
                w.pos = w.pos + 1 if w.pos + 1 < span else 0
                if w.count < span:
                    w.count += 1
                head[0] = _VPIN_SCALE * head[3] / head[4]
                head[1] = head[2] = 0.0
            total = 0.0
            for i in range(span):
                total += ring[i]
            head[5] = total / span
    return head[5] if w.count == span else NAN


cdef double advance(Op op, Py_ssize_t span, Window* w, double* ring, double x, double y) noexcept nogil:
    """Take in the next value (VPIN: buy and sell volume) and give the statistic, NaN until the window is full."""
    if op == LAG:
        return lag_step(span, w, ring, x)
    if op == VAR:
        return var_step(span, w, ring, x)
    if op == VPIN:
        return vpin_step(span, w, ring, x, y)
    return window_step(op, span, w, ring, x)


cdef inline double compute(Instruction* code, Window* w, double* memory, double x, double y) noexcept nogil:
    cdef Op op = code.op
    if op == ADD:
        return x + y
    elif op == SUB:
        return x - y
    elif op == MUL:
        return x * y
    elif op == DIV:
        return NAN if y == 0.0 else x / y
    elif op == RATIO:
        return x * 0.0 if y == 0.0 else x / y
    elif op == MIN2:
        return lesser(x, y)
    elif op == MAX2:
        return greater(x, y)
    elif op == GE:
        return NAN if x != x or y != y else (1.0 if x >= y else 0.0)
    elif op == LE:
        return NAN if x != x or y != y else (1.0 if x <= y else 0.0)
    elif op == ABS:
        return fabs(x)
    elif op == SQRT:
        return sqrt(x) if x >= 0.0 else NAN
    elif op == LOG:
        return log(x) if x > 0.0 else NAN
    elif op == LOG1P:
        return log1p(x) if x > -1.0 else NAN
    elif op == RINT:
        return rint(x)
    elif op == OR_ZERO:
        return 0.0 if x != x else x
    return advance(op, code.span, w, memory + code.base, x, y)


cdef class Rolling:
    """One rolling statistic over the last `span` values."""

    def __init__(self, kind, span):
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
        if not (isinstance(span, (int, np.integer)) and span >= 1):
            raise ValueError(f"span must be a whole number of at least 1, got {span!r}")
        self.kind, self._span = kind, span
        self._op = <Op>(<int>OPS.index({"mean": "sum", "std": "var"}.get(kind, kind)))
        self._mean, self._root = kind == "mean", kind == "std"
        self._memory = np.zeros(memory_of(self._op, self._span))
        self.reset()

    @property
    def span(self):
        return self._span

    def reset(self):
        """Forget everything."""
        memset(&self._window, 0, sizeof(Window))

    cdef double _next(self, double x) noexcept nogil:
        cdef double value = advance(self._op, self._span, &self._window, &self._memory[0], x, 0.0)
        if self._mean:
            return value / self._span
        return sqrt(value) if self._root else value

    def push(self, double x):
        """Take in the next value and give the statistic; NaN until `span` values were seen."""
        return self._next(x)

    def run(self, values, valid=None):
        """Push each value of an array; where `valid` is False the window is reset and the result NaN."""
        cdef const double[::1] x = np.ascontiguousarray(values, np.float64)
        cdef Py_ssize_t i, n = x.shape[0]
        cdef const unsigned char[::1] ok = (
            np.ones(n, np.uint8) if valid is None else np.ascontiguousarray(valid, bool).view(np.uint8)
        )
        if ok.shape[0] != n:
            raise ValueError(f"valid must have the {n} elements of values, got {ok.shape[0]}")
        result = np.empty(n)
        cdef double[::1] out = result
        for i in range(n):
            if ok[i]:
                out[i] = self._next(x[i])
            else:
                memset(&self._window, 0, sizeof(Window))
                out[i] = NAN
        return result


cdef class Program:
    """A list of instructions that turns book rows into columns, with the memory of its windows.

    Registers: the row (levels x 4, flow x 7, tick size, seconds since the previous row), `constants`, then one for each
    instruction `(op, a, b, span)`, which may read registers before its own. `outputs` are the registers that make a
    column each.
    """

    def __cinit__(self):
        self._code = NULL
        self._windows = NULL

    def __dealloc__(self):
        free(self._code)
        free(self._windows)

    def __init__(self, levels, constants, code, outputs):
        cdef Py_ssize_t i, base = 0
        self.levels, self.columns = levels, len(outputs)
        self._source = (levels, tuple(constants), tuple(map(tuple, code)), tuple(outputs))
        self._inputs = 4 * levels + _FLOW + 2
        self._length = len(code)
        first = self._inputs + len(constants)
        registers = np.zeros(first + self._length)
        registers[self._inputs : first] = constants
        self._registers = registers
        self._outputs = np.array(outputs, np.intp)
        free(self._code)
        free(self._windows)
        self._code = <Instruction*>calloc(max(self._length, 1), sizeof(Instruction))
        self._windows = <Window*>calloc(max(self._length, 1), sizeof(Window))
        if self._code == NULL or self._windows == NULL:
            raise MemoryError
        for i, (op, a, b, span) in enumerate(code):
            if not (0 <= op < len(OPS) and 0 <= a < first + i and 0 <= b < first + i):
                raise ValueError(f"instruction {i} must name an op and earlier registers, got {(op, a, b, span)}")
            if op >= LAG and span < 1:
                raise ValueError(f"instruction {i} must have a span of at least 1, got {span!r}")
            self._code[i] = Instruction(<Op>(<int>op), a, b, span, base)
            base += memory_of(<Op>(<int>op), span)
        if any(not 0 <= o < first + self._length for o in outputs):
            raise ValueError("outputs must be registers of the program")
        self._memory = np.zeros(max(base, 1))
        self._clear()

    def fresh(self):
        """The same program with nothing remembered."""
        return Program(*self._source)

    def reset(self):
        """Forget every window."""
        self._clear()

    cdef void _clear(self) noexcept nogil:
        cdef Py_ssize_t i
        memset(self._windows, 0, self._length * sizeof(Window))
        for i in range(self._length):
            if self._code[i].op == VPIN:
                memset(&self._memory[self._code[i].base], 0, _VPIN_HEAD * sizeof(double))
        self._started = False

    cdef void _step(
        self, const double* levels, const double* flow, long long ts, double tick_size, bint valid, double* out
    ) noexcept nogil:
        cdef Py_ssize_t i, n = 4 * self.levels
        cdef double* r = &self._registers[0]
        cdef double* memory = &self._memory[0]
        cdef double* result = r + self._registers.shape[0] - self._length
        cdef Instruction* code
        if not valid:
            self._clear()
            for i in range(self.columns):
                out[i] = NAN
            return
        for i in range(n):
            r[i] = levels[i]
        for i in range(_FLOW):
            r[n + i] = flow[i]
        r[n + _FLOW] = tick_size
        # A clock that jumps back has no negative duration.
        r[n + _FLOW + 1] = <double>max(ts - self._last, 0) * 1e-9 if self._started else NAN
        self._last, self._started = ts, True
        for i in range(self._length):
            code = self._code + i
            result[i] = compute(code, self._windows + i, memory, r[code.a], r[code.b])
        for i in range(self.columns):
            out[i] = r[self._outputs[i]]

    def push(self, const double[:, ::1] levels, const double[::1] flow, long long ts, double tick_size, bint valid):
        """Columns (F,) of the next row; all NaN, and every window reset, where `valid` is False."""
        if levels.shape[0] != self.levels or levels.shape[1] != 4 or flow.shape[0] != _FLOW:
            raise ValueError(f"levels must have shape ({self.levels}, 4) and flow ({_FLOW},)")
        result = np.empty(self.columns)
        cdef double[::1] out = result
        if self.columns:
            self._step(&levels[0, 0], &flow[0], ts, tick_size, valid, &out[0])
        return result

    def run(self, const double[:, :, ::1] levels, const double[:, ::1] flow, ts, double tick_size, valid):
        """Columns (n, F) of the next n rows."""
        cdef const long long[::1] times = np.ascontiguousarray(ts, np.int64)
        cdef const unsigned char[::1] ok = np.ascontiguousarray(valid, bool).view(np.uint8)
        cdef Py_ssize_t i, n = levels.shape[0]
        if levels.shape[1] != self.levels or levels.shape[2] != 4 or flow.shape[1] != _FLOW:
            raise ValueError(f"levels must have shape (n, {self.levels}, 4) and flow (n, {_FLOW})")
        if not flow.shape[0] == times.shape[0] == ok.shape[0] == n:
            raise ValueError(f"levels, flow, ts and valid must have the same length, got {n} levels")
        result = np.empty((n, self.columns))
        cdef double[:, ::1] out = result
        if self.columns:
            with nogil:
                for i in range(n):
                    self._step(&levels[i, 0, 0], &flow[i, 0], times[i], tick_size, ok[i], &out[i, 0])
        return result
