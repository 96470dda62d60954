"""Live predictions: a raw feature row in, three probabilities out, on one thread and without torch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from genesis_lib.errors import ModelError
from genesis_lib.models.scaler import Scaler
from genesis_lib.models.streaming import DeepLOBStream, FoldedDeepLOB

CLASSES = ("DOWN", "NEUTRAL", "UP")
ARCHITECTURES = {"deeplob": FoldedDeepLOB}


def folded(weights: Mapping[str, np.ndarray], architecture: Mapping[str, object]) -> FoldedDeepLOB:
    """Build the numpy network an architecture names; `ModelError` for a kind that is not known."""
    kind = architecture.get("kind")
    if kind not in ARCHITECTURES:
        raise ModelError(f"architecture kind must be one of {', '.join(ARCHITECTURES)}, got {kind!r}")
    return ARCHITECTURES[kind](weights, architecture)


class Predictor:
    """Probabilities of DOWN, NEUTRAL, UP after each row.

    Parameters
    ----------
    net, scaler
        The artifact's network and input scaling.

    Notes
    -----
    A row that holds a NaN (a gap, a warm-up) forgets all rows before it: no window ever contains one.
    """

    def __init__(self, net: FoldedDeepLOB, scaler: Scaler) -> None:
        self.width = 4 * net.levels
        if len(scaler.mean) != self.width:
            raise ModelError(f"scaler has {len(scaler.mean)} columns, the network takes {self.width}")
        self._scaler = scaler
        self._stream = DeepLOBStream(net)

    def reset(self) -> None:
        """Forget every row."""
        self._stream.reset()

    def step(self, row: np.ndarray) -> np.ndarray:
        """Take one raw row (F,) in the artifact's column order, give (3,) float64; NaN while warming up.

        Raises
        ------
        ModelError
            When the row has another number of columns.
        """
        if row.shape != (self.width,):
            raise ModelError(f"row must have shape ({self.width},), got {row.shape}")
        scaled = self._scaler.transform(row)
        if not np.isfinite(scaled).all():
            self._stream.reset()
            return np.full(3, np.nan)
        probabilities = self._stream.step(scaled)
        return np.full(3, np.nan) if probabilities is None else probabilities


def predict_rows(net: FoldedDeepLOB, scaler: Scaler, rows: np.ndarray, valid: np.ndarray | None = None) -> np.ndarray:
    """Batch twin of `Predictor.step` over (n, F) raw rows: (n, 3) float64, NaN where `step` gives NaN.

    `valid` (n,) bool marks further rows that must not be used.
    """
    if rows.ndim != 2 or rows.shape[1] != 4 * net.levels:
        raise ModelError(f"rows must have shape (n, {4 * net.levels}), got {rows.shape}")
    usable = np.isfinite(rows).all(axis=1)
    if valid is not None:
        if valid.shape != usable.shape:
            raise ModelError(f"valid must have shape {usable.shape}, got {valid.shape}")
        usable &= valid
    result = np.full((len(rows), 3), np.nan)
    edges = np.flatnonzero(np.diff(usable, prepend=False, append=False))
    for first, last in zip(edges[::2], edges[1::2]):
        if last - first >= net.window:
            result[first:last] = net.predict(scaler.transform(rows[first:last]))
    return result
