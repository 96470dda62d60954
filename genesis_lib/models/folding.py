"""Trained tensors as the layers of a streamed network: normalisations folded in, shapes checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from genesis_lib.errors import ModelError

EPSILON = 1e-5  # of torch's batch normalisation
LARGEST = float(np.finfo(np.float32).max)  # what is streamed is summed in float32


class Layer(NamedTuple):
    """A convolution ready to stream.

    Parameters
    ----------
    weight
        (taps, inputs, outputs) float64, the oldest tap first.
    bias
        (outputs,).
    slope, tanh
        What bends the sums: a leaky rectifier (1 leaves them), then a tanh.
    gain, shift
        (outputs,) of a normalisation behind the activation; None without.
    """

    weight: np.ndarray
    bias: np.ndarray
    slope: float = 1.0
    tanh: bool = False
    gain: np.ndarray | None = None
    shift: np.ndarray | None = None

    @property
    def taps(self) -> int:
        return self.weight.shape[0]

    @property
    def inputs(self) -> int:
        return self.weight.shape[1]

    @property
    def outputs(self) -> int:
        return self.weight.shape[2]


class Tensors:
    """The tensors of an artifact by their names in the torch module; `ModelError` names one that does not fit."""

    def __init__(self, weights: Mapping[str, np.ndarray]) -> None:
        self._weights = weights

    def get(self, name: str, *shape: int) -> np.ndarray:
        """A tensor of this shape, float64."""
        tensor = self._weights.get(name)
        if tensor is None or tensor.shape != shape:
            raise ModelError(f"weights: {name} must have shape {shape}, got {getattr(tensor, 'shape', 'nothing')}")
        if tensor.dtype.kind != "f":
            raise ModelError(f"weights: {name} must hold floating-point numbers, got {tensor.dtype}")
        if not (np.abs(tensor) <= LARGEST).all():
            raise ModelError(f"weights: {name} must be finite, and at most {LARGEST:.3g}")
        return tensor.astype(np.float64)

    def linear(self, name: str, inputs: int, outputs: int, slope: float = 1.0, bias: bool = True) -> Layer:
        """A linear layer on one row."""
        weight = self.get(f"{name}.weight", outputs, inputs)
        return Layer(weight.T[None], self.get(f"{name}.bias", outputs) if bias else np.zeros(outputs), slope)

    def kernel(self, name: str, shape: Sequence[int]) -> np.ndarray:
        """Kernel (outputs, inputs, ..., length) as (taps, inputs, outputs)."""
        weight = self.get(f"{name}.weight", *shape)
        return weight.reshape(shape[0], shape[1], -1).transpose(2, 1, 0)

    def norm(self, name: str, channels: int) -> tuple[np.ndarray, np.ndarray]:
        """Gain and shift of a batch normalisation as it stands."""
        mean, variance, gain, shift = (
            self.get(f"{name}.{part}", channels) for part in ("running_mean", "running_var", "weight", "bias")
        )
        if (variance < 0).any():
            raise ModelError(f"weights: {name}.running_var must not be negative")
        gain = gain / np.sqrt(variance + EPSILON)
        return gain, shift - mean * gain

    def normed(self, name: str, shape: Sequence[int], slope: float) -> Layer:
        """A convolution without bias, its normalisation, a leaky rectifier."""
        gain, shift = self.norm(f"{name}.norm", shape[0])
        return Layer(self.kernel(f"{name}.conv", shape) * gain, shift, slope)

    def then_normed(self, name: str, shape: Sequence[int], slope: float, tanh: bool = False) -> Layer:
        """A convolution with bias, an activation, and the normalisation behind it."""
        bias = self.get(f"{name}.conv.bias", shape[0])
        return Layer(self.kernel(f"{name}.conv", shape), bias, slope, tanh, *self.norm(f"{name}.norm", shape[0]))


def across(layer: Layer, width: int) -> Layer:
    """The same kernel along a row instead of along time: `width` places side by side are one tap."""
    return layer._replace(weight=layer.weight.reshape(1, width * layer.inputs, layer.outputs))


def beside(*layers: Layer) -> Layer:
    """Layers of the same source as one, outputs side by side."""
    first = layers[0]
    return first._replace(
        weight=np.concatenate([layer.weight for layer in layers], axis=2),
        bias=np.concatenate([layer.bias for layer in layers]),
        gain=None if first.gain is None else np.concatenate([layer.gain for layer in layers]),
        shift=None if first.shift is None else np.concatenate([layer.shift for layer in layers]),
    )


def sizes(architecture: Mapping[str, object], *names: str) -> tuple[int, ...]:
    """Whole numbers of at least 0 from a manifest's architecture; `ModelError` names one that is none."""
    found = []
    for name in names:
        value = architecture.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise ModelError(f"architecture: {name} must be a whole number, got {value!r}")
        found.append(value)
    return tuple(found)


def number(architecture: Mapping[str, object], name: str) -> float:
    """A number from a manifest's architecture; `ModelError` when it is none."""
    value = architecture.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 <= value <= 1.0:
        raise ModelError(f"architecture: {name} must be a number from 0 to 1, got {value!r}")
    return float(value)
