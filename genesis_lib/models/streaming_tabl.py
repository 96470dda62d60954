"""BiN-CTABL on each window, in numpy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from genesis_lib.errors import ModelError
from genesis_lib.models.folding import Tensors, sizes
from genesis_lib.models.streaming_windows import BilinearNorm, WindowNet, product


class ServedTABL(WindowNet):
    """`genesis_lib.models.tabl` from its trained tensors.

    Notes
    -----
    Times are mixed before features: the same product, with a tenth of the work.
    """

    def __init__(self, weights: Mapping[str, np.ndarray], architecture: Mapping[str, object]) -> None:
        self.width, self.window, self.heads = sizes(architecture, "inputs", "window", "heads")
        features, times = (_pair(architecture, name) for name in ("features", "times"))
        if min(self.width, self.window - 1, self.heads) < 1:
            raise ModelError(f"architecture: inputs and heads must be at least 1, window 2, got {dict(architecture)}")
        tensors = Tensors(weights)
        self._normal = BilinearNorm(tensors, "normal", self.width, self.window)
        self._mix = []
        n, t = self.width, self.window
        for name, following, length in (("mix1", features[0], times[0]), ("mix2", features[1], times[1])):
            left, right = tensors.get(f"{name}.left", following, n), tensors.get(f"{name}.right", t, length)
            self._mix.append((left.T.copy(), right.T.copy(), tensors.get(f"{name}.bias", following, length).T.copy()))
            n, t = following, length
        outputs = 3 * self.heads
        self._left = tensors.get("head.left", outputs, n).T.copy()
        self._right, self._bias = tensors.get("head.right", t, 1), tensors.get("head.bias", outputs, 1)[:, 0]
        self._attention = tensors.get("head.attention", t, t)
        self._attention[np.arange(t), np.arange(t)] = 1.0 / t
        self._share = float(np.clip(tensors.get("head.share", 1)[0], 0.0, 1.0))

    def score(self, windows: np.ndarray) -> np.ndarray:
        """Logits of windows of scaled rows: (B, window, width) -> (B, heads, 3)."""
        x = self._normal(windows.astype(np.float64))
        for left, right, bias in self._mix:
            x = np.maximum(product(product(right, x), left) + bias, 0.0)  # (B, times, features)
        y = product(x, self._left).transpose(0, 2, 1)  # (B, 3 * heads, times)
        weights = product(y, self._attention)
        weights = np.exp(weights - weights.max(axis=2, keepdims=True))
        weights /= weights.sum(axis=2, keepdims=True)
        y = self._share * y * weights + (1.0 - self._share) * y
        return (product(y, self._right)[:, :, 0] + self._bias).reshape(-1, self.heads, 3)


def _pair(architecture: Mapping[str, object], name: str) -> tuple[int, int]:
    value = architecture.get(name)
    if not (isinstance(value, (list, tuple)) and len(value) == 2 and all(type(v) is int and v > 0 for v in value)):
        raise ModelError(f"architecture: {name} must hold two whole numbers of at least 1, got {value!r}")
    return tuple(value)
