"""The rolling kernels and column programs in plain Python: the readable twin of `_rolling.pyx`, equal to the bit."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

KINDS = ("lag", "sum", "mean", "min", "max", "var", "std")
FLOW = 7  # columns of a row's flow
VPIN_ROWS = 50  # rows with trades before the first bucket opens
VPIN_SCALE = 10.0  # a bucket holds this many times the mean volume of a row with trades

NAN = math.nan


def _lesser(x: float, y: float) -> float:
    return NAN if x != x or y != y else x if x < y else y


def _greater(x: float, y: float) -> float:
    return NAN if x != x or y != y else x if x > y else y


def _add(x: float, y: float) -> float:
    return x + y


STATELESS = {
    "add": _add,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: NAN if y == 0.0 else x / y,
    "ratio": lambda x, y: x * 0.0 if y == 0.0 else x / y,
    "min2": _lesser,
    "max2": _greater,
    "ge": lambda x, y: NAN if x != x or y != y else float(x >= y),
    "le": lambda x, y: NAN if x != x or y != y else float(x <= y),
    "abs": lambda x, y: math.fabs(x),
    "sqrt": lambda x, y: math.sqrt(x) if x >= 0.0 else NAN,
    "log": lambda x, y: math.log(x) if x > 0.0 else NAN,
    "log1p": lambda x, y: math.log1p(x) if x > -1.0 else NAN,
    "rint": lambda x, y: float(round(x)) if math.isfinite(x) else x,
    "or_zero": lambda x, y: 0.0 if x != x else x,
}


class _Lag:
    """The value `span` steps ago."""

    def __init__(self, span: int) -> None:
        self.span = span
        self.reset()

    def reset(self) -> None:
        self.seen: list[float] = []

    def advance(self, x: float, y: float) -> float:
        self.seen.append(x)
        return self.seen.pop(0) if len(self.seen) > self.span else NAN


class _Fold:
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

    def advance(self, x: float, y: float) -> float:
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
    return mean + delta / n, m2 + delta * delta * ((n - 1.0) / n)


class _Var:
    """Population variance of the last `span` values; the same rounds, merged by Chan, Golub and LeVeque's rule."""

    def __init__(self, span: int) -> None:
        self.span = span
        self.reset()

    def reset(self) -> None:
        self.ring = [0.0] * self.span
        self.m2 = [0.0] * self.span
        self.pos, self.full, self.front = 0, False, (0.0, 0.0)

    def advance(self, x: float, y: float) -> float:
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


class _Vpin:
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


WINDOWS = {
    "lag": _Lag,
    "sum": lambda span: _Fold(span, _add),
    "min": lambda span: _Fold(span, _lesser),
    "max": lambda span: _Fold(span, _greater),
    "var": _Var,
    "vpin": _Vpin,
}
OPS = (*STATELESS, *WINDOWS)  # their places are the codes of instructions


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
        value = self._window.advance(float(x), 0.0)
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


class Program:
    """A list of instructions that turns book rows into columns, with the memory of its windows.

    Registers: the row (levels x 4, flow x 7, tick size, seconds since the previous row), `constants`, then one for each
    instruction `(op, a, b, span)`, which may read registers before its own. `outputs` are the registers that make a
    column each.
    """

    def __init__(self, levels: int, constants: Sequence[float], code: Sequence[tuple], outputs: Sequence[int]) -> None:
        self.levels, self.columns = levels, len(outputs)
        self._source = (levels, tuple(constants), tuple(map(tuple, code)), tuple(outputs))
        first = 4 * levels + FLOW + 2 + len(constants)
        self._steps = []
        for i, (op, a, b, span) in enumerate(code):
            if not (0 <= op < len(OPS) and 0 <= a < first + i and 0 <= b < first + i):
                raise ValueError(f"instruction {i} must name an op and earlier registers, got {(op, a, b, span)}")
            name = OPS[op]
            if name in WINDOWS and span < 1:
                raise ValueError(f"instruction {i} must have a span of at least 1, got {span!r}")
            self._steps.append((STATELESS[name] if name in STATELESS else WINDOWS[name](span), a, b))
        if any(not 0 <= o < first + len(code) for o in outputs):
            raise ValueError("outputs must be registers of the program")
        self._run = [(step if callable(step) else step.advance, a, b) for step, a, b in self._steps]
        self._last: int | None = None

    def fresh(self) -> Program:
        """The same program with nothing remembered."""
        return Program(*self._source)

    def reset(self) -> None:
        """Forget every window."""
        for step, _, _ in self._steps:
            if not callable(step):
                step.reset()
        self._last = None

    def push(self, levels: np.ndarray, flow: np.ndarray, ts: int, tick_size: float, valid: bool) -> np.ndarray:
        """Columns (F,) of the next row; all NaN, and every window reset, where `valid` is False."""
        if levels.shape != (self.levels, 4) or flow.shape != (FLOW,):
            raise ValueError(f"levels must have shape ({self.levels}, 4) and flow ({FLOW},)")
        if not valid:
            self.reset()
            return np.full(self.columns, NAN)
        # A clock that jumps back has no negative duration.
        elapsed = NAN if self._last is None else float(max(ts - self._last, 0)) * 1e-9
        self._last = ts
        registers = [*levels.ravel().tolist(), *flow.tolist(), tick_size, elapsed, *self._source[1]]
        for step, a, b in self._run:
            registers.append(step(registers[a], registers[b]))
        return np.array([registers[o] for o in self._source[3]], np.float64)

    def run(self, levels: np.ndarray, flow: np.ndarray, ts: np.ndarray, tick_size: float, valid) -> np.ndarray:
        """Columns (n, F) of the next n rows."""
        n = len(levels)
        if levels.shape[1:] != (self.levels, 4) or flow.shape[1:] != (FLOW,):
            raise ValueError(f"levels must have shape (n, {self.levels}, 4) and flow (n, {FLOW})")
        if not len(flow) == len(ts) == len(valid) == n:
            raise ValueError(f"levels, flow, ts and valid must have the same length, got {n} levels")
        out = np.empty((n, self.columns))
        for i, (row, trades, time, ok) in enumerate(zip(levels, flow, ts.tolist(), valid.tolist())):
            out[i] = self.push(row, trades, time, tick_size, ok)
        return out
