"""Whether probabilities mean what they say: one temperature to correct them, and a table that shows it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from genesis_lib.errors import InputError
from genesis_lib.models.temperature import OVERLAP, fit_temperature
from genesis_lib.training.scores import reliability

__all__ = ["calibrated", "fit_temperature", "reliability_before_and_after", "reliability_table", "witnesses"]


def calibrated(logits: np.ndarray, temperature: float | np.ndarray = 1.0) -> np.ndarray:
    """Probabilities softmax(logits / T) over the last axis; a temperature a head where there are several."""
    scaled = logits / np.asarray(temperature, np.float64)[..., None]
    power = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return power / power.sum(axis=-1, keepdims=True)


def witnesses(row: np.ndarray, overlap: float = OVERLAP) -> float:
    """How many independent samples some samples are worth, for `fit_temperature`.

    Parameters
    ----------
    row
        (n,) rows they were decided at, ascending.
    overlap
        Rows that a sample's window and label take together.

    >>> witnesses(np.arange(0, 3000, 10), overlap=150)
    20.0
    """
    stride = float(np.median(np.diff(row))) if len(row) > 1 else 1.0
    return len(row) * min(stride / overlap, 1.0)


def reliability_table(
    classes: np.ndarray, probabilities: np.ndarray, bins: int = 15, of: int | None = None
) -> pd.DataFrame:
    """Tabulate how often answers came true against how sure they were.

    Parameters
    ----------
    classes, probabilities
        (n,) true classes and (n, 3).
    bins
        Of equal width, over [0, 1]; a bin that holds nothing is left out.
    of
        Look at the probability of this class alone; left out, at that of the answer (the most probable class).

    Returns
    -------
    pandas.DataFrame
        A row a bin: ``low``, ``high`` (its edges), ``confidence`` (mean probability), ``accuracy`` (how often it came
        true), ``count``. Without `of`, the mean of \\|confidence - accuracy\\| weighted by ``count`` is the expected
        calibration error of `genesis_lib.training.scores`.
    """
    if bins < 1:
        raise InputError(f"bins must be at least 1, got {bins!r}")
    if of not in (None, 0, 1, 2):
        raise InputError(f"of must be a class 0, 1, 2 or None, got {of!r}")
    if of is None:
        count, confidence, hits = reliability(classes, probabilities, bins)
    else:  # the answer "this class" against "another": its own probability, whatever is more probable
        bucket = np.minimum((probabilities[:, of] * bins).astype(int), bins - 1)
        weights = None, probabilities[:, of], (classes == of).astype(float)
        count, confidence, hits = (np.bincount(bucket, each, minlength=bins) for each in weights)
    held = count > 0
    edges = np.arange(bins + 1) / bins
    table = {
        "low": edges[:-1],
        "high": edges[1:],
        "confidence": confidence / np.maximum(count, 1),
        "accuracy": hits / np.maximum(count, 1),
        "count": count.astype(np.int64),
    }
    return pd.DataFrame({name: values[held] for name, values in table.items()})


def reliability_before_and_after(
    classes: np.ndarray, probabilities: np.ndarray, temperature: float, bins: int = 15
) -> dict[str, pd.DataFrame]:
    """Reliability of calibrated probabilities beside what they were before, for `analytics.fold_plots`.

    Softmax(z / T) to the power of T, made to add up to 1, is softmax(z) again.
    """
    raw = calibrated(np.log(np.maximum(probabilities, 1e-300)) * temperature)
    tables = (reliability_table(classes, each, bins) for each in (raw, probabilities))
    return dict(zip(("as trained", f"calibrated (T = {temperature:.2f})"), tables))
