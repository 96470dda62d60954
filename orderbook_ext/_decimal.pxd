"""Decimals as an exchange writes them, ``28145.10``, to the nearest float64: what ``float(text)`` gives, bit for bit.

Digits, then perhaps a point and digits; no sign, no exponent, no blank. Where the text has bytes enough left,
sixteen are looked at in one go; the plain loop knows the whole grammar and decides whatever the quick way leaves.
"""

from libc.stdint cimport uint32_t, uint64_t

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    /* Bit i tells of byte i of the 16 (32) at p. GENESIS_PORTABLE builds what other processors get. */
    #if (defined(__SSE2__) || defined(_M_X64)) && !defined(GENESIS_PORTABLE)
    #include <emmintrin.h>
    static inline uint32_t genesis_no_digits(const unsigned char *p) {
        __m128i past = _mm_subs_epu8(
            _mm_sub_epi8(_mm_loadu_si128((const __m128i *)p), _mm_set1_epi8('0')), _mm_set1_epi8(9));
        return 0xFFFFu ^ (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(past, _mm_setzero_si128()));
    }
    static inline uint32_t genesis_brackets(const unsigned char *p) {
        __m128i bracket = _mm_set1_epi8(']');
        return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)p), bracket))
            | (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(p + 16)), bracket)) << 16;
    }
    /* Where a string pauses: a quote, a backslash, a control character, a byte beyond ASCII (negative when signed). */
    static inline uint32_t genesis_pauses(const unsigned char *p) {
        __m128i x = _mm_loadu_si128((const __m128i *)p);
        return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_cmplt_epi8(x, _mm_set1_epi8(0x20)), _mm_or_si128(
            _mm_cmpeq_epi8(x, _mm_set1_epi8('"')), _mm_cmpeq_epi8(x, _mm_set1_epi8(0x5C)))));
    }
    #else
    static inline uint32_t genesis_no_digits(const unsigned char *p) {
        uint32_t found = 0;
        for (int i = 0; i < 16; i++) found |= (uint32_t)((unsigned char)(p[i] - '0') > 9) << i;
        return found;
    }
    static inline uint32_t genesis_brackets(const unsigned char *p) {
        uint32_t found = 0;
        for (int i = 0; i < 32; i++) found |= (uint32_t)(p[i] == ']') << i;
        return found;
    }
    static inline uint32_t genesis_pauses(const unsigned char *p) {
        uint32_t found = 0;
        for (int i = 0; i < 16; i++)
            found |= (uint32_t)(p[i] == '"' || p[i] == 0x5C || p[i] < 0x20 || p[i] >= 0x80) << i;
        return found;
    }
    #endif
    #if defined(_MSC_VER)
    #include <intrin.h>
    static inline int genesis_first_set(uint32_t x) { unsigned long i; _BitScanForward(&i, x); return (int)i; }
    #else
    #define genesis_first_set(x) __builtin_ctz(x)
    #endif
    static const uint64_t genesis_whole_powers[20] = {
        1ull, 10ull, 100ull, 1000ull, 10000ull, 100000ull, 1000000ull, 10000000ull, 100000000ull, 1000000000ull,
        10000000000ull, 100000000000ull, 1000000000000ull, 10000000000000ull, 100000000000000ull,
        1000000000000000ull, 10000000000000000ull, 100000000000000000ull, 1000000000000000000ull,
        10000000000000000000ull};
    /* Each of them is a float64 exactly; 1e23 is none. */
    static const double genesis_powers[23] = {
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22};
    #if defined(_MSC_VER) || (defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
    #define GENESIS_LITTLE 1
    /* Value of eight digits, the first in the lowest byte: pairs, fours, eights. */
    static inline uint64_t genesis_eight(uint64_t x) {
        x = x * 10 + (x >> 8);
        return ((x & 0x000000FF000000FFull) * 0x000F424000000064ull
                + ((x >> 16) & 0x000000FF000000FFull) * 0x0000271000000001ull) >> 32;
    }
    #endif
    /* Value of the n digits at p, n from 1 to 8, of which 8 bytes may be read. */
    static inline uint64_t genesis_digits(const unsigned char *p, int n) {
    #ifdef GENESIS_LITTLE
        uint64_t x;
        memcpy(&x, p, 8);
        return genesis_eight((x ^ 0x3030303030303030ull) << (64 - 8 * n));
    #else
        uint64_t x = 0;
        for (int i = 0; i < n; i++) x = 10 * x + (uint64_t)(p[i] - '0');
        return x;
    #endif
    }
    /* Length of the decimal at p that a quote closes, of at most 8 digits before and 8 behind the point and of at most
       2**53 without it; 0 when it is another. A bit of `others` is set where no digit is; 17 bytes may be read. */
    static inline int genesis_decimal(const unsigned char *p, uint32_t others, uint64_t *mantissa, int *places) {
        int whole = genesis_first_set(others | 0x80000000u), stop = whole;
        *places = 0;
        if (p[whole < 9 ? whole : 0] == '.') {
            stop = genesis_first_set((others & (others - 1)) | 0x80000000u);
            *places = stop - whole - 1;
            if (*places == 0 || *places > 8) return 0;
        }
        if (whole == 0 || whole > 8) return 0;
    #ifdef GENESIS_LITTLE
        if (stop <= 8) {  /* one word: close up over the point, then lead with zeros */
            uint64_t x, low;
            memcpy(&x, p, 8);
            x ^= 0x3030303030303030ull;
            if (*places) {
                low = ((uint64_t)1 << 8 * whole) - 1;
                x = (x & low) | ((x >> 8) & ~low);
            }
            *mantissa = genesis_eight(x << (64 - 8 * (stop - (*places != 0))));
            return p[stop] == '"' ? stop : 0;
        }
    #endif
        *mantissa = genesis_digits(p, whole);
        if (*places)
            *mantissa = *mantissa * genesis_whole_powers[*places] + genesis_digits(p + whole + 1, *places);
        return p[stop] == '"' && *mantissa <= ((uint64_t)1 << 53) ? stop : 0;
    }
    static inline uint32_t genesis_no_digits_32(const unsigned char *p) {
        return genesis_no_digits(p) | genesis_no_digits(p + 16) << 16;
    }
    /* m / 10**places to the nearest float64, ties to even, for m over 2**53 and places from 1 to 19: the quotient of
       m * 2**64 has at least 54 bits, and what is cut off it only matters at a tie. False where no such division is. */
    static inline int genesis_wide(uint64_t m, int places, double *value) {
    #if defined(__SIZEOF_INT128__)
        unsigned __int128 dividend = (unsigned __int128)m << 64;
        unsigned __int128 quotient = dividend / genesis_whole_powers[places];
        int rest = dividend % genesis_whole_powers[places] != 0;
        int bits = (quotient >> 64) ? 128 - __builtin_clzll((uint64_t)(quotient >> 64))
                                    : 64 - __builtin_clzll((uint64_t)quotient);
        int cut = bits - 53;
        uint64_t kept = (uint64_t)(quotient >> cut);
        unsigned __int128 tail = quotient & (((unsigned __int128)1 << cut) - 1), half = (unsigned __int128)1 << (cut - 1);
        double scaled, unit;
        uint64_t power = (uint64_t)(1023 + cut - 64) << 52;
        kept += tail > half || (tail == half && (rest || (kept & 1)));
        scaled = (double)kept;
        memcpy(&unit, &power, 8);
        *value = scaled * unit;
        return 1;
    #else
        (void)m; (void)places; (void)value;
        return 0;
    #endif
    }
    """
    uint32_t no_digits "genesis_no_digits"(const unsigned char*) noexcept nogil
    uint32_t no_digits_32 "genesis_no_digits_32"(const unsigned char*) noexcept nogil
    int decimal_at "genesis_decimal"(const unsigned char*, uint32_t, uint64_t*, int*) noexcept nogil
    uint32_t brackets "genesis_brackets"(const unsigned char*) noexcept nogil
    uint32_t pauses "genesis_pauses"(const unsigned char*) noexcept nogil
    int first_set "genesis_first_set"(uint32_t) noexcept nogil
    uint64_t digits "genesis_digits"(const unsigned char*, int) noexcept nogil
    const uint64_t* WHOLE_POWERS "genesis_whole_powers"
    const double* POWERS "genesis_powers"
    bint wide "genesis_wide"(uint64_t, int, double*) noexcept nogil

cdef enum:
    SIXTEEN = 16  # bytes that must be readable for `no_digits` and `pauses`
    QUICK_BYTES = 17  # from the start of a decimal on, for `decimal_quick`
    LEVEL_BYTES = 48  # from the start of a level on, for `level_quick`
    MOST_DIGITS = 19  # leading zeros, and those that end the decimals, not counted
    MOST_PLACES = 22


cdef inline const unsigned char* decimal_quick(const unsigned char* at, double* value) noexcept nogil:
    """Read a decimal of which `QUICK_BYTES` may be looked at; its closing quote, or NULL for the plain loop."""
    cdef uint64_t mantissa
    cdef int places
    # Behind the 16 bits a seventeenth byte is looked at, and decides: a longer decimal has a digit there.
    cdef int length = decimal_at(at, no_digits(at) | 0x10000, &mantissa, &places)
    if length == 0:
        return NULL
    value[0] = <double>mantissa / POWERS[places]
    return at + length


cdef inline const unsigned char* level_quick(
    const unsigned char* at, uint64_t* price, int* places, double* quantity
) noexcept nogil:
    """Read ``["28145.10","3.868"]`` of which `LEVEL_BYTES` may be looked at; the byte behind, or NULL.

    The price comes as a whole number and how many of its digits are decimals. Where the level ends is known from one
    look for the bracket, before the numbers are read: the next level need not wait for them.
    """
    cdef uint32_t found = brackets(at), others = no_digits_32(at) >> 2
    cdef const unsigned char* behind
    cdef uint64_t mantissa
    cdef int decimals, length
    if found == 0 or at[0] != c"[" or at[1] != c'"':
        return NULL
    behind = at + first_set(found) + 1
    at += 2
    length = decimal_at(at, others, price, places)
    if length == 0 or at[length + 1] != c"," or at[length + 2] != c'"':
        return NULL
    at += length + 3
    length = decimal_at(at, others >> (length + 3), &mantissa, &decimals)
    if length == 0 or at + length != behind - 2:
        return NULL
    quantity[0] = <double>mantissa / POWERS[decimals]
    return behind


cdef inline bint decimal_plain(const unsigned char* at, const unsigned char* stop, double* value) noexcept nogil:
    """Read the decimal that fills ``at`` to ``stop``; False when it is none, or none that can be rounded here."""
    cdef const unsigned char* point = at
    cdef uint64_t mantissa = 0
    cdef int places = 0, count = 0
    while point < stop and <unsigned char>(point[0] - c"0") <= 9:
        point += 1
    if point == at:
        return False
    if point < stop:
        if point[0] != c"." or point + 1 == stop:
            return False
        while stop - 1 > point and (stop - 1)[0] == c"0":
            stop -= 1
    while at < stop:
        if at != point:
            if <unsigned char>(at[0] - c"0") > 9:
                return False
            if count or at[0] != c"0":
                count += 1
                if count > MOST_DIGITS:
                    return False
            mantissa = 10 * mantissa + <uint64_t>(at[0] - c"0")
            places += at > point
        at += 1
    if places > MOST_PLACES:
        return False
    if places and mantissa > (<uint64_t>1 << 53):
        return places <= MOST_DIGITS and wide(mantissa, places, value)
    value[0] = <double>mantissa / POWERS[places]
    return True
