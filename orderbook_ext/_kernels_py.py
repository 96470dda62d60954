"""Kernels of event time, volume and the last known value in plain Python: the twin of `_kernels.pxd`.

`dt` is the seconds (or rows) since the previous value, NaN for the first.
"""

from __future__ import annotations

import math

NAN = math.nan
VPIN_ROWS = 50  # rows with trades before the first bucket opens
VPIN_SCALE = 10.0  # a bucket holds this many times the mean volume of a row with trades
BUCKETS = 32  # parts of a window of seconds


class Vpin:
    """Mean of |buys - sells| / volume over the last `span` buckets of equal volume.

    A bucket's size is fixed when it opens: `VPIN_SCALE` times the mean volume of all rows with trades so far.
    """

    def __init__(self, span: int) -> None:
        self.span = span
        self.reset()

    def reset(self) -> None:
        self.ring = [0.0] * self.span
        self.pos = self.count = 0
        self.size = self.filled = self.signed = self.total = self.rows = self.value = 0.0

    def advance(self, buy: float, sell: float) -> float:
        left = buy + sell
        if left > 0:
            share = (buy - sell) / left
            self.total += left
            self.rows += 1.0
            if self.size == 0.0 and self.rows >= VPIN_ROWS:
                self.size = VPIN_SCALE * self.total / self.rows
            if self.size > 0:
                self._fill(left, share)
        return self.value if self.count == self.span else NAN

    def _fill(self, left: float, share: float) -> None:
        for _ in range(2 * self.span):
            room = self.size - self.filled
            if left < room:
                self.filled += left
                self.signed += share * left
                break
            self.signed += share * room
            left -= room
            self.ring[self.pos] = math.fabs(self.signed) / self.size
            self.pos = (self.pos + 1) % self.span
            self.count = min(self.count + 1, self.span)
            self.size = VPIN_SCALE * self.total / self.rows
            self.filled = self.signed = 0.0
        total = 0.0
        for value in self.ring:
            total += value
        self.value = total / self.span


class Ema:
    """Exponential mean by rows, alpha = 2 / (span + 1), begun with the first value; a NaN is passed over."""

    def __init__(self, span: int) -> None:
        self.span = span
        self.reset()

    def reset(self) -> None:
        self.value, self.count = 0.0, 0

    def advance(self, x: float) -> float:
        if x != x:
            return NAN
        self.value = x if self.count == 0 else self.value + 2.0 / (self.span + 1.0) * (x - self.value)
        self.count = min(self.count + 1, self.span)
        return self.value if self.count == self.span else NAN


class Decay:
    """Sum of values that each halve every `half` seconds, NaN for so long after a reset; a NaN adds nothing."""

    def __init__(self, half: float) -> None:
        self.half = half
        self.reset()

    def reset(self) -> None:
        self.value = self.clock = 0.0

    def advance(self, x: float, dt: float) -> float:
        if dt == dt:
            self.value *= math.exp2(-dt / self.half)
            self.clock += dt
        if x != x:
            return NAN
        self.value += x
        return self.value if self.clock >= self.half else NAN


class Seconds:
    """Sum over the last `seconds`, in `BUCKETS` parts of which the oldest leaves whole; NaN for so long at first."""

    def __init__(self, seconds: float) -> None:
        self.width = seconds / BUCKETS
        self.reset()

    def reset(self) -> None:
        self.ring = [0.0] * BUCKETS
        self.pos = self.bucket = 0
        self.others = self.clock = 0.0

    def advance(self, x: float, dt: float) -> float:
        if dt == dt:
            self.clock += dt
        bucket = int(self.clock / self.width)
        if bucket > self.bucket:
            for _ in range(min(bucket - self.bucket, BUCKETS)):
                self.pos = (self.pos + 1) % BUCKETS
                self.ring[self.pos] = 0.0
            self.bucket = bucket
            self.others = 0.0
            for i in range(1, BUCKETS):
                self.others += self.ring[(self.pos + i) % BUCKETS]
        self.ring[self.pos] += x
        return self.others + self.ring[self.pos] if self.bucket >= BUCKETS else NAN


class Hold:
    """The last value that was not NaN."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.value = NAN

    def advance(self, x: float) -> float:
        if x == x:
            self.value = x
        return self.value


class Since:
    """What `dt` added up to since the value was last neither 0 nor NaN; NaN before the first time."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.value = NAN

    def advance(self, x: float, dt: float) -> float:
        if dt == dt:
            self.value += dt
        if x == x and x != 0.0:
            self.value = 0.0
        return self.value
