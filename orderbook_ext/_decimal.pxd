"""Decimals as an exchange writes them, ``28145.10``, to the nearest float64: what ``float(text)`` gives, bit for bit.

Digits, then perhaps a point and digits; no sign, no exponent, no blank. Sixteen bytes are looked at in one go where the
text has so many left; the plain loop below it knows the whole grammar and decides whatever the quick way leaves.
"""

from libc.stdint cimport uint64_t

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #if defined(__SSE2__) || defined(_M_X64)
    #include <emmintrin.h>
    /* Bit i is set where byte i of the 16 at p is no digit. */
    static inline unsigned genesis_no_digits(const unsigned char *p) {
        __m128i past = _mm_subs_epu8(
            _mm_sub_epi8(_mm_loadu_si128((const __m128i *)p), _mm_set1_epi8('0')), _mm_set1_epi8(9));
        return 0xFFFFu ^ (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(past, _mm_setzero_si128()));
    }
    #else
    static inline unsigned genesis_no_digits(const unsigned char *p) {
        unsigned found = 0;
        for (int i = 0; i < 16; i++) found |= (unsigned)((unsigned char)(p[i] - '0') > 9) << i;
        return found;
    }
    #endif
    #if defined(_MSC_VER)
    #include <intrin.h>
    static inline int genesis_first_set(unsigned x) { unsigned long i; _BitScanForward(&i, x); return (int)i; }
    #else
    #define genesis_first_set(x) __builtin_ctz(x)
    #endif
    /* Value of the n digits at p, n from 1 to 8, of which 8 bytes may be read: pairs, fours, eights. */
    static inline uint64_t genesis_digits(const unsigned char *p, int n) {
    #if defined(_MSC_VER) || (defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
        uint64_t x;
        memcpy(&x, p, 8);
        x = (x ^ 0x3030303030303030ull) << (64 - 8 * n);
        x = x * 10 + (x >> 8);
        return ((x & 0x000000FF000000FFull) * 0x000F424000000064ull
                + ((x >> 16) & 0x000000FF000000FFull) * 0x0000271000000001ull) >> 32;
    #else
        uint64_t x = 0;
        for (int i = 0; i < n; i++) x = 10 * x + (uint64_t)(p[i] - '0');
        return x;
    #endif
    }
    static const uint64_t genesis_whole_powers[20] = {
        1ull, 10ull, 100ull, 1000ull, 10000ull, 100000ull, 1000000ull, 10000000ull, 100000000ull, 1000000000ull,
        10000000000ull, 100000000000ull, 1000000000000ull, 10000000000000ull, 100000000000000ull,
        1000000000000000ull, 10000000000000000ull, 100000000000000000ull, 1000000000000000000ull,
        10000000000000000000ull};
    /* Each of them is a float64 exactly; 1e23 is none. */
    static const double genesis_powers[23] = {
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19,
        1e20, 1e21, 1e22};
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
    unsigned no_digits "genesis_no_digits"(const unsigned char*) noexcept nogil
    int first_set "genesis_first_set"(unsigned) noexcept nogil
    uint64_t digits "genesis_digits"(const unsigned char*, int) noexcept nogil
    const uint64_t* WHOLE_POWERS "genesis_whole_powers"
    const double* POWERS "genesis_powers"
    bint wide "genesis_wide"(uint64_t, int, double*) noexcept nogil

cdef enum:
    QUICK_BYTES = 17  # that must be readable from the start of a decimal on for `decimal_quick`
    MOST_DIGITS = 19  # leading zeros, and those that end the decimals, not counted
    MOST_PLACES = 22


cdef inline const unsigned char* decimal_quick(const unsigned char* at, double* value) noexcept nogil:
    """Read a decimal of at most 8 digits before and 8 behind the point; its closing quote, or NULL for the plain loop."""
    cdef unsigned others = no_digits(at) | 0x10000
    cdef int whole = first_set(others), stop = whole, places = 0
    cdef uint64_t mantissa
    if whole == 0 or whole > 8:
        return NULL
    mantissa = digits(at, whole)
    if at[whole] == c".":
        others &= others - 1
        # Behind 16 digits and a point no bit is left: the 17th byte, looked at below, decides.
        stop = first_set(others | 0x10000)
        places = stop - whole - 1
        if places == 0 or places > 8:
            return NULL
        mantissa = mantissa * WHOLE_POWERS[places] + digits(at + whole + 1, places)
    if at[stop] != c'"' or mantissa > (<uint64_t>1 << 53):
        return NULL
    value[0] = <double>mantissa / POWERS[places]
    return at + stop


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
