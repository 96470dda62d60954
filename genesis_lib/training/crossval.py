"""Purged cross-validation of a network beside its baselines, and the tables that come of it."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace

import joblib
import numpy as np
import torch
from tqdm import tqdm

from genesis_lib.models.baseline import Baselines
from genesis_lib.models.deeplob import DeepLOB, DeepLOBConfig
from genesis_lib.models.scaler import Scaler
from genesis_lib.training.dataset import Rows, Samples
from genesis_lib.training.labels import Label, shares
from genesis_lib.training.lit import Augmentation, TrainingConfig, WindowBatches, fit, probabilities
from genesis_lib.training.results import CrossValidation, FoldResult, Trained
from genesis_lib.training.scores import scores
from genesis_lib.training.splits import Fold, PurgedKFold, stretches

LOOK = 16_384  # windows the training score and the validation loss are measured on, spread evenly


def cross_validate(
    rows: Rows,
    label: Label | None = None,
    *,
    config: DeepLOBConfig | None = None,
    training: TrainingConfig | None = None,
    splitter: PurgedKFold | None = None,
    stride: int = 5,
    jobs: int = 1,
) -> CrossValidation:
    """Train and test the network and its baselines fold by fold.

    Parameters
    ----------
    rows
        The pooled sessions.
    label
        What to predict; a balanced threshold is fitted on each fold's training samples.
    config, training, splitter
        Network, training and folds; the defaults of each when left out. The network takes as many levels as `rows` has.
    stride
        Rows from one sample to the next.
    jobs
        Folds at a time (joblib, so `parallel_config` can send them elsewhere); threads are shared among them.

    Raises
    ------
    InputError
        When there are too few samples for the folds.
    """
    label, training, splitter = label or Label(), training or TrainingConfig(), splitter or PurgedKFold()
    config = replace(config or DeepLOBConfig(), levels=len(rows.columns) // 4)
    began = time.perf_counter()
    samples = Samples.of(rows, label, config.window, stride)
    folds = cut(rows, samples, splitter)
    quiet = training.quiet  # one bar a fold, or with several folds at once one over all of them
    if jobs != 1:
        count = min(jobs if jobs > 0 else os.cpu_count() or 1, len(folds))
        training = replace(training, threads=max(training.threads // count, 1), quiet=True)
    work = (joblib.delayed(run_fold)(rows, samples, fold, label, config, training) for fold in folds)
    done = joblib.Parallel(n_jobs=jobs, return_as="generator")(work)
    results = list(tqdm(done, total=len(folds), desc="folds", unit="fold", file=sys.stderr, disable=jobs == 1 or quiet))
    seconds = time.perf_counter() - began
    return CrossValidation(
        tuple(results), "deeplob", (label,), config, training, splitter, stride, (training.seed,), rows.columns, seconds
    )


def cut(rows: Rows, samples: Samples, splitter: PurgedKFold) -> list[Fold]:
    """Folds of the samples, purged by the times of their rows."""
    times = rows.time[samples.start], rows.time[samples.row], rows.time[samples.end]
    return list(splitter.split(*times, rows.session[samples.row]))


def timeline(
    rows: Rows, label: Label, splitter: PurgedKFold, *, window: int = 100, stride: int = 5
) -> list[dict[str, list[tuple[int, int]]]]:
    """Which samples `cross_validate` would train, validate and test on in each fold, as stretches in order of time."""
    samples = Samples.of(rows, label, window, stride)
    return [stretches(fold, len(samples)) for fold in cut(rows, samples, splitter)]


def run_fold(
    rows: Rows, samples: Samples, fold: Fold, label: Label, config: DeepLOBConfig, training: TrainingConfig
) -> FoldResult:
    """Train and test one fold; threshold, scaler, weights and baselines come from its training samples alone."""
    began = time.perf_counter()
    fitted = label.fit(samples.move[fold.train])
    classes, known = fitted.classes(samples.move), fitted.classes(samples.known)
    used = samples.rows_used(fold.train, len(rows))
    scaler = Scaler.fit(rows.inputs[used])
    flow_rows = rows.flow[used]
    flow_scaler = Scaler.fit(flow_rows[np.isfinite(flow_rows).all(axis=1)])
    baselines = Baselines.fit(
        rows.flow[samples.row[fold.train]], classes[fold.train], known[fold.train], rows.flow_columns, flow_scaler
    )
    scaled = rows.scaled(scaler)
    sizes = np.array(["size" in name for name in rows.columns])
    augmentation = Augmentation(rows.scaled(scaler, mirrored=True), sizes) if training.augment else None

    def batches(positions: np.ndarray, order=None) -> WindowBatches:
        size = training.batch_size if order else 4 * training.batch_size
        return WindowBatches(
            scaled, samples.row[positions], classes[positions], config.window, size, order, augmentation
        )

    seed = training.seed + fold.number
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = DeepLOB(config)
    order = (np.random.default_rng(seed), training.windows, training.together)
    epochs = fit(
        net,
        batches(fold.train, order),
        batches(_spread(fold.validation)),
        replace(training, seed=seed),
        f"fold {fold.number}",
    )
    parts = {"train": _spread(fold.train), "validation": fold.validation, "test": fold.test}
    answers = {part: probabilities(net, batches(at), training.threads) for part, at in parts.items()}
    proba = {"deeplob": answers["test"]}
    predicted = {"deeplob": answers["test"].argmax(axis=1).astype(np.int8)}
    for name, (guess, chance) in baselines.predict(rows.flow[samples.row[fold.test]], known[fold.test]).items():
        predicted[name], proba[name] = guess, chance
    trained = Trained(
        seed=seed,
        architecture=config.as_dict(),
        weights={k: v.numpy() for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")},
        scaler=scaler,
        temperature=(1.0,),
        history=(),
        predictions=epochs * min(training.windows or len(fold.train), len(fold.train)),
        seconds=time.perf_counter() - began,
        scores={part: scores(classes[at], answers[part]) for part, at in parts.items()},
        proba=answers["test"],
        validation_proba=answers["validation"],
        heads_proba=answers["test"][:, None].astype(np.float32),
        parameters=net.parameter_count,
    )
    return FoldResult(
        number=fold.number,
        sizes={name: len(getattr(fold, name)) for name in parts} | {"purged": fold.purged},
        shares={name: shares(classes[getattr(fold, name)]) for name in parts},
        label=fitted,
        labels=(fitted,),
        members=(trained,),
        rows=samples.row[fold.test],
        classes=classes[fold.test],
        heads_classes=classes[fold.test][:, None],
        validation_rows=samples.row[fold.validation],
        validation_classes=classes[fold.validation],
        predicted=predicted,
        proba=proba,
        baselines=baselines,
        seconds=time.perf_counter() - began,
    )


def _spread(positions: np.ndarray) -> np.ndarray:
    """At most `LOOK` of the positions, evenly spread."""
    if len(positions) <= LOOK:
        return positions
    return positions[np.linspace(0, len(positions) - 1, LOOK).astype(np.int64)]
