"""Several cross-validations of the same samples as one: their models answer together, in every fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, is_dataclass, replace
from typing import Any

import numpy as np

from genesis_lib.errors import InputError
from genesis_lib.models.baseline import NAMES as BASELINES
from genesis_lib.models.ensemble import FLOOR, MEANS, Member, assemble
from genesis_lib.models.linear import unscaled
from genesis_lib.training.calibration import calibrated, fit_temperature, witnesses
from genesis_lib.training.results import ENSEMBLE, CrossValidation, FoldResult, Trained
from genesis_lib.training.scores import scores

WEIGHTS = ("mean", "fitted")
ROUNDS = 2000  # of the weights' fit, at most


@dataclass(frozen=True)
class EnsembleConfig:
    """What an ensemble is made of: its models' kinds, how they are weighted, and what the mean is taken of."""

    models: tuple[str, ...]
    weights: str = "mean"
    mean: str = "probability"

    def as_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {"kind": ENSEMBLE, **asdict(self)}


@dataclass(frozen=True)
class EnsembleTraining:
    """How the members were trained: what each cross-validation was told."""

    weights: str
    mean: str
    members: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class CombinedValidation(CrossValidation):
    """A cross-validation of an ensemble; `parts` are the names its members' kinds have in the tables."""

    parts: tuple[str, ...] = ()

    @property
    def models(self) -> tuple[str, ...]:
        """The ensemble, its members' kinds by their first seeds, the baselines."""
        return tuple(dict.fromkeys((self.model, *self.parts, *BASELINES)))

    @property
    def every_seed(self) -> tuple[int, ...]:
        """Seeds of all members; `seeds` is the one that its tables have."""
        return tuple(dict.fromkeys(seed for told in self.training.members for seed in told["seeds"]))


def combine(
    results: CrossValidation | Sequence[CrossValidation], weights: str = "mean", *, mean: str = "probability"
) -> CombinedValidation:
    """Let the models of each fold, of all kinds and seeds, answer as one.

    Parameters
    ----------
    results
        Cross-validations of the same rows, labels and splits; one with several seeds makes an ensemble of its seeds.
    weights
        ``mean`` weighs kinds alike, and the seeds of a kind alike; ``fitted`` takes the weights, at least 0 and
        together 1, that have the least log-loss on each fold's validation samples.
    mean
        Of ``probability`` or of ``logit``.

    Returns
    -------
    CombinedValidation
        A fold's only member is its ensemble, ready to be registered. It is scored on the fold's test samples, that none
        of its models was trained on. Training scores are the mean of the members' own.

    Raises
    ------
    InputError
        When the results are not over identical samples; names what differs.
    """
    results = [results] if isinstance(results, CrossValidation) else list(results)
    if not results:
        raise InputError("results is empty: an ensemble needs at least one cross-validation")
    if weights not in WEIGHTS or mean not in MEANS:
        raise InputError(
            f"weights must be one of {', '.join(WEIGHTS)} and mean one of {', '.join(MEANS)}, got {weights!r}, {mean!r}"
        )
    for other in results[1:]:
        _require_same(results[0], other)
    inputs = tuple(dict.fromkeys(name for result in results for name in result.inputs))
    names = _names(results)
    folds = tuple(_fold(pieces, names, results, inputs, weights, mean) for pieces in zip(*(r.folds for r in results)))
    told = tuple(
        {
            "model": result.model,
            "seeds": list(result.seeds),
            **(asdict(result.training) if is_dataclass(result.training) else {}),
        }
        for result in results
    )
    first = results[0]
    return CombinedValidation(
        folds=folds,
        model=ENSEMBLE,
        labels=first.labels,
        config=EnsembleConfig(names, weights, mean),
        training=EnsembleTraining(weights, mean, told),
        splitter=first.splitter,
        stride=first.stride,
        seeds=first.seeds[:1],
        inputs=inputs,
        seconds=sum(result.seconds for result in results),
        parts=names,
    )


def fit_weights(proba: np.ndarray, classes: np.ndarray, mean: str = "probability") -> np.ndarray:
    """Weights (K,) of K models, at least 0 and together 1, with the least log-loss of their mean.

    Parameters
    ----------
    proba
        (K, n, 3) probabilities on validation samples.
    classes
        (n,).
    mean
        Of ``probability`` or ``logit``.

    Notes
    -----
    Either loss is convex in the weights. Of probabilities it is a mixture's, fitted by expectation and maximisation; of
    logits it is descended by multiplicative steps, which stay within the simplex. Both begin with equal weights.

    References
    ----------
    A. Dempster, N. Laird, D. Rubin, "Maximum Likelihood from Incomplete Data via the EM Algorithm", Journal of the
    Royal Statistical Society B 39(1), 1977. J. Kivinen, M. Warmuth, "Exponentiated Gradient versus Gradient Descent for
    Linear Predictors", Information and Computation 132(1), 1997.
    """
    count, n = proba.shape[:2]
    weights = np.full(count, 1.0 / count)
    if count == 1 or n == 0:
        return weights
    if mean == "probability":
        given = np.maximum(proba[:, np.arange(n), classes], FLOOR)
        for _ in range(ROUNDS):
            part = weights[:, None] * given
            after = (part / part.sum(axis=0)).mean(axis=1)
            if np.abs(after - weights).max() < 1e-7:
                break
            weights = after
        return weights / weights.sum()
    logs = np.log(np.maximum(proba, FLOOR))
    said = logs[:, np.arange(n), classes].mean(axis=1)
    rate = 1.0
    for _ in range(ROUNDS):
        pooled = calibrated(np.tensordot(weights, logs, 1))
        # Gradient of the loss: what the pool expects each model to say, less what it said.
        slope = (pooled * logs).sum(axis=2).mean(axis=1) - said
        after = weights * np.exp(-rate * (slope - slope.min()))
        after /= after.sum()
        if np.abs(after - weights).max() < 1e-7:
            break
        if _pooled_loss(after, logs, classes) > _pooled_loss(weights, logs, classes):
            rate /= 2.0
            continue
        weights = after
    return weights


def _pooled_loss(weights: np.ndarray, logs: np.ndarray, classes: np.ndarray) -> float:
    pooled = calibrated(np.tensordot(weights, logs, 1))
    return float(-np.log(np.maximum(pooled[np.arange(len(classes)), classes], FLOOR)).mean())


def mixed(proba: np.ndarray, weights: np.ndarray, mean: str) -> np.ndarray:
    """Mean of (K, ..., 3) probabilities as log-probabilities (..., 3), as `EnsembleNet` computes it."""
    if mean == "logit":
        pooled = np.tensordot(weights, np.log(np.maximum(proba, FLOOR)), 1)
        return np.log(np.maximum(calibrated(pooled), FLOOR))
    return np.log(np.maximum(np.tensordot(weights, proba, 1), FLOOR))


def _fold(pieces: Sequence[FoldResult], names, results, inputs, weights: str, mean: str) -> FoldResult:
    first = pieces[0]
    members = [(result, trained) for result, piece in zip(results, pieces) for trained in piece.members]
    held = np.stack([trained.validation_proba for _, trained in members])
    tested = np.stack([trained.heads_proba.astype(np.float64) for _, trained in members])
    tested[:, :, 0] = [trained.proba for _, trained in members]  # in full precision
    if weights == "fitted":
        share = fit_weights(held, first.validation_classes, mean)
    else:
        share = np.array([1.0 / len(results) / len(result.seeds) for result, _ in members])
    logits, validation = mixed(tested, share, mean), mixed(held, share, mean)
    heads = tested.shape[2]
    # Only the primary head has validation answers to be calibrated on; a mean of calibrated others stays as it is.
    count = witnesses(first.validation_rows)
    temperature = (fit_temperature(validation, first.validation_classes, count), *(1.0 for _ in range(heads - 1)))
    heads_proba = calibrated(logits, np.array(temperature))
    validation_proba = calibrated(validation, temperature[0])
    architecture, tensors = assemble(
        [
            Member(
                trained.architecture,
                trained.weights,
                trained.scaler,
                tuple(trained.temperature),
                tuple(inputs.index(name) for name in result.inputs),
                float(part),
            )
            for (result, trained), part in zip(members, share)
        ],
        len(inputs),
        mean,
    )
    own = [trained.scores["train"] for _, trained in members]
    proba = np.ascontiguousarray(heads_proba[:, 0])
    made = Trained(
        seed=first.first.seed,
        architecture=architecture,
        weights=tensors,
        scaler=unscaled(len(inputs)),
        temperature=temperature,
        history=(),
        predictions=sum(trained.predictions for _, trained in members),
        seconds=sum(trained.seconds for _, trained in members),
        scores={
            "train": {key: float(np.dot(share, [each[key] for each in own])) for key in own[0]},
            "validation": scores(first.validation_classes, validation_proba),
            "test": scores(first.classes, proba),
        },
        proba=proba,
        validation_proba=validation_proba,
        heads_proba=heads_proba.astype(np.float32),
        parameters=sum(trained.parameters for _, trained in members),
    )
    answers = {ENSEMBLE: proba} | {name: piece.first.proba for name, piece in zip(names, pieces)}
    kept = {name: (first.predicted[name], first.proba[name]) for name in BASELINES if name in first.proba}
    return replace(
        first,
        members=(made,),
        predicted={name: each.argmax(axis=1).astype(np.int8) for name, each in answers.items()}
        | {name: guess for name, (guess, _) in kept.items()},
        proba=answers | {name: chance for name, (_, chance) in kept.items()},
        seconds=sum(piece.seconds for piece in pieces),
    )


def _names(results: Sequence[CrossValidation]) -> tuple[str, ...]:
    """Names of the members' kinds in the tables; a second one of a kind, or one named as a baseline, is numbered."""
    names: list[str] = []
    for result in results:
        name, number = result.model, 2
        while name in names or name in (*BASELINES, ENSEMBLE):
            name, number = f"{result.model}-{number}", number + 1
        names.append(name)
    return tuple(names)


def _require_same(one: CrossValidation, other: CrossValidation) -> None:
    pair = f"{one.model} and {other.model}"
    if one.labels != other.labels:
        raise InputError(f"{pair} predict other labels and cannot answer as one")
    if len(one.folds) != len(other.folds):
        raise InputError(f"{pair} have {len(one.folds)} and {len(other.folds)} folds; an ensemble needs the same")
    for mine, theirs in zip(one.folds, other.folds):
        for name, what in (
            ("rows", "test samples"),
            ("classes", "classes of the test samples"),
            ("validation_rows", "validation samples"),
            ("validation_classes", "classes of the validation samples"),
        ):
            if not np.array_equal(getattr(mine, name), getattr(theirs, name)):
                raise InputError(
                    f"fold {mine.number}: the {what} of {pair} differ; train them on the same rows and window, "
                    "with the same labels, splits and stride"
                )
