"""The move that follows each row, by every definition and over rows or seconds; `labels.Label` says what they mean."""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from genesis_lib.training.barriers import first_passage
from genesis_lib.training.horizons import Clock, moved, whole_units


def past_volatility(mid: np.ndarray, span: int) -> np.ndarray:
    """Root mean square of the last `span` one-row returns, (n,); NaN before there are as many."""
    result = np.full(len(mid), np.nan)
    if len(mid) > span:
        squares = np.square(mid[1:] / mid[:-1] - 1.0)
        result[span:] = np.sqrt(sliding_window_view(squares, span).mean(axis=1))
    return result


def looked_back_to(label, at: np.ndarray, starts: np.ndarray, time: np.ndarray) -> np.ndarray:
    """First row (p,) that the moves of some rows (p,) look at, those rows themselves where no past is part of it.

    >>> class Label: kind, horizon, seconds = "smoothed-past", 3, None
    >>> looked_back_to(Label, np.array([5]), np.zeros(9, int), np.arange(9))
    array([3])
    """
    if label.kind == "smoothed" or (label.kind == "triple-barrier" and label.threshold == "spread"):
        return at
    if label.kind == "smoothed-past" and label.seconds is not None:
        clock = Clock.of(time, starts, label.seconds)
        begin = clock.behind()[np.searchsorted(clock.rows, at)]
        return np.where(begin >= 0, clock.rows[begin], at)
    back = label.horizon - 1 if label.kind == "smoothed-past" else label.span
    return np.maximum(at - back, starts[at])


def moves_over_rows(label, mid: np.ndarray, starts: np.ndarray, cost: np.ndarray | None):
    """Moves (n,) and ends (n,) of a label whose horizon is a number of rows; see `Label.moves`."""
    k, n = label.horizon, len(mid)
    move, end = np.full(n, np.nan), np.full(n, -1, np.int64)
    at = np.arange(max(n - k, 0))
    at = at[(starts[at] >= 0) & (starts[at] == starts[at + k])]
    past = {"smoothed": 0, "smoothed-past": k - 1}.get(label.kind, label.span if cost is None else 0)
    at = at[at - past >= starts[at]]
    if len(at) == 0:
        return move, end
    end[at] = at + k
    if label.kind.startswith("smoothed"):
        # Differences, not running sums: a mid that did not move gives exactly 0, so quiet rows stay NEUTRAL.
        base, ahead = mid[at], sum(mid[at + i] - mid[at] for i in range(1, k + 1)) / k
        back = sum(mid[at - i] - base for i in range(k)) / k if past else 0.0
        move[at] = (ahead - back) / (base + back)
        if cost is not None:
            move[at] /= cost[at]
        return move, end
    scale = past_volatility(mid, label.span)[at] * math.sqrt(k) if cost is None else cost[at]
    if label.kind == "volatility":
        move[at] = _in_deviations(mid[at + k] / mid[at] - 1.0, scale)
        return move, end
    _barriers(label, mid, at, at + k, scale, move, end)
    return move, end


def moves_over_time(label, mid: np.ndarray, starts: np.ndarray, time: np.ndarray, cost: np.ndarray | None):
    """Moves (n,) and ends (n,) of a label whose horizon is a number of seconds; see `Label.moves`."""
    n = len(mid)
    move, end = np.full(n, np.nan), np.full(n, -1, np.int64)
    clock = Clock.of(time, starts, label.seconds)
    last = clock.ahead()
    first = np.flatnonzero(last >= 0)
    if label.kind == "smoothed-past":
        begin = clock.behind()
        first = first[begin[first] >= 0]
    elif not label.kind.startswith("smoothed") and cost is None:
        first = first[clock.rows[first] - label.span >= starts[clock.rows[first]]]
    if len(first) == 0:
        return move, end
    last, at = last[first], clock.rows[first]
    end[at] = clock.rows[last]
    if label.kind.startswith("smoothed"):
        units, step = whole_units(mid[clock.rows], clock.span)
        change = clock.area(units, first, last)
        quiet = ~moved(units, first, last - 1)
        back = 0.0
        if label.kind == "smoothed-past":
            behind = clock.area_behind(units, begin[first], first)
            quiet &= ~moved(units, begin[first], first)
            change = change - behind
            back = behind * (step / clock.span)
        # Whole units sum exactly; sums of floats may miss 0 by a rounding where nothing moved.
        move[at] = np.where(quiet, 0.0, change * (step / clock.span)) / (mid[at] + back)
        if cost is not None:
            move[at] /= cost[at]
        return move, end
    # A price that comes after the horizon's end is known then, but no part of it: the last row inside decides.
    inside = clock.rows[np.where(clock.key[last] > clock.key[first] + clock.span, last - 1, last)]
    scale = cost[at] if cost is not None else _per_horizon(mid, label.span, clock, first)
    if label.kind == "volatility":
        move[at] = _in_deviations(mid[inside] / mid[at] - 1.0, scale)
        return move, end
    _barriers(label, mid, at, inside, scale, move, end)
    return move, end


def _barriers(label, mid, at, last, scale, move, end) -> None:
    up = label.width * scale
    down = up if label.width_down is None else label.width_down * scale
    row, move[at] = first_passage(mid, at, last, up, down)
    end[at[row >= 0]] = row[row >= 0]


def _in_deviations(change: np.ndarray, scale: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(change == 0, 0.0, change / scale)


def _per_horizon(mid: np.ndarray, span: int, clock: Clock, first: np.ndarray) -> np.ndarray:
    """Volatility over a horizon in seconds: the last `span` returns, by the time in which they came."""
    elapsed = clock.key[first] - clock.key[first - span]
    rows = np.maximum(elapsed, 1) / span  # ns a row
    return past_volatility(mid, span)[clock.rows[first]] * np.sqrt(clock.span / rows)
