"""What a network has to beat: the majority, persistence, and two models of order flow: a logistic regression and trees.

They are fitted when the network is, on the same training samples, as strong as the same validation samples can make
them, and travel with it as plain numbers, so that they can be asked about unseen data without being fitted on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from genesis_lib.errors import ModelError
from genesis_lib.models.boosted import Boosted, BoostedConfig
from genesis_lib.models.linear import ABSENT, fit_linear, spread
from genesis_lib.models.packed_trees import compact, pack, unpack
from genesis_lib.models.persistence import transitions
from genesis_lib.models.predictor import softmax
from genesis_lib.models.scaler import Scaler
from genesis_lib.models.temperature import fit_temperature

NAMES = ("majority", "persistence", "logistic_ofi", "boosted_ofi")
MOST = 400_000  # training samples that the regression and the trees learn from, evenly spread


@dataclass(frozen=True)
class Baselines:
    """All of them, fitted.

    Parameters
    ----------
    prior
        (3,) shares of the classes in training; the majority baseline always answers the largest.
    hit_rate
        How often the newest known class came again in training.
    columns
        Names of the G order-flow columns.
    scaler
        Of those columns; the trees take them as they are.
    coefficients, intercepts
        (3, G) and (3,) of the logistic regression.
    transitions
        (3, 3) shares of the classes that followed each newest known class: persistence answers that class, with these
        probabilities. Models registered before it was known have None, and share out what `hit_rate` leaves.
    boosted
        Gradient-boosted trees on the same columns; None where there are none.

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
    transitions: np.ndarray | None = None
    boosted: Boosted | None = None

    def __post_init__(self) -> None:
        g = len(self.columns)
        shapes = {"prior": (3,), "coefficients": (3, g), "intercepts": (3,)}
        shapes |= {} if self.transitions is None else {"transitions": (3, 3)}
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ModelError(f"baselines: {name} must have shape {shape}, got {getattr(self, name).shape}")
        if len(self.scaler.mean) != g:
            raise ModelError(f"baselines: scaler has {len(self.scaler.mean)} columns, the regression {g}")
        if self.boosted is not None and (self.boosted.width > g or self.boosted.baseline.shape != (3,)):
            raise ModelError(
                f"baselines: the trees ask about column {self.boosted.width - 1} of {g}, or not of 3 classes"
            )

    @classmethod
    def fit(
        cls,
        flow: np.ndarray,
        classes: np.ndarray,
        known: np.ndarray,
        columns: tuple[str, ...],
        scaler: Scaler,
        *,
        validation: tuple[np.ndarray, np.ndarray] | None = None,
        witnesses: float | None = None,
        seed: int = 7,
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
        validation
            Columns (m, G) and classes (m,) of the fold's validation samples, which choose the regression's penalty and
            weighting, how many trees are grown, and a temperature for either; they teach nothing else. Without them the
            regression has a small fixed penalty, and no trees are grown.
        witnesses
            How many independent samples the validation samples are worth, see `fit_temperature`.
        seed
            Of the trees.

        Notes
        -----
        Nothing is weighted unless that tells more about the validation samples: a regression that weighs rare classes
        up, as is often done, loses log-loss for nothing. The regression and the trees see `MOST` samples at most.
        """
        few = spread(len(classes), MOST)
        x, y = (flow, classes) if len(few) == len(classes) else (flow[few], classes[few])
        held = None if validation is None else (scaler.transform(validation[0]), validation[1])
        coefficients, intercepts = fit_linear(scaler.transform(x), y, held)
        grown = None
        if held is not None:
            cool = fit_temperature(held[0] @ coefficients.T + intercepts, held[1], witnesses)
            coefficients, intercepts = coefficients / cool, np.where(intercepts > ABSENT, intercepts / cool, ABSENT)
            grown = Boosted.fit(x, y, validation, BoostedConfig(inputs=flow.shape[1], most=MOST), seed=seed)
            cool = fit_temperature(grown.logits(validation[0]), validation[1], witnesses)
            grown = compact(grown.scaled(1.0 / cool))
        prior = np.bincount(classes, minlength=3) / len(classes)
        table = transitions(known, classes)
        again = float(np.mean(classes == known))
        return cls(prior, again, tuple(columns), scaler, coefficients, intercepts, table, grown)

    @property
    def names(self) -> tuple[str, ...]:
        """Those of `NAMES` that there are: models registered before trees were grown have none."""
        return NAMES if self.boosted is not None else NAMES[:3]

    def predict(self, flow: np.ndarray, known: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Answer for (n, G) raw flow columns and (n,) newest known classes.

        Returns
        -------
        dict
            For each of `names`: the classes (n,) int8 and the probabilities (n, 3).
        """
        n = len(known)
        table = self.transitions
        if table is None:
            hit = min(max(self.hit_rate, 0.01), 0.98)
            table = np.full((3, 3), (1.0 - hit) / 2.0)
            np.fill_diagonal(table, hit)
        linear = softmax(self.scaler.transform(flow).astype(np.float64) @ self.coefficients.T + self.intercepts)
        answers = {
            "majority": (np.full(n, self.prior.argmax(), np.int8), np.tile(np.clip(self.prior, 1e-6, 1.0), (n, 1))),
            "persistence": (known.astype(np.int8), table[known]),
            "logistic_ofi": (linear.argmax(axis=1).astype(np.int8), linear),
        }
        if self.boosted is not None:
            grown = softmax(self.boosted.logits(flow))
            answers["boosted_ofi"] = (grown.argmax(axis=1).astype(np.int8), grown)
        return answers

    def as_dict(self) -> dict[str, object]:
        """What ``baselines.json`` holds."""
        return {
            "prior": self.prior.tolist(),
            "hit_rate": self.hit_rate,
            "columns": list(self.columns),
            "scaler": self.scaler.as_dict(),
            "coefficients": self.coefficients.tolist(),
            "intercepts": self.intercepts.tolist(),
            **({} if self.transitions is None else {"transitions": self.transitions.tolist()}),
            **({} if self.boosted is None else {"boosted": pack(self.boosted)}),
        }

    @classmethod
    def of(cls, table: Mapping[str, object]) -> Baselines:
        """Read back what `as_dict` gave, in this version or an older one."""
        try:
            return cls(
                np.array(table["prior"], np.float64),
                float(table["hit_rate"]),
                tuple(table["columns"]),
                Scaler.of(table["scaler"]),
                np.array(table["coefficients"], np.float64),
                np.array(table["intercepts"], np.float64),
                np.array(table["transitions"], np.float64) if "transitions" in table else None,
                unpack(table["boosted"]) if "boosted" in table else None,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"baselines: damaged: {error}") from error
