# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Mutated messages through the scanner: in memory that ends where they end, and twice, quickly and plainly.

Every message lies in a block of its own of exactly its length, its levels go into blocks of exactly as many as it can
hold, so that the sanitizers see a step too far. It is scanned with all that looks at many bytes at once, and again
without; both must say the same. Pairs of messages also go as lines through `follow` into a book.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy, memmove, memset

from orderbook_ext._book cimport Book
from orderbook_ext._fields cimport KEYS, LADDER, Message
from orderbook_ext._grid cimport Grid
from orderbook_ext._json cimport Cursor, Fault
from orderbook_ext._levels cimport levels_open
from orderbook_ext._lines cimport CRAMPED, Follower, follow
from orderbook_ext._message cimport has, scan_message
from orderbook_ext._side cimport Side, side_clear, side_open
from orderbook_ext._ticks cimport exact_open

cdef enum:
    LONGEST = 6000  # bytes of a mutant
    POOL = 4096  # messages that mutants are made of

cdef struct Text:
    unsigned char* bytes
    Py_ssize_t length

cdef struct Fuzzer:
    uint64_t state
    Text pool[POOL]
    int pooled, given  # the first of them are the seeds
    Text words[64]
    int n_words
    unsigned char seen[1 << 16]
    unsigned char draft[2 * LONGEST + 256]
    Py_ssize_t length
    Message quick, plain
    Book book
    int64_t scanned, accepted, followed
    int kinds[16]
    int faults[64]


cdef uint64_t draw(Fuzzer* f, uint64_t n) noexcept nogil:
    """A number below `n`: Marsaglia's xorshift, multiplied."""
    f.state ^= f.state >> 12
    f.state ^= f.state << 25
    f.state ^= f.state >> 27
    return ((f.state * <uint64_t>0x2545F4914F6CDD1D) >> 33) % n


cdef void insert(Fuzzer* f, Py_ssize_t at, const unsigned char* what, Py_ssize_t n) noexcept nogil:
    if n > LONGEST - f.length:
        n = LONGEST - f.length
    if n <= 0:
        return
    memmove(f.draft + at + n, f.draft + at, f.length - at)
    memcpy(f.draft + at, what, n)
    f.length += n


cdef void remove(Fuzzer* f, Py_ssize_t at, Py_ssize_t n) noexcept nogil:
    if n > f.length - at:
        n = f.length - at
    memmove(f.draft + at, f.draft + at + n, f.length - at - n)
    f.length -= n


cdef void mutate(Fuzzer* f) noexcept nogil:
    """Change the draft in one of ten ways."""
    cdef unsigned char piece[512]
    cdef const Text* other
    cdef Py_ssize_t at, i, n
    cdef uint64_t way = draw(f, 12)
    if f.length == 0:
        way = 5
    at = <Py_ssize_t>draw(f, f.length + (way >= 5)) if f.length else 0
    n = 1 + <Py_ssize_t>draw(f, 1 + draw(f, 64))
    if way == 0:
        f.draft[at] ^= 1 << draw(f, 8)
    elif way == 1:
        f.draft[at] = <unsigned char>draw(f, 256)
    elif way == 2:
        remove(f, at, n)
    elif way == 3:
        f.length = at
    elif way == 4:  # a digit for a digit: numbers that differ little
        for i in range(at, f.length):
            if <unsigned char>(f.draft[i] - c"0") <= 9:
                f.draft[i] = c"0" + <unsigned char>draw(f, 10)
                break
    elif way == 5:
        other = &f.words[draw(f, f.n_words)]
        insert(f, at, other.bytes, other.length)
    elif way == 6:
        for i in range(n):
            piece[i] = c"0" + <unsigned char>draw(f, 10)
        insert(f, at, piece, n)
    elif way == 7:  # a piece once more
        i = <Py_ssize_t>draw(f, f.length)
        n = n if n < f.length - i else f.length - i
        memcpy(piece, f.draft + i, n)
        insert(f, at, piece, n)
    elif way == 8:  # the rest of another message
        other = &f.pool[draw(f, f.pooled)]
        i = <Py_ssize_t>draw(f, other.length + 1)
        f.length = at
        insert(f, at, other.bytes + i, other.length - i)
    elif way == 9:
        n = 1 + <Py_ssize_t>draw(f, 80)
        memset(piece, b"[{]}\"\\0"[draw(f, 7)], n)
        insert(f, at, piece, n)
    elif way == 10:
        for i in range(10):
            insert(f, at, <const unsigned char*>b'{"a":', 5)
    else:
        memset(piece, b" \t\n\r"[draw(f, 4)], n)
        insert(f, at, piece, n)


cdef bint same_message(const Cursor* c, const Message* one, const Cursor* d, const Message* other, bint good) noexcept nogil:
    """Whether both scans say the same."""
    if c.fault != d.fault or c.at != d.at or one.seen != other.seen or one.levels != other.levels:
        if not (not good and c.fault == d.fault and c.at == d.at):  # what is left after a refusal is of no account
            return False
    if not good:
        return True
    return (
        one.kind == other.kind and one.foreign == other.foreign
        and memcmp(one.ticks, other.ticks, one.levels * sizeof(int64_t)) == 0
        and memcmp(one.quantities, other.quantities, one.levels * sizeof(double)) == 0
        and (one.kind > 5 or one.foreign or (one.ts == other.ts and one.last_id == other.last_id))
    )


cdef bint in_range(const Message* m) noexcept nogil:
    """Whether every level is one that a book can hold, and every ladder lies within the levels."""
    cdef Py_ssize_t i
    cdef int key
    for i in range(m.levels):
        if not (0 < m.ticks[i] <= (<int64_t>1 << 50)) or not (0 <= m.quantities[i] < 1e300):
            return False
    for key in range(KEYS):
        if has(m, key) and m.fields[key].token == LADDER:
            if m.fields[key].first < 0 or m.fields[key].first + m.fields[key].count > m.levels:
                return False
    return True


cdef int scan_both(Fuzzer* f) noexcept nogil:
    """Scan the draft; 1 accepted, 0 refused, -1 when something is wrong."""
    cdef Py_ssize_t n = f.length, room = n // 9
    cdef unsigned char* text = <unsigned char*>malloc(n)
    cdef Cursor c, d
    cdef bint good, again
    cdef int result
    cdef uint32_t mark
    memcpy(text, f.draft, n)
    f.quick.ticks, f.plain.ticks = <int64_t*>malloc(8 * room), <int64_t*>malloc(8 * room)
    f.quick.quantities, f.plain.quantities = <double*>malloc(8 * room), <double*>malloc(8 * room)
    f.quick.room = f.plain.room = room
    c.begin = d.begin = text
    c.end = d.end = c.limit = text + n
    d.limit = text
    c.missing = d.missing = 0
    c.fault = d.fault = <Fault>0
    good = scan_message(&c, &f.quick)
    again = scan_message(&d, &f.plain)
    result = 1 if good else 0
    if good != again or not same_message(&c, &f.quick, &d, &f.plain, good):
        result = -1
    if c.at < c.begin or c.at > c.end or f.quick.levels > room or not in_range(&f.quick):
        result = -1
    f.scanned += 1
    f.accepted += good
    if good:
        f.kinds[<int>f.quick.kind] += 1
    else:
        f.faults[<int>c.fault] += 1
    # What was not seen before becomes something to mutate.
    mark = (<uint32_t>c.fault * 31 + <uint32_t>c.missing) * 16 + (<uint32_t>f.quick.kind if good else 15)
    mark = mark * <uint32_t>2654435761 + f.quick.seen * <uint32_t>40503 + <uint32_t>(f.quick.levels > 2)
    mark = mark >> 7 & 0xFFFF
    if result >= 0 and not f.seen[mark] and f.pooled < POOL and n < 1500:
        f.seen[mark] = 1
        f.pool[f.pooled].bytes = <unsigned char*>malloc(n + 1)
        memcpy(f.pool[f.pooled].bytes, text, n)
        f.pool[f.pooled].length = n
        f.pooled += 1
    free(text)
    free(f.quick.ticks)
    free(f.quick.quantities)
    free(f.plain.ticks)
    free(f.plain.quantities)
    return result


cdef bint follow_draft(Fuzzer* f) noexcept nogil:
    """Follow a block of the draft, a seed and the draft again; False when something is wrong."""
    cdef const Text* other = &f.pool[draw(f, f.given)]
    cdef const char* stamp = b"1700000000000000000 "
    cdef Py_ssize_t n = 2 * f.length + other.length + 63, room = n // 9
    cdef unsigned char* block = <unsigned char*>malloc(n)
    cdef unsigned char* to = block
    cdef const unsigned char* stop
    cdef Follower g
    cdef Cursor c
    cdef int side
    for side in range(3):
        memcpy(to, stamp, 20)
        to += 20
        if side == 1:
            memcpy(to, other.bytes, other.length)
            to += other.length
        else:
            memcpy(to, f.draft, f.length)
            to += f.length
        to[0] = c"\n"
        to += 1
    f.quick.ticks = <int64_t*>malloc(8 * room)
    f.quick.quantities = <double*>malloc(8 * room)
    f.quick.room = room
    memset(&g, 0, sizeof(g))
    g.room = 4
    g.tops = <double*>malloc(4 * 40 * sizeof(double))
    g.times = <int64_t*>malloc(8 * sizeof(int64_t))
    g.last_id = f.quick.last_id - <int64_t>draw(f, 3)
    g.fresh = draw(f, 4) != 0
    stop = follow(&c, &f.quick, &g, &f.book, block, block + n)
    f.followed += g.applied
    side = stop >= block and stop <= block + n and g.stop != CRAMPED
    free(g.tops)
    free(g.times)
    free(f.quick.ticks)
    free(f.quick.quantities)
    free(block)
    return side and not f.book.sides[0].failed and not f.book.sides[1].failed


cdef Text text_of(bytes data) except *:
    cdef Text text
    cdef const unsigned char* start = data
    text.length = len(data)
    text.bytes = <unsigned char*>malloc(text.length + 1)
    memcpy(text.bytes, start, text.length)
    return text


def run(seeds, words, long long rounds, unsigned long long seed, str symbol="BTCUSDT", double scale=10.0):
    """Scan `rounds` mutants of `seeds` (bytes) and `words` (what is inserted into them).

    Returns
    -------
    dict
        Counts, and ``pool``: the messages that gave an outcome not seen before; ``wrong``: the first message on which
        two scans differ or a rule is broken, None when there is none.
    """
    cdef Fuzzer* f = <Fuzzer*>calloc(1, sizeof(Fuzzer))
    cdef long long i
    cdef int side, result = 0
    cdef bint wide
    cdef bytes name = symbol.encode()
    f.state = seed * 2 + 1
    for data in seeds:
        f.pool[f.pooled] = text_of(data)
        f.pooled += 1
    f.given = f.pooled
    for data in words:
        f.words[f.n_words] = text_of(data)
        f.n_words += 1
    f.quick.last_id = 0
    f.quick.symbol = f.plain.symbol = name
    f.quick.symbol_length = f.plain.symbol_length = len(name)
    f.quick.grid.scale = f.plain.grid.scale = scale
    f.quick.grid.tick_size = f.plain.grid.tick_size = f.book.grid.tick_size = 1.0 / scale if scale else 5.0
    f.book.grid.scale = scale
    f.book.depth = 10
    exact_open(f.quick.exact, f.quick.grid)
    exact_open(f.plain.exact, f.plain.grid)
    wide = levels_open()
    for side in range(2):
        if not side_open(&f.book.sides[side], side, 10, f.book.grid):
            raise MemoryError
    with nogil:
        for i in range(rounds):
            side = <int>draw(f, f.pooled if draw(f, 2) else f.given)
            f.length = f.pool[side].length
            memcpy(f.draft, f.pool[side].bytes, f.length)
            for side in range(<int>draw(f, 1 + draw(f, 6))):
                mutate(f)
            f.quick.wide = wide and i & 1
            result = scan_both(f)
            if result >= 0 and i % 4 == 0 and not follow_draft(f):
                result = -2
            if result < 0:
                break
            if i % 65536 == 0:
                side_clear(&f.book.sides[0])
                side_clear(&f.book.sides[1])
    wrong = f.draft[: f.length] if result < 0 else None
    pool = [f.pool[side].bytes[: f.pool[side].length] for side in range(f.pooled)]
    return {
        "scanned": f.scanned,
        "accepted": f.accepted,
        "followed": f.followed,
        "kinds": [f.kinds[side] for side in range(9)],
        "faults": [f.faults[side] for side in range(25)],
        "pool": pool,
        "wrong": wrong,
    }
