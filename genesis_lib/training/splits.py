"""Cross-validation in which no training sample has seen any of what it is tested on.

A sample is an interval of time: from the first row of its window to the row at which its label is known. Two samples
whose intervals meet share data, so one of them must not be trained on while the other is tested.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from genesis_lib.errors import InputError


@dataclass(frozen=True, slots=True)
class Fold:
    """Positions of the samples of one fold, each (n,) int64 and ascending; none is in two."""

    number: int
    train: np.ndarray
    validation: np.ndarray  # chooses when to stop and which fold is best
    test: np.ndarray  # chooses nothing
    purged: int  # samples that are in none of the three


def stretches(fold: Fold, total: int) -> dict[str, list[tuple[int, int]]]:
    """Runs of neighbouring samples in each part of a fold, as (first, last + 1); what is in no part is ``purge``.

    >>> fold = Fold(0, np.array([5, 6]), np.array([8]), np.array([0, 1, 2]), 4)
    >>> stretches(fold, 10)["purge"]
    [(3, 5), (7, 8), (9, 10)]
    """
    part = np.zeros(total, np.int8)
    names = ("purge", "train", "validation", "test")
    for code, name in enumerate(names[1:], 1):
        part[getattr(fold, name)] = code
    edges = np.concatenate([[0], np.flatnonzero(np.diff(part)) + 1, [total]])
    runs: dict[str, list[tuple[int, int]]] = {name: [] for name in names}
    for first, last in pairwise(edges):
        runs[names[part[first]]].append((int(first), int(last)))
    return runs


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


def spans(start: np.ndarray, end: np.ndarray, session: np.ndarray) -> np.ndarray:
    """Number the stretches of time that sessions recorded at once share: (n,) int64.

    Two instruments of one index recorded together must be held out together, so they are cut at the same moments.
    """
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


@dataclass(frozen=True, slots=True)
class PurgedKFold:
    """K folds, purged by time and embargoed.

    Parameters
    ----------
    folds
        Number of folds, at least 2.
    embargo
        After a tested stretch, also leave out training samples that begin within this share of the recorded span.
    validation
        Share of the samples held out of training to choose on, at most 0.5.

    Notes
    -----
    Every stretch of recorded time is cut into `folds` pieces of as many samples each; fold j tests piece j of every
    stretch. The validation piece lies opposite the tested one. What meets a tested interval is left out of validation
    and training, what meets a validation interval out of training.

    References
    ----------
    M. Lopez de Prado, "Advances in Financial Machine Learning", Wiley, 2018, chapter 7.
    """

    folds: int = 5
    embargo: float = 0.01
    validation: float = 0.15

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise InputError(f"folds must be at least 2, got {self.folds!r}")
        if not 0.0 <= self.embargo < 1.0:
            raise InputError(f"embargo must lie in [0, 1), got {self.embargo!r}")
        if not 0.0 < self.validation <= 0.5:
            raise InputError(f"validation must lie in (0, 0.5], got {self.validation!r}")

    def split(self, start: np.ndarray, time: np.ndarray, end: np.ndarray, session: np.ndarray) -> Iterator[Fold]:
        """Give the folds.

        Parameters
        ----------
        start, time, end
            (n,) int64: time of the window's first row, of the decision, and of the moment the label is known.
        session
            (n,) session numbers.

        Raises
        ------
        InputError
            When a fold would have nothing to train, validate or test on.
        """
        n = len(time)
        if n < 4 * self.folds:
            raise InputError(f"{n} samples are too few for {self.folds} folds; at least {4 * self.folds} are needed")
        group = spans(start, end, session)
        margin = np.zeros(n, np.int64)
        for g in np.unique(group):
            inside = group == g
            margin[inside] = int(self.embargo * (end[inside].max() - start[inside].min()))
        for number in range(self.folds):
            test, validation = np.zeros(n, bool), np.zeros(n, bool)
            for g in np.unique(group):
                members = np.flatnonzero(group == g)
                tested, held = self._cut(time[members], number)
                test[members[tested]], validation[members[held]] = True, True
            train = ~(test | validation)
            near_test = overlaps(start, end, start[test], end[test] + margin[test])
            validation &= ~near_test
            train &= ~near_test
            train &= ~overlaps(start, end, start[validation], end[validation] + margin[validation])
            for name, mask in (("train", train), ("validation", validation), ("test", test)):
                if not mask.any():
                    raise InputError(
                        f"fold {number}: nothing left to {name} on after purging {n} samples; "
                        "record longer, or take fewer folds, a smaller embargo or a shorter horizon"
                    )
            kept = int(train.sum() + validation.sum() + test.sum())
            yield Fold(number, *(np.flatnonzero(mask) for mask in (train, validation, test)), n - kept)

    def _cut(self, time: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Masks of the tested and of the validation samples of one stretch; equal times are never parted."""
        n = len(time)
        rank = np.searchsorted(np.sort(time), time, side="left")
        first, last = n * number // self.folds, n * (number + 1) // self.folds
        tested = (rank >= first) & (rank < last)
        held = round(self.validation * n)
        after = (rank - last) % n  # ranks after the tested piece, round the end to before it
        begin = (n - (last - first) - held) // 2
        return tested, (after >= begin) & (after < begin + held) & ~tested
