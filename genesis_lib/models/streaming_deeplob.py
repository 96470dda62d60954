"""The flattened DeepLOB a row at a time: what padding makes depend on the window is kept to its nine outer columns.

The level convolutions see single rows. An output of the two inception modules depends on four columns to either side,
so all but the first and last four of a window are the same in every window that holds them. The first four of the next
window are known before its newest row is, and so is all that the dense layer makes of them and of those between: it is
worked out ahead. The answer itself takes one column, five outputs of the modules and their share of the dense layer.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from genesis_lib.errors import ModelError
from genesis_lib.models.folding import Layer, Tensors, across, beside, number, sizes
from genesis_lib.models.streaming import Block, CompiledNet, Sketch

REACH = 4  # columns to either side an output of both modules depends on


class Module:
    """An inception module whose outputs may lie at the end of a window, where zeros follow.

    Parameters
    ----------
    tensors, name, inputs, branch, slope
        Where its layers are, and their sizes.
    """

    def __init__(self, tensors: Tensors, name: str, inputs: int, branch: int, slope: float) -> None:
        def layer(part: str, width: int, taps: int) -> Layer:
            return tensors.normed(f"{name}.{part}", (branch, width, taps), slope)

        self.branch = branch
        self.point, self.pool = layer("point", inputs, 1), layer("pool", inputs, 1)
        self.reduce = beside(layer("reduce3", inputs, 1), layer("reduce5", inputs, 1))
        self.conv3, self.conv5 = layer("conv3", branch, 3), layer("conv5", branch, 5)

    def mix(
        self, sketch: Sketch, columns: Block, reduced: Block, out: Block, to: int, count: int, ahead: bool = False
    ) -> None:
        """Give `count` outputs from row `to` of `out` on.

        `columns` holds one more at either end than there are outputs (the last one twice where the window ends: a
        maximum over what is not there), `reduced` two more (zeros where the window ends).
        """
        b, many = self.branch, {"places": count, "along": True, "ahead": ahead}
        most = sketch.block(count, columns.width)
        sketch.most(columns, 0, most, rows=count, ahead=ahead)
        sketch.conv(self.point, columns, out, row=1, to=to, **many)
        sketch.conv(self.conv3, reduced, out, row=1, to=to, to_column=b, **many)
        sketch.conv(self.conv5, reduced, out, row=0, column=b, to=to, to_column=2 * b, **many)
        sketch.conv(self.pool, most, out, row=0, to=to, to_column=3 * b, **many)


class ServedDeepLOB(CompiledNet):
    """`genesis_lib.models.deeplob` from its trained tensors."""

    def __init__(self, weights: Mapping[str, np.ndarray], architecture: Mapping[str, object]) -> None:
        names = ("levels", "window", "channels", "branch", "hidden", "heads")
        levels, window, n, b, hidden, heads = sizes({"heads": 1, **architecture}, *names)
        slope = number(architecture, "slope")
        if window < 2 * REACH + 1 or levels == 0 or heads == 0:
            raise ModelError(f"architecture: window must be at least {2 * REACH + 1}, got {dict(architecture)}")
        tensors, sketch = Tensors(weights), Sketch(4 * levels)
        columns = sketch.ring(window - 1, n)
        source = sketch.row
        for name, inputs, width, places in (("level1", 1, 2, 2 * levels), ("level2", n, 2, levels)):
            target = sketch.block(1, places * n)
            layer = across(tensors.normed(name, (n, inputs, 1, width), slope), width)
            sketch.conv(layer, source, target, places=places)
            source = target
        sketch.conv(across(tensors.normed("level3", (n, n, 1, levels), slope), levels), source, columns)
        first, second = (Module(tensors, f"inception{k}", i, b, slope) for k, i in ((1, n), (2, 4 * b)))
        newest = _newest(sketch, columns, first, second)
        inside = window - 2 * REACH - 1  # outputs between, that the next window shares
        dense = tensors.get("dense.weight", hidden, 4 * b * window)
        # torch flattens channel by channel, the outputs here lie time by time.
        kernel = dense.reshape(hidden, 4 * b, window).transpose(2, 1, 0)
        known, before = sketch.block(1, hidden), sketch.block(1, hidden)
        oldest = _oldest(sketch, columns, first, second)
        bias = tensors.get("dense.bias", hidden)
        sketch.conv(Layer(kernel[:REACH], bias), oldest, known if inside == 0 else before, row=0, ahead=True)
        if inside:
            between = sketch.ring(inside, 4 * b)
            sketch.copy(newest, 0, between, -1)
            middle = Layer(kernel[REACH : REACH + inside], bias)
            sketch.conv(middle, between, known, row=0, add=(before, 0), ahead=True)
        inner, logits = sketch.block(1, hidden), sketch.block(1, 3 * heads)
        sketch.conv(Layer(kernel[REACH + inside :], bias, slope), newest, inner, row=0, add=(known, 0))
        sketch.conv(tensors.linear("head", hidden, 3 * heads), inner, logits)
        super().__init__(sketch, logits, window, heads)


def _newest(sketch: Sketch, columns: Block, first: Module, second: Module) -> Block:
    """Draw what ends a window: five outputs of both modules, the oldest of which no longer changes."""
    b = first.branch
    near = sketch.block(5, columns.width)  # ages 3 to 0, and the last again
    sketch.copy(columns, -4, near, 0, rows=4)
    sketch.copy(columns, -1, near, 4)
    kept, reduced = sketch.ring(5, 2 * b), sketch.block(7, 2 * b)  # ages 4 to 0, then zeros
    sketch.conv(first.reduce, columns, kept)
    sketch.copy(kept, 0, reduced, 0, rows=5)
    # Outputs of the first module: ages 5 to 0, of which those from age 2 on stay, and the last again.
    mixed, stays = sketch.block(7, 4 * b), sketch.ring(4, 4 * b)
    first.mix(sketch, near, reduced, mixed, 3, 3)
    sketch.copy(mixed, 3, stays, -1)
    sketch.copy(stays, 0, mixed, 0, rows=3)
    sketch.copy(mixed, 5, mixed, 6)
    again, remains = sketch.block(9, 2 * b), sketch.ring(5, 2 * b)  # ages 6 to 0, then zeros
    sketch.conv(second.reduce, mixed, again, row=3, to=4, places=3, along=True)
    sketch.copy(again, 4, remains, -1)
    sketch.copy(remains, 0, again, 0, rows=4)
    out = sketch.block(5, 4 * b)
    second.mix(sketch, mixed, again, out, 0, 5)
    return out


def _oldest(sketch: Sketch, columns: Block, first: Module, second: Module) -> Block:
    """Draw, ahead, what begins the next window: four outputs of both modules, from its first eight columns."""
    b = first.branch
    far = sketch.block(8, columns.width)  # the first column twice
    sketch.copy(columns, 0, far, 0, ahead=True)
    sketch.copy(columns, 0, far, 1, rows=7, ahead=True)
    reduced = sketch.block(10, 2 * b)  # begins with zeros
    sketch.conv(first.reduce, columns, reduced, row=0, to=2, places=8, along=True, ahead=True)
    mixed = sketch.block(7, 4 * b)  # the first output twice
    first.mix(sketch, far, reduced, mixed, 1, 6, ahead=True)
    sketch.copy(mixed, 1, mixed, 0, ahead=True)
    again, out = sketch.block(8, 2 * b), sketch.block(REACH, 4 * b)
    sketch.conv(second.reduce, mixed, again, row=1, to=2, places=6, along=True, ahead=True)
    second.mix(sketch, mixed, again, out, 0, REACH, ahead=True)
    return out
