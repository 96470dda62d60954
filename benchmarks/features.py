"""Features, ns a row: all of them in batch and one row at a time, and a few against pandas."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.measure import Row, per_unit, quantiles, undisturbed
from benchmarks.streams import session
from genesis_lib.features import FEATURES, FeatureSet
from genesis_lib.feeds import RowBuilder, read_snapshots
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.types import Snapshots

SPANS = (10, 50, 100)
COLUMNS = ("mid_range_100", *(f"realised_vol_{span}" for span in SPANS), "obi_1")
STEPS = 3_000
PEER_STEPS = 300
SIMULATED_MINUTES = 3.0


def run(paths: Iterable[str | Path] = ()) -> list[Row]:
    """Measure on the rows of a recording, of the simulator where there is none."""
    rows = book_rows(paths)
    few, every = FeatureSet(COLUMNS), FeatureSet(FEATURES)
    values = few.batch(rows)
    table = frame(rows)
    expected = with_pandas(table)
    valid = np.isfinite(values).all(axis=1) & expected.notna().all(axis=1).to_numpy()
    if not valid.any() or not np.allclose(values[valid], expected[valid], rtol=1e-6, atol=1e-6):
        raise AssertionError("features and pandas differ, the times mean nothing")
    n, five = len(rows), f"{len(COLUMNS)} columns"
    batch = Row("features", f"{five}, pandas rolling, a recording", per_unit(lambda: with_pandas(table), n, 5))
    p50, p99 = quantiles(pandas_spans(table))
    step = Row("features", f"{five}, pandas on the last 101 rows, a row", p50, p99_ns=p99)
    result = [
        batch,
        Row("features", f"{five}, batch, a recording", per_unit(lambda: few.batch(rows), n, 5)).against(batch),
        step,
    ]
    for words, columns in ((five, few), (f"all {len(every)} columns", every)):
        p50, p99 = quantiles(step_spans(columns, rows))
        row = Row("features", f"{words}, step, a row", p50, p99_ns=p99)
        result.append(row.against(step) if columns is few else row)
    result.append(
        Row("features", f"all {len(every)} columns, batch, a recording", per_unit(lambda: every.batch(rows), n, 3))
    )
    return result


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
    snapshots = [rows[i] for i in range(min(STEPS, len(rows)))]
    taken = []
    with undisturbed():
        for row in snapshots:
            start = time.perf_counter_ns()
            columns.step(row)
            taken.append(time.perf_counter_ns() - start)
    return taken[200:]
