"""Training and answering on long stretches of rows: one pass over T rows gives T - window + 1 predictions.

A stretch lies inside one unbroken streak and holds rows of its own part's windows alone, so neither values nor the
statistics of a normalisation come from rows that were purged. What lies in a stretch without being a sample of the part
(purged between two samples, or thinned out) gives no loss.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from genesis_lib.training.batches import Batch


@dataclass(frozen=True)
class Plan:
    """Stretches, each of ``window - 1 + length`` rows from `first` on, of whose answers [low, high) count; all (S,)."""

    first: np.ndarray
    length: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def __len__(self) -> int:
        return len(self.first)

    def take(self, chosen: np.ndarray) -> Plan:
        """Some of the stretches."""
        return Plan(self.first[chosen], self.length[chosen], self.low[chosen], self.high[chosen])


def runs(used: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Longest stretches of neighbouring rows that are all in use and in one streak: (K, 2) first and last + 1.

    >>> runs(np.array([True, True, False, True, True]), np.array([0, 0, 0, 0, 4])).tolist()
    [[0, 2], [3, 4], [4, 5]]
    """
    used = used & (starts >= 0)
    begins = used.copy()
    begins[1:] &= ~used[:-1] | (starts[1:] != starts[:-1])
    ends = used.copy()
    ends[:-1] &= ~used[1:] | (starts[1:] != starts[:-1])
    return np.stack([np.flatnonzero(begins), np.flatnonzero(ends) + 1], axis=1)


def lay_out(spans: np.ndarray, window: int, stretch: int, shift: int, wanted: np.ndarray) -> Plan:
    """Cover runs with stretches so that each answer counts once.

    Parameters
    ----------
    spans
        (K, 2) from `runs`.
    window, stretch
        Rows a prediction sees, and predictions a stretch.
    shift
        Where the cuts between stretches lie; another each pass, so that no row is always at an edge.
    wanted
        (N,) rows whose answers are wanted; stretches without any are left out.

    Notes
    -----
    A run that is no multiple of `stretch` ends in a stretch that overlaps its neighbour, whose overlap does not count;
    one shorter than a stretch is covered by two of the largest power of two that fits. Nothing is ever padded: padding
    would enter the statistics of normalisations.
    """
    parts = []
    for begin, end in spans:
        count = end - begin - window + 1
        if count < 1:
            continue
        length = stretch if count >= stretch else 1 << (int(count).bit_length() - 1)
        cuts = np.unique(np.concatenate([[0], np.arange(shift % length, count, length), [count]]))
        offset = np.minimum(cuts[:-1], count - length)
        parts.append((begin + offset, np.full(len(offset), length), cuts[:-1] - offset, cuts[1:] - offset))
    if not parts:
        nothing = np.empty(0, np.int64)
        return Plan(nothing, nothing, nothing, nothing)
    plan = Plan(*(np.concatenate(column).astype(np.int64) for column in zip(*parts)))
    before = np.concatenate([[0], np.cumsum(wanted)])
    answer = plan.first + window - 1
    return plan.take(np.flatnonzero(before[answer + plan.high] > before[answer + plan.low]))


@dataclass(frozen=True)
class DenseBatches:
    """Batches of stretches.

    Parameters
    ----------
    values
        What gives scaled rows, (R, F) float32, for (R,) row numbers.
    targets
        (N, H) int8 classes by row; -1 where there is no loss.
    spans
        From `runs`, of the rows that the samples' windows hold.
    window, stretch, sequences
        Rows a prediction sees, predictions a stretch, stretches a batch (more where they are short).
    augmentation
        What is done to a training batch, if anything.
    """

    values: object
    targets: np.ndarray
    spans: np.ndarray
    window: int
    stretch: int = 128
    sequences: int = 16
    augmentation: object = None

    @property
    def wanted(self) -> np.ndarray:
        """(N,) rows with any target."""
        return (self.targets >= 0).any(axis=1)

    def plan(self, rng: np.random.Generator | None = None, limit: int = 0) -> list[Plan]:
        """Stretches of one pass by batch: shuffled and cut anew with `rng`, in order without; about `limit` answers.

        All stretches of a batch are equally long, and a batch has about `sequences` times `stretch` predictions.
        """
        wanted = self.wanted
        shift = int(rng.integers(self.stretch)) if rng is not None else 0
        plan = lay_out(self.spans, self.window, self.stretch, shift, wanted)
        if rng is not None:
            plan = plan.take(rng.permutation(len(plan)))
        if limit and len(plan):
            before = np.concatenate([[0], np.cumsum(wanted)])
            answer = plan.first + self.window - 1
            counted = np.cumsum(before[answer + plan.high] - before[answer + plan.low])
            plan = plan.take(np.arange(min(int(np.searchsorted(counted, limit)) + 1, len(plan))))
        batches = []
        for length in np.unique(plan.length):
            alike = np.flatnonzero(plan.length == length)
            size = max(self.sequences * self.stretch // int(length), 1)
            batches += [plan.take(alike[at : at + size]) for at in range(0, len(alike), size)]
        if rng is None:
            return batches
        batches = [batch for batch in batches if batch.length.sum() > 1]  # one answer has no variance to normalise with
        return [batches[i] for i in rng.permutation(len(batches))]

    def load(self, plan: Plan, rng: np.random.Generator | None = None) -> Batch:
        """Rows (B, T, F) and targets (B, T - window + 1, H) of the stretches of one batch; augmented with `rng`."""
        length = int(plan.length[0])
        rows = plan.first[:, None] + np.arange(self.window - 1 + length)
        at = np.arange(length)
        counts = (at >= plan.low[:, None]) & (at < plan.high[:, None])
        targets = np.where(counts[..., None], self.targets[rows[:, self.window - 1 :]], -1).astype(np.int64)
        if self.augmentation is None or rng is None:
            values = self.values[rows.ravel()].reshape(*rows.shape, -1)
        else:
            values, targets = self.augmentation.sequences(self.values, rows, targets, rng)
        return Batch.of(values, None, targets)

    def answered(self, plan: Plan) -> tuple[np.ndarray, np.ndarray]:
        """Which answers of a batch count (B, length), and the rows (n,) they belong to, in that order."""
        at = np.arange(int(plan.length[0]))
        counts = (at >= plan.low[:, None]) & (at < plan.high[:, None])
        return counts, (plan.first[:, None] + self.window - 1 + at)[counts]

    def thinned(self, predictions: int) -> DenseBatches:
        """The same with about so many predictions at most, in stretches spread evenly."""
        plan = lay_out(self.spans, self.window, self.stretch, 0, self.wanted)
        keep = max(predictions // self.stretch, 1)
        if len(plan) <= keep:
            return self
        chosen = plan.take(np.linspace(0, len(plan) - 1, keep).astype(np.int64))
        first = chosen.first + chosen.low
        spans = np.stack([first, chosen.first + chosen.high + self.window - 1], axis=1)
        return DenseBatches(self.values, self.targets, spans, self.window, self.stretch, self.sequences)

    def in_order(self) -> Iterator[Batch]:
        """Batches of everything, once, not augmented."""
        return (self.load(plan) for plan in self.plan())
