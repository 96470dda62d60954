"""The paper's DeepLOB a row at a time: its LSTM runs for all windows to come at once, ahead of their last rows.

The convolutions before the inception module are valid, so a column never changes. The padded module changes with the
window only in its two first and two last outputs. The LSTM starts anew with each window, but the windows that share an
output take the same step with it: each keeps its state, and as soon as an output no longer changes, all of their states
go one step on in a single product. The answer itself takes one column, three outputs and the last three steps.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from genesis_lib.errors import ModelError
from genesis_lib.models.folding import Layer, Tensors, across, beside, number, sizes
from genesis_lib.models.streaming import Block, CompiledNet, Sketch

LENGTH = 4
PARTS = ("early", "late")
SHORTER = 6 * (LENGTH - 1)  # rows that the convolutions take off a window
REACH = 2  # columns to either side an output of the module depends on
PANEL = 16  # the cell's units are filled up to a multiple of it


class Module:
    """The inception module and what the LSTM's gates take from its outputs."""

    def __init__(self, tensors: Tensors, channels: int, branch: int, gates: Layer, slope: float) -> None:
        def layer(part: str, inputs: int, taps: int) -> Layer:
            return tensors.then_normed(f"inception.{part}", (branch, inputs, taps, 1), slope)

        self.branch, self.gates = branch, gates
        self.reduce = beside(layer("reduce3", channels, 1), layer("reduce5", channels, 1))
        self.conv3, self.conv5 = layer("conv3", branch, 3), layer("conv5", branch, 5)
        self.pool = layer("pool", channels, 1)

    def mix(self, sketch: Sketch, columns: Block, reduced: Block, count: int, ahead: bool = False) -> Block:
        """Give the gates' rows of `count` outputs.

        `columns` holds one more at either end than there are outputs (the last one twice where the window ends: a
        maximum over what is not there), `reduced` two more (zeros where the window ends).
        """
        b, many = self.branch, {"places": count, "along": True, "ahead": ahead}
        most, out = sketch.block(count, columns.width), sketch.block(count, 3 * b)
        gates = sketch.block(count, self.gates.outputs)
        sketch.most(columns, 0, most, rows=count, ahead=ahead)
        sketch.conv(self.conv3, reduced, out, row=1, to=0, **many)
        sketch.conv(self.conv5, reduced, out, row=0, column=b, to=0, to_column=b, **many)
        sketch.conv(self.pool, most, out, row=0, to=0, to_column=2 * b, **many)
        sketch.conv(self.gates, out, gates, row=0, to=0, **many)
        return gates


class ServedPaperDeepLOB(CompiledNet):
    """`genesis_lib.models.paper` from its trained tensors."""

    def __init__(self, weights: Mapping[str, np.ndarray], architecture: Mapping[str, object]) -> None:
        names = ("levels", "window", "channels", "branch", "hidden", "heads")
        levels, window, n, b, hidden, heads = sizes(architecture, *names)
        slope = number(architecture, "slope")
        length = window - SHORTER  # columns
        if length < 2 * REACH + 2 or levels == 0 or heads == 0:
            least = SHORTER + 2 * REACH + 2
            raise ModelError(f"architecture: window must be at least {least}, got {dict(architecture)}")
        tensors, sketch = Tensors(weights), Sketch(4 * levels)
        columns = sketch.ring(2 * REACH + 1, n)
        _columns(tensors, sketch, columns, levels, slope)
        gates, recurrent = _cell(tensors, 3 * b, hidden)
        module = Module(tensors, n, b, gates, slope)
        newest, reduced = _newest(sketch, columns, module)
        # States of the windows that end with the next row and later; the last is of the one that begins.
        states = sketch.block(length - 2 * REACH, gates.outputs // 2)
        state = sketch.block(1, gates.outputs // 2)
        sketch.lstm(recurrent, newest, REACH + 1, state, states)
        sketch.lstm(recurrent, _oldest(sketch, columns, reduced, module), REACH, states, None, ahead=True)
        sketch.advance(recurrent, newest, states, ahead=True)
        logits = sketch.block(1, 3 * heads)
        sketch.conv(tensors.linear("head", hidden, 3 * heads), state, logits)
        super().__init__(sketch, logits, window, heads)


def _columns(tensors: Tensors, sketch: Sketch, columns: Block, levels: int, slope: float) -> None:
    """Draw three blocks: places of a row joined, then twice along time; the second bends with a tanh."""
    n, source, inputs = columns.width, sketch.row, 1
    for index, (width, places) in enumerate(((2, 2 * levels), (2, levels), (levels, 1)), start=1):
        bend = {"slope": 1.0, "tanh": True} if index == 2 else {"slope": slope}
        level = tensors.then_normed(f"block{index}.level", (n, inputs, 1, width), **bend)
        early, late = (tensors.then_normed(f"block{index}.{part}", (n, n, LENGTH, 1), **bend) for part in PARTS)
        joined, between = sketch.ring(LENGTH, places * n), sketch.ring(LENGTH, places * n)
        last = columns if index == 3 else sketch.block(1, places * n)
        sketch.conv(across(level, width), source, joined, places=places)
        sketch.conv(early, joined, between, places=places)
        sketch.conv(late, between, last, places=places)
        source, inputs = last, n


def _cell(tensors: Tensors, inputs: int, hidden: int) -> tuple[Layer, np.ndarray]:
    """What the gates take from an output, and the recurrent weights (units, 4 * units); idle units fill up panels."""
    units = -(-hidden // PANEL) * PANEL
    bias = tensors.get("lstm.bias_ih_l0", 4 * hidden) + tensors.get("lstm.bias_hh_l0", 4 * hidden)
    straight = tensors.get("lstm.weight_ih_l0", 4 * hidden, inputs)
    recurrent = tensors.get("lstm.weight_hh_l0", 4 * hidden, hidden)

    def spread(rows: np.ndarray) -> np.ndarray:
        wide = np.zeros((4, units, *rows.shape[1:]))
        wide[:, :hidden] = rows.reshape(4, hidden, *rows.shape[1:])
        return wide.reshape(4 * units, *rows.shape[1:])

    square = np.zeros((units, 4 * units))
    square[:hidden] = spread(recurrent).T
    return Layer(spread(straight).T[None], spread(bias)), square


def _newest(sketch: Sketch, columns: Block, module: Module) -> tuple[Block, Block]:
    """Draw the gates of the three outputs that end a window, the first of which no longer changes; and its inputs."""
    b = module.branch
    near = sketch.block(5, columns.width)  # ages 3 to 0, and the last again
    sketch.copy(columns, -4, near, 0, rows=4)
    sketch.copy(columns, -1, near, 4)
    kept, reduced = sketch.ring(5, 2 * b), sketch.block(7, 2 * b)  # ages 4 to 0, then zeros
    sketch.conv(module.reduce, columns, kept)
    sketch.copy(kept, 0, reduced, 0, rows=5)
    return module.mix(sketch, near, reduced, 3), reduced


def _oldest(sketch: Sketch, columns: Block, reduced: Block, module: Module) -> Block:
    """Draw, ahead, the gates of the two outputs that begin the window whose first column is of age 4."""
    far = sketch.block(4, columns.width)  # the first column twice
    sketch.copy(columns, 0, far, 0, ahead=True)
    sketch.copy(columns, 0, far, 1, rows=3, ahead=True)
    first = sketch.block(6, 2 * module.branch)  # begins with zeros
    sketch.copy(reduced, 0, first, 2, rows=4, ahead=True)
    return module.mix(sketch, far, first, REACH, ahead=True)
