"""What one step of training takes, the windowed way of making it, and rows that are scaled when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from genesis_lib.models.scaler import Scaler


class Batch(NamedTuple):
    """One step's rows and targets.

    `x` is (R, F) rows with `index` (B, window) into them and `targets` (B, H); or, dense, (B, T, F) with no index and
    `targets` (B, T - window + 1, H). Targets are classes, -1 without loss; `count` is how many predictions have any.
    """

    x: Tensor
    index: Tensor | None
    targets: Tensor
    count: int

    @classmethod
    def of(cls, x: np.ndarray, index: np.ndarray | None, targets: np.ndarray) -> Batch:
        """From arrays."""
        places = None if index is None else torch.from_numpy(index)
        count = int((targets >= 0).any(axis=-1).sum())
        return cls(torch.from_numpy(x), places, torch.from_numpy(targets), count)


@dataclass(frozen=True)
class ScaledRows:
    """Rows that are scaled when they are asked for, so that no fold holds a copy of all.

    Parameters
    ----------
    inputs
        (N, F) float32, not scaled.
    scaler
        Fitted on training rows.
    order, sign
        What turns a row upside down, see `genesis_lib.training.augment.mirror`; not given: the rows as they are.
    """

    inputs: np.ndarray
    scaler: Scaler
    order: np.ndarray | None = None
    sign: np.ndarray | None = None

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        values = self.inputs[rows]
        return self.scaler.transform(values if self.order is None else values[:, self.order] * self.sign)


@dataclass(frozen=True)
class WindowBatches:
    """Batches of windows.

    Parameters
    ----------
    values
        What gives scaled rows, (R, F) float32, for (R,) row numbers.
    ends
        (n,) last row of each window, ascending.
    targets
        (n, H) int8 classes, -1 where there is no loss.
    window, batch_size
        Rows a window, windows a batch.
    together
        Neighbours that are drawn together.
    augmentation
        What is done to a training batch, if anything.
    """

    values: object
    ends: np.ndarray
    targets: np.ndarray
    window: int
    batch_size: int = 256
    together: int = 8
    augmentation: object = None

    def plan(self, rng: np.random.Generator | None = None, limit: int = 0) -> list[np.ndarray]:
        """Positions of the windows of one pass by batch: shuffled with `rng`, in order without."""
        everything = np.arange(len(self.ends))
        if rng is None:
            return np.split(everything, np.arange(self.batch_size, len(everything), self.batch_size))
        return list(epoch(everything, self.batch_size, rng, limit or None, self.together))

    def load(self, chosen: np.ndarray, rng: np.random.Generator | None = None) -> Batch:
        """Rows, places and targets of some windows; augmented with `rng`."""
        rows, index = gather(self.ends[chosen], self.window)
        targets = self.targets[chosen].astype(np.int64)
        if self.augmentation is None or rng is None:
            return Batch.of(self.values[rows], index, targets)
        values, targets = self.augmentation.windows(self.values, rows, targets, rng)
        return Batch.of(values, index, targets)

    def thinned(self, predictions: int) -> WindowBatches:
        """The same with so many windows at most, spread evenly."""
        if len(self.ends) <= predictions:
            return self
        at = np.linspace(0, len(self.ends) - 1, predictions).astype(np.int64)
        return WindowBatches(self.values, self.ends[at], self.targets[at], self.window, self.batch_size)

    def in_order(self) -> Iterator[Batch]:
        """Batches of everything, once, not augmented."""
        return (self.load(chosen) for chosen in self.plan())


def gather(ends: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows that windows ending at `ends` hold, each once, and where each window finds them.

    Returns
    -------
    rows, index
        (R,) row numbers, and (n, window) positions among them.
    """
    wanted = ends[:, None] + np.arange(1 - window, 1)
    rows, index = np.unique(wanted, return_inverse=True)
    return rows, index.reshape(wanted.shape)


def epoch(
    positions: np.ndarray, batch: int, rng: np.random.Generator, limit: int | None = None, together: int = 8
) -> Iterator[np.ndarray]:
    """Shuffled batches of sample positions, `together` neighbours at a time.

    Neighbouring windows share most of their rows, and the network computes a shared row once: eight neighbours train
    six times as fast as eight strangers. Where the neighbours are cut changes from epoch to epoch.

    Parameters
    ----------
    positions
        (n,) ascending.
    batch
        Samples a batch, about.
    limit
        Samples an epoch at most, drawn anew each epoch.
    """
    shift = int(rng.integers(together))
    groups = np.split(positions, np.arange(shift, len(positions), together)) if len(positions) else []
    groups = [group for group in groups if len(group)]
    if limit is not None:
        keep = max(limit // together, 1)
        groups = [groups[i] for i in rng.permutation(len(groups))[:keep]]
    else:
        groups = [groups[i] for i in rng.permutation(len(groups))]
    size = max(batch // together, 1)
    for first in range(0, len(groups), size):
        chosen = np.concatenate(groups[first : first + size])
        if len(chosen) > 1:  # a batch of one has no variance to normalise with
            yield chosen
