"""Networks that answer a row at a time, exactly, because what does not change from window to window is kept.

A valid (unpadded) convolution along time depends on fixed rows, so one new row needs one new column a layer; columns
that later layers look back on are kept in rings. What padding makes depend on the window is worked out again for each
row, and what needs only rows that are known already is worked out ahead of the next one. The sums run in float32 in
`orderbook_ext.Plan`; a batch is the same step, row after row, so batch and stream agree to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genesis_lib.errors import ModelError
from genesis_lib.models.folding import Layer
from genesis_lib.models.scaler import Scaler
from orderbook_ext import Operation, Plan, Register, Stream


@dataclass(frozen=True)
class Block:
    """Rows of float32 in a plan; a ring moves on by one row a step."""

    number: int
    rows: int
    width: int
    ring: bool

    def at(self, row: int, column: int = 0) -> int:
        """Place of a value; rows count from the oldest, or from behind when negative."""
        return (row if row >= 0 else self.rows + row) * self.width + column


class Sketch:
    """A plan while it is drawn; register 0 is the scaled row."""

    def __init__(self, width: int) -> None:
        self._registers: list[Register] = []
        self._operations: list[Operation] = []
        self.row = self.block(1, width)

    def block(self, rows: int, width: int) -> Block:
        """Memory that stays as it is written; zeros at first."""
        return self._register(rows, width, False)

    def ring(self, rows: int, width: int) -> Block:
        """The newest `rows` columns of a layer."""
        return self._register(rows, width, True)

    def _register(self, rows: int, width: int, ring: bool) -> Block:
        self._registers.append(Register(rows, width, ring))
        return Block(len(self._registers) - 1, rows, width, ring)

    def conv(
        self,
        layer: Layer,
        source: Block,
        target: Block,
        *,
        row: int | None = None,
        column: int = 0,
        to: int = -1,
        to_column: int = 0,
        dilation: int = 1,
        places: int = 1,
        along: bool = False,
        add: tuple[Block, int] | None = None,
        ahead: bool = False,
    ) -> None:
        """Run a layer.

        Parameters
        ----------
        row
            Of the first tap in the source; by default the last tap meets the last row.
        column, to, to_column
            Where in a row the source begins; row and column of the target.
        dilation
            Rows from tap to tap.
        places, along
            How many answers: side by side in a row, or from row to row (`along`) of source and target.
        add
            Block and row whose values the sums begin with, instead of the bias.
        """
        if row is None:
            row = source.rows - 1 - (layer.taps - 1) * dilation
        self._operations.append(
            Operation(
                "conv",
                *(source.number, source.at(row, column), target.number, target.at(to, to_column), layer.outputs),
                **{"taps": layer.taps, "tap_step": dilation * source.width, "inputs": layer.inputs},
                **{"positions": places, "src_step": source.width if along else layer.inputs},
                **{"dst_step": target.width if along else layer.outputs},
                **({} if add is None else {"add": add[0].number, "add_at": add[0].at(add[1])}),
                **{"weight": layer.weight, "bias": layer.bias, "slope": layer.slope},
                **{"tanh": layer.tanh, "gain": layer.gain, "shift": layer.shift, "ahead": ahead},
            )
        )

    def copy(self, source: Block, row: int, target: Block, to: int, rows: int = 1, ahead: bool = False) -> None:
        """Copy whole rows."""
        places = source.number, source.at(row), target.number, target.at(to), rows * source.width
        self._operations.append(Operation("copy", *places, ahead=ahead))

    def most(self, source: Block, row: int, target: Block, rows: int = 1, taps: int = 3, ahead: bool = False) -> None:
        """Maxima over `taps` rows, of `rows` such stretches, the first from `row` on; the target's first rows."""
        places = source.number, source.at(row), target.number, 0, rows * source.width
        self._operations.append(Operation("max", *places, taps=taps, tap_step=source.width, ahead=ahead))

    def add(self, first: Block, second: Block, target: Block) -> None:
        """Add newest rows."""
        places = first.number, first.at(-1), target.number, target.at(-1), target.width
        self._operations.append(Operation("add", *places, add=second.number, add_at=second.at(-1)))

    def depthwise(self, weight: np.ndarray, bias: np.ndarray, source: Block, target: Block, to_column: int) -> None:
        """Weigh each column of the newest rows by itself: weight (taps, width), the oldest first."""
        taps = len(weight)
        places = source.number, source.at(-taps), target.number, target.at(-1, to_column), source.width
        steps = {"taps": taps, "tap_step": source.width}
        self._operations.append(Operation("depthwise", *places, **steps, weight=weight, bias=bias))

    def lstm(
        self, weight: np.ndarray, source: Block, rows: int, state: Block, start: Block | None, ahead: bool = False
    ) -> None:
        """Run the first `rows` rows of gates through a cell into the last state of `state`.

        It starts from the first state of `start`, or from zeros.
        """
        places = source.number, 0, state.number, state.at(-1), state.width
        steps = {"taps": rows, "tap_step": source.width, "inputs": state.width // 2, "weight": weight}
        begin = {} if start is None else {"add": start.number}
        self._operations.append(Operation("lstm", *places, **steps, **begin, ahead=ahead))

    def advance(self, weight: np.ndarray, source: Block, states: Block, ahead: bool = False) -> None:
        """Run the first row of gates through a cell from every state but the first, each into the place before."""
        places = source.number, 0, states.number, 0, states.width
        steps = {"positions": states.rows - 1, "dst_step": states.width, "inputs": states.width // 2, "weight": weight}
        begin = {"add": states.number, "add_at": states.at(1), "add_step": states.width}
        self._operations.append(Operation("lstm", *places, **steps, **begin, ahead=ahead))

    def plan(self, output: Block, window: int, heads: int, instructions: str | None = None) -> Plan:
        """The plan; `output` is one row of logits."""
        place = output.number, 0
        return Plan(self._registers, self._operations, place, window, heads, instructions=instructions)


class CompiledNet:
    """A network whose step is a plan; its subclasses draw it.

    Parameters
    ----------
    sketch, output
        What was drawn, and the block that holds the logits.
    window, heads
        Rows an answer needs; answers a row.
    """

    def __init__(self, sketch: Sketch, output: Block, window: int, heads: int) -> None:
        try:
            self.plan = sketch.plan(output, window, heads)
        except ValueError as error:
            raise ModelError(f"the network cannot be streamed: {error}") from error
        self.window, self.heads, self.width = window, heads, self.plan.width

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """Logits at every row of one unbroken streak of scaled rows: (n, width) -> (n, heads, 3), NaN at first."""
        return Stream(self.plan).run(rows, logits=True)

    def stream(self) -> LogitStream:
        """A fresh stream of scaled rows."""
        return LogitStream(Stream(self.plan))

    def raw_stream(self, scaler: Scaler, temperature: Sequence[float], head: int) -> Stream:
        """A fresh stream that takes raw rows and gives probabilities."""
        return Stream(self.plan, scaler.mean, scaler.std, scaler.clip, temperature, head)


class LogitStream:
    """A stream of scaled rows that gives logits."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.reset, self.ahead = stream.reset, stream.ahead

    def step(self, row: np.ndarray) -> np.ndarray | None:
        """Take one scaled row (width,), give logits (heads, 3), or None while fewer than the window have come."""
        self._stream.step(row)
        return None if self._stream.remaining else self._stream.logits
