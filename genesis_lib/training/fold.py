"""One fold: labels, models of every seed and baselines, all from its training samples alone, and what they answer."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from genesis_lib.errors import InputError
from genesis_lib.models.baseline import MOST, Baselines
from genesis_lib.models.kinds import kind
from genesis_lib.models.linear import spread
from genesis_lib.training.calibration import witnesses
from genesis_lib.training.config import TrainingConfig
from genesis_lib.training.dataset import PIECE, Rows
from genesis_lib.training.estimators import estimator_logits, fit_estimator
from genesis_lib.training.fold_files import load_fold, save_fold
from genesis_lib.training.hardware import give_back
from genesis_lib.training.labels import Label, shares
from genesis_lib.training.members import Part, judged, train_network
from genesis_lib.training.results import ENSEMBLE, PARTS, FoldResult, Trained
from genesis_lib.training.samples import HeadSamples
from genesis_lib.training.splits import Fold


@dataclass(frozen=True)
class Task:
    """What every fold of a cross-validation is told.

    Parameters
    ----------
    labels
        As given; thresholds are fitted a fold.
    model
        Name of the kind.
    config
        Its shape.
    training
        How networks are trained.
    seeds
        A model each.
    dense
        Whether training is dense: all training samples give loss, and `stride` thins the others.
    stride
        Rows from one tested sample to the next.
    keep
        Folder that finished folds, and what a fold goes on from, are kept in; None keeps nothing.
    key
        Of all that decides the outcome; what is kept under another is never used.
    """

    labels: tuple[Label, ...]
    model: str
    config: object
    training: TrainingConfig
    seeds: tuple[int, ...]
    dense: bool
    stride: int
    keep: Path | None = None
    key: str = ""


def run_fold(rows: Rows, samples: HeadSamples, fold: Fold, task: Task) -> FoldResult:
    """Train and test one fold, or read it back where it was finished before."""
    began = time.perf_counter()
    finished = None if task.keep is None else task.keep / f"fold-{fold.number}.safetensors"
    if finished is not None and (kept := load_fold(finished, task.key)) is not None:
        return kept
    if task.dense:
        fold = thinned(fold, samples, rows, task.stride)
    for head, label in enumerate(task.labels):
        if not np.isfinite(samples.moves[fold.train, head]).any():
            raise InputError(
                f"fold {fold.number}: no training sample has a label {label.ahead_in_words} ahead; record longer"
            )
    labels = tuple(label.fit(samples.moves[fold.train, head]) for head, label in enumerate(task.labels))
    classes = np.stack([label.classes(samples.moves[:, head]) for head, label in enumerate(labels)], axis=1)
    known = np.stack([label.classes(samples.knowns[:, head]) for head, label in enumerate(labels)], axis=1)
    at = {name: getattr(fold, name) for name in PARTS}
    overlap = task.config.window + float(np.median((samples.end - samples.row)[fold.validation]))
    parts = {name: Part(samples.row[positions], classes[positions], overlap) for name, positions in at.items()}
    members = tuple(_member(rows, parts, known[fold.train], labels, task, seed, fold.number) for seed in task.seeds)
    proba = {task.model: members[0].proba}
    if len(members) > 1:
        proba[ENSEMBLE] = np.mean([member.proba for member in members], axis=0)
    predicted = {name: chance.argmax(axis=1).astype(np.int8) for name, chance in proba.items()}
    if not task.training.quiet:
        tqdm.write(f"fold {fold.number}: fitting the baselines ...", file=sys.stderr)
    give_back()  # Lightning's objects refer to one another, and to batches and gradients
    baselines = _baselines(rows, parts, known[fold.train, 0], task)
    for name, (guess, chance) in _asked(baselines, rows, parts["test"].row, known[fold.test, 0]).items():
        if name != task.model:  # a model of a baseline's kind speaks for itself
            predicted[name], proba[name] = guess, chance
    result = FoldResult(
        number=fold.number,
        sizes={name: len(positions) for name, positions in at.items()} | {"purged": fold.purged},
        shares={name: shares(part.classes[:, 0]) for name, part in parts.items()},
        label=labels[0],
        labels=labels,
        members=members,
        rows=parts["test"].row,
        classes=parts["test"].classes[:, 0],
        heads_classes=parts["test"].classes,
        validation_rows=parts["validation"].row,
        validation_classes=parts["validation"].classes[:, 0],
        predicted=predicted,
        proba=proba,
        baselines=baselines,
        seconds=time.perf_counter() - began,
    )
    if finished is not None:
        try:
            save_fold(finished, task.key, result)
        except OSError as error:
            tqdm.write(f"fold {fold.number} is not kept for a run that goes on: {error}", file=sys.stderr)
    return result


def thinned(fold: Fold, samples: HeadSamples, rows: Rows, stride: int) -> Fold:
    """The fold with every `stride`-th row of a session in validation and test; training keeps all."""
    if stride == 1:
        return fold
    opening = np.searchsorted(rows.session, np.arange(len(rows.sessions)))
    kept = (samples.row - opening[rows.session[samples.row]]) % stride == 0
    parts = {name: getattr(fold, name)[kept[getattr(fold, name)]] for name in ("validation", "test")}
    return replace(fold, **parts) if all(map(len, parts.values())) else fold


def _member(
    rows: Rows, parts: dict[str, Part], known: np.ndarray, labels: Sequence[Label], task: Task, seed: int, number: int
) -> Trained:
    if kind(task.model).torch:
        keep = None if task.keep is None else task.keep / f"fold-{number}-seed-{seed}.training"
        key = f"{task.key} fold {number} seed {seed}"
        return train_network(rows, parts, task.config, task.training, seed, number=number, keep=keep, key=key)
    if not task.training.quiet:
        tqdm.write(f"fold {number}: fitting {task.model} ...", file=sys.stderr)
    began = time.perf_counter()
    train, held = parts["train"], parts["validation"]
    pair = rows.inputs[train.row], train.classes, rows.inputs[held.row], held.classes
    settings = {
        key: value for key, value in task.config.as_dict().items() if key not in ("kind", "inputs", "heads", "column")
    }
    fitted = fit_estimator(
        task.model, *pair, rows.columns, known=known, labels=labels, config=settings, seed=seed,
    )  # fmt: skip
    asked = {**parts, "train": train.thinned(1 << 14)}
    given = {name: estimator_logits(fitted, rows, part.row) for name, part in asked.items()}
    return judged(
        given, asked, seed=seed, architecture=fitted.architecture, weights=fitted.weights, scaler=fitted.scaler,
        history=(), predictions=len(train.row), began=began, parameters=fitted.parameters,
    )  # fmt: skip


def _baselines(rows: Rows, parts: dict[str, Part], known: np.ndarray, task: Task) -> Baselines:
    train, held = parts["train"], parts["validation"].thinned(MOST // 4)
    scaler = rows.fit_scaler(train.used(len(rows), task.config.window), flow=True)
    few = spread(len(train.row), MOST)  # more of them would only be copied
    return Baselines.fit(
        rows.flow[train.row[few]],
        train.classes[few, 0],
        known[few],
        rows.flow_columns,
        scaler,
        validation=(rows.flow[held.row], held.classes[:, 0]),
        witnesses=witnesses(held.row, held.overlap),
    )


def _asked(baselines: Baselines, rows: Rows, at: np.ndarray, known: np.ndarray):
    """Answers of the baselines by name, classes (n,) and probabilities (n, 3), computed a piece at a time."""
    pieces = [
        baselines.predict(rows.flow[at[first : first + PIECE]], known[first : first + PIECE])
        for first in range(0, len(at), PIECE)
    ]
    return {name: tuple(np.concatenate(part) for part in zip(*(piece[name] for piece in pieces))) for name in pieces[0]}
