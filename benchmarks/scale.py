"""Cross-validation of 1.3 million snapshots in the 42-column layout (time, mid, 10 levels), on two threads.

One pass over one fold is made for real, with its baselines and its answers; what 5 folds of 20 passes take follows from
it, or is done with ``--full``. The peer is the same net trained on windows, from steps measured in the same run.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.measure import Row
from benchmarks.train import BATCH, windowed_step

ROWS = 1_300_000
FOLDS, PASSES = 5, 20
MODEL, HORIZON = "causal-16", 20
HOURS = 5.0  # of each simulated session
THREADS = 2


@dataclass(frozen=True)
class First:
    """The first fold of another splitter, alone."""

    of: object

    def split(self, *intervals: np.ndarray) -> Iterator[object]:
        """Give one fold."""
        yield next(iter(self.of.split(*intervals)))


def run(paths: Iterable[str | Path] = (), full: bool = False) -> list[Row]:
    """Measure simulating, computing columns and one pass over one fold; or, `full`, all of it."""
    from genesis_lib.training import Label, PurgedKFold, cross_validate, recipe

    began = time.perf_counter()
    sessions = simulated(ROWS)
    total = sum(map(len, sessions))
    made = Row("scale", f"simulate a row, of {total:,}", 1e9 * (time.perf_counter() - began) / total)
    began = time.perf_counter()
    rows = pooled(sessions)
    columns = Row("scale", "101 columns of a row", 1e9 * (time.perf_counter() - began) / total)
    training = recipe(MODEL, threads=THREADS, epochs=PASSES if full else 1, patience=PASSES)
    splitter = PurgedKFold(FOLDS)
    result = cross_validate(
        rows, Label(horizon=HORIZON), model=MODEL, training=training, splitter=splitter if full else First(splitter)
    )
    folds = result.folds
    passes = PASSES if full else 1
    a_pass = float(np.mean([fold.first.training_seconds for fold in folds])) / passes
    rest = float(np.mean([fold.seconds - fold.first.training_seconds for fold in folds]))
    whole = result.seconds if full else FOLDS * (PASSES * a_pass + rest)
    samples = float(np.mean([fold.sizes["train"] for fold in folds]))
    told = f"{FOLDS} folds of {PASSES} passes, {'measured' if full else 'projected'}"
    one = Row("scale", f"a prediction of a pass of {samples:,.0f} ({a_pass:.0f} s)", 1e9 * a_pass / samples)
    others = Row("scale", "a fold's labels, baselines and answers", 1e9 * rest)
    window = Row("scale", f"a prediction in {BATCH} windows", windowed_step(MODEL, THREADS))
    peer = Row("scale", f"{told} on windows", window.ns * samples * FOLDS * PASSES + FOLDS * 1e9 * rest)
    all_of_it = Row("scale", f"{told}; peak memory {peak():.2f} GB", 1e9 * whole)
    return [made, columns, one.against(window), window, others, all_of_it.against(peer), peer]


def simulated(count: int) -> list:
    """Sessions of at least so many rows in all, with no more than the layout holds: times and ten levels."""
    from genesis_lib.feeds import RowBuilder, open_source
    from genesis_lib.feeds.snapshots import collect

    sessions, have = [], 0
    while have < count:
        source = open_source("simulator", seed=1000 + len(sessions), minutes=60 * HOURS)
        builder = RowBuilder(source.instrument, 10)
        made = collect(
            (row for row in map(builder.push, source.events()) if row is not None), source.instrument, source.provenance
        )
        made = made[: count - have]
        sessions.append(replace(made, flow=np.zeros_like(made.flow)))
        have += len(made)
        print(f"simulated {have:,} rows", file=sys.stderr)
    return sessions


def pooled(sessions: list):
    """Rows of the sessions, which are given up on the way: with the rows they would stand in memory twice."""
    from genesis_lib.training import Rows

    rows = Rows.of(sessions, 10)
    sessions.clear()
    return rows


def peak() -> float:
    """Most memory this process held at once, GB of 10**9 bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
