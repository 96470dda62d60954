"""A model beside the stream of book rows: its columns, its predictor, and how long it still has to warm up."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from genesis_lib.errors import ModelError
from genesis_lib.features import FeatureSet
from genesis_lib.types import Instrument, Snapshot

SIGNALS = ("DOWN", "NEUTRAL", "UP")


class Forecast:
    """Probabilities after each book row.

    Parameters
    ----------
    artifact
        A registered model. Its columns are computed as they were defined when it was trained, from as many levels;
        where it brings no definitions, by their names.
    depth, wanted
        Levels a side that the rows have, and that were asked for; a venue may have fewer.
    instrument
        What the rows are of.

    Raises
    ------
    ModelError
        When the model needs more levels than there are.
    """

    def __init__(self, artifact: Any, depth: int, wanted: int, instrument: Instrument) -> None:
        if depth < artifact.levels:
            limit = f"market.depth is {depth}" if depth == wanted else f"{instrument.name} has {depth}"
            raise ModelError(f"model {artifact.name} {artifact.version} needs {artifact.levels} levels a side, {limit}")
        own = getattr(artifact, "features", None)
        self.artifact = artifact
        self._columns = FeatureSet(artifact.columns) if own is None else own()
        self._predictor = artifact.predictor()
        self._rows = 0  # since the last one that was not valid

    @property
    def warmup(self) -> int:
        """Unbroken rows before the first answer, at least."""
        return self._columns.warmup + getattr(self.artifact, "window", 1)

    @property
    def remaining(self) -> int:
        """Rows still to come before the next answer, at least; 0 while it answers."""
        return max(self._columns.warmup - self._rows, 0) + getattr(self._predictor, "remaining", 0)

    def reset(self) -> None:
        """Forget all rows, but not when they were."""
        self._columns.reset()
        self._predictor = self.artifact.predictor()
        self._rows = 0

    def of(self, row: Snapshot) -> tuple[np.ndarray, str, float]:
        """Probabilities (3,) after a row, the signal and its probability; NaN, "NONE" and 0.0 while warming up."""
        self._rows = self._rows + 1 if row.valid else 0
        probabilities = self._predictor.step(self._columns.step(row))
        best = int(probabilities.argmax())
        confidence = float(probabilities[best])
        return (probabilities, "NONE", 0.0) if math.isnan(confidence) else (probabilities, SIGNALS[best], confidence)

    def ahead(self) -> None:
        """Let the model do what it can before the next row comes; its next step does so where this is left out."""
        ahead = getattr(self._predictor, "ahead", None)
        if ahead is not None:
            ahead()
