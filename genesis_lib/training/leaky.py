"""The mistake that most published accuracies rest on, kept only to show what it does. Never train with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from genesis_lib.errors import InputError
from genesis_lib.training.dataset import Rows
from genesis_lib.training.folds import Fold
from genesis_lib.training.intervals import overlaps
from genesis_lib.training.labels import Label
from genesis_lib.training.results import CrossValidation
from genesis_lib.training.samples import HeadSamples


@dataclass(frozen=True)
class LeakyShuffle:
    """K folds of shuffled samples, as a textbook has them: each tested window lies among windows trained on.

    Neighbouring windows share nearly all their rows and most of their label's horizon, so whoever remembers the
    training samples has seen the answers. It has no command and is no option of any: `leak_table` shows what it does
    beside an honest splitter.

    Parameters
    ----------
    folds
        Number of folds, at least 2.
    validation
        Share of the samples held out of training to choose on, shuffled too.
    seed
        Of the shuffling.
    """

    folds: int = 5
    validation: float = 0.15
    seed: int = 0

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise InputError(f"folds must be at least 2, got {self.folds!r}")
        if not 0.0 < self.validation <= 0.5:
            raise InputError(f"validation must lie in (0, 0.5], got {self.validation!r}")

    def as_dict(self) -> dict[str, object]:
        """What a manifest would store, so that no model hides how it was judged."""
        return {"kind": "leaky-shuffle", **asdict(self)}

    def split(self, start: np.ndarray, time: np.ndarray, end: np.ndarray, session: np.ndarray) -> Iterator[Fold]:
        """Give the folds; the arguments are the other splitters', and but for their number nothing is made of them."""
        n = len(time)
        if n < 4 * self.folds:
            raise InputError(f"{n} samples are too few for {self.folds} folds; at least {4 * self.folds} are needed")
        order = np.random.default_rng(self.seed).permutation(n)
        for number in range(self.folds):
            first, last = n * number // self.folds, n * (number + 1) // self.folds
            rest = np.concatenate([order[last:], order[:first]])
            held = max(round(self.validation * n), 1)
            parts = rest[held:], rest[:held], order[first:last]
            yield Fold(number, *(np.sort(part) for part in parts), 0)


def leak_table(rows: Rows, label: Label, results: Sequence[CrossValidation], model: str | None = None) -> pd.DataFrame:
    """The same model on the same data under several splitters, and what their tested samples share with training.

    Parameters
    ----------
    rows, label
        What all of them were run on.
    results
        A cross-validation a splitter.
    model
        Whose scores, a baseline's perhaps; that of the runs when left out.

    Returns
    -------
    pandas.DataFrame
        A row a splitter: ``share_touched``, the share of tested samples whose stretch of rows (all that their inputs
        and label look at) meets that of a training sample of the same fold; then the model's scores.
    """
    table = []
    for result in results:
        samples = HeadSamples.of(rows, label, int(result.best.first.architecture.get("window", 1)), result.stride)
        start, _, end = samples.times(rows)
        touched = tested = 0
        for fold in samples.folds(rows, result.splitter):
            hit = overlaps(start[fold.test], end[fold.test], start[fold.train], end[fold.train])
            touched, tested = touched + int(hit.sum()), tested + len(hit)
        name = type(result.splitter).__name__
        head = {"splitter": name, "model": model or result.model, "share_touched": touched / tested}
        table.append(head | result.scores(model))
    return pd.DataFrame(table).set_index("splitter")
