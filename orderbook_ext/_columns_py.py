"""Operations without a memory in plain Python: the twin of `_columns.pxd`, equal to the bit."""

from __future__ import annotations

import math

from orderbook_ext._rolling_py import NAN, add, greater, lesser

SPLIT = float.fromhex("0x1.6a09ep-1")  # mantissas from here to twice as much are near 1
LOG2_HIGH, LOG2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10


def _log_of(f: float, k: float, c: float) -> float:
    """log(1 + f) + k log 2 + c for 1 + f between sqrt(1/2) and sqrt(2), below 1 ulp off.

    The method and the coefficients of FreeBSD's e_log.c and s_log1p.c (Sun Microsystems, 1993).
    """
    half, s = 0.5 * f * f, f / (2.0 + f)
    z = s * s
    w = z * z
    odd = z * (
        6.666666666666735130e-01
        + w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01))
    )
    even = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01))
    return s * (half + (even + odd)) + (k * LOG2_LOW + c) - half + f + k * LOG2_HIGH


def _split(x: float) -> tuple[float, float]:
    """x as mantissa and power of two, the mantissa near 1."""
    mantissa, k = math.frexp(x)
    return (mantissa, float(k)) if mantissa >= SPLIT else (mantissa * 2.0, k - 1.0)


def log(x: float) -> float:
    """log(x); NaN where x is not positive."""
    if not x > 0.0 or x == math.inf:
        return x if x == math.inf else NAN
    mantissa, k = _split(x)
    return _log_of(mantissa - 1.0, k, 0.0)


def log1p(x: float) -> float:
    """log(1 + x); NaN where x is not above -1."""
    if not x > -1.0 or x == math.inf:
        return x if x == math.inf else NAN
    if -0.2928932188134524 < x < 0.41421356237309503:
        return _log_of(x, 0.0, 0.0)
    u = 1.0 + x
    mantissa, k = _split(u)
    lost = 0.0 if k >= 54.0 else (1.0 - (u - x) if k >= 2.0 else x - (u - 1.0)) / u  # what rounding 1 + x lost
    return _log_of(mantissa - 1.0, k, lost)


def exp(x: float) -> float:
    """e^x, infinite where that is too large."""
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def select(x: float, y: float, z: float) -> float:
    """y where x is not 0, else z; NaN where x is NaN."""
    return NAN if x != x else z if x == 0.0 else y


STATELESS = {
    "add": add,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: NAN if y == 0.0 else x / y,
    "ratio": lambda x, y: x * 0.0 if y == 0.0 else x / y,
    "min2": lesser,
    "max2": greater,
    "ge": lambda x, y: NAN if x != x or y != y else float(x >= y),
    "le": lambda x, y: NAN if x != x or y != y else float(x <= y),
    "abs": math.fabs,
    "sqrt": lambda x: math.sqrt(x) if x >= 0.0 else NAN,
    "log": log,
    "log1p": log1p,
    "slog": lambda x: math.copysign(log1p(math.fabs(x)), x),
    "rint": lambda x: math.copysign(round(x), x) if math.isfinite(x) else x,
    "or_zero": lambda x: 0.0 if x != x else x,
    "select": select,
    "sin": lambda x: math.sin(x) if math.isfinite(x) else NAN,
    "cos": lambda x: math.cos(x) if math.isfinite(x) else NAN,
    "exp": exp,
}
