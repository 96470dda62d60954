"""Whether probabilities mean what they say: one temperature to correct them, and a table that shows it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from genesis_lib.errors import InputError
from genesis_lib.models.linear import log_loss

COOLEST, HOTTEST = 0.05, 20.0


def fit_temperature(logits: np.ndarray, classes: np.ndarray) -> float:
    """Fit the temperature T for which softmax(logits / T) has the least log-loss.

    Parameters
    ----------
    logits
        (n, 3) of validation samples; rows that hold a NaN are left out.
    classes
        (n,) classes; -1 (no label) is left out.

    Returns
    -------
    float
        Between 0.05 and 20; 1 where there is no sample. It never changes which class is the most probable.

    Notes
    -----
    The log-loss is convex in 1 / T, so there is one minimum.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, section 4.2.
    """
    if logits.ndim != 2 or logits.shape != (len(classes), 3):
        raise InputError(f"logits must have shape ({len(classes)}, 3) like the classes, got {logits.shape}")
    usable = np.isfinite(logits).all(axis=1) & (np.asarray(classes) >= 0)
    z, y = np.asarray(logits[usable], np.float64), np.asarray(classes)[usable]
    if len(y) == 0:
        return 1.0
    bounds = np.log(1.0 / HOTTEST), np.log(1.0 / COOLEST)
    found = minimize_scalar(lambda beta: log_loss(z * np.exp(beta), y), bounds=bounds, method="bounded")
    best = float(np.exp(-found.x))
    return best if log_loss(z / best, y) <= log_loss(z, y) else 1.0


def calibrated(logits: np.ndarray, temperature: float | np.ndarray = 1.0) -> np.ndarray:
    """Probabilities softmax(logits / T) over the last axis; a temperature a head where there are several."""
    scaled = logits / np.asarray(temperature, np.float64)[..., None]
    power = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return power / power.sum(axis=-1, keepdims=True)


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
        confidence, hit = probabilities.max(axis=1), probabilities.argmax(axis=1) == classes
    else:
        confidence, hit = probabilities[:, of], classes == of
    bucket = np.minimum((confidence * bins).astype(int), bins - 1)
    count = np.bincount(bucket, minlength=bins)
    held = count > 0
    edges = np.arange(bins + 1) / bins
    table = {
        "low": edges[:-1],
        "high": edges[1:],
        "confidence": np.bincount(bucket, confidence, minlength=bins) / np.maximum(count, 1),
        "accuracy": np.bincount(bucket, hit, minlength=bins) / np.maximum(count, 1),
        "count": count,
    }
    return pd.DataFrame({name: values[held] for name, values in table.items()})
