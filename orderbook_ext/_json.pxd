"""JSON, walked byte by byte and never beyond its end: what is passed over must still be JSON.

A function that returns a truth value gives False where the text breaks off or is not what it asks for; then the cursor
stands at the offending byte and `fault` says what was expected there. It is stricter than JSON in what no exchange
sends: 64 levels of nesting, no surrogates, no number of more than 100 digits or 2 digits of exponent.
"""

from libc.stdint cimport uint32_t, uint64_t

from orderbook_ext._decimal cimport SIXTEEN, first_set, pauses

cdef enum Fault:  # the order of the words in _json_py.py
    NOTHING
    MESSAGE  # a JSON object
    KEY
    COLON
    BRACE  # ',' or '}'
    BRACKET  # ',' or ']'
    VALUE
    CLOSED  # text in UTF-8 that a quote closes
    ESCAPE
    LITERAL
    NUMBER
    NESTING
    ENDED  # the end
    ONCE  # a key for the first time
    PLAIN  # text without escapes, in quotes
    DECIMAL
    LEVELS
    PRICE
    ID
    TIME
    FLAG
    FIELD  # the field `missing`
    UNCROSSED
    SENT  # a kind that Binance sends
    STAMP

cdef enum:
    MOST_NESTED = 64
    MOST_NUMBER = 100

cdef struct Cursor:
    const unsigned char* begin
    const unsigned char* end  # of the text
    const unsigned char* limit  # up to here bytes may be looked at: `end` or, inside a block of lines, more
    const unsigned char* at
    Fault fault
    int missing  # the key that FIELD is about


cdef inline bint refuse(Cursor* c, Fault fault, const unsigned char* at) noexcept nogil:
    """Note what was expected where; False."""
    c.fault = fault
    c.at = at
    return False


cdef inline void skip_blank(Cursor* c) noexcept nogil:
    while c.at < c.end and (c.at[0] == c" " or c.at[0] == c"\n" or c.at[0] == c"\t" or c.at[0] == c"\r"):
        c.at += 1


cdef inline bint take(Cursor* c, unsigned char wanted, Fault fault) noexcept nogil:
    """Step over one character, and blanks around it."""
    skip_blank(c)
    if c.at >= c.end or c.at[0] != wanted:
        return refuse(c, fault, c.at)
    c.at += 1
    skip_blank(c)
    return True


cdef inline bint is_digit(const unsigned char* at, const unsigned char* end) noexcept nogil:
    return at < end and <unsigned char>(at[0] - c"0") <= 9


cdef inline bint skip_escape(Cursor* c) noexcept nogil:
    """Step over a backslash and what it stands for; a surrogate is refused."""
    cdef unsigned char x
    cdef int i
    cdef unsigned code = 0
    if c.end - c.at < 2:
        return refuse(c, CLOSED, c.end)
    x = c.at[1]
    if x != c"u":
        if x in (c'"', c"\\", c"/", c"b", c"f", c"n", c"r", c"t"):
            c.at += 2
            return True
        return refuse(c, ESCAPE, c.at)
    if c.end - c.at < 6:
        return refuse(c, ESCAPE, c.at)
    for i in range(2, 6):
        x = c.at[i]
        if <unsigned char>(x - c"0") <= 9:
            code = 16 * code + (x - c"0")
        elif <unsigned char>((x | 32) - c"a") <= 5:
            code = 16 * code + ((x | 32) - c"a") + 10
        else:
            return refuse(c, ESCAPE, c.at)
    if 0xD800 <= code <= 0xDFFF:
        return refuse(c, ESCAPE, c.at)
    c.at += 6
    return True


cdef inline bint skip_wide(Cursor* c) noexcept nogil:
    """Step over one character of UTF-8 beyond ASCII: the shortest form, no surrogate, at most U+10FFFF."""
    cdef unsigned char x = c.at[0], low = 0x80, high = 0xBF
    cdef int more, i
    if 0xC2 <= x <= 0xDF:
        more = 1
    elif 0xE0 <= x <= 0xEF:
        more = 2
        if x == 0xE0:
            low = 0xA0
        elif x == 0xED:
            high = 0x9F
    elif 0xF0 <= x <= 0xF4:
        more = 3
        if x == 0xF0:
            low = 0x90
        elif x == 0xF4:
            high = 0x8F
    else:
        return refuse(c, CLOSED, c.at)
    if c.end - c.at <= more:
        return refuse(c, CLOSED, c.at)
    if not low <= c.at[1] <= high:
        return refuse(c, CLOSED, c.at)
    for i in range(2, more + 1):
        if not 0x80 <= c.at[i] <= 0xBF:
            return refuse(c, CLOSED, c.at)
    c.at += 1 + more
    return True


cdef inline bint skip_string(Cursor* c, bint* plain) noexcept nogil:
    """Step over a string, its quotes too; `plain` tells that it holds no escape."""
    cdef unsigned char x
    cdef uint32_t found
    plain[0] = True
    c.at += 1
    while c.at < c.end:
        if c.limit - c.at >= SIXTEEN:
            found = pauses(c.at)
            if found == 0:
                c.at += SIXTEEN
                continue
            c.at += first_set(found)
            if c.at >= c.end:
                break
        x = c.at[0]
        if x == c'"':
            c.at += 1
            return True
        if x == c"\\":
            plain[0] = False
            if not skip_escape(c):
                return False
        elif x >= 0x80:
            if not skip_wide(c):
                return False
        elif x < 0x20:
            return refuse(c, CLOSED, c.at)
        else:
            c.at += 1
    return refuse(c, CLOSED, c.end)


cdef inline bint skip_word(Cursor* c, const char* word, int length) noexcept nogil:
    """Step over ``true``, ``false`` or ``null``."""
    cdef int i
    for i in range(length):
        if c.at + i >= c.end or c.at[i] != <unsigned char>word[i]:
            return refuse(c, LITERAL, c.at)
    c.at += length
    return True


cdef inline bint skip_number(Cursor* c, bint* whole) noexcept nogil:
    """Step over a number as JSON writes it; `whole` tells that it is digits alone."""
    cdef const unsigned char* start = c.at
    cdef const unsigned char* at = c.at
    cdef const unsigned char* part
    whole[0] = at[0] != c"-"
    if at[0] == c"-":
        at += 1
    part = at
    while is_digit(at, c.end):
        at += 1
    if at == part or (part[0] == c"0" and at - part > 1):
        return refuse(c, NUMBER, start)
    if at < c.end and at[0] == c".":
        whole[0] = False
        at += 1
        part = at
        while is_digit(at, c.end):
            at += 1
        if at == part:
            return refuse(c, NUMBER, start)
    if at < c.end and at[0] | 32 == c"e":
        whole[0] = False
        at += 1
        if at < c.end and (at[0] == c"+" or at[0] == c"-"):
            at += 1
        part = at
        while is_digit(at, c.end):
            at += 1
        if at == part or at - part > 2:
            return refuse(c, NUMBER, start)
    if at - start > MOST_NUMBER:
        return refuse(c, NUMBER, start)
    c.at = at
    return True


cdef inline bint skip_scalar(Cursor* c) noexcept nogil:
    """Step over a string, number or literal."""
    cdef bint ignored
    cdef unsigned char x = c.at[0]
    if x == c'"':
        return skip_string(c, &ignored)
    if x == c"-" or <unsigned char>(x - c"0") <= 9:
        return skip_number(c, &ignored)
    if x == c"t":
        return skip_word(c, b"true", 4)
    if x == c"f":
        return skip_word(c, b"false", 5)
    if x == c"n":
        return skip_word(c, b"null", 4)
    return refuse(c, VALUE, c.at)


cdef inline bint skip_key(Cursor* c) noexcept nogil:
    """Step over a key and its colon."""
    cdef bint ignored
    if c.at >= c.end or c.at[0] != c'"':
        return refuse(c, KEY, c.at)
    return skip_string(c, &ignored) and take(c, c":", COLON)


cdef inline bint skip_value(Cursor* c) noexcept nogil:
    """Step over any value that starts here. No recursion: a bit a level tells objects from lists."""
    cdef uint64_t objects = 0
    cdef int depth = 0
    cdef unsigned char x
    while True:
        if c.at >= c.end:
            return refuse(c, VALUE, c.at)
        x = c.at[0]
        if x == c"{" or x == c"[":
            if depth == MOST_NESTED:
                return refuse(c, NESTING, c.at)
            depth += 1
            objects = (objects << 1) | (x == c"{")
            c.at += 1
            skip_blank(c)
            if c.at < c.end and c.at[0] == (c"}" if x == c"{" else c"]"):
                c.at += 1
                depth -= 1
                objects >>= 1
            else:
                if x == c"{" and not skip_key(c):
                    return False
                continue
        elif not skip_scalar(c):
            return False
        # A value is behind: close what ends here, up to the next value or to the end of the outermost.
        while True:
            if depth == 0:
                return True
            skip_blank(c)
            if c.at < c.end and c.at[0] == c",":
                c.at += 1
                skip_blank(c)
                if objects & 1 and not skip_key(c):
                    return False
                break
            if c.at >= c.end or c.at[0] != (c"}" if objects & 1 else c"]"):
                return refuse(c, BRACE if objects & 1 else BRACKET, c.at)
            c.at += 1
            depth -= 1
            objects >>= 1
