"""Which of two barriers a price passes first, found by halving instead of row by row."""

from __future__ import annotations

import numpy as np

TOGETHER = 1 << 15  # rows asked for at a time: bounds the memory of the tables


def first_passage(
    price: np.ndarray, at: np.ndarray, last: np.ndarray, up: np.ndarray, down: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """First row after each of some rows at which the price has left a corridor about it.

    Parameters
    ----------
    price
        (n,) prices, finite wherever they are asked about.
    at, last
        (p,) ascending rows to begin behind, and last rows to look at.
    up, down
        (p,) returns above, and below (as positive numbers), that must be passed.

    Returns
    -------
    row, side
        (p,) int64 row of the first passage, -1 where there is none, and (p,) float64 +1, -1 or 0.

    Notes
    -----
    Maxima and minima over stretches of 1, 2, 4 ... rows tell whether a whole stretch stays inside, so a horizon of k
    rows takes log2(k) looks instead of k.
    """
    row, side = np.full(len(at), -1, np.int64), np.zeros(len(at))
    for first in range(0, len(at), TOGETHER):
        part = slice(first, first + TOGETHER)
        row[part], side[part] = _passages(price, at[part], last[part], up[part], down[part])
    return row, side


def _passages(price, at, last, up, down):
    origin = int(at[0])
    seen = price[origin : int(last.max()) + 1]
    base, place, end = price[at], at + 1 - origin, last - origin
    levels = max(int((end - place).max()) + 1, 1).bit_length()
    highest, lowest = [seen], [seen]
    for level in range(1, levels):
        half = 1 << (level - 1)
        highest.append(np.maximum(highest[-1][:-half], highest[-1][half:]))
        lowest.append(np.minimum(lowest[-1][:-half], lowest[-1][half:]))
    for level in reversed(range(levels)):
        fits = np.flatnonzero(place + (1 << level) - 1 <= end)
        spot = place[fits]
        rise, fall = highest[level][spot] / base[fits] - 1.0, lowest[level][spot] / base[fits] - 1.0
        inside = ~((rise > up[fits]) | (fall < -down[fits]))
        place[fits[inside]] += 1 << level
    found = place <= end
    row = np.where(found, place + origin, -1)
    return row, np.where(found, np.sign(price[row] - base), 0.0)
