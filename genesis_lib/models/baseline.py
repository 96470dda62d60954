"""What a network has to beat: the majority class, persistence, and a logistic regression on order-flow imbalance.

They are fitted when the network is, on the same training samples, and travel with it as plain numbers, so that they
can be asked about unseen data without being fitted on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from genesis_lib.errors import ModelError
from genesis_lib.models.scaler import Scaler

NAMES = ("majority", "persistence", "logistic_ofi")


@dataclass(frozen=True)
class Baselines:
    """The three, fitted.

    Parameters
    ----------
    prior
        (3,) shares of the classes in training; the majority baseline always answers the largest.
    hit_rate
        How often the newest known class came again in training; gives persistence its probabilities.
    columns
        Names of the G order-flow columns.
    scaler
        Of those columns.
    coefficients, intercepts
        (3, G) and (3,) of the logistic regression.

    References
    ----------
    R. Cont, A. Kukanov, S. Stoikov, "The Price Impact of Order Book Events", Journal of Financial Econometrics 12(1),
    2014.
    """

    prior: np.ndarray
    hit_rate: float
    columns: tuple[str, ...]
    scaler: Scaler
    coefficients: np.ndarray
    intercepts: np.ndarray

    def __post_init__(self) -> None:
        g = len(self.columns)
        shapes = {"prior": (3,), "coefficients": (3, g), "intercepts": (3,)}
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ModelError(f"baselines: {name} must have shape {shape}, got {getattr(self, name).shape}")
        if len(self.scaler.mean) != g:
            raise ModelError(f"baselines: scaler has {len(self.scaler.mean)} columns, the regression {g}")

    @classmethod
    def fit(
        cls,
        flow: np.ndarray,
        classes: np.ndarray,
        known: np.ndarray,
        columns: tuple[str, ...],
        scaler: Scaler,
        penalty: float = 1.0,
    ) -> Baselines:
        """Fit to training samples.

        Parameters
        ----------
        flow
            (n, G) raw order-flow columns at the decision rows.
        classes, known
            (n,) class of each sample, and newest class that was known when it was decided.
        scaler
            Fitted on training rows.
        penalty
            Inverse strength of the quadratic penalty.

        Notes
        -----
        The regression weighs the classes inversely to their shares, as the network's loss does.
        """
        from sklearn.linear_model import LogisticRegression  # serving must not need scikit-learn

        present = np.unique(classes)
        coefficients = np.zeros((3, flow.shape[1]))
        intercepts = np.full(3, -50.0)  # a class that training never saw
        if len(present) == 1:
            intercepts[present] = 0.0
        else:
            model = LogisticRegression(C=penalty, max_iter=500, class_weight="balanced")
            model.fit(scaler.transform(flow).astype(np.float64), classes)
            if len(present) == 2:  # scikit-learn gives the logit of the second class alone
                coefficients[present[1]] = model.coef_[0]
                intercepts[present] = 0.0, model.intercept_[0]
            else:
                coefficients, intercepts = model.coef_, model.intercept_
        prior = np.bincount(classes, minlength=3) / len(classes)
        return cls(prior, float(np.mean(classes == known)), tuple(columns), scaler, coefficients, intercepts)

    def predict(self, flow: np.ndarray, known: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Answer for (n, G) raw flow columns and (n,) newest known classes.

        Returns
        -------
        dict
            For each of `NAMES`: the classes (n,) int8 and the probabilities (n, 3).
        """
        n = len(known)
        hit = min(max(self.hit_rate, 0.01), 0.98)
        persistence = np.full((n, 3), (1.0 - hit) / 2.0)
        persistence[np.arange(n), known] = hit
        logits = self.scaler.transform(flow).astype(np.float64) @ self.coefficients.T + self.intercepts
        power = np.exp(logits - logits.max(axis=1, keepdims=True))
        linear = power / power.sum(axis=1, keepdims=True)
        return {
            "majority": (np.full(n, self.prior.argmax(), np.int8), np.tile(np.clip(self.prior, 1e-6, 1.0), (n, 1))),
            "persistence": (known.astype(np.int8), persistence),
            "logistic_ofi": (linear.argmax(axis=1).astype(np.int8), linear),
        }

    def as_dict(self) -> dict[str, object]:
        """What ``baselines.json`` holds."""
        return {
            "prior": self.prior.tolist(),
            "hit_rate": self.hit_rate,
            "columns": list(self.columns),
            "scaler": self.scaler.as_dict(),
            "coefficients": self.coefficients.tolist(),
            "intercepts": self.intercepts.tolist(),
        }

    @classmethod
    def of(cls, table: Mapping[str, object]) -> Baselines:
        """Read back what `as_dict` gave."""
        try:
            scaler = table["scaler"]
            return cls(
                np.array(table["prior"], np.float64),
                float(table["hit_rate"]),
                tuple(table["columns"]),
                Scaler(np.array(scaler["mean"], float), np.array(scaler["std"], float), float(scaler["clip"])),
                np.array(table["coefficients"], np.float64),
                np.array(table["intercepts"], np.float64),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"baselines: damaged: {error}") from error
