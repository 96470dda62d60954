"""Samples as intervals of time: which meet, which were recorded together, and where they may be cut.

A sample is an interval: from the first row of its window to the row at which its label is known.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genesis_lib.errors import InputError

DAY = 86_400 * 10**9
HOLE = 60 * 10**9  # longer without a sample is a hole in the recording, not a wide stride
UNITS = ("moment", "stretch", "day")


def overlaps(start: np.ndarray, end: np.ndarray, other_start: np.ndarray, other_end: np.ndarray) -> np.ndarray:
    """Which closed intervals [start, end] meet any of the other ones: (n,) bool.

    >>> overlaps(np.array([0, 5]), np.array([4, 9]), np.array([9]), np.array([12]))
    array([False,  True])
    """
    if len(other_start) == 0:
        return np.zeros(len(start), bool)
    order = np.argsort(other_start, kind="stable")
    begins, reach = other_start[order], np.maximum.accumulate(other_end[order])
    last = np.searchsorted(begins, end, side="right") - 1  # the last that begins before this one ends
    return (last >= 0) & (reach[np.maximum(last, 0)] >= start)


def spans(start: np.ndarray, end: np.ndarray, session: np.ndarray, together: Sequence[int] | None = None) -> np.ndarray:
    """Number the stretches of time that sessions recorded at once share, in order of time: (n,) int64.

    Two instruments of one index recorded together must be held out together, so they are cut at the same moments.
    `together` gives each session a number; those of one number are one stretch, with all that lies between them.

    Raises
    ------
    InputError
        When `together` does not number every session.
    """
    if together is not None:
        if int(session.max(initial=-1)) >= len(together):
            raise InputError(f"together numbers {len(together)} sessions, and there are {int(session.max()) + 1}")
        session = np.unique(np.asarray(together), return_inverse=True)[1][session]
    numbers = np.unique(session)
    first = np.array([start[session == s].min() for s in numbers])
    last = np.array([end[session == s].max() for s in numbers])
    order = np.argsort(first, kind="stable")
    group = np.empty(len(numbers), np.int64)
    current, reach = -1, None
    for i in order:
        if reach is None or first[i] > reach:
            current, reach = current + 1, last[i]
        group[i], reach = current, max(reach, last[i])
    return group[np.searchsorted(numbers, session)]


def days(start: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Number the UTC days on which stretches begin, in order of time: (n,) int64."""
    begins = np.array([start[group == g].min() for g in range(int(group.max(initial=-1)) + 1)], np.int64)
    return np.unique(begins // DAY, return_inverse=True)[1][group]


def recorded(start: np.ndarray, end: np.ndarray, hole: int = HOLE) -> int:
    """Time from the first interval to the last, less every hole: more than `hole` ns in which no sample is under way.

    >>> recorded(np.array([0, 5, 100]), np.array([10, 15, 110]), hole=50)
    25
    """
    order = np.argsort(start, kind="stable")
    begins, reach = start[order], np.maximum.accumulate(end[order])
    empty = begins[1:] - reach[:-1]
    return int(reach[-1] - begins[0] - empty[empty > hole].sum()) if len(start) else 0


def ranks(time: np.ndarray) -> np.ndarray:
    """How many of the times are earlier than each: (n,) int64; equal times rank equally and are never parted."""
    return np.searchsorted(np.sort(time), time, side="left")


def cut_evenly(total: int, count: int) -> np.ndarray:
    """Ranks (count + 1,) at which pieces of as many samples each begin and end."""
    return np.array([total * piece // count for piece in range(count + 1)])


def cut_between(sizes: np.ndarray, count: int, what: str) -> np.ndarray:
    """Ranks (count + 1,) at which pieces of whole units begin and end, as even as the units allow.

    Raises
    ------
    InputError
        When there are fewer units than pieces.
    """
    if len(sizes) < count:
        raise InputError(
            f"{len(sizes)} whole {what}{'s' * (len(sizes) != 1)} make no {count} pieces; take fewer folds, record more "
            "or cut at any moment"
        )
    edges, place = np.concatenate([[0], np.cumsum(sizes)]), 0
    chosen = [0]
    for piece in range(1, count):
        choices = np.arange(place + 1, len(sizes) - (count - piece) + 1)
        place = int(choices[np.abs(edges[choices] - edges[-1] * piece / count).argmin()])
        chosen.append(int(edges[place]))
    return np.array([*chosen, int(edges[-1])])


def piece_of(rank: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Number of the piece each rank lies in."""
    return np.searchsorted(edges, rank, side="right") - 1


def opposite(rank: np.ndarray, edges: np.ndarray, tested: Sequence[int], share: float) -> np.ndarray:
    """Mask of `share` of the samples, in the middle of the longest run of untested pieces (round the end to the front).

    That is as far from what is tested as any samples are.
    """
    n, count = int(edges[-1]), len(edges) - 1
    free = [piece not in tested for piece in range(count)]
    runs = []
    for first in range(count):
        if free[first] and not free[first - 1]:
            length = next(k for k in range(1, count + 1) if not free[(first + k) % count])
            around = [(first + k) % count for k in range(length)]
            runs.append((sum(int(edges[p + 1] - edges[p]) for p in around), first))
    size, first = max(runs, key=lambda run: run[0])
    held = round(share * n)
    after = (rank - edges[first]) % n
    begin = (size - held) // 2
    return (after >= begin) & (after < begin + held) & np.array(free)[piece_of(rank, edges)]
