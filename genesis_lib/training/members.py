"""One model of one fold: a network or an estimator, fitted on the training samples and asked about all parts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from genesis_lib.errors import InputError
from genesis_lib.models.kinds import book_levels, build
from genesis_lib.models.linear import fit_linear
from genesis_lib.models.scaler import Scaler
from genesis_lib.training.augment import Augmentation, mirror
from genesis_lib.training.batches import ScaledRows, WindowBatches
from genesis_lib.training.calibration import OVERLAP, calibrated, fit_temperature, witnesses
from genesis_lib.training.config import TrainingConfig
from genesis_lib.training.dataset import Rows
from genesis_lib.training.dense import DenseBatches, runs
from genesis_lib.training.hardware import widened
from genesis_lib.training.lit import Lessons, fit, logits_at
from genesis_lib.training.passes import Batches
from genesis_lib.training.results import Trained
from genesis_lib.training.scores import scores

LOOK = 65_536  # predictions a dense validation loss is measured on, spread evenly
WINDOWED = 16_384  # windows it is measured on otherwise; the training score too
LINEAR = 200_000  # samples the linear answer that a network starts from is fitted on, spread evenly


@dataclass(frozen=True)
class Part:
    """Samples of one part of a fold: `row` (n,) decision rows ascending, `classes` (n, H) with -1 where none.

    `overlap` is how many rows the window and the label of a sample take.
    """

    row: np.ndarray
    classes: np.ndarray
    overlap: float = OVERLAP

    def thinned(self, count: int) -> Part:
        """At most so many, spread evenly."""
        if len(self.row) <= count:
            return self
        at = np.linspace(0, len(self.row) - 1, count).astype(np.int64)
        return Part(self.row[at], self.classes[at], self.overlap)

    def used(self, total: int, window: int) -> np.ndarray:
        """Mask (total,) of the rows that the windows hold."""
        step = np.zeros(total + 1, np.int32)
        np.add.at(step, self.row - window + 1, 1)
        np.add.at(step, self.row + 1, -1)
        return np.cumsum(step[:-1]) > 0


def train_network(
    rows: Rows,
    parts: Mapping[str, Part],
    config,
    training: TrainingConfig,
    seed: int,
    *,
    number: int = 0,
    keep: Path | None = None,
    key: str = "",
) -> Trained:
    """Train one network and let it answer.

    Parameters
    ----------
    rows
        All rows.
    parts
        ``train``, ``validation`` and ``test``; where training is dense, all samples of the first.
    config
        The network's.
    training
        How; `seed` is taken instead of its own.
    number
        Of the fold; the same seed starts every fold elsewhere.
    keep, key
        See `genesis_lib.training.lit.Lessons`.
    """
    began = time.perf_counter()
    local = widened(replace(training, seed=seed + number))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(local.seed)
        net = build(config)
    dense = local.is_dense(net.is_dense, type(net).__name__)
    train = parts["train"]
    scaler = rows.fit_scaler(train.used(len(rows), config.window))
    if getattr(config, "skip", False) and local.linear_start:
        start_linear(net, rows, train, parts["validation"], scaler)
    values, augmentation = ScaledRows(rows.inputs, scaler), None
    if augments(local, rows):
        sizes = np.array(["size" in name for name in rows.columns])
        augmentation = Augmentation(mirrored_rows(rows, scaler), sizes)

    def batches(part: Part, augmented=None, larger: int = 1) -> Batches:
        if not dense:
            size = local.batch_size * larger
            return WindowBatches(values, part.row, part.classes, config.window, size, local.together, augmented)
        targets = np.full((len(rows), part.classes.shape[1]), -1, np.int8)
        targets[part.row] = part.classes
        spans = runs(part.used(len(rows), config.window), rows.starts)
        shape = config.window, local.stretch * larger, local.sequences
        return DenseBatches(values, targets, spans, *shape, augmented)

    held = batches(parts["validation"], larger=4).thinned(LOOK if dense else WINDOWED)
    weights = class_weights(train.classes[:, 0]) if local.class_weights == "balanced" else None
    lessons = Lessons(
        batches(train, augmentation), held, len(train.row), weights, f"fold {number}, seed {seed}", keep, key
    )
    fitted = fit(net, lessons, local)
    asked = {**parts, "train": train.thinned(WINDOWED)}
    given = {
        name: logits_at(net, batches(part, larger=4), part.row, local).astype(np.float64)
        for name, part in asked.items()
    }
    return judged(
        given, asked, seed=seed, architecture=config.as_dict(), weights=net.arrays(), scaler=scaler,
        history=fitted.history, predictions=fitted.predictions, began=began, parameters=net.parameter_count,
        training_seconds=fitted.seconds,
    )  # fmt: skip


def judged(given: Mapping[str, np.ndarray], parts: Mapping[str, Part], *, began: float, **told) -> Trained:
    """What a fitted model is, from its logits (n, H, 3) on each part: temperatures, probabilities, scores."""
    temperature, held = [], parts["validation"]
    for head in range(held.classes.shape[1]):
        classes = held.classes[:, head]
        known = classes >= 0
        count = witnesses(held.row[known], held.overlap)
        temperature.append(fit_temperature(given["validation"][known, head], classes[known], count))
    proba = {name: calibrated(logits, np.array(temperature)) for name, logits in given.items()}
    return Trained(
        temperature=tuple(temperature),
        seconds=time.perf_counter() - began,
        scores={name: scores(part.classes[:, 0], proba[name][:, 0]) for name, part in parts.items()},
        proba=np.ascontiguousarray(proba["test"][:, 0]),
        validation_proba=np.ascontiguousarray(proba["validation"][:, 0]),
        heads_proba=proba["test"].astype(np.float32),
        **told,
    )


def start_linear(net, rows: Rows, train: Part, held: Part, scaler: Scaler) -> None:
    """Let a network with a linear path begin with the answer of the logistic regression on the training samples."""
    learnt, judged_on = train.thinned(LINEAR), held.thinned(LINEAR // 4)
    x, z = (scaler.transform(rows.inputs[part.row]) for part in (learnt, judged_on))
    for head in range(learnt.classes.shape[1]):
        y, truth = learnt.classes[:, head], judged_on.classes[:, head]
        if len(np.unique(y[y >= 0])) == 3:
            coefficients, intercepts = fit_linear(
                x[y >= 0], y[y >= 0], (z[truth >= 0], truth[truth >= 0]), balanced=False
            )
            net.start_from(coefficients, intercepts, np.arange(len(rows.columns)), head)


def augments(training: TrainingConfig, rows: Rows) -> bool:
    """Whether training varies what it sees.

    Raises
    ------
    InputError
        When it was told to, and the rows were not computed upside down.
    """
    able = rows.mirrored is not None or book_levels(rows.columns) * 4 == len(rows.columns)
    if training.augment and not able:
        raise InputError("augment: these inputs need their mirror; make the rows with mirrored=True, or do not augment")
    return able if training.augment is None else training.augment


def mirrored_rows(rows: Rows, scaler: Scaler) -> ScaledRows:
    """The rows upside down: by exchanging columns where they are the raw book alone, else as they were computed."""
    if rows.mirrored is not None:
        return ScaledRows(rows.mirrored, scaler)
    return ScaledRows(rows.inputs, scaler, *mirror(rows.columns))


def class_weights(classes: np.ndarray) -> np.ndarray:
    """Weights inverse to the classes' shares, mean 1 over the samples; 0 for a class that never occurs.

    >>> class_weights(np.array([0, 0, 1, 2])).round(3)
    array([0.667, 1.333, 1.333])
    """
    count = np.bincount(classes, minlength=3)
    return np.divide(len(classes), count * np.count_nonzero(count), out=np.zeros(3), where=count > 0)
