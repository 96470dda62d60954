"""Binance's messages from bytes: to events, or straight into a book. See _scan_py.py for the readable twin."""

from cpython.buffer cimport PyBUF_C_CONTIGUOUS, PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_SET_ITEM
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

import numpy as np

from orderbook_ext import _checks
from orderbook_ext._book cimport OrderBook
from orderbook_ext._fields cimport (
    AGGREGATE, DIFF, KEY_a, KEY_asks, KEY_b, KEY_bids, KEY_e, KEY_s, KEY_symbol, MARK, NAMED, SNAPSHOT, TICKER, TRADE,
    Field, Message,
)
from orderbook_ext._json cimport FIELD, Cursor
from orderbook_ext._levels cimport levels_open
from orderbook_ext._lines cimport CRAMPED, REFUSED, Follower, apply_message, follow, line_end, scan_stamp
from orderbook_ext._message cimport has, scan_message
from orderbook_ext._json_py import EXPECTED, ScanError
from orderbook_ext._message_py import KEYS, KINDS
from orderbook_ext._scan_py import STOPS, Progress, event_classes, row_arrays
from orderbook_ext._side cimport side_clear
from orderbook_ext._ticks cimport exact_open

cdef extern from *:
    """
    /* What tuple.__new__ does for a subclass, without the tuple to copy from. */
    static inline PyObject *genesis_new_tuple(PyObject *cls, Py_ssize_t n) {
        return ((PyTypeObject *)cls)->tp_alloc((PyTypeObject *)cls, n);
    }
    """
    tuple new_tuple "genesis_new_tuple"(object, Py_ssize_t)

cdef object frombuffer = np.frombuffer
cdef object INT8 = np.dtype(np.int8)
cdef object INT64 = np.dtype(np.int64)
cdef object FLOAT64 = np.dtype(np.float64)
cdef tuple KIND_NAMES = KINDS
cdef bint WIDE = levels_open()
cdef tuple NO_LEVELS = tuple(np.empty(0, dtype) for dtype in (np.int8, np.int64, np.float64))
for _column in NO_LEVELS:
    _column.flags.writeable = False


cdef inline void put(tuple fields, Py_ssize_t i, object value):
    Py_INCREF(value)
    PyTuple_SET_ITEM(fields, i, value)


cdef class Scanner:
    """Read the messages of one instrument: depth diffs and snapshots, trades, best prices, mark prices.

    Parameters
    ----------
    symbol
        Messages of another symbol give no event.
    tick_size
        Grid of prices.
    events
        What `scan` makes of a diff, a snapshot, a trade, a ticker and a mark price: five subclasses of tuple that hold
        the fields of `genesis_lib.types`, in that order; plain tuples when left out.

    Attributes
    ----------
    kind : str
        What the last message was: ``depthUpdate``, ``snapshot``, ``trade``, ``aggTrade``, ``bookTicker``,
        ``markPriceUpdate``, ``partial depth``, ``control``, or the name that the venue gives any other event.
    other_symbol : str or None
        Whose the last message was when it was another's.
    end, ts_receive : int
        Start of the line behind the one that `line` read, and its receive time.

    Notes
    -----
    Prices become whole ticks, quantities the float64 nearest to the decimal: what ``float(text)`` gives. What no
    exchange sends is refused although it may be JSON: a key of ours twice or with an escape, a number where text
    belongs, signs and exponents, more than 19 digits, more than 64 levels of nesting. A refusal is a `ScanError`.

    Examples
    --------
    >>> scanner = Scanner("BTCUSDT", 0.1)
    >>> scanner.scan(b'{"e":"trade","T":1,"s":"BTCUSDT","t":7,"p":"28145.10","q":"0.002","X":"MARKET","m":true}', 5)
    ('BTCUSDT', 1000000, 5, 7, 281451, 0.002, -1, True)
    """

    cdef Message message
    cdef Cursor cursor
    cdef bytes name
    cdef tuple classes
    cdef int64_t* memory  # ticks, then quantities
    cdef bint busy  # a thread is in `follow`
    cdef readonly str symbol
    cdef readonly double tick_size
    cdef readonly str kind
    cdef readonly object other_symbol
    cdef readonly Py_ssize_t end
    cdef readonly int64_t ts_receive

    def __cinit__(self, str symbol, tick_size, events=None):
        self.tick_size, _, self.message.grid.scale, _ = _checks.grid(tick_size, 1.0, 1)
        self.message.grid.tick_size = self.tick_size
        exact_open(self.message.exact, self.message.grid)
        self.message.wide = WIDE
        self.symbol = symbol
        self.name = symbol.encode()
        self.message.symbol = <const unsigned char*>PyBytes_AS_STRING(self.name)
        self.message.symbol_length = PyBytes_GET_SIZE(self.name)
        self.classes = event_classes(events)
        self.kind = ""

    def __dealloc__(self):
        free(self.memory)

    cdef int reserve(self, Py_ssize_t length) except -1:
        """Make room for the levels of a message of `length` bytes."""
        cdef Py_ssize_t levels = length // 9 + 1
        if self.busy:
            raise RuntimeError("this Scanner is at work in another thread: use one for each")
        if levels > self.message.room:
            free(self.memory)
            self.message.room = 0
            levels = 2 * levels + 64
            self.memory = <int64_t*>malloc(2 * levels * sizeof(int64_t))
            if self.memory == NULL:
                raise MemoryError(f"no memory for a message of {length} bytes")
            self.message.room = levels
            self.message.ticks = self.memory
            self.message.quantities = <double*>(self.memory + levels)
        return 0

    cdef object refusal(self):
        """The error that the cursor tells of."""
        cdef Cursor* c = &self.cursor
        expected = EXPECTED[<int>c.fault]
        if c.fault == FIELD:
            expected = f"{expected} {KEYS[c.missing]!r}"
        cdef Py_ssize_t left = c.end - c.at
        found = PyBytes_FromStringAndSize(<const char*>c.at, left if left < 24 else 24)
        return ScanError(c.at - c.begin, expected, found)

    cdef int read(self, const unsigned char* start, Py_ssize_t length, const unsigned char* limit) except -1:
        """Read a message into `message`; bytes up to `limit` may be looked at."""
        cdef Message* m = &self.message
        cdef Field* f
        self.reserve(length)
        self.cursor.begin = start
        self.cursor.end = start + length
        self.cursor.limit = limit
        if not scan_message(&self.cursor, m):
            raise self.refusal()
        self.other_symbol = None
        if m.kind == NAMED:
            f = &m.fields[KEY_e]
            self.kind = f.start[: f.stop - f.start].decode()
            return 0
        self.kind = <str>KIND_NAMES[<int>m.kind]
        if m.foreign:
            f = &m.fields[KEY_s if has(m, KEY_s) else KEY_symbol]
            self.other_symbol = f.start[: f.stop - f.start].decode()
        return 0

    cdef int put_levels(self, tuple fields, Py_ssize_t at, int bids, int asks) except -1:
        """Three read-only columns over one piece of memory: sides, ticks, quantities; bids first."""
        cdef const Message* m = &self.message
        cdef Py_ssize_t n_bids = m.fields[bids].count, n = n_bids + m.fields[asks].count, first, count, done = 0
        cdef bytes memory
        cdef char* to
        cdef int key
        if n == 0:
            for key in range(3):
                put(fields, at + key, NO_LEVELS[key])
            return 0
        memory = PyBytes_FromStringAndSize(NULL, 17 * n)
        to = PyBytes_AS_STRING(memory)
        for key in (bids, asks):
            first = m.fields[key].first
            count = m.fields[key].count
            memcpy(to + 8 * done, m.ticks + first, 8 * count)
            memcpy(to + 8 * (n + done), m.quantities + first, 8 * count)
            done += count
        memset(to + 16 * n, 0, n_bids)
        memset(to + 16 * n + n_bids, 1, n - n_bids)
        put(fields, at, frombuffer(memory, INT8, n, 16 * n))
        put(fields, at + 1, frombuffer(memory, INT64, n, 0))
        put(fields, at + 2, frombuffer(memory, FLOAT64, n, 8 * n))
        return 0

    cdef object event(self, object ts_receive):
        """The event of `message`; None when it gives none."""
        cdef const Message* m = &self.message
        cdef tuple e
        if m.foreign:
            return None
        if m.kind == TICKER:
            e = new_tuple(self.classes[3], 8)
            put(e, 3, m.last_id)
            put(e, 4, m.tick[0])
            put(e, 5, m.numbers[0])
            put(e, 6, m.tick[1])
            put(e, 7, m.numbers[1])
        elif m.kind == TRADE or m.kind == AGGREGATE:
            e = new_tuple(self.classes[2], 8)
            put(e, 3, m.last_id)
            put(e, 4, m.tick[0])
            put(e, 5, m.numbers[0])
            put(e, 6, m.side)
            put(e, 7, m.market)
        elif m.kind == DIFF:
            e = new_tuple(self.classes[0], 9)
            put(e, 3, m.first_id)
            put(e, 4, m.last_id)
            put(e, 5, m.prev_id)
            self.put_levels(e, 6, KEY_b, KEY_a)
        elif m.kind == MARK:
            e = new_tuple(self.classes[4], 7)
            put(e, 3, m.numbers[0])
            put(e, 4, m.numbers[1])
            put(e, 5, m.numbers[2])
            put(e, 6, m.last_id)
        elif m.kind == SNAPSHOT:
            e = new_tuple(self.classes[1], 7)
            put(e, 3, m.last_id)
            self.put_levels(e, 4, KEY_bids, KEY_asks)
        else:
            return None
        put(e, 0, self.symbol)
        put(e, 1, ts_receive if m.ts < 0 else m.ts)
        put(e, 2, ts_receive)
        return e

    def scan(self, payload, ts_receive=0):
        """Give the event of a message, or None for a kind that gives none and for another symbol.

        Parameters
        ----------
        payload
            The bytes of one message, JSON, alone or in the envelope of a combined stream.
        ts_receive
            Goes into the event as it is; the exchange time too where the message tells none.

        Raises
        ------
        ScanError
            When the message is not as it must be, or not as Binance sends it: says what was expected at which byte.
        """
        cdef Py_buffer view
        cdef const unsigned char* start
        if PyBytes_CheckExact(payload):
            start = <const unsigned char*>PyBytes_AS_STRING(payload)
            self.read(start, PyBytes_GET_SIZE(payload), start + PyBytes_GET_SIZE(payload))
            return self.event(ts_receive)
        PyObject_GetBuffer(payload, &view, PyBUF_SIMPLE)
        start = <const unsigned char*>view.buf
        try:
            self.read(start, view.len, start + view.len)
            return self.event(ts_receive)
        finally:
            PyBuffer_Release(&view)

    def line(self, bytes block not None, Py_ssize_t at=0):
        """`scan` the line ``<receive time> {json}`` that starts at `at`, and set `end` and `ts_receive`.

        Where the line is not whole (no newline) `end` is -1 and None is given. The offset of a `ScanError` counts from
        the start of the message; in a bad receive time, from the start of the line.
        """
        cdef Cursor* c = &self.cursor
        cdef const unsigned char* start = <const unsigned char*>PyBytes_AS_STRING(block)
        cdef const unsigned char* stop
        if not 0 <= at <= PyBytes_GET_SIZE(block):
            raise ValueError(f"at must be 0 to {PyBytes_GET_SIZE(block)}, got {at}")
        self.reserve(1)  # before the cursor moves: another thread may be reading with it
        stop = line_end(start + at, start + PyBytes_GET_SIZE(block))
        if stop == NULL:
            self.end = -1
            return None
        self.end = stop + 1 - start
        c.begin = c.at = start + at
        c.end = stop
        if not scan_stamp(c, &self.ts_receive):
            raise self.refusal()
        self.read(c.at, stop - c.at, start + PyBytes_GET_SIZE(block))
        return self.event(self.ts_receive)

    def feed(self, payload, OrderBook book not None):
        """Apply a message to a book: a diff's levels, or a snapshot in place of what the book holds.

        Returns
        -------
        tuple or None
            First, last and previous id (-1 where the message has none), exchange time (-1), number of levels; None for
            a message of another kind or symbol, which leaves the book as it is. Nothing is checked for sequence.
        """
        cdef Message* m = &self.message
        cdef Py_buffer view
        self.check_grid(book)
        PyObject_GetBuffer(payload, &view, PyBUF_SIMPLE)
        try:
            self.read(<const unsigned char*>view.buf, view.len, <const unsigned char*>view.buf + view.len)
        finally:
            PyBuffer_Release(&view)
        if m.foreign or (m.kind != DIFF and m.kind != SNAPSHOT):
            return None
        if m.kind == DIFF:
            book.unknown_deletes += apply_message(&book.book, m, KEY_b, KEY_a)
            book.settle()
            return m.first_id, m.last_id, m.prev_id, m.ts, m.levels
        side_clear(&book.book.sides[0])
        side_clear(&book.book.sides[1])
        apply_message(&book.book, m, KEY_bids, KEY_asks)
        book.settle()
        return -1, m.last_id, -1, m.ts, m.levels

    cdef int check_grid(self, OrderBook book) except -1:
        if book.book.grid.tick_size != self.tick_size:
            raise ValueError(f"the book's tick size is {book.tick_size!r}, the scanner's {self.tick_size!r}")
        return 0

    def follow(self, block, OrderBook book not None, last_id, *, at=0, last_ts=0, fresh=False, tops=None, times=None):
        """Apply the diffs of many lines ``<receive time> {json}`` to a book, as long as each continues the one before.

        Parameters
        ----------
        block
            Bytes; a last line without its newline is left for the next block.
        book
            Stands at `last_id`; with `fresh` it holds a snapshot and no diff since. The interpreter's lock is released:
            no other thread may touch the book meanwhile.
        at
            Where to start, the beginning of a line.
        last_ts
            Exchange time of the last diff, to tell a repetition from a venue that counts anew.
        tops, times
            (n, depth, 4) float64 and (n, 2) int64: the top of the book, exchange and receive time after each diff.

        Returns
        -------
        Progress
            Where it stopped and why; messages of other kinds are read and passed over. A snapshot, a diff that does not
            continue and a line that is refused are left to the caller.
        """
        cdef Follower f
        cdef Py_buffer view, top_view, time_view
        cdef const unsigned char* start
        cdef const unsigned char* stop
        self.check_grid(book)
        tops, times, room = row_arrays(tops, times, book.depth)
        f.last_id, f.last_ts, f.fresh, f.room = last_id, last_ts, fresh, room
        f.lines = f.applied = f.stale = f.levels = f.unknown = 0
        f.tops = NULL
        f.times = NULL
        PyObject_GetBuffer(block, &view, PyBUF_SIMPLE)
        try:
            if not 0 <= at <= view.len:
                raise ValueError(f"at must be 0 to {view.len}, got {at}")
            self.reserve(1)
            start = <const unsigned char*>view.buf
            if tops is not None:
                PyObject_GetBuffer(tops, &top_view, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS)
                f.tops = <double*>top_view.buf
            if times is not None:
                PyObject_GetBuffer(times, &time_view, PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS)
                f.times = <int64_t*>time_view.buf
            stop = start + <Py_ssize_t>at
            while True:
                self.busy = True
                with nogil:
                    stop = follow(&self.cursor, &self.message, &f, &book.book, stop, start + view.len)
                self.busy = False
                if f.stop != CRAMPED:
                    break
                self.reserve(line_end(stop, start + view.len) - stop)
            book.unknown_deletes += f.unknown
            book.settle()
            return Progress(
                stop - start, f.lines, f.applied, f.stale, f.levels, f.last_id, f.last_ts, bool(f.fresh),
                STOPS[<int>f.stop], self.refusal() if f.stop == REFUSED else None,
            )
        finally:
            if f.tops != NULL:
                PyBuffer_Release(&top_view)
            if f.times != NULL:
                PyBuffer_Release(&time_view)
            PyBuffer_Release(&view)
