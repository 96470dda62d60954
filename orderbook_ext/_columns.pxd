# Operations without a memory, each defined once: on one row, and in loops over columns that become vectors.
# Twin: _columns_py.py.
#
# Where the compiler can, the loops are built for several instruction sets and the machine's own is taken at load time.
# Multiplications and additions are never contracted (setup.py), so all of them give the same bits.

from libc.math cimport NAN, INFINITY, copysign, cos, exp, fabs, rint, sin, sqrt
from libc.stdint cimport uint64_t
from libc.string cimport memcpy


cdef extern from *:
    """
    #if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC__)
    #define GENESIS_CLONED __attribute__((target_clones("default", "avx2", "avx512f"))) void
    #else
    #define GENESIS_CLONED void
    #endif
    #if defined(_MSC_VER)
    #define GENESIS_ALONE double * __restrict
    #else
    #define GENESIS_ALONE double * __restrict__
    #endif
    """
    ctypedef void cloned "GENESIS_CLONED"
    ctypedef double* alone "GENESIS_ALONE"  # overlaps with nothing else


cdef enum Op:  # in the order of OPS of _layout.py
    ADD, SUB, MUL, DIV, RATIO, MIN2, MAX2, GE, LE, ABS, SQRT, LOG, LOG1P, SLOG, RINT, OR_ZERO, SELECT, SIN, COS, EXP
    LAG, SUM, MIN, MAX, VAR, VPIN, EMA, DECAY, SECONDS, HOLD, SINCE, COMPONENT, MOVE


cdef inline uint64_t bits_of(double x) noexcept nogil:
    cdef uint64_t bits
    memcpy(&bits, &x, 8)
    return bits


cdef inline double of_bits(uint64_t bits) noexcept nogil:
    cdef double x
    memcpy(&x, &bits, 8)
    return x


cdef inline double exponent_of(uint64_t shifted) noexcept nogil:
    # A whole number under 2^52 is the mantissa of 2^52 + itself: a conversion that every instruction set has.
    return of_bits((shifted >> 52) | 0x4330000000000000ULL) - (4503599627370496.0 + 1023.0)


cdef inline double log_of(double f, double k, double c) noexcept nogil:
    """log(1 + f) + k log 2 + c for 1 + f between sqrt(1/2) and sqrt(2), below 1 ulp off.

    The method and the coefficients of FreeBSD's e_log.c and s_log1p.c (Sun Microsystems, 1993), without branches.
    """
    cdef double half = 0.5 * f * f, s = f / (2.0 + f), z = s * s, w = z * z
    cdef double odd = z * (
        6.666666666666735130e-01
        + w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01))
    )
    cdef double even = w * (
        3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01)
    )
    return s * (half + (even + odd)) + (k * 1.90821492927058770002e-10 + c) - half + f + k * 6.93147180369123816490e-01


cdef inline double log_plain(double x) noexcept nogil:
    """log(x); NaN where x is not positive."""
    # below the normal numbers: 2^54 times as large
    cdef double low = 54.0 if x < 2.2250738585072014e-308 else 0.0
    cdef double scaled = x * 18014398509481984.0 if x < 2.2250738585072014e-308 else x
    cdef uint64_t shifted = bits_of(scaled) + 0x00095F6200000000ULL
    cdef double mantissa = of_bits((shifted & 0x000FFFFFFFFFFFFFULL) + 0x3FE6A09E00000000ULL)
    cdef double value = log_of(mantissa - 1.0, exponent_of(shifted) - low, 0.0)
    value = INFINITY if x == INFINITY else value
    return value if x > 0.0 else NAN


cdef inline double log_one_plus(double x) noexcept nogil:
    """log(1 + x); NaN where x is not above -1."""
    cdef double u = 1.0 + x
    cdef uint64_t shifted = bits_of(u) + 0x00095F6200000000ULL
    cdef double mantissa = of_bits((shifted & 0x000FFFFFFFFFFFFFULL) + 0x3FE6A09E00000000ULL)
    cdef double k = exponent_of(shifted)
    # what rounding 1 + x lost
    cdef double lost = (1.0 - (u - x) if k >= 2.0 else x - (u - 1.0)) / u
    cdef bint near = -0.2928932188134524 < x and x < 0.41421356237309503
    cdef double value = log_of(
        x if near else mantissa - 1.0, 0.0 if near else k, 0.0 if near or k >= 54.0 else lost
    )
    value = INFINITY if x == INFINITY else value
    return value if x > -1.0 else NAN


cdef inline double value_of(Op op, double x, double y, double z) noexcept nogil:
    """One operation on one row."""
    cdef double value
    if op == ADD:
        return x + y
    elif op == SUB:
        return x - y
    elif op == MUL:
        return x * y
    elif op == DIV:
        value = x / y
        return NAN if y == 0.0 else value
    elif op == RATIO:
        value = x / y
        return x * 0.0 if y == 0.0 else value
    elif op == MIN2:
        value = x if x < y else y
        return x if x != x else value
    elif op == MAX2:
        value = x if x > y else y
        return x if x != x else value
    elif op == GE:
        value = 0.0 if x < y else NAN
        return 1.0 if x >= y else value
    elif op == LE:
        value = 0.0 if x > y else NAN
        return 1.0 if x <= y else value
    elif op == ABS:
        return fabs(x)
    elif op == SQRT:
        value = sqrt(x)
        return value if x >= 0.0 else NAN
    elif op == LOG:
        return log_plain(x)
    elif op == LOG1P:
        return log_one_plus(x)
    elif op == SLOG:
        return copysign(log_one_plus(fabs(x)), x)
    elif op == RINT:
        return rint(x)
    elif op == OR_ZERO:
        return 0.0 if x != x else x
    elif op == SELECT:
        value = z if x == 0.0 else y
        return NAN if x != x else value
    elif op == SIN:
        return sin(x)
    elif op == COS:
        return cos(x)
    return exp(x)


cdef inline cloned compute(
    Op op, alone out, const double* x, const double* y, const double* z, Py_ssize_t n
) noexcept nogil:
    """One operation on n rows. `out` may not overlap with what it is made from."""
    # The operation is a constant in each loop: what is left of `value_of` there has no branch.
    cdef Py_ssize_t i
    if op == ADD:
        for i in range(n):
            out[i] = value_of(ADD, x[i], y[i], z[i])
    elif op == SUB:
        for i in range(n):
            out[i] = value_of(SUB, x[i], y[i], z[i])
    elif op == MUL:
        for i in range(n):
            out[i] = value_of(MUL, x[i], y[i], z[i])
    elif op == DIV:
        for i in range(n):
            out[i] = value_of(DIV, x[i], y[i], z[i])
    elif op == RATIO:
        for i in range(n):
            out[i] = value_of(RATIO, x[i], y[i], z[i])
    elif op == MIN2:
        for i in range(n):
            out[i] = value_of(MIN2, x[i], y[i], z[i])
    elif op == MAX2:
        for i in range(n):
            out[i] = value_of(MAX2, x[i], y[i], z[i])
    elif op == GE:
        for i in range(n):
            out[i] = value_of(GE, x[i], y[i], z[i])
    elif op == LE:
        for i in range(n):
            out[i] = value_of(LE, x[i], y[i], z[i])
    elif op == ABS:
        for i in range(n):
            out[i] = value_of(ABS, x[i], y[i], z[i])
    elif op == SQRT:
        for i in range(n):
            out[i] = value_of(SQRT, x[i], y[i], z[i])
    elif op == LOG:
        for i in range(n):
            out[i] = value_of(LOG, x[i], y[i], z[i])
    elif op == LOG1P:
        for i in range(n):
            out[i] = value_of(LOG1P, x[i], y[i], z[i])
    elif op == SLOG:
        for i in range(n):
            out[i] = value_of(SLOG, x[i], y[i], z[i])
    elif op == RINT:
        for i in range(n):
            out[i] = value_of(RINT, x[i], y[i], z[i])
    elif op == OR_ZERO:
        for i in range(n):
            out[i] = value_of(OR_ZERO, x[i], y[i], z[i])
    elif op == SELECT:
        for i in range(n):
            out[i] = value_of(SELECT, x[i], y[i], z[i])
    elif op == SIN:
        for i in range(n):
            out[i] = value_of(SIN, x[i], y[i], z[i])
    elif op == COS:
        for i in range(n):
            out[i] = value_of(COS, x[i], y[i], z[i])
    else:
        for i in range(n):
            out[i] = value_of(EXP, x[i], y[i], z[i])
