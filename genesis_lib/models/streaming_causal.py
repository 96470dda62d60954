"""The causal DeepLOB a row at a time: no layer is padded, so each needs one new column."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from genesis_lib.errors import ModelError
from genesis_lib.models.folding import Tensors, across, number, sizes
from genesis_lib.models.streaming import Block, CompiledNet, Sketch

LENGTH = 4
DILATIONS = (1, 2, 4, 8)
BEFORE_MEMORY = 6 * (LENGTH - 1) + 4 + 2 * sum(DILATIONS)  # rows back that all but the memory see


class ServedCausal(CompiledNet):
    """`genesis_lib.models.causal`, whose docstring lists the layers, from its trained tensors."""

    def __init__(self, weights: Mapping[str, np.ndarray], architecture: Mapping[str, object]) -> None:
        names = ("levels", "extra", "window", "channels", "hidden", "heads")
        levels, extra, window, n, hidden, heads = sizes(architecture, *names)
        slope, width, wide = number(architecture, "slope"), 4 * levels + extra, 4 * n
        if window < BEFORE_MEMORY + 2 or width == 0 or heads == 0:
            raise ModelError(
                f"architecture: window must be at least {BEFORE_MEMORY + 2}, with inputs and heads, got {architecture}"
            )
        tensors, sketch = Tensors(weights), Sketch(width)
        columns = _columns(tensors, sketch, levels, extra, n, slope)
        y = _inception(tensors, sketch, columns, n, slope)
        memory = window - BEFORE_MEMORY
        for index, dilation in enumerate(DILATIONS):
            layer = tensors.normed(f"residual.{index}", (wide, wide, 3), slope)
            bent = sketch.block(1, wide)
            sketch.conv(layer, y, bent, dilation=dilation)
            last = index + 1 == len(DILATIONS)
            following = sketch.ring(memory if last else 2 * DILATIONS[index + 1] + 1, wide)
            sketch.add(y, bent, following)
            y = following
        both = sketch.block(1, 2 * wide)  # newest, memory
        gain, shift = tensors.norm("memory.norm", wide)
        taps = tensors.get("memory.conv.weight", wide, 1, memory)[:, 0].T * gain
        sketch.copy(y, -1, both, 0)
        sketch.depthwise(taps, shift, y, both, wide)
        inner, logits = sketch.block(1, hidden), sketch.block(1, 3 * heads)
        sketch.conv(tensors.linear("hidden", 2 * wide, hidden, slope), both, inner)
        head = tensors.linear("head", hidden, 3 * heads)
        if architecture.get("skip"):
            straight = sketch.block(1, 3 * heads)
            skip = tensors.linear("skip", width, 3 * heads, bias=False)
            sketch.conv(skip._replace(bias=head.bias), sketch.row, straight)
            sketch.conv(head, inner, logits, add=(straight, 0))
        else:
            sketch.conv(head, inner, logits)
        super().__init__(sketch, logits, window, heads)


def _columns(tensors: Tensors, sketch: Sketch, levels: int, extra: int, n: int, slope: float) -> Block:
    """What the inception reads: five rows of `n` channels."""
    time = [f"time{index}" for index in range(1, 7)]
    joined = 2 * n if levels and extra else n
    y = sketch.ring(LENGTH, joined if levels else n)  # what time5 (with a book) or time1 (without) reads
    if extra:
        beside = tensors.normed("extra", (n, extra, 1), slope)
        sketch.conv(beside, sketch.row, y, column=4 * levels, to_column=n if levels else 0)
    if levels:
        pairs = across(tensors.normed("level1", (n, 1, 1, 2), slope), 2)
        book, source, places = sketch.ring(LENGTH, 2 * levels * n), sketch.row, 2 * levels
        sketch.conv(pairs, source, book, places=places)
        book = _twice(tensors, sketch, book, ("time1", "time2"), places, n, slope)
        pairs, places = across(tensors.normed("level2", (n, n, 1, 2), slope), 2), levels
        halved = sketch.ring(LENGTH, places * n)
        sketch.conv(pairs, book, halved, places=places)
        book = _twice(tensors, sketch, halved, ("time3", "time4"), places, n, slope)
        sketch.conv(across(tensors.normed("level3", (n, n, 1, levels), slope), levels), book, y)
        time = time[4:]
    for index, name in enumerate(time):
        inputs = y.width
        following = sketch.ring(5 if index + 1 == len(time) else LENGTH, n)
        sketch.conv(tensors.normed(name, (n, inputs, LENGTH, 1), slope), y, following)
        y = following
    return y


def _twice(
    tensors: Tensors, sketch: Sketch, y: Block, names: tuple[str, str], places: int, n: int, slope: float
) -> Block:
    """Two convolutions along time at each place; gives the newest row of the second."""
    first, second = (tensors.normed(name, (n, n, LENGTH, 1), slope) for name in names)
    between, last = sketch.ring(LENGTH, places * n), sketch.block(1, places * n)
    sketch.conv(first, y, between, places=places)
    sketch.conv(second, between, last, places=places)
    return last


def _inception(tensors: Tensors, sketch: Sketch, y: Block, n: int, slope: float) -> Block:
    """Four views of the columns side by side."""
    out = sketch.ring(2 * DILATIONS[0] + 1, 4 * n)
    sketch.conv(tensors.normed("inception.point", (n, n, 1), slope), y, out)
    for branch, taps in ((1, 3), (2, 5)):
        reduced = sketch.ring(taps, n)
        sketch.conv(tensors.normed(f"inception.reduce{taps}", (n, n, 1), slope), y, reduced)
        sketch.conv(tensors.normed(f"inception.conv{taps}", (n, n, taps), slope), reduced, out, to_column=branch * n)
    most = sketch.block(1, n)
    sketch.most(y, -3, most)
    sketch.conv(tensors.normed("inception.pool", (n, n, 1), slope), most, out, to_column=3 * n)
    return out
