"""One temperature that makes probabilities mean what they say."""

from __future__ import annotations

import numpy as np

from genesis_lib.errors import InputError

COOLEST, HOTTEST = 0.5, 5.0
SHARPER, FLATTER = 0.1, 1.0  # standard deviations of log T below and above 0 before any sample is seen
OVERLAP = 150  # samples that share rows with one another, where nobody says how many do


def fit_temperature(logits: np.ndarray, classes: np.ndarray, witnesses: float | None = None) -> float:
    """Fit the most probable temperature T of softmax(logits / T), by what samples say and what is known before them.

    Parameters
    ----------
    logits
        (n, 3) of validation samples; rows that hold a NaN are left out.
    classes
        (n,) classes; -1 (no label) is left out.
    witnesses
        How many independent samples they are worth, at least 0: samples whose windows and labels overlap testify
        together. Samples over the rows a window and its label take, times the rows from one sample to the next; left
        out, a sample in 150.

    Returns
    -------
    float
        Between 0.5 and 5; 1 where there is no sample. It never changes which class is the most probable.

    Notes
    -----
    It minimises ``witnesses * log_loss(logits / T) + log(T)**2 / (2 * s**2)``, the posterior where log T is normal
    about 0 beforehand, with s = 0.1 below 0 and s = 1 above. One stretch of a market is not the next: a quiet one, of
    a single class, is best told by a sharpness that costs dearly afterwards, so few witnesses hardly sharpen and many
    leave T free. Doubt costs little: a model that boasts on the stretch it is held to is believed to boast elsewhere.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017, section 4.2.
    """
    if logits.ndim != 2 or logits.shape != (len(classes), 3):
        raise InputError(f"logits must have shape ({len(classes)}, 3) like the classes, got {logits.shape}")
    if witnesses is not None and not (np.isfinite(witnesses) and witnesses >= 0):
        raise InputError(f"witnesses must be a finite number of at least 0, got {witnesses!r}")
    from scipy.optimize import minimize_scalar  # half a second that serving does not need

    usable = np.isfinite(logits).all(axis=1) & (np.asarray(classes) >= 0)
    z, y = np.asarray(logits[usable], np.float64), np.asarray(classes)[usable]
    if len(y) == 0:
        return 1.0
    count = len(y) / OVERLAP if witnesses is None else float(witnesses)

    def surprise(log_t: float) -> float:
        return count * log_loss(z * np.exp(-log_t), y) + (log_t / (SHARPER if log_t < 0 else FLATTER)) ** 2 / 2.0

    bounds = np.log(COOLEST), np.log(HOTTEST)
    found = minimize_scalar(surprise, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x)) if surprise(found.x) <= surprise(0.0) else 1.0


def log_loss(logits: np.ndarray, classes: np.ndarray) -> float:
    """Mean log-loss in nats of (n, 3) logits."""
    top = logits.max(axis=1)
    norm = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
    return float(np.mean(norm - logits[np.arange(len(classes)), classes]))
