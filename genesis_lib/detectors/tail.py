"""How large is too large: the level that a quantity passes once in a long time, from the tail of what was seen."""

from __future__ import annotations

import math

from genesis_lib.clock import NS

MEMORY_NS = 1800 * NS
BIN = 0.05  # width of a bin; values are logarithms or the like
BINS = 4096  # kept at most; then the lighter half goes
SHARE, FEWEST = 0.01, 20.0  # the tail: this share of the values, and no fewer
AGAIN = 64  # values after which the level is worked out anew
GROWN = 1e9


class Tail:
    """The return level of a quantity: values above it are to be expected once in `period_ns`, if its habit goes on.

    Parameters
    ----------
    period_ns
        How rare a value above the level is to be, event time.
    memory_ns
        Time after which a value's weight has fallen to 1/e.

    Attributes
    ----------
    level, median : float
        Infinite and NaN until `ready`.

    Notes
    -----
    Values are kept as a histogram that forgets. Above the 99 % quantile u the excess is taken as exponential with its
    mean b; n values pass u in a period, so one passes u + b ln n. Given logarithms this is the Pareto tail of sizes
    (its index is 1 / b, Hill's estimate); tails that bend down, as a lognormal's, are passed more rarely.

    References
    ----------
    Coles (2001), An introduction to statistical modeling of extreme values, section 4.3. Hill (1975), A simple general
    approach to inference about the tail of a distribution.
    """

    __slots__ = ("_bins", "_due", "_first", "_last", "_memory_ns", "_period_ns", "_start", "count", "level", "median")

    def __init__(self, period_ns: int, memory_ns: int = MEMORY_NS) -> None:
        self._period_ns, self._memory_ns = period_ns, memory_ns
        self._bins: dict[int, float] = {}
        self._first = self._last = self._start = 0
        self._due = self.count = 0
        self.level, self.median = math.inf, math.nan

    def ready(self, values: int, ns: int) -> bool:
        """Whether so many values over so much time were seen."""
        return self.count >= values and self._last - self._first >= ns

    def learn(self, ts: int, value: float, weight: float = 1.0) -> None:
        """Take a value in, as if it had been seen `weight` times.

        One far above the level counts as one just above it, so that a shock does not become the habit at once.
        """
        if not self.count:
            self._first = self._start = self._last = ts
        self._last = max(self._last, ts)
        self.count += 1
        growth = math.exp((self._last - self._start) / self._memory_ns)
        if growth > GROWN:
            self._bins = {key: held / growth for key, held in self._bins.items() if held / growth > 1e-6}
            self._start, growth = self._last, 1.0
        key = math.floor(min(value, self.level + BIN) / BIN)
        bins = self._bins
        bins[key] = bins.get(key, 0.0) + weight * growth
        if len(bins) > BINS:
            self._bins = dict(sorted(bins.items(), key=lambda item: item[1])[BINS // 2 :])
        self._due -= 1
        if self._due <= 0:
            self._due = min(AGAIN, 1 + self.count // 8)
            self._work_out(growth)

    def excess(self, value: float) -> float:
        """How far a value is on the way from the median to the level: 1 at the level."""
        room = self.level - self.median
        return (value - self.median) / room if 0.0 < room < math.inf else 0.0

    def _work_out(self, growth: float) -> None:
        total, need = sum(self._bins.values()), FEWEST * growth
        elapsed = self._memory_ns * -math.expm1(-(self._last - self._first) / self._memory_ns)
        above = mass = 0.0
        found = False
        for key in sorted(self._bins, reverse=True):
            weight = self._bins[key]
            above += weight
            mass += weight * (key + 0.5) * BIN
            if not found and above >= max(SHARE * total, need):
                found = True
                passed = above / growth * self._period_ns / max(elapsed, 1.0)
                self.level = key * BIN + (mass / above - key * BIN) * max(math.log(passed), 0.0)
            if above >= 0.5 * total:
                self.median = (key + 0.5) * BIN
                if found:
                    break
