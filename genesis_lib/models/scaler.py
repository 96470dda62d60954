"""Standardisation of the model inputs: fitted on training rows, served with numpy alone."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genesis_lib.errors import ModelError

FILE = "scaler_params.json"


@dataclass(frozen=True, slots=True)
class Scaler:
    """Mean and standard deviation of each input column.

    Parameters
    ----------
    mean, std
        (F,) float64; `std` is 1 where a column never varied, so that such a column scales to 0.
    clip
        Scaled values are held within plus and minus this many deviations. The touch stands one tick apart nearly all
        of the time, so the rare wide spread would otherwise arrive as hundreds of deviations.
    """

    mean: np.ndarray
    std: np.ndarray
    clip: float = 10.0

    def __post_init__(self) -> None:
        if self.mean.ndim != 1 or self.mean.shape != self.std.shape:
            raise ModelError(f"scaler: mean {self.mean.shape} and std {self.std.shape} must be equally long vectors")
        if not (np.isfinite(self.mean).all() and np.isfinite(self.std).all() and (self.std > 0).all()):
            raise ModelError("scaler: mean must be finite and std finite and positive")
        if not (math.isfinite(self.clip) and self.clip > 0):
            raise ModelError(f"scaler: clip must be a positive number, got {self.clip!r}")

    @classmethod
    def fit(cls, rows: np.ndarray, clip: float = 10.0) -> Scaler:
        """Fit scikit-learn's StandardScaler to (n, F) finite rows, which must be training rows only.

        >>> Scaler.fit(np.array([[1.0, 7.0], [3.0, 7.0]])).std
        array([1., 1.])
        """
        if len(rows) == 0:
            raise ModelError("scaler: no rows to fit on")
        return cls.fit_pieces((rows[at : at + (1 << 18)] for at in range(0, len(rows), 1 << 18)), clip)

    @classmethod
    def fit_pieces(cls, pieces: Iterable[np.ndarray], clip: float = 10.0) -> Scaler:
        """Fit to rows that come in pieces (n, F): float64 copies of a piece, never of all."""
        from sklearn.preprocessing import StandardScaler  # serving must not need scikit-learn

        fitted = StandardScaler()
        for piece in pieces:
            if len(piece):
                fitted.partial_fit(np.asarray(piece, np.float64))
        if not hasattr(fitted, "mean_"):
            raise ModelError("scaler: no rows to fit on")
        return cls(fitted.mean_.copy(), fitted.scale_.copy(), float(clip))

    def transform(self, rows: np.ndarray) -> np.ndarray:
        """Scale (..., F) rows to float32; NaN stays NaN."""
        scaled = (rows - self.mean) / self.std
        return np.clip(scaled, -self.clip, self.clip, out=scaled).astype(np.float32)

    def as_dict(self) -> dict[str, object]:
        """What `scaler_params.json` holds."""
        return {"mean": self.mean.tolist(), "std": self.std.tolist(), "clip": self.clip}

    def save(self, path: Path) -> None:
        """Write the parameters as JSON; floats come back bit for bit."""
        path.write_text(json.dumps(self.as_dict(), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Scaler:
        """Read parameters written by `save`; `ModelError` says what is wrong with the file."""
        try:
            return cls.read(path, path.read_bytes())
        except OSError as error:
            raise ModelError(f"{path}: not a scaler: {error}") from error

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Scaler:
        """Read back what `as_dict` gave; `ModelError` for anything else."""
        try:
            return cls(np.array(table["mean"], np.float64), np.array(table["std"], np.float64), float(table["clip"]))
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise ModelError(f"scaler: {f'no key {error}' if isinstance(error, KeyError) else error}") from error

    @classmethod
    def read(cls, path: Path, content: bytes) -> Scaler:
        """Parameters from the content of the file `path`."""
        try:
            return cls.of(json.loads(content.decode("utf-8")))
        except (UnicodeDecodeError, ValueError, RecursionError, ModelError) as error:
            raise ModelError(f"{path}: not a scaler: {str(error).removeprefix('scaler: ')}") from error
