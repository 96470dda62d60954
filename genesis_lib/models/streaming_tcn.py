"""The small causal net a row at a time: no layer is padded, so each needs one new column."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from genesis_lib.errors import ModelError
from genesis_lib.models.folding import Layer, Tensors, number, sizes
from genesis_lib.models.streaming import CompiledNet, Sketch

LENGTH = 3
DILATIONS = (1, 2, 4, 8, 16)
BEFORE_MEMORY = (LENGTH - 1) * sum(DILATIONS)  # rows back that all but the memory see


class ServedTCN(CompiledNet):
    """`genesis_lib.models.tcn`, whose docstring lists the layers, from its trained tensors."""

    def __init__(self, weights: Mapping[str, np.ndarray], architecture: Mapping[str, object]) -> None:
        inputs, window, n, heads = sizes(architecture, "inputs", "window", "channels", "heads")
        slope, memory = number(architecture, "slope"), window - BEFORE_MEMORY
        if memory < 2 or not (inputs and n and heads):
            raise ModelError(
                f"architecture: window must be at least {BEFORE_MEMORY + 2}, with inputs, channels and heads, "
                f"got {architecture}"
            )
        tensors, sketch = Tensors(weights), Sketch(inputs)
        y = sketch.ring((LENGTH - 1) * DILATIONS[0] + 1, n)
        sketch.conv(_layer(tensors, "front", (n, inputs, 1), slope), sketch.row, y)
        reaches = [(LENGTH - 1) * dilation + 1 for dilation in DILATIONS[1:]]
        for index, (dilation, rows) in enumerate(zip(DILATIONS, [*reaches, memory])):
            bent, following = sketch.block(1, n), sketch.ring(rows, n)
            sketch.conv(_layer(tensors, f"residual.{index}", (n, n, LENGTH), slope), y, bent, dilation=dilation)
            sketch.add(y, bent, following)
            y = following
        both, logits = sketch.block(1, 2 * n), sketch.block(1, 3 * heads)  # newest, memory
        taps = tensors.get("memory.weight", n, 1, memory)[:, 0].T
        sketch.copy(y, -1, both, 0)
        sketch.depthwise(taps, tensors.get("memory.bias", n), y, both, n)
        sketch.conv(tensors.linear("head", 2 * n, 3 * heads), both, logits)
        super().__init__(sketch, logits, window, heads)


def _layer(tensors: Tensors, name: str, shape: tuple[int, ...], slope: float) -> Layer:
    return Layer(tensors.kernel(name, shape), tensors.get(f"{name}.bias", shape[0]), slope)
