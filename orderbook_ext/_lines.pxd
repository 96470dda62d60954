"""Lines of a recording, ``<receive time> {json}``, one after the other into a book, without the interpreter."""

from libc.stdint cimport INT64_MAX, int64_t
from libc.string cimport memchr

from orderbook_ext._book cimport Book, book_best, book_set
from orderbook_ext._fields cimport DIFF, SNAPSHOT, Field, KEY_a, KEY_b, Message
from orderbook_ext._json cimport STAMP, Cursor, refuse
from orderbook_ext._message cimport scan_message

cdef enum Stop:  # the order of the words in _scan_py.py
    BLOCK_ENDS
    REFUSED
    GAP
    JOIN  # a snapshot came
    FULL
    CRAMPED  # a longer line than there is room for the levels of; never told outside

cdef struct Follower:
    # What the book that is followed stands at: see genesis_lib.feeds.binance_sync.
    int64_t last_id
    int64_t last_ts
    bint fresh  # no diff since the snapshot
    # Where the rows go: `room` of them, None where `tops` is NULL.
    double* tops
    int64_t* times
    Py_ssize_t room
    # What happened.
    Py_ssize_t lines, applied, stale, levels, unknown
    Stop stop


cdef inline bint scan_stamp(Cursor* c, int64_t* ns) noexcept nogil:
    """Read a receive time of 16 (us) or 19 (ns) digits and the blank behind it."""
    cdef const unsigned char* start = c.at
    cdef int64_t time = 0
    cdef Py_ssize_t n
    while c.at < c.end and c.at - start < 20 and <unsigned char>(c.at[0] - c"0") <= 9:
        if c.at - start < 18 or time <= (INT64_MAX - 9) // 10:
            time = 10 * time + <int64_t>(c.at[0] - c"0")
        else:
            return refuse(c, STAMP, start)
        c.at += 1
    n = c.at - start
    if (n != 16 and n != 19) or c.at >= c.end or c.at[0] != c" ":
        return refuse(c, STAMP, start)
    c.at += 1
    ns[0] = time * 1000 if n == 16 else time
    return True


cdef inline const unsigned char* line_end(const unsigned char* at, const unsigned char* end) noexcept nogil:
    """The newline that ends a line; NULL when it is not whole."""
    return <const unsigned char*>memchr(at, c"\n", end - at) if at < end else NULL


cdef inline void apply_ladder(Book* book, const Message* m, int side, int key, Py_ssize_t* unknown) noexcept nogil:
    cdef const Field* f = &m.fields[key]
    cdef Py_ssize_t i
    for i in range(f.first, f.first + f.count):
        unknown[0] += book_set(book, side, m.ticks[i], m.quantities[i])


cdef inline Py_ssize_t apply_message(Book* book, const Message* m, int bids, int asks) noexcept nogil:
    """Set the levels of a message, bids first; the number of deletes of levels not held."""
    cdef Py_ssize_t unknown = 0
    apply_ladder(book, m, 0, bids, &unknown)
    apply_ladder(book, m, 1, asks, &unknown)
    return unknown


cdef inline bint is_stale(const Follower* f, const Message* m) noexcept nogil:
    if f.fresh and m.prev_id >= 0:
        return m.last_id < f.last_id
    return m.last_id <= f.last_id and (f.fresh or m.ts <= f.last_ts)


cdef inline bint continues(const Follower* f, const Message* m) noexcept nogil:
    if m.last_id < f.last_id:
        return False
    if m.prev_id < 0:
        return m.first_id <= f.last_id + 1
    return m.prev_id <= f.last_id if f.fresh else m.prev_id == f.last_id


cdef inline const unsigned char* follow(
    Cursor* c, Message* m, Follower* f, Book* book, const unsigned char* at, const unsigned char* end
) noexcept nogil:
    """Apply the diffs of whole lines while they continue one another; where it stopped, the start of a line.

    Messages of other kinds and other symbols are read and passed over. After `REFUSED` the cursor tells why.
    """
    cdef const unsigned char* stop
    cdef int64_t received
    f.stop = BLOCK_ENDS
    c.limit = end
    while True:
        stop = line_end(at, end)
        if stop == NULL:
            return at
        if (stop - at) // 9 > m.room:
            f.stop = CRAMPED
            return at
        c.begin = c.at = at
        c.end = stop
        if not scan_stamp(c, &received):
            f.stop = REFUSED
            return at
        c.begin = c.at
        if not scan_message(c, m):
            f.stop = REFUSED
            return at
        if m.kind == SNAPSHOT and not m.foreign:
            f.stop = JOIN
            return at
        if m.kind == DIFF and not m.foreign:
            if is_stale(f, m):
                f.stale += 1
            elif not continues(f, m):
                f.stop = GAP
                return at
            elif f.applied == f.room:
                f.stop = FULL
                return at
            else:
                f.unknown += apply_message(book, m, KEY_b, KEY_a)
                f.last_id = m.last_id
                f.last_ts = m.ts
                f.fresh = False
                if f.tops != NULL:
                    book_best(book, book.depth, f.tops + f.applied * 4 * book.depth)
                if f.times != NULL:
                    f.times[2 * f.applied] = m.ts
                    f.times[2 * f.applied + 1] = received
                f.applied += 1
                f.levels += m.levels
        f.lines += 1
        at = stop + 1
