"""One prediction, ns: the streaming predictor against the whole network in torch, the original service's way."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from benchmarks.measure import Row, quantiles, undisturbed
from benchmarks.models import measured_model

STEPS = 2_000
PEER_STEPS = 400


def run(paths: Iterable[str | Path] = ()) -> list[Row]:
    """Measure single steps after a warm-up; both must give the same probabilities on the same rows."""
    from benchmarks.service import EagerPredictor

    artifact = measured_model()
    rows = feature_rows(len(artifact.columns), artifact.window + STEPS)
    ours, answers = spans(artifact.predictor(), rows, artifact.window)
    theirs, expected = spans(EagerPredictor.of(artifact), rows[: artifact.window + PEER_STEPS], artifact.window)
    difference = np.abs(answers[: len(expected)] - expected).max()
    if not difference < 1e-4:
        raise AssertionError(f"the two predictors differ by {difference:.2g}, the times mean nothing")
    p50, p99 = quantiles(theirs)
    peer = Row("predictor", "torch, eager, on a deque of rows", p50, p99_ns=p99)
    p50, p99 = quantiles(ours)
    return [peer, Row("predictor", f"predictor.step, {artifact.name}", p50, p99_ns=p99).against(peer)]


def feature_rows(width: int, n: int, seed: int = 3) -> np.ndarray:
    """Rows that change a little at a time, like a book's."""
    rng = np.random.default_rng(seed)
    return np.cumsum(rng.normal(0.0, 0.1, (n, width)), axis=0)


def spans(predictor, rows: np.ndarray, window: int) -> tuple[list[int], np.ndarray]:
    """ns of each step that predicts, and what it gave."""
    taken, answers = [], []
    with undisturbed():
        for i, row in enumerate(rows):
            start = time.perf_counter_ns()
            answer = predictor.step(row)
            span = time.perf_counter_ns() - start
            if i >= window - 1:
                taken.append(span)
                answers.append(np.array(answer))
    return taken, np.array(answers)
