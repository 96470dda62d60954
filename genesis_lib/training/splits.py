"""Cross-validation in which no training sample has seen any of what it is tested on.

Two samples whose intervals of time meet share data, so one of them must not be trained on while the other is tested.
Three ways to cut, one protocol: ``split(start, time, end, session)`` gives `Fold`s.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from itertools import combinations

import numpy as np

from genesis_lib.errors import InputError
from genesis_lib.training.folds import Fold, paths
from genesis_lib.training.intervals import (
    UNITS,
    cut_between,
    cut_evenly,
    days,
    opposite,
    overlaps,
    piece_of,
    ranks,
    recorded,
    spans,
)

__all__ = ["SPLITTERS", "CombinatorialPurged", "Fold", "PurgedKFold", "WalkForward", "paths", "splitter"]


@dataclass(frozen=True)
class PurgedKFold:
    """K folds, purged by time and embargoed.

    Parameters
    ----------
    folds
        Number of folds, at least 2.
    embargo
        After a tested stretch, also leave out training samples that begin within this share of the recorded time.
    validation
        Share of the samples held out of training to choose on, at most 0.5.
    unit
        What is never parted. ``moment``: what was recorded at one moment, so that two instruments are cut at the same
        one. ``stretch``: sessions that overlap in time, whole. ``day``: all stretches that begin on one UTC day, whole;
        day and night sessions of a date are then on the same side.
    together
        A number a session, for ties that times do not tell: sessions of one number are one stretch.

    Notes
    -----
    Every stretch of recorded time is cut into `folds` pieces of as many samples each, and fold j tests piece j of every
    stretch: sessions apart in time, on one day or not, are stretches of their own. Of whole stretches or days, fold j
    tests the j-th of `folds` runs of about as many samples. The validation piece lies opposite the tested one. What
    meets a tested interval is left out of validation and training, what meets a validation interval out of training.

    References
    ----------
    M. Lopez de Prado, "Advances in Financial Machine Learning", Wiley, 2018, chapter 7.
    """

    folds: int = 5
    embargo: float = 0.01
    validation: float = 0.15
    unit: str = "moment"
    together: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if not (isinstance(self.folds, int) and self.folds >= 2):
            raise InputError(f"folds must be a whole number of at least 2, got {self.folds!r}")
        if not 0.0 <= self.embargo < 1.0:
            raise InputError(f"embargo must lie in [0, 1), got {self.embargo!r}")
        if not 0.0 < self.validation <= 0.5:
            raise InputError(f"validation must lie in (0, 0.5], got {self.validation!r}")
        if self.unit not in UNITS:
            raise InputError(f"unit must be one of {', '.join(UNITS)}, got {self.unit!r}")

    @property
    def kind(self) -> str:
        """Its name, as `splitter` takes it."""
        return next(name for name, kind in SPLITTERS.items() if kind is type(self))

    def as_dict(self) -> dict[str, object]:
        """What a manifest stores."""
        return {"kind": self.kind, **asdict(self)}

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
            When there are fewer units than folds, or a fold would have nothing to train, validate or test on.
        """
        n = len(time)
        if n < 4 * self.folds:
            raise InputError(f"{n} samples are too few for {self.folds} folds; at least {4 * self.folds} are needed")
        group = spans(start, end, session, self.together)
        margin = np.zeros(n, np.int64)
        for g in np.unique(group):
            inside = group == g
            margin[inside] = int(self.embargo * recorded(start[inside], end[inside]))
        for number, (piece, test, validation, train) in enumerate(self._cuts(start, time, end, group, margin)):
            yield self._purged(number, start, end, margin, (train, validation, test), piece)

    def tested_pieces(self) -> list[tuple[int, ...]]:
        """Numbers of the pieces that each fold tests."""
        return [(piece,) for piece in range(self.folds)]

    def _cuts(self, start, time, end, group, margin):
        """Give piece numbers (n,) and masks test, validation, train (n,) of each fold, not purged yet."""
        axes = list(self._axes(start, time, group, self.folds))
        piece = np.empty(len(time), np.int64)
        for members, rank, edges in axes:
            piece[members] = piece_of(rank, edges)
        for tested in self.tested_pieces():
            test, validation = np.isin(piece, tested), np.zeros(len(time), bool)
            for members, rank, edges in axes:
                validation[members] = opposite(rank, edges, tested, self.validation)
            yield piece, test, validation, ~(test | validation)

    def _purged(self, number, start, end, margin, parts, piece) -> Fold:
        train, validation, test = parts
        unused = ~(train | validation | test)
        met = overlaps(start, end, start[test], end[test])
        near = self._near(start, end, test, margin)
        validation, train, asked = validation & ~near, train & ~near, train
        met |= asked & overlaps(start, end, start[validation], end[validation])
        train &= ~self._near(start, end, validation, margin)
        for verb, mask in (("train", train), ("validate", validation), ("test", test)):
            if not mask.any():
                raise InputError(
                    f"fold {number}: nothing left to {verb} on after purging {len(start)} samples; "
                    "record longer, or take fewer folds, a smaller embargo or a shorter horizon"
                )
        left = ~(train | validation | test | unused)
        places = [np.flatnonzero(mask) for mask in (train, validation, test)]
        extra = np.flatnonzero(left & ~met), np.flatnonzero(unused)
        return Fold(number, *places, int(left.sum()), *extra, piece[places[2]])

    def _near(self, start, end, judges, margin) -> np.ndarray:
        """Which samples meet those that judge, or begin within the embargo after one."""
        return overlaps(start, end, start[judges], end[judges] + margin[judges])

    def _axes(self, start, time, group, count: int):
        """Give members, ranks and edges of every axis that is cut by itself into `count` pieces."""
        if self.unit == "moment":
            for g in np.unique(group):
                members = np.flatnonzero(group == g)
                yield members, ranks(time[members]), cut_evenly(len(members), count)
        else:
            yield np.arange(len(time)), ranks(time), self._whole(start, group, count)

    def _whole(self, start, group, count: int) -> np.ndarray:
        unit = group if self.unit == "stretch" else days(start, group)
        return cut_between(np.bincount(unit), count, self.unit)


@dataclass(frozen=True)
class CombinatorialPurged(PurgedKFold):
    """Every choice of some pieces is tested once, so that many whole histories are tested and not one.

    Parameters
    ----------
    folds
        Pieces, at least 3.
    embargo, validation, unit, together
        As for `PurgedKFold`.
    tested
        Pieces tested at once, at least 1 and fewer than `folds`.

    Notes
    -----
    N pieces, k of them tested at once, are :math:`\\binom Nk` folds and :math:`\\binom{N-1}{k-1}` `paths`. The scores
    of the paths are a distribution, where one walk through history has one number.

    References
    ----------
    M. Lopez de Prado, "Advances in Financial Machine Learning", Wiley, 2018, chapter 12.
    """

    folds: int = 6
    tested: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (isinstance(self.tested, int) and 1 <= self.tested < self.folds):
            raise InputError(
                f"tested must be at least 1, a whole number, and fewer than the {self.folds} folds, got {self.tested!r}"
            )

    def tested_pieces(self) -> list[tuple[int, ...]]:
        """Every choice of `tested` pieces, in order."""
        return list(combinations(range(self.folds), self.tested))

    @property
    def path_count(self) -> int:
        """Whole histories that the folds' tests make."""
        return math.comb(self.folds - 1, self.tested - 1)


@dataclass(frozen=True)
class WalkForward(PurgedKFold):
    """Train on the past, test on what came next, and walk on: nothing is ever trained on that came after a test.

    Parameters
    ----------
    folds
        Tested pieces; the first of `folds` + 1 pieces of all time is only trained on.
    embargo
        Also leave out training samples that end within this share of the recorded time before what they are tested on.
    validation
        Share of the past that does not meet the test, its newest part, held out of training to choose on; what is
        trained on comes before it.
    unit, together
        As for `PurgedKFold`; all sessions are one line of time, whose pieces may span several.
    rolling
        Pieces of the past to train on, the newest ones; all of them when left out (an expanding past).
    """

    rolling: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rolling is not None and not (isinstance(self.rolling, int) and self.rolling >= 1):
            raise InputError(f"rolling must be a whole number of at least 1 piece, got {self.rolling!r}")

    def tested_pieces(self) -> list[tuple[int, ...]]:
        """Every piece but the first."""
        return [(piece,) for piece in range(1, self.folds + 1)]

    def _cuts(self, start, time, end, group, margin):
        n, rank = len(time), ranks(time)
        count = self.folds + 1
        edges = cut_evenly(n, count) if self.unit == "moment" else self._whole(start, group, count)
        piece = piece_of(rank, edges)
        for (tested,) in self.tested_pieces():
            oldest = 0 if self.rolling is None else int(edges[max(tested - self.rolling, 0)])
            test, past = piece == tested, (rank >= oldest) & (rank < edges[tested])
            # The newest of what is left next to the test: else purging would take all of a short validation piece.
            kept = np.sort(rank[past & ~self._near(start, end, test, margin)])
            held = kept[len(kept) - max(round(self.validation * len(kept)), 1)] if len(kept) else edges[tested]
            yield piece, test, past & (rank >= held), past & (rank < held)

    def _near(self, start, end, judges, margin) -> np.ndarray:
        """Which samples meet those that judge, or end within the embargo before one."""
        return overlaps(start, end, start[judges] - margin[judges], end[judges])


SPLITTERS = {"kfold": PurgedKFold, "walk-forward": WalkForward, "combinatorial": CombinatorialPurged}


def splitter(name: str, folds: int | None = None, embargo: float = 0.01, **settings: object) -> PurgedKFold:
    """Make a splitter by name: ``kfold``, ``walk-forward`` or ``combinatorial``.

    Raises
    ------
    InputError
        For another name, or a setting that it does not have.

    Examples
    --------
    >>> splitter("combinatorial", 6, tested=2).path_count
    5
    """
    if name not in SPLITTERS:
        raise InputError(f"split must be one of {', '.join(SPLITTERS)}, got {name!r}")
    kind = SPLITTERS[name]
    known = {item.name for item in fields(kind)}
    if unknown := sorted(set(settings) - known):
        raise InputError(f"{name} has no setting {unknown[0]!r}; it has {', '.join(sorted(known))}")
    number = {} if folds is None else {"folds": folds}
    return kind(**number, embargo=embargo, **settings)
