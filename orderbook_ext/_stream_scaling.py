"""How a stream takes its rows and gives its answers: scaling, temperatures, head; checked."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike


def scaling(
    width: int,
    heads: int,
    mean: ArrayLike | None,
    std: ArrayLike | None,
    clip: float | None,
    temperature: ArrayLike | None,
    head: int,
) -> tuple[np.ndarray, np.ndarray, float, np.ndarray, int]:
    """Give mean, std, clip, temperature and head as a stream needs them; `ValueError` names what does not fit."""
    mean = _column("mean", np.zeros(width) if mean is None else mean, width)
    std = _column("std", np.ones(width) if std is None else std, width)
    temperature = _column("temperature", np.ones(heads) if temperature is None else temperature, heads)
    for name, column in (("std", std), ("temperature", temperature)):
        if not (column > 0).all():
            raise ValueError(f"{name} must be positive, got {column.min()}")
    clip = math.inf if clip is None else float(clip)
    if not clip > 0:
        raise ValueError(f"clip must be positive, got {clip!r}")
    if not (isinstance(head, (int, np.integer)) and 0 <= head < heads):
        raise ValueError(f"head must be from 0 to {heads - 1}, got {head!r}")
    return mean, std, clip, temperature, int(head)


def _column(name: str, values: ArrayLike, length: int) -> np.ndarray:
    column = np.array(values, np.float64)
    if column.shape != (length,):
        raise ValueError(f"{name} must have shape ({length},), got {column.shape}")
    if not np.isfinite(column).all():
        raise ValueError(f"{name} must be finite")
    column.flags.writeable = False
    return column
