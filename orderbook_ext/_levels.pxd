"""Many levels of a ladder at once, on processors with AVX2: what `level_quick` reads one by one, the same values.

The 32 bytes from a level's start are looked at together: what is no digit gives the lengths of both numbers, a shuffle
closes each up over its point, and one chain of multiplications makes both of them, eight digits each; longer ones
take a chain each. Compiled for these instructions apart from all else and chosen when the program runs; elsewhere
levels are read one by one.
"""

from libc.stdint cimport int64_t

from orderbook_ext._ticks cimport Exact

cdef extern from *:
    """
    #if defined(__x86_64__) && defined(__GNUC__) && !defined(GENESIS_PORTABLE)
    #include <immintrin.h>
    /* Row 9 * whole + n: where the n digits of a number lie whose point follows the first `whole`; led by zeros.
       The second table is for numbers of 9 to 16 digits. */
    static unsigned char genesis_close_up[81][16], genesis_close_up_16[153][16];
    static int genesis_wide_open(void) {
        for (int whole = 0; whole < 9; whole++)
            for (int n = 0; n < 9; n++)
                for (int k = 0; k < 16; k++) {
                    int digit = k - (8 - n);
                    genesis_close_up[9 * whole + n][k] =
                        k > 7 || digit < 0 ? 0x80 : (unsigned char)(digit + (digit >= whole));
                }
        for (int whole = 0; whole < 9; whole++)
            for (int n = 0; n < 17; n++)
                for (int k = 0; k < 16; k++) {
                    int digit = k - (16 - n);
                    genesis_close_up_16[17 * whole + n][k] =
                        digit < 0 ? 0x80 : (unsigned char)(digit + (digit >= whole));
                }
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
    }
    #define GENESIS_TENS _mm_set1_epi16(0x010A)
    #define GENESIS_HUNDREDS _mm_set1_epi32(0x00010064)
    #define GENESIS_MYRIADS _mm_set1_epi32(0x00012710)
    /* Value of the n digits, at most 16, of the number at p: two halves of eight. */
    __attribute__((target("avx2,bmi,bmi2")))
    static inline uint64_t genesis_sixteen(const unsigned char *p, unsigned whole, unsigned n) {
        __m128i x = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)p),
            _mm_loadu_si128((const __m128i *)genesis_close_up_16[17 * whole + n]));
        uint64_t halves;
        x = _mm_madd_epi16(_mm_maddubs_epi16(_mm_subs_epu8(x, _mm_set1_epi8('0')), GENESIS_TENS), GENESIS_HUNDREDS);
        halves = (uint64_t)_mm_cvtsi128_si64(_mm_madd_epi16(_mm_packs_epi32(x, x), GENESIS_MYRIADS));
        return (uint32_t)halves * 100000000ull + (halves >> 32);
    }
    __attribute__((target("avx2,bmi,bmi2")))
    static const unsigned char *genesis_levels(const unsigned char *at, const unsigned char *limit,
            const genesis_exact *table, int64_t *ticks, double *quantities, Py_ssize_t *count, int *closed) {
        Py_ssize_t n = *count;
        while (limit - at >= 48) {
            __m256i bytes = _mm256_loadu_si256((const __m256i *)at);
            uint32_t others = ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_setzero_si256(),
                _mm256_subs_epu8(_mm256_sub_epi8(bytes, _mm256_set1_epi8('0')), _mm256_set1_epi8(9))));
            uint32_t brackets = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(']')));
            const unsigned char *next = at + _tzcnt_u32(brackets) + 1;  /* 33 without a bracket: no level ends there */
            const unsigned char *second;
            unsigned whole, stop, point, places, whole_2, stop_2, point_2, places_2;
            uint64_t both, price, quantity, product, quotient;
            const genesis_exact *row;
            __m128i x;
            uint32_t word;
            others >>= 2;
            whole = _tzcnt_u32(others);
            if (whole - 1 > 7) break;
            point = at[2 + whole] == '.';
            stop = point ? _tzcnt_u32(_blsr_u32(others)) : whole;
            places = stop - whole - point;
            if (stop > 16 || places > 8 || (point && !places)) break;
            memcpy(&word, at + 2 + stop, 4);
            if ((word & 0xFFFFFF) != 0x222C22) break;  /* "," between the numbers */
            second = at + stop + 5;
            others >>= stop + 3;
            whole_2 = _tzcnt_u32(others);
            if (whole_2 - 1 > 7) break;
            point_2 = second[whole_2] == '.';
            stop_2 = point_2 ? _tzcnt_u32(_blsr_u32(others)) : whole_2;
            places_2 = stop_2 - whole_2 - point_2;
            if (stop_2 > 16 || places_2 > 8 || (point_2 && !places_2)) break;
            if (second + stop_2 + 2 != next || second[stop_2] != '"' || at[0] != '[' || at[1] != '"') break;
            if (whole + places <= 8 && whole_2 + places_2 <= 8) {
                x = _mm_unpacklo_epi64(
                    _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(at + 2)),
                        _mm_loadu_si128((const __m128i *)genesis_close_up[9 * whole + whole + places])),
                    _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)second),
                        _mm_loadu_si128((const __m128i *)genesis_close_up[9 * whole_2 + whole_2 + places_2])));
                x = _mm_maddubs_epi16(_mm_subs_epu8(x, _mm_set1_epi8('0')), GENESIS_TENS);
                x = _mm_madd_epi16(x, GENESIS_HUNDREDS);
                both = (uint64_t)_mm_cvtsi128_si64(_mm_madd_epi16(_mm_packs_epi32(x, x), GENESIS_MYRIADS));
                price = (uint32_t)both;
                quantity = both >> 32;
            } else {
                price = genesis_sixteen(at + 2, whole, whole + places);
                quantity = genesis_sixteen(second, whole_2, whole_2 + places_2);
            }
            row = &table[places];
            product = price * row->inverse;
            quotient = (product >> row->shift) | (product << ((64 - row->shift) & 63));
            if (quotient - 1 >= row->limit) break;
            ticks[n] = (int64_t)(quotient * row->times);
            quantities[n] = (double)(int64_t)quantity / genesis_powers[places_2];
            if (*next == ']') {
                *count = n + 1;
                *closed = 1;
                return next + 1;
            }
            if (*next != ',') break;
            n++;
            at = next + 1;
        }
        *count = n;
        return at;
    }
    #else
    static int genesis_wide_open(void) { return 0; }
    static const unsigned char *genesis_levels(const unsigned char *at, const unsigned char *limit,
            const genesis_exact *table, int64_t *ticks, double *quantities, Py_ssize_t *count, int *closed) {
        (void)limit; (void)table; (void)ticks; (void)quantities; (void)count; (void)closed;
        return at;
    }
    #endif
    """
    bint levels_open "genesis_wide_open"() noexcept nogil  # whether this processor can
    # Reads levels from the start of one on, up to the ladder's end (`closed`) or the start of one that is left.
    const unsigned char* levels "genesis_levels"(
        const unsigned char* at, const unsigned char* limit, const Exact* table, int64_t* ticks, double* quantities,
        Py_ssize_t* count, bint* closed,
    ) noexcept nogil
