"""How the compiled step wants its memory: whole cache lines, and weights in panels of sixteen outputs."""

from __future__ import annotations

import numpy as np

PANEL = 16  # as in _stream.h; a cache line of float32


def aligned(count: int) -> np.ndarray:
    """Zeros (count,) float32 that begin with a cache line."""
    made = np.zeros(count + PANEL, np.float32)
    start = -(made.ctypes.data // made.itemsize) % PANEL
    return made[start : start + count]


def filled(rows: np.ndarray) -> np.ndarray:
    """Rows of values (n, width), each filled up with zeros to whole panels."""
    count, width = rows.shape
    made = aligned(count * (-(-width // PANEL) * PANEL)).reshape(count, -1)
    made[:, :width] = rows
    return made


def packed(weight: np.ndarray) -> np.ndarray:
    """Weights (taps, inputs, outputs) panel after panel, flat, so that a step reads them in one sweep."""
    taps, inputs, outputs = weight.shape
    rows = filled(weight.reshape(taps * inputs, outputs))
    made = aligned(rows.size)
    made[:] = rows.reshape(taps * inputs, -1, PANEL).transpose(1, 0, 2).reshape(-1)
    return made
