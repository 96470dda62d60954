"""Figures that say how good three-class probabilities are."""

from __future__ import annotations

import numpy as np

NAMES = ("accuracy", "macro_f1", "mcc", "log_loss", "ece")
LEAST = 1e-12  # a probability below it counts as this much: one sure mistake costs 27.6 nats, not infinity


def scores(classes: np.ndarray, probabilities: np.ndarray, predicted: np.ndarray | None = None) -> dict[str, float]:
    """Accuracy, macro-F1, Matthews' correlation, log-loss and expected calibration error.

    Parameters
    ----------
    classes
        (n,) true classes 0, 1, 2.
    probabilities
        (n, 3).
    predicted
        (n,) answers; the most probable class when left out.

    Notes
    -----
    A class that neither occurs nor is answered counts with F1 0. Log-loss in nats; uniform guessing has ln 3 = 1.0986.
    """
    predicted = probabilities.argmax(axis=1) if predicted is None else predicted
    counted = of_confusion(confusion(classes, predicted))
    return {
        **{name: float(value) for name, value in counted.items()},
        "log_loss": float(log_losses(classes, probabilities).mean()),
        "ece": calibration_error(classes, probabilities),
    }


def log_losses(classes: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Minus the logarithm of the probability given to what happened: (n,) nats."""
    given = np.asarray(probabilities, np.float64)[np.arange(len(classes)), classes]
    return -np.log(np.clip(given, LEAST, 1.0))


def confusion(classes: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Counts (3, 3): true class down, answered class across."""
    return np.bincount(3 * np.asarray(classes, np.int64) + predicted, minlength=9).reshape(3, 3)


def of_confusion(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Accuracy, macro-F1 and Matthews' correlation of confusion counts (..., 3, 3): (...) each.

    References
    ----------
    J. Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient", Computational Biology
    and Chemistry 28, 2004, eq. 8.
    """
    counts = np.asarray(counts, np.float64)
    total, hits = counts.sum((-2, -1)), np.einsum("...ii->...", counts)
    true, answered = counts.sum(-1), counts.sum(-2)
    f1 = _share(2.0 * np.einsum("...ii->...i", counts), true + answered)
    covariance = hits * total - np.einsum("...i,...i->...", true, answered)
    spread = np.sqrt(total**2 - np.square(true).sum(-1)) * np.sqrt(total**2 - np.square(answered).sum(-1))
    return {"accuracy": _share(hits, total), "macro_f1": f1.mean(-1), "mcc": _share(covariance, spread)}


def calibration_error(classes: np.ndarray, probabilities: np.ndarray, bins: int = 15) -> float:
    """Mean distance between confidence and accuracy over equal-width bins of confidence, weighted by their size.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
    """
    count, confidence, hits = reliability(classes, probabilities, bins)
    return float(np.abs(hits - confidence).sum() / count.sum())


def reliability(classes: np.ndarray, probabilities: np.ndarray, bins: int = 15) -> np.ndarray:
    """Answers in equal-width bins of confidence: their number, sum of confidence and number of hits, (3, bins)."""
    confidence = probabilities.max(axis=1)
    hit = (probabilities.argmax(axis=1) == classes).astype(float)
    bucket = np.minimum((confidence * bins).astype(int), bins - 1)
    return np.stack([np.bincount(bucket, weights, minlength=bins) for weights in (None, confidence, hit)])


def class_scores(classes: np.ndarray, predicted: np.ndarray) -> dict[str, np.ndarray]:
    """Precision, recall, F1 and support of DOWN, NEUTRAL, UP: (3,) each; 0 where there is nothing to divide by."""
    counts = confusion(classes, predicted)
    hits, true, answered = np.diag(counts), counts.sum(1), counts.sum(0)
    return {
        "precision": _share(hits, answered),
        "recall": _share(hits, true),
        "f1": _share(2 * hits, true + answered),
        "support": true,
    }


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(np.shape(whole)), where=whole > 0)
