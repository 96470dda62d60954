"""How long a model takes to answer one row on this machine."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np

from genesis_lib.models.artifact import Artifact

ROWS, LONGEST_S = 3000, 3.0


def step_latency(artifact: Artifact, inputs: np.ndarray, starts: np.ndarray) -> dict[str, Any]:
    """Time `predictor().step` row by row, from Python, with scaling, on one thread.

    Parameters
    ----------
    artifact
        The model.
    inputs, starts
        (n, F) raw columns and (n,) beginnings of streaks, as `Rows` has them.

    Returns
    -------
    dict
        ``p50_us`` and ``p99_us`` of the rows that were answered, their number, and the ``machine``. None where no
        streak is long enough for an answer, and of 3 s of rows where those are slow.

    Notes
    -----
    What the predictor may do ahead of the next row is not counted: it is off the way to the answer.
    """
    predictor, spent = artifact.predictor(), []
    ahead = getattr(predictor, "ahead", lambda: None)
    usable = np.flatnonzero(starts >= 0)
    if len(usable):
        streak = np.bincount(starts[usable]).argmax()  # the longest
        at = np.flatnonzero(starts == streak)[: artifact.window + ROWS]
        began = time.perf_counter()
        for row in np.ascontiguousarray(inputs[at], np.float64):
            tick = time.perf_counter_ns()
            answer = predictor.step(row)
            tock = time.perf_counter_ns()
            ahead()
            if answer[0] == answer[0]:
                spent.append(tock - tick)
            if time.perf_counter() - began > LONGEST_S:
                break
    p50, p99 = np.percentile(spent, [50, 99]) / 1e3 if spent else (None, None)
    return {
        "p50_us": None if p50 is None else round(float(p50), 2),
        "p99_us": None if p99 is None else round(float(p99), 2),
        "rows": len(spent),
        "machine": machine(),
    }


def machine() -> str:
    """Processor, cores, system and Python that figures were measured on."""
    name = platform.processor() or platform.machine()
    listed = Path("/proc/cpuinfo")
    if listed.exists():
        told = [
            line.split(":", 1)[1].strip() for line in listed.read_text().splitlines() if line.startswith("model name")
        ]
        name = told[0] if told else name
    return f"{name}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
