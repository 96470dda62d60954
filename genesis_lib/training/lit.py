"""Training of one network with Lightning: what to learn from, when to stop, which weights to keep."""

from __future__ import annotations

import copy
import logging
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset
from tqdm import tqdm

from genesis_lib.errors import InputError
from genesis_lib.models.deeplob import DeepLOB
from genesis_lib.training.dataset import epoch, gather


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How a network is trained.

    Parameters
    ----------
    epochs
        At most this many passes.
    patience
        Passes without a better validation loss before training stops.
    batch_size
        Windows a step.
    windows
        Windows a pass at most, drawn anew each pass; None trains on all.
    together
        Neighbouring windows that are drawn together (they share their rows' computation); 1 draws each by itself.
    learning_rate, weight_decay
        Of Adam.
    augment
        Show half of the batches upside down (bids as asks, UP as DOWN), and shift the log sizes of each stretch of
        rows by a common random amount: neither which side is which nor the unit of size may matter.
    seed
        Decides initial weights, order and dropout.
    threads
        Threads torch may use.
    quiet
        No progress bar.
    """

    epochs: int = 15
    patience: int = 15
    batch_size: int = 256
    windows: int | None = 32_768
    together: int = 8
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    augment: bool = True
    seed: int = 7
    threads: int = 2
    quiet: bool = False

    def __post_init__(self) -> None:
        for name in ("epochs", "patience", "together", "threads"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)!r}")
        if self.batch_size < 2:
            raise InputError(f"batch_size must be at least 2, got {self.batch_size!r}")
        if self.windows is not None and self.windows < self.batch_size:
            raise InputError(f"windows must be at least batch_size {self.batch_size}, got {self.windows!r}")
        if not self.learning_rate > 0:
            raise InputError(f"learning_rate must be positive, got {self.learning_rate!r}")


@dataclass(frozen=True)
class Augmentation:
    """What training does to the rows of a batch.

    `mirrored` (N, F) are the scaled rows upside down, `sizes` (F,) marks the size columns, `shift` is the deviation of
    their common shift in scaled units.
    """

    mirrored: np.ndarray
    sizes: np.ndarray
    shift: float = 0.5

    def apply(
        self, scaled: np.ndarray, rows: np.ndarray, classes: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Values of some rows (ascending) and the classes that then hold."""
        flip = rng.random() < 0.5
        values = (self.mirrored if flip else scaled)[rows]
        stretch = np.concatenate([[0], np.cumsum(np.diff(rows) > 1)])
        values[:, self.sizes] += rng.normal(0.0, self.shift, stretch[-1] + 1).astype(np.float32)[stretch, None]
        return values, 2 - classes if flip else classes


class WindowBatches(IterableDataset):
    """Batches of windows as (rows, index, classes), ready for `DeepLOB.windows`.

    Parameters
    ----------
    scaled
        (N, F) float32 scaled rows of all sessions.
    ends
        (n,) last row of each window, ascending.
    classes
        (n,) int8.
    window, batch_size
        Rows a window, windows a batch.
    order
        None goes through the windows in order, once; else (generator, windows a pass at most, neighbours together).
    augmentation
        Only with an order.
    """

    def __init__(self, scaled, ends, classes, window, batch_size, order=None, augmentation=None) -> None:
        self.scaled, self.ends, self.classes = scaled, ends, classes.astype(np.int64)
        self.window, self.batch_size, self.order, self.augmentation = window, batch_size, order, augmentation

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        everything = np.arange(len(self.ends))
        if self.order is None:
            batches = np.split(everything, np.arange(self.batch_size, len(everything), self.batch_size))
        else:
            rng, limit, together = self.order
            batches = epoch(everything, self.batch_size, rng, limit, together)
        for chosen in batches:
            rows, index = gather(self.ends[chosen], self.window)
            if self.order is None or self.augmentation is None:
                values, classes = self.scaled[rows], self.classes[chosen]
            else:
                values, classes = self.augmentation.apply(self.scaled, rows, self.classes[chosen], self.order[0])
            yield torch.from_numpy(values), torch.from_numpy(index), torch.from_numpy(classes)

    def loader(self) -> DataLoader:
        """The batches as Lightning wants them."""
        return DataLoader(self, batch_size=None, num_workers=0)


class LitDeepLOB(pl.LightningModule):
    """DeepLOB with its loss: cross-entropy weighted by class, Adam.

    Parameters
    ----------
    net
        The network.
    class_weights
        (3,) weights of DOWN, NEUTRAL, UP.
    config
        Learning rate and weight decay are read from it.
    """

    def __init__(self, net: DeepLOB, class_weights: np.ndarray, config: TrainingConfig) -> None:
        super().__init__()
        self.net, self.config = net, config
        self.register_buffer("class_weights", torch.tensor(class_weights, dtype=torch.float32), persistent=False)

    def training_step(self, batch, _number: int) -> Tensor:
        rows, index, classes = batch
        return functional.cross_entropy(self.net.windows(rows, index)[:, 0], classes, self.class_weights)

    def validation_step(self, batch, _number: int) -> None:
        rows, index, classes = batch
        logits = self.net.windows(rows, index)[:, 0]
        loss = functional.cross_entropy(logits, classes)
        hits = (logits.argmax(1) == classes).float().mean()
        size = len(classes)
        self.log("validation_loss", loss, batch_size=size, on_step=False, on_epoch=True)
        self.log("validation_accuracy", hits, batch_size=size, on_step=False, on_epoch=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(
            self.net.parameters(), lr=self.config.learning_rate, weight_decay=self.config.weight_decay
        )


class BestWeights(pl.Callback):
    """Keep the weights of the pass with the least validation loss, in memory."""

    def __init__(self) -> None:
        self.loss, self.epoch, self.state = float("inf"), -1, None

    def on_validation_end(self, trainer: pl.Trainer, module: LitDeepLOB) -> None:
        loss = float(trainer.callback_metrics["validation_loss"])
        if loss < self.loss or self.state is None:
            self.loss, self.epoch = loss, trainer.current_epoch
            self.state = copy.deepcopy(module.net.state_dict())


class Progress(pl.Callback):
    """One bar a fold on standard error; standard output belongs to results."""

    def __init__(self, title: str, epochs: int) -> None:
        self._title, self._epochs, self._bar = title, epochs, None

    def on_train_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._bar = tqdm(total=self._epochs, desc=self._title, unit="epoch", file=sys.stderr, dynamic_ncols=True)

    def on_train_epoch_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        metrics = trainer.callback_metrics
        self._bar.set_postfix(
            loss=f"{float(metrics['validation_loss']):.4f}", accuracy=f"{float(metrics['validation_accuracy']):.3f}"
        )
        self._bar.update()

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._bar.close()


def class_weights(classes: np.ndarray) -> np.ndarray:
    """Weights inverse to the classes' shares, mean 1 over the samples; 0 for a class that never occurs.

    >>> class_weights(np.array([0, 0, 1, 2])).round(3)
    array([0.667, 1.333, 1.333])
    """
    count = np.bincount(classes, minlength=3)
    return np.divide(len(classes), count * np.count_nonzero(count), out=np.zeros(3), where=count > 0)


def fit(net: DeepLOB, train: WindowBatches, validation: WindowBatches, config: TrainingConfig, title: str = "") -> int:
    """Train a network in place and leave it with its best weights, in evaluation mode; give the passes made.

    Nothing is written anywhere; torch's global random state and thread count come back as they were.
    """
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    best = BestWeights()
    stop = pl.callbacks.EarlyStopping("validation_loss", patience=config.patience, mode="min")
    callbacks = [stop, best, *([] if config.quiet else [Progress(title, config.epochs)])]
    module = LitDeepLOB(net, class_weights(train.classes), config)
    threads = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            # Lightning advises loader workers; the batches are slices of an array in memory.
            warnings.filterwarnings("ignore", module="pytorch_lightning.*")
            torch.manual_seed(config.seed)
            trainer = pl.Trainer(
                accelerator="cpu",
                devices=1,
                max_epochs=config.epochs,
                callbacks=callbacks,
                gradient_clip_val=1.0,
                logger=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                num_sanity_val_steps=0,
            )
            trainer.fit(module, train.loader(), validation.loader())
    finally:
        torch.set_num_threads(threads)
    net.load_state_dict(best.state)
    net.eval()
    return trainer.current_epoch


def probabilities(net: DeepLOB, batches: WindowBatches, threads: int = 2) -> np.ndarray:
    """Softmax of the network over batches in order: (n, 3) float64."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.inference_mode():
            parts = [torch.softmax(net.windows(rows, index)[:, 0].double(), 1) for rows, index, _ in batches]
    finally:
        torch.set_num_threads(before)
    return torch.cat(parts).numpy()
