"""One fold of a cross-validation: who trains, who judges, what is left out, and the histories that folds test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np


def _none() -> np.ndarray:
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Fold:
    """Positions of the samples of one fold, each (n,) int64 and ascending; none is in two."""

    number: int
    train: np.ndarray
    validation: np.ndarray  # chooses when to stop and which fold is best
    test: np.ndarray  # chooses nothing
    purged: int  # samples left out for what they share with a part that judges, or come too soon after it
    embargoed: np.ndarray = field(default_factory=_none)  # those of them that only come too soon after it
    unused: np.ndarray = field(default_factory=_none)  # what the fold may not look at: the future of what it tests
    piece: np.ndarray = field(default_factory=_none)  # (n_test,) which of the splitter's pieces each tested one is in


def stretches(fold: Fold, total: int) -> dict[str, list[tuple[int, int]]]:
    """Runs of neighbouring samples in each part of a fold, as (first, last + 1); unused ones are in none.

    >>> fold = Fold(0, np.array([5, 6]), np.array([8]), np.array([0, 1, 2]), 4)
    >>> stretches(fold, 10)["purge"]
    [(3, 5), (7, 8), (9, 10)]
    """
    part = np.zeros(total, np.int8)
    names = ("purge", "train", "validation", "test", "embargoed", "unused")
    for code, name in enumerate(names[1:], 1):
        part[getattr(fold, name)] = code
    edges = np.concatenate([[0], np.flatnonzero(np.diff(part)) + 1, [total]])
    runs: dict[str, list[tuple[int, int]]] = {name: [] for name in names}
    for first, last in pairwise(edges):
        runs[names[part[first]]].append((int(first), int(last)))
    del runs["unused"]
    return {"embargo" if name == "embargoed" else name: found for name, found in runs.items()}


def paths(folds: Sequence[Fold]) -> list[dict[int, np.ndarray]]:
    """Put tested pieces together to whole histories, each of which tests every piece once.

    K folds and a walk forward are one path. Combinatorial folds test a piece several times, by models of different
    training: path j takes the j-th test of every piece.

    Returns
    -------
    list of dict
        A path each: number of a fold -> positions into that fold's `Fold.test` that belong to the path.
    """
    tests: dict[int, list[tuple[int, np.ndarray]]] = {}
    for fold in folds:
        for piece in np.unique(fold.piece):
            tests.setdefault(int(piece), []).append((fold.number, np.flatnonzero(fold.piece == piece)))
    made: list[dict[int, np.ndarray]] = [{} for _ in range(max(map(len, tests.values()), default=0))]
    for found in tests.values():
        for path, (number, positions) in zip(made, found):
            path[number] = np.sort(np.concatenate([path.get(number, _none()), positions]))
    return made
