"""The rolling windows in plain Python: the readable twin of `_rolling.pyx` and `_windows.pxd`, equal to the bit."""

from __future__ import annotations

import math

import numpy as np

KINDS = ("lag", "sum", "mean", "min", "max", "var", "std")
NAN = math.nan


def lesser(x: float, y: float) -> float:
    """The smaller of two, NaN where either is."""
    return x if x < y or x != x else y


def greater(x: float, y: float) -> float:
    """The greater of two, NaN where either is."""
    return x if x > y or x != x else y


def add(x: float, y: float) -> float:
    """The sum of two."""
    return x + y


class Lag:
    """The value `span` steps ago."""

    def __init__(self, span: int) -> None:
        self.span = span
        self.reset()

    def reset(self) -> None:
        self.seen: list[float] = []

    def advance(self, x: float) -> float:
        self.seen.append(x)
        return self.seen.pop(0) if len(self.seen) > self.span else NAN


class Fold:
    """Sum, minimum or maximum of the last `span` values, never subtracting one.

    The ring is filled in rounds. The newest values, those of the present round, are folded as they come (`front`); when
    a round ends the ring is folded backwards, so `ring[i]` becomes the aggregate of the slots i and after. A window is
    then always one old aggregate and the front.
    """

    def __init__(self, span: int, fold) -> None:
        self.span, self.fold = span, fold
        self.reset()

    def reset(self) -> None:
        self.ring = [0.0] * self.span
        self.pos, self.full, self.front = 0, False, 0.0

    def advance(self, x: float) -> float:
        ring, pos = self.ring, self.pos
        ring[pos] = x
        self.front = x if pos == 0 else self.fold(self.front, x)
        if pos == self.span - 1:
            for i in range(self.span - 2, -1, -1):
                ring[i] = self.fold(ring[i], ring[i + 1])
            self.pos, self.full = 0, True
            return self.front
        self.pos = pos + 1
        return self.fold(ring[pos + 1], self.front) if self.full else NAN


def _welford(mean: float, m2: float, n: int, x: float) -> tuple[float, float]:
    delta = x - mean
    mean += delta * (1.0 / n)
    return mean, m2 + delta * (x - mean)


class Var:
    """Population variance of the last `span` values; the same rounds, merged by Chan, Golub and LeVeque's rule."""

    def __init__(self, span: int) -> None:
        self.span = span
        self.reset()

    def reset(self) -> None:
        self.ring = [0.0] * self.span
        self.m2 = [0.0] * self.span
        self.pos, self.full, self.front = 0, False, (0.0, 0.0)

    def advance(self, x: float) -> float:
        ring, m2, pos, span = self.ring, self.m2, self.pos, self.span
        ring[pos] = x
        self.front = (x, x - x) if pos == 0 else _welford(*self.front, pos + 1, x)
        if pos == span - 1:
            m2[pos] = x - x
            for i in range(span - 2, -1, -1):
                ring[i], m2[i] = _welford(ring[i + 1], m2[i + 1], span - i, ring[i])
            self.pos, self.full = 0, True
            return self.front[1] / span
        self.pos = pos + 1
        if not self.full:
            return NAN
        old, new = float(span - 1 - pos), float(pos + 1)
        delta = self.front[0] - ring[pos + 1]
        return (m2[pos + 1] + self.front[1] + delta * delta * (old * new / span)) / span


WINDOWS = {
    "lag": Lag,
    "sum": lambda span: Fold(span, add),
    "min": lambda span: Fold(span, lesser),
    "max": lambda span: Fold(span, greater),
    "var": Var,
}


class Rolling:
    """One rolling statistic over the last `span` values."""

    def __init__(self, kind: str, span: int) -> None:
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
        if not (isinstance(span, int | np.integer) and span >= 1):
            raise ValueError(f"span must be a whole number of at least 1, got {span!r}")
        self.kind, self.span = kind, int(span)
        self._window = WINDOWS[{"mean": "sum", "std": "var"}.get(kind, kind)](self.span)

    def reset(self) -> None:
        """Forget everything."""
        self._window.reset()

    def push(self, x: float) -> float:
        """Take in the next value and give the statistic; NaN until `span` values were seen."""
        value = self._window.advance(float(x))
        if self.kind == "mean":
            return value / self.span
        return math.sqrt(value) if self.kind == "std" else value

    def run(self, values, valid=None) -> np.ndarray:
        """Push each value of an array; where `valid` is False the window is reset and the result NaN."""
        values = np.asarray(values, np.float64)
        valid = np.ones(len(values), bool) if valid is None else np.asarray(valid, bool)
        if len(valid) != len(values):
            raise ValueError(f"valid must have the {len(values)} elements of values, got {len(valid)}")
        out = np.full(len(values), NAN)
        for i, (x, ok) in enumerate(zip(values.tolist(), valid.tolist())):
            if ok:
                out[i] = self.push(x)
            else:
                self.reset()
        return out
