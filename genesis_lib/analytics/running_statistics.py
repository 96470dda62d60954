"""Statistics of streams of any length in memory that does not grow: quantiles, moments, autocorrelation, R squared."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

import numpy as np

from genesis_lib.errors import InputError


class Quantiles:
    """Distribution of numbers >= 0, in bins whose edges grow by a fixed ratio; zeros are counted apart.

    Parameters
    ----------
    lowest, highest
        What lies beyond is counted in the outermost bins.
    ratio
        Of neighbouring edges; a quantile is right to within it.

    Examples
    --------
    >>> held = Quantiles(0.01, 1e4)
    >>> held.add_many(np.arange(1.0, 101.0))
    >>> bool(abs(held.at(0.5) - 50) < 1)
    True
    """

    def __init__(self, lowest: float = 1e-4, highest: float = 1e9, ratio: float = 1.01) -> None:
        if not (0 < lowest < highest and ratio > 1):
            raise InputError(f"quantiles need 0 < lowest < highest and ratio > 1, got {lowest}, {highest}, {ratio}")
        self._step, self._lowest = math.log(ratio), lowest
        self._counts = np.zeros(int(math.log(highest / lowest) / self._step) + 2, np.int64)
        self.n, self.zeros, self.total = 0, 0, 0.0

    def add(self, value: float) -> None:
        """Count a number; NaN is passed over."""
        if value != value:
            return
        self.n += 1
        self.total += value
        if value <= 0:
            self.zeros += 1
            return
        at = int(math.log(value / self._lowest) / self._step) if value > self._lowest else 0
        self._counts[min(at, len(self._counts) - 1)] += 1

    def add_many(self, values: np.ndarray) -> None:
        """Count many."""
        values = values[~np.isnan(values)]
        positive = values[values > 0]
        at = (np.log(np.maximum(positive / self._lowest, 1.0)) / self._step).astype(np.int64)
        np.add.at(self._counts, np.minimum(at, len(self._counts) - 1), 1)
        self.n += len(values)
        self.total += float(values.sum())
        self.zeros += len(values) - len(positive)

    @property
    def mean(self) -> float:
        """Exact mean; NaN of none."""
        return self.total / self.n if self.n else math.nan

    def at(self, share: float) -> float:
        """The number under which a share of them lies; NaN of none."""
        wanted = share * self.n - self.zeros
        if not self.n:
            return math.nan
        if wanted <= 0:
            return 0.0
        sums = np.cumsum(self._counts)
        at = min(int(np.searchsorted(sums, wanted)), len(sums) - 1)
        return self._lowest * math.exp((at + 0.5) * self._step)

    def above(self, value: float) -> float:
        """Share of numbers above a value, to within a bin; NaN of none."""
        if not self.n:
            return math.nan
        at = min(max(math.ceil(math.log(value / self._lowest) / self._step), 0), len(self._counts))
        return float(self._counts[at:].sum()) / self.n


class Moments:
    """Mean, standard deviation and excess kurtosis of numbers of the order of one."""

    def __init__(self) -> None:
        self.n = 0
        self._sums = [0.0] * 4

    def add(self, value: float) -> None:
        """Count a number."""
        self.n += 1
        power = 1.0
        for i in range(4):
            power *= value
            self._sums[i] += power

    def _central(self) -> tuple[float, float, float]:
        m1, m2, m3, m4 = (part / self.n for part in self._sums)
        variance = max(m2 - m1 * m1, 0.0)
        return m1, variance, m4 - 4 * m1 * m3 + 6 * m1 * m1 * m2 - 3 * m1**4

    @property
    def mean(self) -> float:
        """NaN of none."""
        return self._sums[0] / self.n if self.n else math.nan

    @property
    def deviation(self) -> float:
        """Root of the mean squared distance from the mean; NaN of none."""
        return math.sqrt(self._central()[1]) if self.n else math.nan

    @property
    def root_mean_square(self) -> float:
        """Root of the mean square; NaN of none."""
        return math.sqrt(self._sums[1] / self.n) if self.n else math.nan

    @property
    def excess_kurtosis(self) -> float:
        """Fourth central moment over the squared second, less 3 (0 for a normal law); NaN where nothing varies."""
        if not self.n:
            return math.nan
        _, variance, fourth = self._central()
        return fourth / variance**2 - 3.0 if variance > 0 else math.nan


class Autocorrelation:
    """Autocorrelation of a series at some lags; `forget` breaks the series where something is missing.

    Notes
    -----
    ``(mean of x_t x_{t-k} - m^2) / v`` with the mean m and the variance v of all values, over the pairs that lie in one
    unbroken stretch.
    """

    def __init__(self, lags: Sequence[int]) -> None:
        if not lags or min(lags) < 1:
            raise InputError(f"lags must be whole numbers of at least 1, got {list(lags)}")
        self.lags = tuple(lags)
        self.n, self._sum, self._squares = 0, 0.0, 0.0
        self._products, self._pairs = [0.0] * len(self.lags), [0] * len(self.lags)
        self._past: deque[float] = deque(maxlen=max(self.lags))

    def add(self, value: float) -> None:
        """Take the next value."""
        past = self._past
        length = len(past)
        for i, lag in enumerate(self.lags):
            if lag <= length:
                self._products[i] += value * past[-lag]
                self._pairs[i] += 1
        past.append(value)
        self.n += 1
        self._sum += value
        self._squares += value * value

    def forget(self) -> None:
        """Begin another stretch."""
        self._past.clear()

    def values(self) -> np.ndarray:
        """(lags,) float64; NaN where there is no pair or nothing varies."""
        result = np.full(len(self.lags), np.nan)
        if self.n:
            mean = self._sum / self.n
            variance = self._squares / self.n - mean * mean
            pairs = np.array(self._pairs)
            some = pairs > 0
            if variance > 1e-12 * max(self._squares / self.n, 1e-300):
                result[some] = (np.array(self._products)[some] / pairs[some] - mean * mean) / variance
        return result

    def at(self, lag: int) -> float:
        """Of one lag."""
        return float(self.values()[self.lags.index(lag)])


class Fit:
    """How much of one series a straight line in another explains."""

    def __init__(self) -> None:
        self.n = 0
        self._sums = np.zeros(5)

    def add(self, x: float, y: float) -> None:
        """Take a pair."""
        self.n += 1
        self._sums += (x, y, x * x, x * y, y * y)

    @property
    def r_squared(self) -> float:
        """Squared correlation, 0 to 1; NaN where one of them does not vary."""
        if self.n < 3:
            return math.nan
        x, y, xx, xy, yy = self._sums / self.n
        spread = (xx - x * x) * (yy - y * y)
        return (xy - x * y) ** 2 / spread if spread > 1e-12 * xx * yy else math.nan


def power_law(lags: Sequence[int], values: np.ndarray) -> float:
    """Exponent g of ``c lag^-g`` through the positive values, least squares of the logarithms; NaN of fewer than 4.

    >>> lags = (1, 2, 5, 10, 20)
    >>> round(power_law(lags, np.array(lags) ** -0.6), 6)
    0.6
    """
    values = np.asarray(values, np.float64)
    some = np.nan_to_num(values, nan=-1.0) > 0
    if some.sum() < 4:
        return math.nan
    return -float(np.polyfit(np.log(np.asarray(lags)[some]), np.log(values[some]), 1)[0])
