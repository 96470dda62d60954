"""The crowd of a simulated market, compiled: it acts on the order-level book itself, without the interpreter.

`_crowd_py.py` is the same in Python, number for number; `_crowd_orders.pxd` holds the moves.
"""

import numpy as np

from orderbook_ext import _factors_py as rules

from libc.stdint cimport int8_t, int64_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from orderbook_ext._crowd_orders cimport (
    MINUTES, Meta, OWN_BITS, Rows, Slots, State, TABLE, clear_level, pick, read_touch, receive, refresh_far,
    refresh_near, rest_order, tell_touch,
)
from orderbook_ext._crowd_steps cimport CELL, begin, finish, run
from orderbook_ext._factors cimport MOODS
from orderbook_ext._order_messages cimport Changes
from orderbook_ext._orders cimport OrderLevelBook
from orderbook_ext._touched cimport code_side, code_tick

# The fields of `Numbers`, in order.
NUMBERS = (
    "interval_ms", "hurry", "volatility", "shared", "particular", "doubt", "drive", "permanent", "impact", "forget",
    "takers", "pick_off", "reach", "split", "tail", "lean_takers", "lean_imbalance",
    "makers", "patience", "lean_makers", "fear", "calm", "late", "quick", "slowness", "noise",
    "near_rate", "near_span", "far_rate", "calming", "unrest", "fast_decay", "slow_decay",
)
assert rules.CELL == CELL and len(rules.MOODS) == MOODS


cdef list tuples(const Rows* told):
    cdef Py_ssize_t i
    cdef const int64_t* c
    out = []
    for i in range(told.n):
        c = told.rows[i].cells
        out.append((c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]))
    return out


cdef int slots_open(Slots* slots, Py_ssize_t n) except -1:
    free(slots.orders)
    slots.orders = <uint64_t*>calloc(n, sizeof(uint64_t))
    slots.n = n
    if slots.orders == NULL:
        raise MemoryError("no memory for the crowd")
    return 0


cdef int64_t* column(array):
    """Where an array, which must be kept, holds its values."""
    return <int64_t*><size_t>array.ctypes.data


cdef class Crowd:
    """Everyone in a simulated market but the agents; `orderbook_ext._crowd_py.Crowd` says what it takes."""

    cdef State state
    cdef readonly OrderLevelBook book
    cdef object kept  # the arrays that `state` points into

    def __init__(self, OrderLevelBook book not None, seeds, p, double target, tables, day, int64_t start):
        cdef State* s = &self.state
        cdef double* number = <double*>&s.p
        cdef int i, j
        if self.kept is not None:
            raise TypeError("a crowd is made once: what it points into is kept")
        if min(p.near_orders, p.far_orders, p.metaorders) < 1:
            raise ValueError("near_orders, far_orders and metaorders must be at least 1")
        self.book = book
        s.book = &book.book
        for i, name in enumerate(NUMBERS):
            number[i] = getattr(p, name)
        arrays = [np.array(table, np.int64) for table in tables]
        day = np.array(day, np.float64)
        if any(len(array) != TABLE for array in arrays) or len(arrays) != 5 or len(day) != MINUTES:
            raise ValueError(f"tables must be 5 of {TABLE} numbers, and day {MINUTES} numbers")
        s.trade_size, s.touch_size, s.near_size = column(arrays[0]), column(arrays[1]), column(arrays[2])
        s.far_size, s.far_distance, s.day = column(arrays[3]), column(arrays[4]), <double*>column(day)
        s.random.state, s.own.random.state, s.common.random.state, s.latency.state = seeds
        s.own.mood, s.common.mood = 0.5, 1.0
        for i in range(MOODS):
            s.climate.pulls[i], s.climate.shakes[i] = rules.PULLS[i], rules.SHAKES[i]
        s.climate.spread, s.climate.jump, s.climate.diffusion = rules.SPREAD, rules.JUMP, rules.DIFFUSION
        s.climate.jumps = rules.JUMPS * (rules.CELL / 1000.0)
        for i, row in enumerate(p.excitation()):
            for j, rate in enumerate(row):
                s.excite[i][j] = rate * p.fast_decay / 1000.0
        s.excite_slow = p.excite_slow * p.slow_decay / 1000.0
        s.start = s.now = start
        s.elapsed = 1
        s.busy, s.target = 1.0, target
        s.last_order = <uint64_t>1 << OWN_BITS
        s.nearest[0] = s.nearest[1] = 1
        slots_open(&s.near, p.near_orders)
        slots_open(&s.far, p.far_orders)
        s.n_metas = p.metaorders
        free(s.metas)
        s.metas = <Meta*>calloc(s.n_metas, sizeof(Meta))
        if s.metas == NULL:
            raise MemoryError("no memory for the crowd")
        self.kept = (arrays, day)  # from here on it is whole

    cdef int check(self) except -1:
        if self.kept is None:
            raise TypeError("a crowd needs its arguments: call Crowd(book, seeds, ...)")
        return self.book.check()

    def __dealloc__(self):
        free(self.state.near.orders)
        free(self.state.far.orders)
        free(self.state.metas)
        free(self.state.told.rows)
        free(self.state.fills.rows)
        free(self.state.queue)

    cdef int settle(self) except -1:
        if self.state.failed:
            raise MemoryError("no memory for what the crowd does")
        self.book.settle()
        return 0

    def populate(self, int64_t mid):
        """Fill an empty book around a bid at tick `mid`; its changes are not told."""
        cdef State* s = &self.state
        cdef Py_ssize_t i
        cdef int side
        self.check()
        for side in range(2):
            for i in range(24):
                rest_order(s, side, mid + side, pick(s.touch_size, &s.random))
        read_touch(s)
        for i in range(s.near.n):
            refresh_near(s, i)
        for i in range(s.far.n):
            refresh_far(s, i)
        s.fair = s.mid = <double>mid + 0.5
        self.book.changes()
        s.update_id = s.depth_id = 1_000_000
        self.settle()

    def begin(self, double pace):
        """Let time pass until the next depth message; gives a time before it (ms), when agents act."""
        self.check()
        return begin(&self.state, pace)

    def finish(self, double push, withheld, int64_t early):
        """Let everyone act until the message; gives trades and touch changes, none before `early`."""
        cdef State* s = &self.state
        self.check()
        (s.nearest[0], s.farthest[0]), (s.nearest[1], s.farthest[1]) = withheld
        s.push = push
        s.told.n = 0
        finish(s, early)
        self.settle()
        return tuples(&s.told)

    def tell_touch(self, int64_t ms):
        """Best prices and what rests there as a row, if that changed since it was told; at most one."""
        self.check()
        self.state.told.n = 0
        tell_touch(&self.state, ms)
        self.settle()
        return tuples(&self.state.told)

    def depth(self, int64_t ms):
        """The levels that changed, and of the message that tells them: time of receipt, first, last, previous id."""
        cdef State* s = &self.state
        cdef int64_t previous = s.depth_id
        self.check()
        changes = self.book.changes()
        s.update_id += 1
        s.depth_id = s.update_id
        return changes, (receive(s, ms * 1_000_000), previous + 1, s.update_id, previous)

    def run(self, Py_ssize_t messages):
        """Take so many steps without agents, outside the interpreter.

        Returns
        -------
        tuple
            Rows int64 (n, 8): kind (0 depth message, 2 trade, 3 touch), ms, time of receipt (ns), id, and: id of the
            message before, number of levels, 0, 0; or tick, lots, side, order; or bid, lots, ask, lots. Then sides,
            ticks and lots of all messages' levels, one after the other.
        """
        cdef State* s = &self.state
        cdef Changes changes
        cdef Py_ssize_t i
        cdef int done
        cdef int8_t* side
        cdef int64_t* tick
        cdef int64_t* lot
        changes.rows, changes.n, changes.room = NULL, 0, 0
        self.check()
        s.nearest[0] = s.nearest[1] = 1
        s.farthest[0] = s.farthest[1] = 0
        s.push = 0.0
        s.told.n = 0
        try:
            self.book.busy = True
            with nogil:
                done = run(s, messages, &changes)
            self.book.busy = False
            if not done:
                self.settle()
            rows, sides = np.empty((s.told.n, 8), np.int64), np.empty(changes.n, np.int8)
            ticks, lots = np.empty(changes.n, np.int64), np.empty(changes.n, np.int64)
            memcpy(column(rows), s.told.rows, 8 * s.told.n * sizeof(int64_t))
            side, tick, lot = <int8_t*>column(sides), column(ticks), column(lots)
            for i in range(changes.n):
                side[i] = <int8_t>code_side(changes.rows[2 * i])
                tick[i] = code_tick(changes.rows[2 * i])
                lot[i] = changes.rows[2 * i + 1]
            return rows, sides, ticks, lots
        finally:
            free(changes.rows)

    def receive(self, int64_t ts):
        """Receive time (ns) of a message sent now: some 2 ms later, never before the previous one."""
        self.check()
        return receive(&self.state, ts)

    def clear_level(self, int side, int64_t tick):
        """Cancel all that the crowd has at a level."""
        self.check()
        if side not in (0, 1):
            raise ValueError(f"side must be 0 (bid) or 1 (ask), got {side}")
        clear_level(&self.state, side, tick, 0)
        self.settle()

    @property
    def now(self):
        """Event time of the last message, ms since 1970."""
        return self.state.now

    @property
    def informed(self):
        """How far the price was off the hidden value, from -3 to 3."""
        return self.state.informed

    @property
    def fair(self):
        """What informed traders take the price for, ticks."""
        return self.state.fair

    @property
    def mid(self):
        """The price after the last step, ticks."""
        return self.state.mid

    @property
    def activity(self):
        """Logarithm of how active the market is."""
        return self.state.activity

    @property
    def update_id(self):
        """Id of the last change told."""
        return self.state.update_id

    @property
    def trade_id(self):
        """Id of the last trade."""
        return self.state.trade_id

    def next_trade(self):
        """Take the id of a trade that others made."""
        self.state.trade_id += 1
        return self.state.trade_id
