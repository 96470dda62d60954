"""Streaming networks, a row a step, in numpy: the readable twin of _stream.pyx, equal to the bit.

Each sum has one order: products are rounded to float32 before they are added, inputs go to four chains by their number
modulo four, and the chains are added up every GROUP taps. What runs side by side in a vector are outputs only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import ArrayLike

from orderbook_ext._stream_plan import Operation, check
from orderbook_ext._stream_scaling import scaling

GROUP = 8  # taps added up before they join the sum
F = np.float32


def instruction_sets() -> tuple[str, ...]:
    """Instruction sets that this machine has: here Python alone."""
    return ("python",)


def instruction_set() -> str:
    """The one that networks run on."""
    return "python"


def exponential(x: np.ndarray) -> np.ndarray:
    """e^x in float32 for |x| <= 87 (S. Moshier's expf)."""
    x = np.minimum(np.maximum(x, F(-87.0)), F(87.0))
    shifted = x * F(1.44269504088896341) + F(12582912.0)
    n = shifted - F(12582912.0)
    r = (x - n * F(0.693359375)) - n * F(-2.12194440e-4)
    p = F(1.9875691500e-4) * r + F(1.3981999507e-3)
    for term in (8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1):
        p = p * r + F(term)
    p = p * (r * r) + r + F(1.0)
    return p * ((n.astype(np.int32) + 127) << 23).view(F)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return F(1.0) / (F(1.0) + exponential(-x))


def tangent(x: np.ndarray) -> np.ndarray:
    """tanh in float32 (S. Moshier's tanhf)."""
    size, square = np.abs(x), x * x
    p = np.full_like(x, F(-5.70498872745e-3))
    for term in (2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1):
        p = p * square + F(term)
    large = F(1.0) - F(2.0) / (exponential(size + size) + F(1.0))
    return np.where(size < F(0.625), p * square * x + x, np.copysign(large, x))


def softmax(logits: Sequence[float], temperature: float) -> list[float]:
    """Probabilities of three logits divided by a temperature, in float64."""
    scaled = [float(logit) / temperature for logit in logits]
    powers = [_power(value - max(scaled)) for value in scaled]
    total = powers[0] + powers[1] + powers[2]
    return [power / total for power in powers]


def _power(x: float) -> float:
    """e^x for x <= 0, with nothing but sums and products."""
    if not x >= -700.0:
        return 0.0 if x < 0.0 else x
    n = x * 1.4426950408889634 + 6755399441055744.0 - 6755399441055744.0
    r = (x - n * 0.6931471803691238) - n * 1.9082149292705877e-10
    p = 1.0
    for k in range(13, 0, -1):
        p = p * r / k + 1.0
    return math.ldexp(p, int(n))


def leak(x: np.ndarray, slope: float) -> np.ndarray:
    """Leaky rectifier; a slope of 1 changes nothing."""
    return x if slope == 1.0 else np.maximum(x, x * F(slope))


class Plan:
    """See the compiled class; `instructions` is taken and not needed."""

    def __init__(self, registers, operations, output, window, heads=1, instructions=None) -> None:
        self.registers, checked = check(registers, operations, output, window, heads)
        self.now = tuple(_ready(op) for op in checked if not op.ahead)
        self.later = tuple(_ready(op) for op in checked if op.ahead)
        self.output = tuple(output)
        self.window, self.heads, self.width = window, heads, self.registers[0].width
        self.instructions = instruction_set()

    @property
    def floats(self) -> int:
        """Float32 that each stream keeps for itself."""
        return sum(rows * width for rows, width, _ in self.registers)


def _ready(op: Operation) -> Operation:
    """Weights with the inputs filled up to four chains: (taps, inputs / 4, 4, outputs)."""
    if op.kind not in ("conv", "lstm"):
        return op
    weight = op.weight[None] if op.kind == "lstm" else op.weight
    taps, inputs, outputs = weight.shape
    padded = np.zeros((taps, -(-inputs // 4) * 4, outputs), F)
    padded[:, :inputs] = weight
    return op._replace(weight=padded.reshape(taps, -1, 4, outputs))


class Stream:
    """See the compiled class."""

    def __init__(self, plan: Plan, mean=None, std=None, clip=None, temperature=None, head=0) -> None:
        self.plan = plan
        self._mean, self._std, self._clip, self._temperature, self.head = scaling(
            plan.width, plan.heads, mean, std, clip, temperature, head
        )
        self._memory = [np.zeros((rows, width), F) for rows, width, _ in plan.registers]
        self.reset()

    def reset(self) -> None:
        """Forget every row."""
        for block in self._memory:
            block[:] = 0
        self._seen, self._prepared = 0, False

    @property
    def remaining(self) -> int:
        return self.plan.window - self._seen

    def ahead(self) -> None:
        """Do now what the next step can do before its row is known; it does so itself when this is left out."""
        if not self._prepared and self._seen:
            self._work(self.plan.later)
            self._prepared = True

    def step(self, row: np.ndarray) -> np.ndarray:
        """Take one raw row (width,), give the primary head's probabilities (3,) float64, NaN while warming up."""
        row = np.ascontiguousarray(row, np.float64)
        if row.shape != (self.plan.width,):
            raise ValueError(f"row must have shape ({self.plan.width},), got {row.shape}")
        self._take(row)
        return self.probabilities[self.head]

    def _take(self, row: np.ndarray) -> None:
        if not np.isfinite(row).all():
            self.reset()
            return
        self.ahead()
        for block, register in zip(self._memory, self.plan.registers):
            if register.ring:
                block[:] = np.roll(block, -1, axis=0)  # what is not written anew stays from that many rows ago
        with np.errstate(over="ignore"):
            self._memory[0][-1] = np.clip((row - self._mean) / self._std, -self._clip, self._clip)
        self._prepared = False
        self._work(self.plan.now)
        self._seen = min(self._seen + 1, self.plan.window)

    @property
    def logits(self) -> np.ndarray:
        """Of all heads after the last row: (heads, 3) float64, NaN while warming up."""
        if self.remaining:
            return np.full((self.plan.heads, 3), np.nan)
        register, at = self.plan.output
        return self._flat(register)[at : at + 3 * self.plan.heads].reshape(-1, 3).astype(np.float64)

    @property
    def probabilities(self) -> np.ndarray:
        """Of all heads after the last row: (heads, 3) float64, NaN while warming up."""
        if self.remaining:
            return np.full((self.plan.heads, 3), np.nan)
        return np.array([softmax(*pair) for pair in zip(self.logits, self._temperature.tolist())])

    def run(self, rows: ArrayLike, valid: ArrayLike | None = None, logits: bool = False) -> np.ndarray:
        """Step through (n, width) raw rows: (n, heads, 3) probabilities, or logits; not `valid` is as good as NaN."""
        rows = np.ascontiguousarray(rows, np.float64)
        if rows.ndim != 2 or rows.shape[1] != self.plan.width:
            raise ValueError(f"rows must have shape (n, {self.plan.width}), got {rows.shape}")
        valid = np.ones(len(rows), bool) if valid is None else np.ascontiguousarray(valid, bool)
        if valid.shape != (len(rows),):
            raise ValueError(f"valid must have the {len(rows)} elements of rows, got shape {valid.shape}")
        out = np.empty((len(rows), self.plan.heads, 3))
        for i, row in enumerate(rows):
            if valid[i]:
                self._take(row)
            else:
                self.reset()
            out[i] = self.logits if logits else self.probabilities
        return out

    def _flat(self, register: int) -> np.ndarray:
        return self._memory[register].reshape(-1)

    def _work(self, operations: tuple[Operation, ...]) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            for op in operations:
                self._apply(op)

    def _apply(self, op: Operation) -> None:
        x, out = self._flat(op.src)[op.src_at :], self._flat(op.dst)[op.dst_at :]
        if op.kind == "conv":
            begin = None if op.bias is None else op.bias[None]
            if op.add >= 0:
                begin = _windows(self._flat(op.add)[op.add_at :], op.positions, op.add_step, op.outputs)
            y = _windows(out, op.positions, op.dst_step, op.outputs)
            sums = leak(_sums(op, x, begin), op.slope)
            sums = tangent(sums) if op.tanh else sums
            y[:] = sums if op.gain is None else sums * op.gain + op.shift
        elif op.kind == "depthwise":
            terms = _windows(x, op.taps, op.tap_step, op.outputs) * op.weight
            chains = [_add_up(terms[j::4]) for j in range(4)]
            out[: op.outputs] = leak(op.bias + ((chains[0] + chains[1]) + (chains[2] + chains[3])), op.slope)
        elif op.kind == "max":
            out[: op.outputs] = _windows(x, op.taps, op.tap_step, op.outputs).max(axis=0)
        elif op.kind == "add":
            out[: op.outputs] = leak(x[: op.outputs] + self._flat(op.add)[op.add_at :][: op.outputs], op.slope)
        elif op.kind == "copy":
            out[: op.outputs] = x[: op.outputs].copy()
        else:
            self._recur(op, x, out)

    def _recur(self, op: Operation, x: np.ndarray, out: np.ndarray) -> None:
        units, many = op.inputs, op.positions
        state = np.zeros((many, 2 * units), F)
        if op.add >= 0:
            state = _windows(self._flat(op.add)[op.add_at :], many, op.add_step, 2 * units).copy()
        h, c = state[:, :units], state[:, units:]
        for t in range(op.taps):
            begin = x[t * op.tap_step :][: 4 * units]
            rows = np.ascontiguousarray(h).reshape(-1)
            gates = _sums(op._replace(taps=1, src_step=units), rows, begin[None])
            i, f, g, o = gates.reshape(many, 4, units).transpose(1, 0, 2)
            c = sigmoid(f) * c + sigmoid(i) * tangent(g)
            h = sigmoid(o) * tangent(c)
        _windows(out, many, op.dst_step, 2 * units)[:] = np.concatenate([h, c], axis=1)


def _windows(flat: np.ndarray, count: int, step: int, length: int) -> np.ndarray:
    """`count` stretches of `length`, `step` apart: a view."""
    return as_strided(flat, (count, length), (step * flat.itemsize, flat.itemsize))


def _add_up(terms: np.ndarray) -> np.ndarray:
    """One after the other, from zero."""
    if terms[:1].size == 1:  # numpy adds a single column up in pairs
        return np.add.accumulate(terms, axis=0)[-1]
    return np.add.reduce(np.ascontiguousarray(terms), axis=0)


def _sums(op: Operation, x: np.ndarray, begin: np.ndarray) -> np.ndarray:
    """What a convolution gives before it bends: (positions, outputs)."""
    size = x.itemsize
    strides = (op.src_step * size, op.tap_step * size, size)
    rows = np.zeros((op.positions, op.taps, op.weight.shape[1] * 4), F)
    rows[:, :, : op.inputs] = as_strided(x, (op.positions, op.taps, op.inputs), strides)
    terms = rows.reshape(*rows.shape[:2], -1, 4, 1) * op.weight  # (positions, taps, inputs / 4, 4, outputs)
    total = np.repeat(begin, op.positions, axis=0) if len(begin) == 1 else begin.copy()
    for first in range(0, op.taps, GROUP):
        part = terms[:, first : first + GROUP]
        chains = _add_up(np.moveaxis(part.reshape(op.positions, -1, *part.shape[3:]), 1, 0))
        total = total + ((chains[:, 0] + chains[:, 1]) + (chains[:, 2] + chains[:, 3]))
    return total
