"""The network of attention along time and across features on each window, in numpy."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from scipy.special import erf

from genesis_lib.errors import ModelError
from genesis_lib.models.folding import Tensors, sizes
from genesis_lib.models.streaming_windows import BilinearNorm, WindowNet, product, standard


class ServedAttention(WindowNet):
    """`genesis_lib.models.attention` from its trained tensors."""

    CHUNK = 64

    def __init__(self, weights: Mapping[str, np.ndarray], architecture: Mapping[str, object]) -> None:
        names = ("inputs", "window", "heads", "width", "layers", "pooled")
        self.width, self.window, self.heads, d, layers, pooled = sizes(architecture, *names)
        if min(self.width, self.window - 1, self.heads, layers, pooled) < 1 or d < 2 or d % 2:
            raise ModelError(f"architecture: sizes must be at least 1, width even, got {dict(architecture)}")
        tensors = Tensors(weights)
        self._normal = BilinearNorm(tensors, "normal", self.width, self.window)
        self._embed = _linear(tensors, "embed", self.width, d)
        self._positions = positions(self.window, d)
        self._mixers = [
            (Mixer(tensors, f"times.{k}", d, d), Mixer(tensors, f"features.{k}", self.window, d)) for k in range(layers)
        ]
        self._last = _scale(tensors, "normal_last", d)
        self._pool = _linear(tensors, "pool", self.window, pooled)
        self._head = _linear(tensors, "head", d * pooled, 3 * self.heads)

    def score(self, windows: np.ndarray) -> np.ndarray:
        """Logits of windows of scaled rows: (B, window, width) -> (B, heads, 3)."""
        x = _apply(self._embed, self._normal(windows.astype(np.float64))) + self._positions
        for along, across in self._mixers:
            x = across(along(x).transpose(0, 2, 1)).transpose(0, 2, 1)
        x = _apply(self._pool, _normed(self._last, x).transpose(0, 2, 1))
        return _apply(self._head, x.reshape(len(x), 1, -1)).reshape(-1, self.heads, 3)


class Mixer:
    """Attention among tokens, then a perceptron on each: (B, tokens, size) -> (B, tokens, size), both residual."""

    def __init__(self, tensors: Tensors, name: str, size: int, inner: int) -> None:
        self._before, self._between = (_scale(tensors, f"{name}.{part}", size) for part in ("before", "between"))
        matrix, shift = _linear(tensors, f"{name}.ask", size, 3 * inner)
        pieces = (slice(k * inner, (k + 1) * inner) for k in range(3))
        self._ask = [(matrix[:, piece].copy(), shift[piece]) for piece in pieces]
        self._answer = _linear(tensors, f"{name}.answer", inner, size)
        self._up, self._down = (
            _linear(tensors, f"{name}.up", size, 2 * inner),
            _linear(tensors, f"{name}.down", 2 * inner, size),
        )
        self._reach = 1.0 / math.sqrt(inner)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        given = _normed(self._before, x)
        queries, keys, values = (_apply(layer, given) for layer in self._ask)
        weights = product(queries * self._reach, keys.transpose(0, 2, 1))
        weights = np.exp(weights - weights.max(axis=2, keepdims=True))
        weights /= weights.sum(axis=2, keepdims=True)
        x = x + _apply(self._answer, product(weights, values))
        inner = _apply(self._up, _normed(self._between, x))
        return x + _apply(self._down, 0.5 * inner * (1.0 + erf(inner * math.sqrt(0.5))))


def _linear(tensors: Tensors, name: str, inputs: int, outputs: int) -> tuple[np.ndarray, np.ndarray]:
    return tensors.get(f"{name}.weight", outputs, inputs).T.copy(), tensors.get(f"{name}.bias", outputs)


def _apply(layer: tuple[np.ndarray, np.ndarray], x: np.ndarray) -> np.ndarray:
    return product(x, layer[0]) + layer[1]


def _scale(tensors: Tensors, name: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    return tensors.get(f"{name}.weight", size), tensors.get(f"{name}.bias", size)


def _normed(scale: tuple[np.ndarray, np.ndarray], x: np.ndarray) -> np.ndarray:
    return standard(x, 2) * scale[0] + scale[1]


def positions(window: int, width: int) -> np.ndarray:
    """Sines and cosines of each row's place, at falling frequencies, as the trained network has them in float32."""
    pace = np.exp(-math.log(10_000.0) * np.arange(0, width, 2) / width)
    angle = np.arange(window)[:, None] * pace
    return np.stack([np.sin(angle), np.cos(angle)], axis=2).reshape(window, width).astype(np.float32)
