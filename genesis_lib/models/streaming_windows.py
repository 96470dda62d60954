"""Networks that must look at each window anew, in numpy: the newest rows are kept, and each answer takes them all."""

from __future__ import annotations

import numpy as np

from genesis_lib.models.folding import Tensors

ALONE = 1 << 17  # products of one piece of a matrix product: BLAS spreads larger ones over threads


class WindowNet:
    """A network that must look at each whole window anew; its subclasses say how.

    `score` gives the logits (B, heads, 3) of windows (B, window, width) of scaled rows.
    """

    window: int
    width: int
    heads: int
    CHUNK = 256  # windows worked on together

    def score(self, windows: np.ndarray) -> np.ndarray:
        raise TypeError(f"{type(self).__name__} must say what it answers")

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """Logits at every row of one unbroken streak of scaled rows: (n, width) -> (n, heads, 3), NaN at first."""
        result = np.full((len(rows), self.heads, 3), np.nan)
        if len(rows) >= self.window:
            windows = np.lib.stride_tricks.sliding_window_view(rows, self.window, axis=0).transpose(0, 2, 1)
            for first in range(0, len(windows), self.CHUNK):
                at = slice(first + self.window - 1, first + self.window - 1 + self.CHUNK)
                result[at] = self.score(windows[first : first + self.CHUNK])
        return result

    def stream(self) -> WindowStream:
        """A fresh stream of scaled rows."""
        return WindowStream(self)


class WindowStream:
    """The newest rows, written twice, a window apart, so that they always lie side by side."""

    def __init__(self, net: WindowNet) -> None:
        self._net = net
        self._rows = np.zeros((2 * net.window, net.width), np.float32)
        self._seen = 0

    def reset(self) -> None:
        """Forget every row."""
        self._rows[:] = 0
        self._seen = 0

    def ahead(self) -> None:
        """Nothing can be computed before the next row comes."""

    def step(self, row: np.ndarray) -> np.ndarray | None:
        """Take one scaled row (width,), give logits (heads, 3), or None while fewer than the window have come."""
        window = self._net.window
        at = self._seen % window
        self._rows[at] = self._rows[at + window] = row
        self._seen += 1
        if self._seen < window:
            return None
        return self._net.score(self._rows[None, at + 1 : at + 1 + window])[0]


def product(x: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Matrix product (..., n, k) times (..., k, m) on one thread, however large."""
    n, (k, m) = x.shape[-2], matrix.shape[-2:]
    step = max(ALONE // (k * m), 2)
    if n <= step:
        return x @ matrix
    return np.concatenate([x[..., at : at + step, :] @ matrix for at in range(0, n, step)], axis=-2)


class BilinearNorm:
    """A window normalised along time, and the same across features, as a weighted sum: (B, window, width) alike."""

    def __init__(self, tensors: Tensors, name: str, width: int, window: int) -> None:
        along, across = (tensors.get(f"{name}.{part}", 1)[0] for part in ("along_time", "across_features"))
        self._by_feature = [along * tensors.get(f"{name}.feature_{part}", width, 1)[:, 0] for part in ("gain", "shift")]
        self._by_time = [across * tensors.get(f"{name}.time_{part}", 1, window).T for part in ("gain", "shift")]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        (gain, shift), (pace, place) = self._by_feature, self._by_time
        return standard(x, 1) * gain + standard(x, 2) * pace + (shift + place)


def standard(x: np.ndarray, axis: int) -> np.ndarray:
    """Mean 0 and deviation 1 along an axis; 0 where nothing varies."""
    centred = x - x.mean(axis=axis, keepdims=True)
    return centred / np.sqrt(np.square(centred).mean(axis=axis, keepdims=True) + 1e-5)
