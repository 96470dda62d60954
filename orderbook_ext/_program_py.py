"""Column programs in plain Python: the readable twin of `_program.pyx`, equal to the bit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from orderbook_ext._columns_py import STATELESS
from orderbook_ext._kernels_py import Decay, Ema, Hold, Seconds, Since, Vpin
from orderbook_ext._layout import FLOW, OPS, Instruction, check
from orderbook_ext._learned_py import Component, Move
from orderbook_ext._rolling_py import NAN, WINDOWS

DAY = 86_400_000_000_000  # ns
KERNELS = {
    **{name: lambda span, param, make=make: make(span) for name, make in WINDOWS.items()},
    "vpin": lambda span, param: Vpin(span),
    "ema": lambda span, param: Ema(span),
    "decay": lambda span, param: Decay(param),
    "seconds": lambda span, param: Seconds(param),
    "hold": lambda span, param: Hold(),
    "since": lambda span, param: Since(),
    "component": lambda span, param: Component(span),
    "move": lambda span, param: Move(span),
}


class Program:
    """A list of instructions that turns book rows into columns, with the memory of its kernels.

    Registers: the row (levels x 4, flow x 7, tick size, seconds since the previous row, seconds of the day),
    `constants`, then one for each instruction `(op, args, span, param)`, whose `args` are registers before its own.
    `outputs` are the registers that make a column each.
    """

    def __init__(
        self, levels: int, constants: Sequence[float], code: Sequence[Instruction], outputs: Sequence[int]
    ) -> None:
        self._source = (levels, tuple(constants), tuple((op, tuple(a), s, p) for op, a, s, p in code), tuple(outputs))
        check(*self._source)
        self.levels, self.columns = levels, len(outputs)
        self._kernels = []
        self._run = []
        for op, args, span, param in self._source[2]:
            name = OPS[op]
            if name in STATELESS:
                self._run.append((STATELESS[name], args))
            else:
                self._kernels.append(KERNELS[name](span, param))
                self._run.append((self._kernels[-1].advance, args))
        self._last: int | None = None

    def fresh(self) -> Program:
        """The same program with nothing remembered."""
        return Program(*self._source)

    def reset(self) -> None:
        """Forget every window."""
        for kernel in self._kernels:
            kernel.reset()
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
        clock = (tick_size, elapsed, float(ts % DAY) * 1e-9)
        registers = [*levels.ravel().tolist(), *flow.tolist(), *clock, *self._source[1]]
        for step, args in self._run:
            registers.append(step(*[registers[a] for a in args]))
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
