"""Timing without surprises: no collector, a warm-up, the median of several runs; and the row a benchmark gives."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    `ns` is the median time of one unit of work (a level, a prediction, an event), `p99_ns` its 99th percentile where
    single units were timed; `ratio` tells how many times faster than `peer`, measured in the same run.
    """

    stage: str
    name: str
    ns: float
    ratio: float | None = None
    peer: str = ""
    p99_ns: float | None = None

    def against(self, peer: Row) -> Row:
        """This row with its ratio to `peer`."""
        return replace(self, ratio=peer.ns / self.ns, peer=peer.name)


@contextmanager
def undisturbed() -> Iterator[None]:
    """No garbage collection inside."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def per_unit(
    work: Callable[[], object], units: int, repeats: int = 7, *, before: Callable[[], object] = lambda: None
) -> float:
    """Median ns of one unit over `repeats` runs of `work`, after one that only warms up; `before` each, untimed."""
    before()
    work()
    spans = []
    with undisturbed():
        for _ in range(repeats):
            before()
            start = time.perf_counter_ns()
            work()
            spans.append(time.perf_counter_ns() - start)
    return statistics.median(spans) / units


def quantiles(spans: list[int]) -> tuple[float, float]:
    """Median and 99th percentile of single times, ns."""
    return float(np.quantile(spans, 0.5)), float(np.quantile(spans, 0.99))
