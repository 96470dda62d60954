"""One of Binance's messages, from its bytes to whole ticks, without the interpreter.

What is accepted here means what it means to a JSON library followed by `genesis_lib.feeds.binance`, field by field.
"""

from libc.math cimport NAN
from libc.stdint cimport INT64_MAX, int64_t, uint64_t
from libc.string cimport memcmp

from orderbook_ext._decimal cimport decimal_plain
from orderbook_ext._fields cimport (
    AGGREGATE, CONTROL, DIFF, KEY_A, KEY_B, KEY_E, KEY_T, KEY_U, KEY_X, KEY_a, KEY_asks, KEY_b, KEY_bids, KEY_e, KEY_i,
    KEY_last, KEY_m, KEY_p, KEY_pu, KEY_q, KEY_r, KEY_s, KEY_stream, KEY_symbol, KEY_t, KEY_u, LADDER, MARK, NAMED, NO,
    PARTIAL, SNAPSHOT, TEXT, TICKER, TRADE, WHOLE, YES, Field, Kind, Message, Token, scan_object, text_is,
)
from orderbook_ext._json cimport (
    DECIMAL, ENDED, FIELD, FLAG, ID, LEVELS, MESSAGE, PLAIN, PRICE, SENT, TIME, UNCROSSED, Cursor, Fault, refuse,
    skip_blank,
)
from orderbook_ext._ticks cimport on_grid, price_tick


cdef inline bint has(const Message* m, int key) noexcept nogil:
    return m.seen >> key & 1


cdef inline bint need(Cursor* c, Message* m, int key, Token token, int fault) noexcept nogil:
    """Whether the message has a field, of one kind of value."""
    if not has(m, key):
        c.missing = key
        return refuse(c, FIELD, c.at)
    if m.fields[key].token != token:
        return refuse(c, <Fault>fault, m.fields[key].start)
    return True


cdef inline bint read_id(Cursor* c, Message* m, int key, int64_t* value) noexcept nogil:
    if not need(c, m, key, WHOLE, ID):
        return False
    if m.fields[key].value > <uint64_t>INT64_MAX:
        return refuse(c, ID, m.fields[key].start)
    value[0] = <int64_t>m.fields[key].value
    return True


cdef inline bint read_time(Cursor* c, Message* m, int key, int64_t* ns) noexcept nogil:
    """Nanoseconds of a time in milliseconds, or microseconds from 10**14 on."""
    cdef uint64_t unit
    if not need(c, m, key, WHOLE, TIME):
        return False
    unit = 1000 if m.fields[key].value >= <uint64_t>100000000000000 else 1000000
    if m.fields[key].value > <uint64_t>INT64_MAX // unit:
        return refuse(c, TIME, m.fields[key].start)
    ns[0] = <int64_t>(m.fields[key].value * unit)
    return True


cdef inline bint read_moment(Cursor* c, Message* m, bint told) noexcept nogil:
    """Time of the transaction, else of the event; -1 when neither is there and it need not be `told`."""
    m.ts = -1
    if has(m, KEY_T):
        return read_time(c, m, KEY_T, &m.ts)
    if told or has(m, KEY_E):
        return read_time(c, m, KEY_E, &m.ts)
    return True


cdef inline bint read_decimal(Cursor* c, Message* m, int key, double* value) noexcept nogil:
    if not need(c, m, key, TEXT, DECIMAL):
        return False
    if not decimal_plain(m.fields[key].start, m.fields[key].stop, value):
        return refuse(c, DECIMAL, m.fields[key].start)
    return True


cdef inline bint read_price(Cursor* c, Message* m, int key, double price, bint exactly, int64_t* tick) noexcept nogil:
    """Ticks of a price that came with a key; `exactly` when it must lie on the grid."""
    cdef double exact, whole
    if not price_tick(m.grid, price, &exact, &whole) or (exactly and not on_grid(exact, whole)):
        return refuse(c, PRICE, m.fields[key].start)
    tick[0] = <int64_t>whole
    return True


cdef inline bint read_signed(Cursor* c, Message* m, int key, bint needed, double* value) noexcept nogil:
    """A decimal that may be negative, or (unless `needed`) absent or empty: NaN."""
    cdef const unsigned char* start = m.fields[key].start
    cdef bint negative
    value[0] = NAN
    if not needed and not has(m, key):
        return True
    if not need(c, m, key, TEXT, DECIMAL):
        return False
    if not needed and m.fields[key].stop == start:
        return True
    negative = m.fields[key].stop > start and start[0] == c"-"
    if not decimal_plain(start + negative, m.fields[key].stop, value):
        return refuse(c, DECIMAL, start)
    if negative:
        value[0] = -value[0]
    return True


cdef inline bint uncrossed(Cursor* c, Message* m) noexcept nogil:
    """Whether a snapshot's best bid lies below its best ask."""
    cdef int64_t bid = -1, ask = INT64_MAX
    cdef Py_ssize_t i
    cdef const Field* f = &m.fields[KEY_bids]
    for i in range(f.first, f.first + f.count):
        if m.quantities[i] > 0 and m.ticks[i] > bid:
            bid = m.ticks[i]
    f = &m.fields[KEY_asks]
    for i in range(f.first, f.first + f.count):
        if m.quantities[i] > 0 and m.ticks[i] < ask:
            ask = m.ticks[i]
    return bid < ask or refuse(c, UNCROSSED, m.fields[KEY_bids].start)


cdef inline bint best_levels(const Field* stream) noexcept nogil:
    """Whether a stream is one of the best 5, 10 or 20 levels: ``@depth`` and a digit."""
    cdef const unsigned char* at = stream.start
    while stream.stop - at >= 7:
        if memcmp(at, b"@depth", 6) == 0 and <unsigned char>(at[6] - c"0") <= 9:
            return True
        at += 1
    return False


cdef inline bint message_kind(Cursor* c, Message* m) noexcept nogil:
    """Find out what came."""
    cdef Field* e = &m.fields[KEY_e]
    cdef Field* stream = &m.fields[KEY_stream]
    cdef const unsigned char* at
    if m.empty:
        m.kind = CONTROL
        return True
    if has(m, KEY_e):
        if e.token != TEXT:
            return refuse(c, PLAIN, e.start)
        if text_is(e.start, e.stop, b"depthUpdate", 11):
            m.kind = DIFF
        elif text_is(e.start, e.stop, b"trade", 5):
            m.kind = TRADE
        elif text_is(e.start, e.stop, b"aggTrade", 8):
            m.kind = AGGREGATE
        elif text_is(e.start, e.stop, b"bookTicker", 10):
            m.kind = TICKER
        elif text_is(e.start, e.stop, b"markPriceUpdate", 15):
            m.kind = MARK
        elif text_is(e.start, e.stop, b"snapshot", 8) or text_is(e.start, e.stop, b"genesisGap", 10):
            return refuse(c, SENT, e.start)  # words of a recorder's, for the reader of recordings
        else:
            m.kind = NAMED
    elif has(m, KEY_last):
        m.kind = SNAPSHOT
    elif has(m, KEY_u) and has(m, KEY_b) and has(m, KEY_a):
        m.kind = TICKER
    else:
        m.kind = CONTROL
    if has(m, KEY_stream) and (m.kind == DIFF or has(m, KEY_last)):
        if stream.token != TEXT:
            return refuse(c, PLAIN, stream.start)
        at = stream.start
        while at < stream.stop:
            if at[0] >= 0x80:
                return refuse(c, PLAIN, at)
            at += 1
        if best_levels(stream):
            m.kind = PARTIAL
    return True


cdef inline bint message_finish(Cursor* c, Message* m) noexcept nogil:
    """Read the fields of the kind that came."""
    cdef Kind kind
    cdef int which
    cdef Field* f
    if not message_kind(c, m):
        return False
    kind = m.kind
    m.foreign = False
    if kind == PARTIAL or kind == CONTROL or kind == NAMED:
        return True
    which = KEY_s if has(m, KEY_s) else KEY_symbol
    if has(m, which):
        f = &m.fields[which]
        if f.token != TEXT:
            return refuse(c, PLAIN, f.start)
        if f.stop - f.start != m.symbol_length or memcmp(f.start, m.symbol, m.symbol_length) != 0:
            m.foreign = True
            return True
    if kind == DIFF:
        m.prev_id = -1
        if has(m, KEY_pu) and not read_id(c, m, KEY_pu, &m.prev_id):
            return False
        return (
            read_moment(c, m, True) and read_id(c, m, KEY_U, &m.first_id) and read_id(c, m, KEY_u, &m.last_id)
            and need(c, m, KEY_b, LADDER, LEVELS) and need(c, m, KEY_a, LADDER, LEVELS)
        )
    if kind == TICKER:
        return (
            read_moment(c, m, False) and read_id(c, m, KEY_u, &m.last_id)
            and read_decimal(c, m, KEY_b, &m.numbers[2]) and read_price(c, m, KEY_b, m.numbers[2], True, &m.tick[0])
            and read_decimal(c, m, KEY_a, &m.numbers[2]) and read_price(c, m, KEY_a, m.numbers[2], True, &m.tick[1])
            and read_decimal(c, m, KEY_B, &m.numbers[0]) and read_decimal(c, m, KEY_A, &m.numbers[1])
        )
    if kind == TRADE or kind == AGGREGATE:
        if not (
            read_moment(c, m, True) and read_id(c, m, KEY_t if kind == TRADE else KEY_a, &m.last_id)
            and read_decimal(c, m, KEY_p, &m.numbers[1]) and read_decimal(c, m, KEY_q, &m.numbers[0])
        ):
            return False
        if not has(m, KEY_m) or m.fields[KEY_m].token != YES:
            if not need(c, m, KEY_m, NO, FLAG):
                return False
        if has(m, KEY_X) and m.fields[KEY_X].token != TEXT:
            return refuse(c, PLAIN, m.fields[KEY_X].start)
        m.side = -1 if m.fields[KEY_m].token == YES else 1
        f = &m.fields[KEY_X]
        m.market = m.numbers[0] > 0 and m.numbers[1] > 0
        if has(m, KEY_X) and not text_is(f.start, f.stop, b"MARKET", 6):
            m.market = False
        return read_price(c, m, KEY_p, m.numbers[1], m.market, &m.tick[0])
    if kind == MARK:
        m.last_id = 0
        if has(m, KEY_T) and not read_time(c, m, KEY_T, &m.last_id):
            return False
        return (
            read_time(c, m, KEY_E, &m.ts) and read_signed(c, m, KEY_p, True, &m.numbers[0])
            and read_signed(c, m, KEY_i, False, &m.numbers[1]) and read_signed(c, m, KEY_r, False, &m.numbers[2])
        )
    return (
        read_moment(c, m, False) and read_id(c, m, KEY_last, &m.last_id)
        and need(c, m, KEY_bids, LADDER, LEVELS) and need(c, m, KEY_asks, LADDER, LEVELS) and uncrossed(c, m)
    )


cdef inline bint scan_message(Cursor* c, Message* m) noexcept nogil:
    """Read the message that fills ``begin`` to ``end`` of the cursor; False, and what was wrong in it, when it is none.

    `ticks` and `quantities` must have `room` for ``(end - begin) / 9`` levels.
    """
    m.seen = 0
    m.levels = 0
    m.aside = m.empty = False
    c.at = c.begin
    skip_blank(c)
    if c.at >= c.end or c.at[0] != c"{":
        return refuse(c, MESSAGE, c.at)
    if not scan_object(c, m, True):
        return False
    skip_blank(c)
    if c.at != c.end:
        return refuse(c, ENDED, c.at)
    return message_finish(c, m)
