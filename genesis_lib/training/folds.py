"""One fold of a cross-validation: who trains, who judges, what is left out, and the histories that folds test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

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
