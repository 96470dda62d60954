"""Models that are fitted without torch, under the same folds, samples and registry as the networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from genesis_lib.errors import InputError, ModelError
from genesis_lib.models.boosted import Boosted, BoostedConfig, BoostedNet, joined
from genesis_lib.models.linear import (
    LogisticConfig,
    LogisticNet,
    MajorityConfig,
    MajorityNet,
    RowConfig,
    RowNet,
    fit_linear,
    unscaled,
)
from genesis_lib.models.persistence import COLUMN, Move, PersistenceConfig, PersistenceNet, transitions
from genesis_lib.models.scaler import Scaler
from genesis_lib.training.dataset import Rows
from genesis_lib.training.labels import Label

ESTIMATORS: dict[str, tuple[type[RowConfig], type[RowNet]]] = {
    "majority": (MajorityConfig, MajorityNet),
    "persistence": (PersistenceConfig, PersistenceNet),
    "logistic": (LogisticConfig, LogisticNet),
    "boosted": (BoostedConfig, BoostedNet),
}


class Estimator(NamedTuple):
    """A fitted model as `registry.register` takes it."""

    architecture: dict[str, Any]
    weights: dict[str, np.ndarray]
    scaler: Scaler

    @property
    def net(self) -> RowNet:
        """The model as it is served."""
        return ESTIMATORS[self.architecture["kind"]][1](self.weights, self.architecture)

    @property
    def parameters(self) -> int:
        """How many numbers were fitted: of trees their thresholds and leaves."""
        if self.architecture["kind"] == "boosted":
            return len(self.weights["feature"])
        return int(sum(array.size for array in self.weights.values()))


def configure_estimator(
    kind: str, columns: Sequence[str], heads: int = 1, config: Mapping[str, Any] | None = None
) -> RowConfig:
    """Give the configuration of an estimator that reads rows of these columns.

    Parameters
    ----------
    kind
        A key of `ESTIMATORS`.
    columns
        Names of the input columns; persistence needs ``log_return_1`` among them.
    heads
        Labels that are predicted.
    config
        Fields that shall differ from the kind's own.

    Raises
    ------
    ModelError
        For an unknown kind or field (naming those there are), or a column that is missing.
    """
    if kind not in ESTIMATORS:
        raise ModelError(f"estimator must be one of {', '.join(ESTIMATORS)}, got {kind!r}")
    cls, given = ESTIMATORS[kind][0], dict(config or {})
    allowed = [field.name for field in fields(cls)]
    if unknown := sorted(set(given) - set(allowed)):
        raise ModelError(f"{kind} has no {unknown[0]!r}; it has {', '.join(allowed)}")
    if kind == "persistence":
        if COLUMN not in columns:
            raise ModelError(
                f"persistence reads {COLUMN}; it must be among the inputs, got {', '.join(columns[:4])} ..."
            )
        given["column"] = list(columns).index(COLUMN)
    return cls(**{**given, "inputs": len(columns), "heads": heads})


def fit_estimator(
    kind: str,
    x: np.ndarray,
    classes: np.ndarray,
    x_val: np.ndarray,
    classes_val: np.ndarray,
    columns: Sequence[str],
    *,
    known: np.ndarray | None = None,
    labels: Sequence[Label] = (),
    config: Mapping[str, Any] | None = None,
    seed: int = 7,
) -> Estimator:
    """Fit a model to training samples; whatever is chosen is chosen on the validation samples.

    Parameters
    ----------
    kind
        ``majority``, ``persistence``, ``logistic`` or ``boosted``.
    x, classes
        (n, F) raw inputs at the decision rows, and classes (n,) or, for several heads, (n, H); -1 where there is none.
    x_val, classes_val
        The same of the fold's validation samples, purged like every other part.
    columns
        Names of the inputs.
    known, labels
        For persistence: the newest classes known at the training samples, shaped as `classes`, and the fitted label of
        each head.
    config
        Fields of the kind's configuration that shall differ from its own.
    seed
        Of the trees.

    Raises
    ------
    InputError
        When shapes do not fit, or a head has no labelled training sample.
    ModelError
        For an unknown kind or field, a missing column, or a label that persistence cannot tell from its column.
    """
    y, y_val = (np.asarray(each).reshape(len(each), -1) for each in (classes, classes_val))
    for name, rows, answers in (("x", x, y), ("x_val", x_val, y_val)):
        if rows.shape != (len(answers), len(columns)):
            raise InputError(f"{name} must have shape ({len(answers)}, {len(columns)}), got {rows.shape}")
    heads = y.shape[1]
    if y_val.shape[1] != heads:
        raise InputError(f"classes_val must have {heads} heads like classes, got {y_val.shape[1]}")
    if empty := np.flatnonzero((y < 0).all(axis=0)).tolist():
        raise InputError(f"head {empty[0]} has no labelled training sample")
    settings = configure_estimator(kind, columns, heads, config)
    shape = settings.as_dict()

    def parts(head: int):
        """Labelled training and validation samples of one head."""
        for rows, answers in ((x, y[:, head]), (x_val, y_val[:, head])):
            at = answers >= 0
            yield (rows, answers) if at.all() else (rows[at], answers[at])

    if kind == "majority":
        counts = np.stack([np.bincount(y[y[:, head] >= 0, head], minlength=3) for head in range(heads)])
        return Estimator(shape, {"prior": counts / counts.sum(axis=1, keepdims=True)}, unscaled(len(columns)))
    if kind == "persistence":
        return _persistence(shape, y, known, labels, len(columns))
    if kind == "logistic":
        scaler = Scaler.fit(x)
        found = []
        for head in range(heads):
            (rows, answers), (held, truth) = parts(head)
            pair = scaler.transform(rows), answers
            validation = scaler.transform(held), truth
            found.append(fit_linear(*pair, validation, penalty=settings.penalty, balanced=settings.balanced))
        coefficients, intercepts = (np.stack(part) for part in zip(*found))
        return Estimator(shape, {"coefficients": coefficients, "intercepts": intercepts}, scaler)
    grown = []
    for head in range(heads):
        (rows, answers), validation = parts(head)
        grown.append(Boosted.fit(rows, answers, validation, settings, seed=seed))
    trees = joined(grown)
    weights = {**trees.tables, "baseline": trees.baseline.reshape(heads, 3)}
    return Estimator(shape, weights, unscaled(len(columns)))


def _persistence(shape, y: np.ndarray, known, labels: Sequence[Label], width: int) -> Estimator:
    heads = y.shape[1]
    if known is None or len(labels) != heads:
        raise InputError(f"persistence needs the newest known classes and the fitted labels of its {heads} heads")
    before = np.asarray(known).reshape(len(y), -1)
    if before.shape != y.shape:
        raise InputError(f"known must have shape {y.shape} like classes, got {before.shape}")
    table = []
    for head in range(heads):
        at = (y[:, head] >= 0) & (before[:, head] >= 0)
        table.append(transitions(before[at, head], y[at, head]))
    said = [label.as_dict() for label in labels]
    for label in said:
        Move(label)  # refuses what the column cannot tell, before it is registered
    return Estimator({**shape, "labels": said}, {"transitions": np.stack(table)}, unscaled(width))


def estimator_logits(estimator: Estimator, rows: Rows, at: np.ndarray) -> np.ndarray:
    """Logits (n, heads, 3) of a fitted model at some rows, as it would serve them, not yet calibrated.

    Parameters
    ----------
    at
        (n,) row numbers; NaN comes back where a row has too few rows of its streak before it.
    """
    net = estimator.net
    if isinstance(net, PersistenceNet):  # the one that looks back
        every = np.full((len(rows), net.heads, 3), np.nan)
        edges = np.flatnonzero(np.diff(rows.starts, prepend=-2, append=-2))
        for first, last in pairwise(edges):
            if rows.starts[first] >= 0:
                every[first:last] = net.logits(estimator.scaler.transform(rows.inputs[first:last]))
        return every[at]
    result = np.full((len(at), net.heads, 3), np.nan)
    ready = np.flatnonzero((rows.starts[at] >= 0) & (at - rows.starts[at] >= net.window - 1))
    for first in range(0, len(ready), 1 << 16):
        piece = ready[first : first + (1 << 16)]
        result[piece] = net.score(estimator.scaler.transform(rows.inputs[at[piece]]))
    return result
