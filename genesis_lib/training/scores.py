"""Figures that say how good three-class probabilities are."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import confusion_matrix, f1_score, matthews_corrcoef, precision_recall_fscore_support

NAMES = ("accuracy", "macro_f1", "mcc", "log_loss", "ece")
CLASSES = [0, 1, 2]


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
    given = np.clip(probabilities[np.arange(len(classes)), classes], 1e-12, 1.0)
    return {
        "accuracy": float(np.mean(predicted == classes)),
        "macro_f1": float(f1_score(classes, predicted, labels=CLASSES, average="macro", zero_division=0)),
        "mcc": float(matthews_corrcoef(classes, predicted)),
        "log_loss": float(-np.log(given).mean()),
        "ece": calibration_error(classes, probabilities),
    }


def calibration_error(classes: np.ndarray, probabilities: np.ndarray, bins: int = 15) -> float:
    """Mean distance between confidence and accuracy over equal-width bins of confidence, weighted by their size.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
    """
    confidence = probabilities.max(axis=1)
    hit = (probabilities.argmax(axis=1) == classes).astype(float)
    bucket = np.minimum((confidence * bins).astype(int), bins - 1)
    gap = np.bincount(bucket, hit - confidence, minlength=bins)
    return float(np.abs(gap).sum() / len(classes))


def class_scores(classes: np.ndarray, predicted: np.ndarray) -> dict[str, np.ndarray]:
    """Precision, recall, F1 and support of DOWN, NEUTRAL, UP: (3,) each."""
    values = precision_recall_fscore_support(classes, predicted, labels=CLASSES, zero_division=0)
    return dict(zip(("precision", "recall", "f1", "support"), values))


def confusion(classes: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Counts (3, 3): true class down, answered class across."""
    return confusion_matrix(classes, predicted, labels=CLASSES)
