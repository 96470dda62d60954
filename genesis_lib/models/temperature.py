"""One temperature that makes probabilities mean what they say."""

from __future__ import annotations

import numpy as np

from genesis_lib.errors import InputError

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
    from scipy.optimize import minimize_scalar  # half a second that serving does not need

    usable = np.isfinite(logits).all(axis=1) & (np.asarray(classes) >= 0)
    z, y = np.asarray(logits[usable], np.float64), np.asarray(classes)[usable]
    if len(y) == 0:
        return 1.0
    bounds = np.log(1.0 / HOTTEST), np.log(1.0 / COOLEST)
    found = minimize_scalar(lambda beta: log_loss(z * np.exp(beta), y), bounds=bounds, method="bounded")
    best = float(np.exp(-found.x))
    return best if log_loss(z / best, y) <= log_loss(z, y) else 1.0


def log_loss(logits: np.ndarray, classes: np.ndarray) -> float:
    """Mean log-loss in nats of (n, 3) logits."""
    top = logits.max(axis=1)
    norm = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
    return float(np.mean(norm - logits[np.arange(len(classes)), classes]))
