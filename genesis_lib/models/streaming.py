"""DeepLOB one row at a time, exactly, in numpy: what does not change from window to window is computed once.

Three facts make it exact. The level convolutions see single rows, so a row's column never changes. An output of the
two inception modules depends on four columns to either side, so all but the first and last four of a window are the
same in every window that holds them. Only the 'same' padding at the window's two ends moves with it: nine columns at
each end are passed through the modules again for each row, and one dense product ends it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from genesis_lib.errors import ModelError

REACH = 4  # columns to either side an output of both inception modules depends on
SPAN = 2 * REACH + 1
EPSILON = 1e-5  # of torch's batch normalisation


class FoldedDeepLOB:
    """The network's weights with every batch normalisation folded in, and its forward pass in float64.

    Parameters
    ----------
    weights
        Tensors by their name in the torch module's state.
    architecture
        The manifest's architecture: levels, window, channels, branch, hidden, slope.

    Raises
    ------
    ModelError
        When a tensor is missing or of another shape than the architecture asks for.
    """

    def __init__(self, weights: Mapping[str, np.ndarray], architecture: Mapping[str, object]) -> None:
        self._weights = weights
        try:
            self.levels, self.window, self.channels, self.branch, self.hidden = (
                int(architecture[key]) for key in ("levels", "window", "channels", "branch", "hidden")
            )
            self.slope = float(architecture["slope"])
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"architecture: {error} is missing or no number") from error
        c, b, out = self.channels, self.branch, 4 * self.branch
        self._level = [
            self._conv("level1", (c, 1, 1, 2)),
            self._conv("level2", (c, c, 1, 2)),
            self._conv("level3", (c, c, 1, self.levels)),
        ]
        self._inception = []
        for name, inputs in (("inception1", c), ("inception2", out)):
            reduce = [self._conv(f"{name}.{part}", (b, inputs, 1)) for part in ("point", "reduce3", "reduce5")]
            joined = (np.hstack([w for w, _ in reduce]), np.concatenate([bias for _, bias in reduce]))
            rest = [("conv3", (b, b, 3)), ("conv5", (b, b, 5)), ("pool", (b, inputs, 1))]
            self._inception.append((joined, *(self._conv(f"{name}.{part}", shape) for part, shape in rest)))
        dense = self._tensor("dense.weight", (self.hidden, out * self.window))
        # torch flattens channel by channel, the caches here hold time by time.
        dense = dense.reshape(self.hidden, out, self.window).transpose(0, 2, 1)
        self._dense = np.ascontiguousarray(dense.reshape(self.hidden, -1)), self._tensor("dense.bias", (self.hidden,))
        self._head = self._tensor("head.weight", (3, self.hidden)), self._tensor("head.bias", (3,))
        self._level3 = np.ascontiguousarray(self._level[2][0].T)
        del self._weights

    def _tensor(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        tensor = self._weights.get(name)
        if tensor is None or tensor.shape != shape:
            raise ModelError(f"weights: {name} must have shape {shape}, got {getattr(tensor, 'shape', 'nothing')}")
        return tensor.astype(np.float64)

    def _conv(self, name: str, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Matrix (width * inputs, outputs) and bias of a convolution with its normalisation folded in."""
        mean, variance, gain, shift = (
            self._tensor(f"{name}.norm.{part}", shape[:1]) for part in ("running_mean", "running_var", "weight", "bias")
        )
        scale = gain / np.sqrt(variance + EPSILON)
        kernel = self._tensor(f"{name}.conv.weight", shape).reshape(shape[0], shape[1], shape[-1])
        return (kernel.transpose(2, 1, 0) * scale).reshape(-1, shape[0]), shift - mean * scale

    def _act(self, x: np.ndarray) -> np.ndarray:
        return np.maximum(x, self.slope * x)

    def columns(self, rows: np.ndarray) -> np.ndarray:
        """Columns of scaled rows: (n, 4 * levels) -> (n, channels)."""
        (w1, b1), (w2, b2), (w3, b3) = self._level
        n, c = len(rows), self.channels
        x = self._act(rows.reshape(-1, 2) @ w1 + b1)  # (n * 2L, c)
        x = self._act(x.reshape(-1, 2 * c) @ w2 + b2)  # (n * L, c)
        x = x.reshape(n, self.levels * c)
        # One row times a matrix is a BLAS call that spreads over threads at this size; vecdot stays on its own.
        return self._act((np.vecdot(self._level3, x)[None] if n == 1 else x @ w3) + b3)

    def mix(self, x: np.ndarray) -> np.ndarray:
        """Both inception modules, zero padded at both ends: (batch, T, channels) -> (batch, T, 4 * branch)."""
        for joined, conv3, conv5, pool in self._inception:
            x = self._module(x, joined, conv3, conv5, pool)
        return x

    def _module(self, x, joined, conv3, conv5, pool) -> np.ndarray:
        batch, length, inputs = x.shape
        b = self.branch
        most = x.copy()  # the maximum over three columns; beyond the ends there is nothing to be larger
        np.maximum(most[:, 1:], x[:, :-1], out=most[:, 1:])
        np.maximum(most[:, :-1], x[:, 1:], out=most[:, :-1])
        padded = np.zeros((batch, length + 4, 3 * b))
        padded[:, 2:-2] = self._act(x.reshape(-1, inputs) @ joined[0] + joined[1]).reshape(batch, length, 3 * b)
        y = np.empty((batch * length, 4 * b))
        y[:, :b] = padded[:, 2:-2, :b].reshape(-1, b)
        for at, size, (w, bias), lead in ((1, 3, conv3, 1), (2, 5, conv5, 0)):
            part = padded[:, lead : lead + length + size - 1, at * b : (at + 1) * b]
            wide = np.concatenate([part[:, k : k + length] for k in range(size)], axis=2).reshape(-1, size * b)
            y[:, at * b : (at + 1) * b] = self._act(wide @ w + bias)
        y[:, 3 * b :] = self._act(most.reshape(-1, inputs) @ pool[0] + pool[1])
        return y.reshape(batch, length, 4 * b)

    def probabilities(self, flat: np.ndarray) -> np.ndarray:
        """Softmax of flattened columns, time by time: (n, window * 4 * branch) or one such vector -> (n, 3) or (3,)."""
        (w, bias), (head, shift) = self._dense, self._head
        x = self._act((np.vecdot(w, flat) if flat.ndim == 1 else flat @ w.T) + bias)
        logits = (np.vecdot(head, x) if flat.ndim == 1 else x @ head.T) + shift
        power = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return power / power.sum(axis=-1, keepdims=True)

    def predict(self, rows: np.ndarray, chunk: int = 512) -> np.ndarray:
        """Probabilities at every row of one unbroken streak of scaled rows: (n, 4 * levels) -> (n, 3), NaN at first."""
        n, window = len(rows), self.window
        result = np.full((n, 3), np.nan)
        for first in range(window - 1, n, chunk):
            last = min(first + chunk, n)  # windows that end in [first, last)
            columns = self.columns(rows[first - window + 1 : last])
            inner = self.mix(columns[None])[0]
            windows = sliding_window_view(columns, window, axis=0)  # (m, channels, window)
            ends = np.concatenate([windows[:, :, :SPAN], windows[:, :, -SPAN:]]).transpose(0, 2, 1)
            ends = self.mix(ends)
            flat = sliding_window_view(inner, window, axis=0).transpose(0, 2, 1).copy()
            m = last - first
            flat[:, :REACH] = ends[:m, :REACH]
            flat[:, -REACH:] = ends[m:, -REACH:]
            result[first:last] = self.probabilities(flat.reshape(m, -1))
        return result


class DeepLOBStream:
    """One prediction a row from cached columns; `reset` forgets them.

    Notes
    -----
    Rings are written twice, a length apart, so that the newest `window` entries always lie side by side.
    """

    def __init__(self, net: FoldedDeepLOB) -> None:
        self.net = net
        self._inside = net.window - 2 * REACH
        self._columns = np.zeros((2 * net.window, net.channels))
        self._inner = np.zeros((2 * self._inside, 4 * net.branch))
        self._ends = np.zeros((2, SPAN, net.channels))
        self._flat = np.zeros((net.window, 4 * net.branch))
        self._seen = 0

    def reset(self) -> None:
        """Forget every row."""
        self._seen = 0

    def step(self, row: np.ndarray) -> np.ndarray | None:
        """Take one scaled row (4 * levels,), give (3,) probabilities, or None while fewer than `window` were seen."""
        net, window, inside = self.net, self.net.window, self._inside
        at = self._seen % window
        self._columns[at] = self._columns[at + window] = net.columns(row[None])[0]
        self._seen += 1
        newest = at + window + 1
        ends = self._ends
        ends[0] = self._columns[newest - window : newest - window + SPAN]
        ends[1] = self._columns[newest - SPAN : newest]
        mixed = net.mix(ends)
        slot = self._seen % inside
        self._inner[slot] = self._inner[slot + inside] = mixed[1, REACH]
        if self._seen < window:
            return None
        flat = self._flat
        flat[:REACH] = mixed[0, :REACH]
        flat[REACH:-REACH] = self._inner[slot + 1 : slot + 1 + inside]
        flat[-REACH:] = mixed[1, SPAN - REACH :]
        return net.probabilities(flat.reshape(-1))
