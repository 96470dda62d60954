"""Purged cross-validation of any kind of model beside the baselines."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import joblib
from tqdm import tqdm

import genesis_lib
from genesis_lib import __version__
from genesis_lib.errors import InputError
from genesis_lib.models.kinds import KINDS, Kind, kind
from genesis_lib.training.config import TrainingConfig, recipe
from genesis_lib.training.dataset import Rows
from genesis_lib.training.estimators import configure_estimator
from genesis_lib.training.fold import Task, run_fold
from genesis_lib.training.labels import Label
from genesis_lib.training.parallel import in_order, on_a_cluster
from genesis_lib.training.results import CrossValidation, FoldResult, Trained
from genesis_lib.training.samples import HeadSamples
from genesis_lib.training.splits import Fold, PurgedKFold

__all__ = ["CrossValidation", "FoldResult", "Trained", "cross_validate"]

STRIDE = 5  # rows between the samples of a network that computes each window by itself
DEFAULT = "causal-16"
DECIDE = ("features", "models", "training", "../orderbook_ext")  # folders of code that decide an outcome


def cross_validate(
    rows: Rows,
    labels: Label | Sequence[Label] | None = None,
    *,
    model: str | None = None,
    config: object = None,
    training: TrainingConfig | None = None,
    splitter: object = None,
    stride: int | None = None,
    jobs: int = 1,
    seeds: Sequence[int] | None = None,
    keep: Path | None = None,
) -> CrossValidation:
    """Train and test a kind of model, and its baselines, fold by fold.

    Parameters
    ----------
    rows
        The pooled sessions.
    labels
        What to predict, the first being primary: it is what is scored, and decides when to stop. A balanced threshold
        is fitted on each fold's training samples.
    model
        A key of `genesis_lib.models.kinds.KINDS`; that of `config` when left out, else ``causal-16``.
    config
        Shape of the model; its inputs and heads follow from `rows` and `labels`.
    training
        How a network is trained; the kind's recipe when left out.
    splitter
        What cuts the folds; `PurgedKFold` when left out.
    stride
        Rows from one sample to the next; 1 when left out, 5 for a network that computes each window by itself. Where
        training is dense it thins the tested samples alone.
    jobs
        Folds at a time (joblib, so `parallel_config` can send them elsewhere); threads are shared among them.
    seeds
        A model each; the first decides. That of `training` when left out.
    keep
        Folder for finished folds and for what a fold goes on from: a run that was interrupted, started again with the
        same arguments and folder, goes on, to the same result.

    Raises
    ------
    InputError
        When there are too few samples for the folds, dense training is asked of a network that cannot, or seeds are
        given twice.
    ModelError
        For an unknown kind, or a configuration that does not fit the columns.
    """
    began = time.perf_counter()
    labels = (labels or Label(),) if isinstance(labels, Label | None) else tuple(labels)
    task = _task(rows, labels, model, config, training, stride, seeds, keep)
    splitter = splitter or PurgedKFold()
    samples, folds = _cut(rows, task, splitter)
    if keep is not None:
        task = replace(task, key=_key(rows, task, splitter))
    quiet = task.training.quiet  # one bar a fold, or with several folds at once one over all of them
    with ExitStack() as stack:
        afar = on_a_cluster()
        if jobs != 1 or afar:
            task = replace(task, training=replace(task.training, quiet=True))
        if jobs != 1 and not afar:  # processes of this machine share its cores, and its rows
            count = min(jobs if jobs > 0 else os.cpu_count() or 1, len(folds))
            threads = max(task.training.threads // count, 1)
            task = replace(task, training=replace(task.training, threads=threads))
            rows = rows.on_disk(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="genesis-rows-"))))
        done = in_order([joblib.delayed(run_fold)(rows, samples, fold, task) for fold in folds], jobs)
        bar = {"total": len(folds), "desc": "folds", "unit": "fold", "file": sys.stderr}
        results = tuple(tqdm(done, disable=quiet or not (jobs != 1 or afar), **bar))
    return CrossValidation(
        folds=results,
        model=task.model,
        labels=labels,
        config=task.config,
        training=task.training,
        splitter=splitter,
        stride=task.stride,
        seeds=task.seeds,
        inputs=rows.columns,
        seconds=time.perf_counter() - began,
    )


def _task(rows, labels, model, config, training, stride, seeds, keep) -> Task:
    chosen = kind(model or _kind_of(config))
    training = training or recipe(chosen.name)
    if chosen.torch:
        changes = {} if config is None else asdict(config)
        for name in ("inputs", "levels", "extra", "heads"):
            changes.pop(name, None)
        shape = chosen.configure(rows.columns, len(labels), **changes)
        dense = training.is_dense(chosen.dense, chosen.name)
    else:
        given = (
            {}
            if config is None
            else {k: v for k, v in config.as_dict().items() if k not in ("kind", "inputs", "heads")}
        )
        shape, dense = configure_estimator(chosen.name, rows.columns, len(labels), given), False
    if stride is None:
        stride = STRIDE if chosen.torch and not dense else 1
    if not (isinstance(stride, int) and stride >= 1):
        raise InputError(f"stride must be a whole number of at least 1 row, got {stride!r}")
    seeds = tuple(seeds) if seeds else (training.seed,)
    if len(set(seeds)) < len(seeds):  # the same model again would pass for a witness
        raise InputError(f"seeds must differ, got {', '.join(map(str, seeds))}")
    return Task(labels, chosen.name, shape, training, seeds, dense, stride, keep)


def _kind_of(config: object) -> str:
    """Name of the kind a configuration is one of; the default kind without any."""
    if config is None:
        return DEFAULT
    told = config.as_dict()

    def fits(item: Kind) -> bool:
        return item.architecture == told["kind"]

    alike = [item for item in KINDS.values() if fits(item)]
    exact = [item for item in alike if all(told.get(name) == value for name, value in item.preset.items())]
    return (exact or alike)[0].name


def _cut(rows: Rows, task: Task, splitter) -> tuple[HeadSamples, list[Fold]]:
    samples = HeadSamples.of(rows, task.labels, task.config.window, 1 if task.dense else task.stride)
    return samples, list(samples.folds(rows, splitter))


@cache
def _code() -> str:
    """SHA-256 of the sources that decide what a fold gives; read once, for what runs is what was imported."""
    digest, package = hashlib.sha256(), Path(genesis_lib.__file__).parent
    for folder in DECIDE:
        for path in sorted((package / folder).glob("*.p[yx]*")):
            digest.update(f"{folder}/{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _key(rows: Rows, task: Task, splitter) -> str:
    """SHA-256 of all that decides the outcome: what is kept under it can stand for what would be computed."""
    training = asdict(task.training)
    del training["quiet"]
    told = {
        "code": [__version__, _code()],
        "data": rows.data_hash,
        "columns": [*rows.columns, "/", *rows.flow_columns, rows.mirrored is not None],
        "labels": [asdict(label) for label in task.labels],
        "model": task.model,
        "config": task.config.as_dict(),
        "training": training,
        "splitter": [type(splitter).__name__, asdict(splitter)],
        "stride": task.stride,
        "seeds": task.seeds,
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
