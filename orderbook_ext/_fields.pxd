"""The fields of one of Binance's messages: one pass over its bytes that notes where the values of known keys lie.

Ladders become levels at once, for they are most of the bytes; what else is needed is read when the kind is known, in
_message.pxd. What a JSON library could read in another way (a key twice, or with an escape) is refused.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memcmp

from orderbook_ext._decimal cimport (
    LEVEL_BYTES, QUICK_BYTES, SIXTEEN, decimal_plain, decimal_quick, digits, first_set, level_quick, no_digits,
)
from orderbook_ext._grid cimport Grid
from orderbook_ext._json cimport (
    BRACE, BRACKET, COLON, DECIMAL, KEY, LEVELS, MESSAGE, ONCE, PLAIN, PRICE, VALUE, Cursor, refuse, skip_blank,
    skip_number, skip_string, skip_value, skip_word, take,
)
from orderbook_ext._levels cimport levels
from orderbook_ext._ticks cimport EXACT_PLACES, Exact, exact_tick, level_tick

cdef enum:  # keys, in the order of the names in _message_py.py
    NO_KEY = -1
    KEY_e, KEY_E, KEY_T, KEY_s, KEY_U, KEY_u, KEY_b, KEY_a, KEY_B, KEY_A, KEY_t, KEY_p, KEY_q, KEY_X, KEY_m, KEY_i
    KEY_r, KEY_pu, KEY_bids, KEY_asks, KEY_symbol, KEY_last, KEY_stream, KEY_data, KEYS

cdef enum:
    MOST_MISSES = 2  # of a ladder whose numbers are too long to be read by many

cdef enum Token:
    OTHER  # JSON of no use
    TEXT  # a string without escapes
    WHOLE  # digits
    YES
    NO
    LADDER

cdef enum Kind:  # the order of the names in _message_py.py
    DIFF, SNAPSHOT, TRADE, AGGREGATE, TICKER, MARK, PARTIAL, CONTROL, NAMED

cdef struct Field:
    Token token
    const unsigned char* start  # of text: behind its quote
    const unsigned char* stop
    uint64_t value  # of digits
    Py_ssize_t first, count  # of a ladder: its levels in `ticks` and `quantities`

cdef struct Message:
    # What the caller gives.
    const unsigned char* symbol
    Py_ssize_t symbol_length
    Grid grid
    Exact exact[EXACT_PLACES]
    bint wide  # read many levels at once
    int64_t* ticks  # both with room for a level in each 9 bytes of the message
    double* quantities
    Py_ssize_t room
    # What the pass notes.
    uint32_t seen  # a bit a key
    Field fields[KEYS]
    Py_ssize_t levels
    bint aside  # another's symbol came: its ladders may lie on another grid
    bint empty  # the envelope holds no object
    # What the message says.
    Kind kind
    bint foreign  # of another symbol
    int64_t ts  # ns; -1: the message tells none
    int64_t first_id, last_id, prev_id
    int64_t tick[2]
    double numbers[3]
    int side
    bint market


cdef inline bint text_is(const unsigned char* start, const unsigned char* stop, const char* word, Py_ssize_t n) noexcept nogil:
    return stop - start == n and memcmp(start, word, n) == 0


cdef inline int key_of(const unsigned char* start, const unsigned char* stop) noexcept nogil:
    """Number of a key's name, `NO_KEY` when no message needs it."""
    cdef unsigned char x = start[0] if stop > start else 0
    if stop - start == 1:
        if x == c"e":
            return KEY_e
        elif x == c"E":
            return KEY_E
        elif x == c"T":
            return KEY_T
        elif x == c"s":
            return KEY_s
        elif x == c"U":
            return KEY_U
        elif x == c"u":
            return KEY_u
        elif x == c"b":
            return KEY_b
        elif x == c"a":
            return KEY_a
        elif x == c"B":
            return KEY_B
        elif x == c"A":
            return KEY_A
        elif x == c"t":
            return KEY_t
        elif x == c"p":
            return KEY_p
        elif x == c"q":
            return KEY_q
        elif x == c"X":
            return KEY_X
        elif x == c"m":
            return KEY_m
        elif x == c"i":
            return KEY_i
        elif x == c"r":
            return KEY_r
        return NO_KEY
    if text_is(start, stop, b"pu", 2):
        return KEY_pu
    if text_is(start, stop, b"data", 4):
        return KEY_data
    if text_is(start, stop, b"bids", 4):
        return KEY_bids
    if text_is(start, stop, b"asks", 4):
        return KEY_asks
    if text_is(start, stop, b"stream", 6):
        return KEY_stream
    if text_is(start, stop, b"symbol", 6):
        return KEY_symbol
    if text_is(start, stop, b"lastUpdateId", 12):
        return KEY_last
    return NO_KEY


cdef inline bint scan_decimal(Cursor* c, double* value) noexcept nogil:
    """Read a decimal behind its opening quote, and the closing one."""
    cdef const unsigned char* start = c.at
    cdef const unsigned char* at
    if c.limit - start >= QUICK_BYTES:
        at = decimal_quick(start, value)
        if at != NULL and at < c.end:
            c.at = at + 1
            return True
    at = start
    while at < c.end and (<unsigned char>(at[0] - c"0") <= 9 or at[0] == c"."):
        at += 1
    if at == c.end or at[0] != c'"' or not decimal_plain(start, at, value):
        return refuse(c, DECIMAL, start)
    c.at = at + 1
    return True


cdef inline bint step(Cursor* c, unsigned char wanted) noexcept nogil:
    """`take` inside a ladder; hardly ever is there a blank."""
    if c.at < c.end and c.at[0] == wanted:
        c.at += 1
        if c.at < c.end and c.at[0] > c" ":
            return True
        skip_blank(c)
        return True
    return take(c, wanted, LEVELS)


cdef inline bint scan_level(
    Cursor* c, const unsigned char** start, double* price, double* quantity
) noexcept nogil:
    """Read one ``["28145.10","3.868"]``, blanks or not; `start` is where the price stands."""
    if not step(c, c"["):
        return False
    start[0] = c.at
    if c.at >= c.end or c.at[0] != c'"':
        return refuse(c, LEVELS, c.at)
    c.at += 1
    if not scan_decimal(c, price) or not step(c, c","):
        return False
    if c.at >= c.end or c.at[0] != c'"':
        return refuse(c, LEVELS, c.at)
    c.at += 1
    return scan_decimal(c, quantity) and step(c, c"]")


cdef inline const unsigned char* behind_blank(Cursor* c, const unsigned char* at) noexcept nogil:
    if at < c.end and at[0] <= c" ":
        c.at = at
        skip_blank(c)
        return c.at
    return at


cdef inline bint scan_ladder(Cursor* c, Message* m) noexcept nogil:
    """Read ``[["28145.10","3.868"],...]`` into levels."""
    cdef double price, quantity
    cdef uint64_t mantissa
    cdef int places
    cdef int misses = 0 if m.wide else MOST_MISSES
    cdef bint closed = False
    cdef const unsigned char* start
    cdef const unsigned char* at
    cdef Py_ssize_t n = m.levels
    step(c, c"[")
    if c.at < c.end and c.at[0] == c"]":
        c.at += 1
        return True
    at = c.at
    while True:
        if misses < MOST_MISSES:
            start = at
            at = levels(at, c.limit, m.exact, m.ticks, m.quantities, &n, &closed)
            misses += at == start
            if closed:
                c.at = at
                m.levels = n
                return True
        start = at
        if c.limit - at >= LEVEL_BYTES:
            at = level_quick(at, &mantissa, &places, &quantity)
        if at == start or at == NULL or not exact_tick(&m.exact[places], mantissa, &m.ticks[n]):
            c.at = start
            if not scan_level(c, &start, &price, &quantity):
                return False
            at = c.at
            if not level_tick(m.grid, price, &m.ticks[n]):
                return refuse(c, PRICE, start)
        m.quantities[n] = quantity
        n += 1
        at = behind_blank(c, at)
        if at < c.end and at[0] == c",":
            at = behind_blank(c, at + 1)
        elif at < c.end and at[0] == c"]":
            c.at = at + 1
            m.levels = n
            return True
        else:
            return refuse(c, BRACKET, at)


cdef inline bint scan_key(Cursor* c, int* key) noexcept nogil:
    """Read a key and its colon."""
    cdef const unsigned char* start = c.at + 1
    cdef bint plain
    if c.at >= c.end or c.at[0] != c'"':
        return refuse(c, KEY, c.at)
    if c.end - start >= 2 and start[1] == c'"' and <unsigned char>((start[0] | 32) - c"a") < 26:  # a letter
        c.at += 3
    elif not skip_string(c, &plain):
        return False
    elif not plain:  # it may spell a name of ours
        return refuse(c, PLAIN, start - 1)
    key[0] = key_of(start, c.at - 1)
    if c.end - c.at >= 2 and c.at[0] == c":" and c.at[1] > c" ":
        c.at += 1
        return True
    return take(c, c":", COLON)


cdef inline bint scan_whole(Cursor* c, Field* f) noexcept nogil:
    """Read a number; its value when it is digits alone, and not too many of them."""
    cdef const unsigned char* at = c.at
    cdef bint flag
    cdef int n
    if c.limit - at > SIXTEEN:
        n = first_set(no_digits(at) | 0x10000)
        # 9 to 16 digits before a comma: an id or a time.
        if n > 8 and at[0] != c"0" and at[n] == c"," and at + n < c.end:
            f.token = WHOLE
            f.value = digits(at, n - 8) * 100000000 + digits(at + n - 8, 8)
            c.at = at + n
            return True
    if not skip_number(c, &flag):
        return False
    if flag and c.at - at <= 19:
        f.token = WHOLE
        f.value = 0
        while at < c.at:
            f.value = 10 * f.value + <uint64_t>(at[0] - c"0")
            at += 1
    return True


cdef inline bint scan_field(Cursor* c, Message* m, int key, const unsigned char* name) noexcept nogil:
    """Note the value of a key of ours; `name` is where the key stands."""
    cdef Field* f = &m.fields[key]
    cdef bint flag
    cdef unsigned char x
    if m.seen & (<uint32_t>1 << key):
        return refuse(c, ONCE, name)
    m.seen |= <uint32_t>1 << key
    f.token = OTHER
    f.start = c.at
    if c.at >= c.end:
        return refuse(c, VALUE, c.at)
    x = c.at[0]
    if x == c'"':
        f.start = c.at + 1
        if not skip_string(c, &flag):
            return False
        f.stop = c.at - 1
        if flag:
            f.token = TEXT
            if key == KEY_s:
                m.aside = f.stop - f.start != m.symbol_length or memcmp(f.start, m.symbol, m.symbol_length) != 0
    elif x == c"[" and (key == KEY_b or key == KEY_a or key == KEY_bids or key == KEY_asks) and not m.aside:
        f.first = m.levels
        if not scan_ladder(c, m):
            return False
        f.count = m.levels - f.first
        f.token = LADDER
    elif <unsigned char>(x - c"0") <= 9:
        return scan_whole(c, f)
    elif x == c"t":
        if not skip_word(c, b"true", 4):
            return False
        f.token = YES
    elif x == c"f":
        if not skip_word(c, b"false", 5):
            return False
        f.token = NO
    elif not skip_value(c):
        return False
    return True


cdef inline bint scan_object(Cursor* c, Message* m, bint outer) noexcept nogil:
    """Read an object of the message: the envelope or a bare body (`outer`), or the body inside an envelope."""
    cdef int key = NO_KEY
    cdef bint enclosed = False  # the body has come: what else the envelope says is of no use
    cdef const unsigned char* name
    take(c, c"{", MESSAGE)
    if c.at < c.end and c.at[0] == c"}":
        c.at += 1
        return True
    while True:
        name = c.at
        if not scan_key(c, &key):
            return False
        if outer and key == KEY_data:
            if enclosed:
                return refuse(c, ONCE, name)
            enclosed = True
            m.seen &= <uint32_t>1 << KEY_stream
            m.aside = False
            if c.at < c.end and c.at[0] == c"{":
                if not scan_object(c, m, False):
                    return False
            else:
                m.empty = True
                if not skip_value(c):
                    return False
        elif key == NO_KEY or key == KEY_data or (key == KEY_stream and not outer) or (enclosed and key != KEY_stream):
            if not skip_value(c):
                return False
        elif not scan_field(c, m, key, name):
            return False
        skip_blank(c)
        if c.at < c.end and c.at[0] == c",":
            c.at += 1
            skip_blank(c)
        elif c.at < c.end and c.at[0] == c"}":
            c.at += 1
            return True
        else:
            return refuse(c, BRACE, c.at)
