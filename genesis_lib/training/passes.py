"""What Lightning asks for: training batches, pass after pass, and those of validation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, IterableDataset

from genesis_lib.errors import InputError
from genesis_lib.training.batches import Batch, WindowBatches
from genesis_lib.training.config import TrainingConfig
from genesis_lib.training.dense import DenseBatches

Batches = DenseBatches | WindowBatches


class Passes(IterableDataset):
    """Training batches, pass after pass, in lessons: one iteration ends when a validation is due.

    What comes next depends on the seed, the pass and the place in it alone, so training can go on where it stopped.
    """

    def __init__(self, batches: Batches, config: TrainingConfig, samples: int, dense: bool) -> None:
        self.batches, self.seed = batches, config.seed
        self.limit = config.a_pass(samples, dense)
        self.limited = self.limit < samples
        self.check, self.budget = config.a_check(self.limit), config.epochs * self.limit
        self.number, self.place, self.seen = 0, 0, 0  # pass, batches taken of it, predictions

    def __iter__(self) -> Iterator[Batch]:
        due = min(self.seen + self.check, self.budget)
        while self.seen < due:
            plan = self.batches.plan(np.random.default_rng([self.seed, self.number]), self.limit * self.limited)
            if not plan:
                raise InputError("training: not one batch of two samples can be made of the training samples")
            for place in range(self.place, len(plan)):
                batch = self.batches.load(plan[place], np.random.default_rng([self.seed, self.number, place]))
                self.place, self.seen = place + 1, self.seen + batch.count
                yield batch
                if self.seen >= due:
                    break
            if self.place == len(plan):
                self.number, self.place = self.number + 1, 0


class _InOrder(IterableDataset):
    def __init__(self, batches: Batches) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[Batch]:
        return self.batches.in_order()


class FoldData(pl.LightningDataModule):
    """Training and validation batches of one fold, dense or windowed alike."""

    def __init__(self, train: Passes, validation: Batches) -> None:
        super().__init__()
        self.train, self.validation = train, validation

    def train_dataloader(self) -> DataLoader:
        return _loader(self.train)

    def val_dataloader(self) -> DataLoader:
        return _loader(_InOrder(self.validation))


def _loader(batches: IterableDataset) -> DataLoader:
    # A loader without a generator of its own draws from the global one each time it begins.
    return DataLoader(batches, batch_size=None, num_workers=0, generator=torch.Generator())
