"""One prediction, ns: streaming predictors against the original service's way, the whole network in torch at each row.

Times are from Python, one row a call, with scaling, on one thread. The answers of every network are held against torch
in float64 on the same rows before it is timed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Row, quantiles, undisturbed
from benchmarks.models import LEVELS, NETS, champion, untrained
from genesis_lib.models.artifact import Artifact
from orderbook_ext import instruction_set

STEPS = 2_000
PEER_STEPS = 400
ROUNDS = 4  # peer and ours by turns, so that a busy neighbour slows both
CHECKED = 50  # answers held against torch
SYMBOLS, PACE = 200, 10  # streams in one process, rows a second each
MARKET_ROUNDS = 20
KINDS = ("causal-16", "causal-32", "tcn-32", "deeplob-lstm", "deeplob", "tabl", "attention")
MARKETS = ("causal-16", "causal-32", "deeplob-lstm", "deeplob")
AHEAD = ("deeplob-lstm", "deeplob")  # leave work for after the answer
CACHES = 64 << 20  # bytes that push everything out of them


def run(paths: Iterable[str | Path] = ()) -> list[Row]:
    """Measure single steps once they answer; then many instruments in one process."""
    from benchmarks.service import EagerPredictor

    service = EagerPredictor.original()
    rows = feature_rows(4 * LEVELS, service.warmup + STEPS)
    measured = {name: (untrained(name), rows) for name in KINDS}
    found = champion()
    if found is not None:
        measured[f"the champion {found.name}"] = found, feature_rows(len(found.columns), found.window + STEPS)
    walks: dict[str, Callable[[int], list[int]]] = {}
    for name, (artifact, given) in measured.items():
        check(artifact, given)
        note = f", {instruction_set()}" if hasattr(artifact.net, "plan") else ""
        if name in AHEAD:
            walks[f"{name}, the answer{note}"] = Walk(artifact.predictor(), given, STEPS, ahead=True)
            note = ", the answer and the work ahead of the next"
        walks[f"{name}{note}"] = Walk(artifact.predictor(), given, STEPS)
    spans = {name: [] for name in walks}
    theirs = Walk(service, rows, PEER_STEPS)
    original = []
    for _ in range(ROUNDS):
        original += theirs(PEER_STEPS // ROUNDS)
        for name, walk in walks.items():
            spans[name] += walk(STEPS // ROUNDS)
    p50, p99 = quantiles(original)
    peer = Row("predictor", "the original service: 61k parameters in torch, eager, on a deque of rows", p50, p99_ns=p99)
    result = [peer]
    for name, taken in spans.items():
        p50, p99 = quantiles(taken)
        result.append(Row("predictor", name, p50, p99_ns=p99).against(peer))
    return result + [market(name, peer) for name in MARKETS]


def feature_rows(width: int, n: int, seed: int = 3) -> np.ndarray:
    """Rows that change a little at a time, like a book's, and stay within what a scaler gives."""
    rng = np.random.default_rng(seed)
    return np.sin(np.cumsum(rng.normal(0.0, 0.1, (n, width)), axis=0)) * 1.5


def check(artifact: Artifact, rows: np.ndarray) -> None:
    """Refuse to time a network whose answers are not torch's: within 1e-6 in float64."""
    if artifact.architecture["kind"] not in NETS:
        return
    import torch

    from genesis_lib.models.kinds import restore

    torch.set_num_threads(1)
    net = restore(artifact.architecture, artifact.weights).double()
    window = net.config.window
    rows = rows[: window + CHECKED - 1]
    windows = np.lib.stride_tricks.sliding_window_view(artifact.scaler.transform(rows), window, axis=0)
    with torch.inference_mode():
        logits = net(torch.tensor(windows.transpose(0, 2, 1).astype(np.float64)))
        temperature = torch.tensor(artifact.temperature or (1.0,) * net.config.heads, dtype=torch.float64)
        expected = torch.softmax(logits / temperature[:, None], dim=2).numpy()[:, artifact.head]
    predictor = artifact.predictor()
    answers = np.array([predictor.step(row) for row in rows])[window - 1 :]
    difference = np.abs(answers - expected).max()
    if not (difference < 1e-6 and np.ptp(expected, axis=0).max() > 1e-5):
        raise AssertionError(f"{artifact.name} is {difference:.2g} from torch, the times mean nothing")


class Walk:
    """Go on and on through rows with a predictor; give the ns of each step that predicted."""

    def __init__(self, predictor: Any, rows: np.ndarray, most: int, ahead: bool = False) -> None:
        self._step, self._ahead = predictor.step, predictor.ahead if ahead else None
        self._rows, self._at = list(rows), 0
        while (answer := self._next()[1]) is None or np.isnan(answer).any():
            pass

    def _next(self) -> tuple[int, np.ndarray | None]:
        row = self._rows[self._at % len(self._rows)]
        self._at += 1
        start = time.perf_counter_ns()
        answer = self._step(row)
        span = time.perf_counter_ns() - start
        if self._ahead is not None:
            self._ahead()
        return span, answer

    def __call__(self, steps: int) -> list[int]:
        with undisturbed():
            return [self._next()[0] for _ in range(steps)]


def market(name: str, peer: Row) -> Row:
    """A row of each of many instruments by turns, from cold caches: ns a row, and the share of a core it takes."""
    artifact = untrained(name)
    rows = feature_rows(len(artifact.columns), artifact.window + MARKET_ROUNDS)
    stocks = [(artifact.predictor().step, rows + 0.01 * number) for number in range(SYMBOLS)]
    others, taken = np.zeros(CACHES, np.uint8), []
    with undisturbed():
        for at in range(len(rows)):
            others += 1  # whatever else a machine does between two rounds
            start = time.process_time_ns()
            for step, mine in stocks:
                step(mine[at])
            taken.append(time.process_time_ns() - start)
    span = float(np.median(taken[artifact.window :])) / SYMBOLS
    share = span * SYMBOLS * PACE / 1e9
    what = f"{SYMBOLS} instruments, {PACE} rows/s each, {name}, cold caches: {share:.1%} of a core"
    return Row("predictor", what, span).against(peer)
