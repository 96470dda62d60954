"""Samples of several labels at once: what each head is to answer, and what of the market a sample has seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np

from genesis_lib.features import FeatureSet
from genesis_lib.training.dataset import Rows, Samples
from genesis_lib.training.labels import Label, last_known
from genesis_lib.training.moves import looked_back_to
from genesis_lib.training.splits import Fold


@dataclass(frozen=True)
class HeadSamples(Samples):
    """Samples of a primary label and of others beside it.

    `end` is the row at which the last label of any head is known, `seen` (n,) the first row that anything about the
    sample has seen: the window's inputs and what their columns look back, the past that is part of a label, and the
    past move that is persistence's guess. `moves` and `knowns` are (n, H), NaN and 0 where a head has none.
    """

    seen: np.ndarray
    moves: np.ndarray
    knowns: np.ndarray

    @classmethod
    def of(cls, rows: Rows, labels: Sequence[Label] | Label, window: int = 100, stride: int = 1) -> HeadSamples:
        """Every `stride`-th row of each session that has a window and the primary label; see `Samples.of`."""
        labels = (labels,) if isinstance(labels, Label) else tuple(labels)
        plain, newest = Samples.with_newest(rows, labels[0], window, stride)
        moves, knowns, end = [plain.move], [plain.known], plain.end
        seen = np.minimum(_first_seen(rows, plain.row, window), _looked_back_to(rows, labels[0], plain.row, newest))
        for label in labels[1:]:
            move, ends = label.moves(rows.mid, rows.starts, rows.time, rows.spread)
            newest = last_known(ends, rows.starts)[plain.row]
            moves.append(move[plain.row])
            knowns.append(np.where(newest >= 0, move[newest], 0.0))
            end = np.maximum(end, ends[plain.row])
            seen = np.minimum(seen, _looked_back_to(rows, label, plain.row, newest))
        told = {field.name: getattr(plain, field.name) for field in fields(Samples)} | {"end": end}
        return cls(**told, seen=seen, moves=np.stack(moves, axis=1), knowns=np.stack(knowns, axis=1))

    def times(self, rows: Rows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Time of the first row seen, of the decision, and of the moment the last label is known.

        Where an exchange's clock steps back, the earliest and the latest time of the rows between: samples that share a
        row must share a moment.
        """
        first, last = rows.time[self.seen], rows.time[self.end]
        if ((np.diff(rows.time) < 0) & (np.diff(rows.session) == 0)).any():
            edges = np.stack([self.seen, self.end + 1], axis=1).ravel()
            clock = np.append(rows.time, rows.time[-1:])  # so that the row after the last one has a number
            first, last = (reached.reduceat(clock, edges)[::2] for reached in (np.minimum, np.maximum))
        return first, rows.time[self.row], last

    def folds(self, rows: Rows, splitter) -> Iterator[Fold]:
        """Folds of the samples, purged by the times of their rows."""
        return splitter.split(*self.times(rows), rows.session[self.row])


def _looked_back_to(rows: Rows, label: Label, row: np.ndarray, newest: np.ndarray) -> np.ndarray:
    """First row that a label of some rows looks at, or that of the `newest` rows (-1: none) whose label is known there.

    Over minutes, that lies far before any window.
    """
    guess = np.where(newest >= 0, newest, row)
    both = (looked_back_to(label, at, rows.starts, rows.time) for at in (row, guess))
    return np.minimum(*both)


def _first_seen(rows: Rows, row: np.ndarray, window: int) -> np.ndarray:
    """First row that the window's inputs, or the baselines' at its last row, look back to; never in another session."""
    opening = np.searchsorted(rows.session, np.arange(len(rows.sessions)))[rows.session[row]]
    first = row
    for columns, back in ((rows.columns, window - 1), (rows.flow_columns, 0)):
        features = FeatureSet(columns, rows.levels)
        reached = np.maximum(row - back - features.warmup, opening)
        if features.warmup_seconds:
            reached = np.minimum(reached, _rows_before(rows, row - back, features.warmup_seconds))
        first = np.minimum(first, reached)
    return first


def _rows_before(rows: Rows, at: np.ndarray, seconds: float) -> np.ndarray:
    """First row of the same session within so many seconds before some rows."""
    result = at.copy()
    for part in rows.session_slices():
        inside = (at >= part.start) & (at < part.stop)
        clock = np.maximum.accumulate(rows.time[part])  # an exchange's clock may step back
        moment = clock[at[inside] - part.start] - int(seconds * 1e9)
        result[inside] = part.start + np.searchsorted(clock, moment)
    return result
