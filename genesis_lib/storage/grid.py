"""Rows on a grid of time: at each grid time what was known then, and nothing where nothing was."""

from __future__ import annotations

import numpy as np

from genesis_lib.errors import InputError
from genesis_lib.types import Snapshots

TIMES = ("ts_exchange", "ts_receive")
MOST_POINTS = 10_000_000  # of ten levels: some 4 GB


def resample(rows: Snapshots, step_ns: int, *, by: str = "ts_exchange", max_age_ns: int | None = None) -> Snapshots:
    """Put rows on a grid of time: at each grid time what was known then, and nothing later.

    Parameters
    ----------
    rows
        In order of time.
    step_ns
        Distance of the grid times, which are its whole multiples (since 1970 UTC), from the first row to the last.
    by
        ``"ts_exchange"``: the last row that had happened; ``"ts_receive"``: the last one that had arrived.
    max_age_ns
        How old a row may be at its grid time; where it would be older there is none.

    Returns
    -------
    Snapshots
        `ts_exchange` is the grid time (that of `by`: both columns), `levels` those of the last row at or before it,
        `flow` the sum over all rows since the grid time before, `valid` whether these rows all are. A grid time without
        new rows repeats the last one, without flow.

        The grid stops in holes: between a row and an invalid one after it (a session's seam, a gap in the data) lies no
        grid time, since nobody knows what held there; nor where the last row is older than `max_age_ns`. The first grid
        time after a stop is invalid, so no window crosses it.

    Raises
    ------
    InputError
        When `step_ns` is not a whole number above 0, `max_age_ns` is negative, `by` is unknown, the rows run back in
        time, no grid time lies among them, or more than `MOST_POINTS` do.
    """
    if not step_ns >= 1 or step_ns != int(step_ns):
        raise InputError(f"step_ns must be at least 1 and whole, got {step_ns!r}")
    if max_age_ns is not None and not max_age_ns >= 0:
        raise InputError(f"max_age_ns must be at least 0, got {max_age_ns!r}")
    if by not in TIMES:
        raise InputError(f"by must be one of {', '.join(TIMES)}, got {by!r}")
    step, times = int(step_ns), getattr(rows, by)
    if by == "ts_receive":
        times = np.maximum.accumulate(times)  # a row is known when it and those before it have arrived
    if (np.diff(times) < 0).any():
        raise InputError("rows must be in order of exchange time")
    first, counts = _stretches(times, rows.valid, step, max_age_ns)
    total = int(counts.sum())
    if not total:
        raise InputError(f"no multiple of {step} ns lies between the first row and the last")
    if total > MOST_POINTS:
        raise InputError(
            f"step_ns {step} makes {total:,} grid times from {times[0]} to {times[-1]}, more than {MOST_POINTS:,}: "
            "resample shorter spans one by one, take a longer step, or give max_age_ns, beyond which no row is repeated"
        )
    last = np.repeat(np.arange(len(times)), counts)
    nth = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)  # among the grid times of one row
    grid = (first[last] + nth) * step
    fresh = np.diff(last, prepend=-1) > 0
    begins = np.concatenate([[0], last[:-1] + 1])[fresh]  # of the rows since the grid time before, where there are any
    until = last[-1] + 1
    flow, valid = np.zeros((total, rows.flow.shape[1])), rows.valid[last]
    flow[fresh] = np.add.reduceat(rows.flow[:until], begins, axis=0)
    valid[fresh] = np.logical_and.reduceat(rows.valid[:until], begins)
    valid[1:] &= np.diff(grid) == step
    return Snapshots(rows.instrument, grid, grid.copy(), rows.levels[last], flow, valid, rows.provenance)


def _stretches(times: np.ndarray, valid: np.ndarray, step: int, max_age: float | None) -> tuple[np.ndarray, np.ndarray]:
    """First grid time of each row, in steps since 1970, and how many it holds for: none is made that is not kept."""
    if not len(times):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    ends = np.append(times[1:], times[-1] + 1)
    alone = np.minimum(ends, times + 1)  # a row holds at its own time, whatever comes next
    ends[:-1] = np.where(valid[1:], ends[:-1], alone[:-1])
    if max_age is not None:
        ends = np.minimum(ends, times + int(min(max_age, times[-1] - times[0])) + 1)
    first = -(-times // step)
    return first, -(-ends // step) - first
