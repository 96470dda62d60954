"""Features, ns a row: forty against numpy after every row, a few against pandas, all of them in batch and by rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import snapshot_features
from benchmarks.measure import Row, per_unit, quantiles, undisturbed
from benchmarks.snapshot_features import SnapshotFeatures
from benchmarks.streams import session
from genesis_lib.features import FEATURES, FeatureSet
from genesis_lib.feeds import RowBuilder, read_snapshots
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.types import Snapshot, Snapshots

SPANS = (10, 50, 100)
COLUMNS = ("mid_range_100", *(f"realised_vol_{span}" for span in SPANS), "obi_1")
STEPS = 3_000
PEER_STEPS = 300
SIMULATED_MINUTES = 3.0


def run(paths: Iterable[str | Path] = ()) -> list[Row]:
    """Measure on the rows of a recording, of the simulator where there is none."""
    rows = book_rows(paths)
    every = FeatureSet(FEATURES)
    all_columns = f"all {len(every)} columns"
    p50, p99 = quantiles(step_spans(every, rows))
    return [
        *against_numpy(rows),
        *against_pandas(rows),
        Row("features", f"{all_columns}, step, a row", p50, p99_ns=p99),
        Row("features", f"{all_columns}, batch, a recording", per_unit(lambda: every.batch(rows), len(rows), 5)),
    ]


def against_numpy(rows: Snapshots) -> list[Row]:
    """Forty columns after every row: numpy's small arrays, our step, and our batch."""
    forty = FeatureSet(snapshot_features.COLUMNS)
    peer = SnapshotFeatures(rows.instrument.tick_size)
    snapshots = [rows[i] for i in range(min(STEPS, len(rows)))]
    agree(forty.batch(rows[: len(snapshots)]), np.array([peer.step(row) for row in snapshots]), "numpy")
    peer.reset()
    words = f"{len(forty)} columns"
    p50, p99 = quantiles(spans(peer.step, snapshots))
    plain = Row("features", f"{words}, numpy after every row", p50, p99_ns=p99)
    p50, p99 = quantiles(step_spans(forty, rows))
    return [
        plain,
        Row("features", f"{words}, batch, a recording", per_unit(lambda: forty.batch(rows), len(rows), 25)).against(
            plain
        ),
        Row("features", f"{words}, step, a row", p50, p99_ns=p99).against(plain),
    ]


def against_pandas(rows: Snapshots) -> list[Row]:
    """Five columns as a notebook has them: over a recording, and for the newest row."""
    five = FeatureSet(COLUMNS)
    table, n, words = frame(rows), len(rows), f"{len(COLUMNS)} columns"
    agree(five.batch(rows), with_pandas(table).to_numpy(), "pandas")
    batch = Row("features", f"{words}, pandas rolling, a recording", per_unit(lambda: with_pandas(table), n, 5))
    p50, p99 = quantiles(pandas_spans(table))
    step = Row("features", f"{words}, pandas on the last 101 rows, a row", p50, p99_ns=p99)
    p50, p99 = quantiles(step_spans(five, rows))
    return [
        batch,
        Row("features", f"{words}, batch, a recording", per_unit(lambda: five.batch(rows), n, 5)).against(batch),
        step,
        Row("features", f"{words}, step, a row", p50, p99_ns=p99).against(step),
    ]


def agree(ours: np.ndarray, theirs: np.ndarray, whose: str) -> None:
    """Both must know the same values, and have the same ones."""
    full = np.isfinite(ours).all(axis=1) & np.isfinite(theirs).all(axis=1)
    if full.mean() < 0.5 or not np.allclose(ours[full], theirs[full], rtol=1e-6, atol=1e-6):
        raise AssertionError(f"features and {whose} differ, the times mean nothing")


def book_rows(paths: Iterable[str | Path]) -> Snapshots:
    """Ten-level rows, all valid but for those that the data itself spoils."""
    files = session(paths)
    if files:
        return read_snapshots(files, depth=10)
    simulator = Simulator(0, minutes=SIMULATED_MINUTES)
    builder = RowBuilder(simulator.instrument, 10)
    made = (builder.push(event) for event in simulator)
    return Snapshots.of([row for row in made if row is not None], simulator.instrument, "simulated")


def frame(rows: Snapshots) -> pd.DataFrame:
    """What the pandas version starts from: mid in ticks and the best quantities; empty where a row is not valid."""
    best = rows.levels[:, 0]
    table = pd.DataFrame({"mid": rows.mid / rows.instrument.tick_size, "bid": best[:, 1], "ask": best[:, 3]})
    table["mid"] = (table["mid"] * 2).round() / 2
    return table.where(pd.Series(rows.valid))


def with_pandas(table: pd.DataFrame) -> pd.DataFrame:
    """`COLUMNS` as a notebook would write them."""
    squares = table["mid"].diff() ** 2
    window = table["mid"].rolling(100)
    columns = {"mid_range_100": window.max() - window.min()}
    columns |= {f"realised_vol_{span}": squares.rolling(span).sum() ** 0.5 for span in SPANS}
    columns["obi_1"] = (table["bid"] - table["ask"]) / (table["bid"] + table["ask"])
    return pd.DataFrame(columns)


def pandas_spans(table: pd.DataFrame) -> list[int]:
    """ns of working out the newest row from the last 101, again and again."""
    taken = []
    with undisturbed():
        for end in range(200, min(200 + PEER_STEPS, len(table))):
            start = time.perf_counter_ns()
            with_pandas(table.iloc[end - 101 : end]).iloc[-1].to_numpy()
            taken.append(time.perf_counter_ns() - start)
    return taken


def step_spans(columns: FeatureSet, rows: Snapshots) -> list[int]:
    """ns of each streaming step."""
    columns.reset()
    return spans(columns.step, [rows[i] for i in range(min(STEPS, len(rows)))])


def spans(step: Callable[[Snapshot], object], snapshots: list[Snapshot]) -> list[int]:
    """ns of each call, the first ones left out."""
    taken = []
    with undisturbed():
        for row in snapshots:
            start = time.perf_counter_ns()
            step(row)
            taken.append(time.perf_counter_ns() - start)
    return taken[200:]
