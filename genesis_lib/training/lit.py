"""One network trained with Lightning: its loss, its optimiser, and the call that runs them."""

from __future__ import annotations

import logging
import math
import signal
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn import functional

from genesis_lib.errors import InputError
from genesis_lib.models.network import Network
from genesis_lib.training.batches import Batch, WindowBatches
from genesis_lib.training.callbacks import Judge, Keep, Progress, freeze_norms
from genesis_lib.training.config import TrainingConfig
from genesis_lib.training.dense import DenseBatches
from genesis_lib.training.hardware import choose
from genesis_lib.training.passes import Batches, FoldData, Passes

NORMS = {True: 16_384, False: 4_096}  # predictions that the statistics of normalisations are taken from, dense or not


def answer(net: Network, batch: Batch) -> Tensor:
    """Logits of one batch: (B, H, 3) of windows, (B, T - window + 1, H, 3) of stretches."""
    return net.dense(batch.x) if batch.index is None else net.windows(batch.x, batch.index)


def loss_of(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean over heads of the mean cross-entropy of a head's targets; -1 gives none, a head without any counts 0."""
    total = logits.sum() * 0.0  # a batch without any target has a gradient, too: zero
    for head in range(logits.shape[-2]):
        mine = targets[..., head].flatten()
        known = (mine >= 0).sum() if weights is None else weights[mine[mine >= 0]].sum()
        flat = logits[..., head, :].reshape(-1, 3)
        losses = functional.cross_entropy(flat, mine, weights, ignore_index=-1, reduction="sum")
        total = total + losses / known.clamp(min=1e-12) / logits.shape[-2]
    return total


class LitNetwork(pl.LightningModule):
    """A network with its loss and optimiser.

    Parameters
    ----------
    net
        The network.
    config
        Rates and decay are read from it.
    budget
        Predictions the one-cycle schedule is laid out over.
    weights
        (3,) weights of DOWN, NEUTRAL, UP, or None.
    """

    def __init__(self, net: Network, config: TrainingConfig, budget: int, weights: np.ndarray | None = None) -> None:
        super().__init__()
        self.net, self.config, self.budget = net, config, budget
        self.seen, self.lesson = 0, 0
        self.sums = {"train": [0.0, 0], "validation": [0.0, 0], "hits": [0.0, 0]}
        given = None if weights is None else torch.tensor(weights, dtype=torch.float32)
        self.register_buffer("class_weights", given, persistent=False)

    def on_train_epoch_start(self) -> None:
        # Dropout of a lesson follows from its number alone: what was interrupted goes on with the same.
        torch.manual_seed(self.config.seed * 1_000_003 + self.lesson)
        self.lesson += 1

    def on_train_batch_start(self, batch: Batch, number: int) -> None:
        rate = self.config.learning_rate
        if self.config.schedule == "one-cycle":
            rate *= one_cycle(self.seen / self.budget)
        for group in self.optimizers().param_groups:
            group["lr"] = rate

    def training_step(self, batch: Batch, number: int) -> Tensor:
        loss = loss_of(answer(self.net, batch), batch.targets, self.class_weights)
        self.seen += batch.count
        self._add("train", loss.detach(), batch.count)
        return loss

    def validation_step(self, batch: Batch, number: int) -> None:
        # The primary head is the one that is served, so it alone says when to stop.
        logits, primary = answer(self.net, batch)[..., :1, :].float(), batch.targets[..., :1]
        known = primary >= 0
        right = (logits.argmax(-1) == primary) & known
        count = int(known.sum())
        self._add("validation", loss_of(logits, primary), count)
        self._add("hits", right.sum() / max(count, 1), count)

    def _add(self, name: str, mean: Tensor, count: int) -> None:
        total = self.sums[name]
        self.sums[name] = [total[0] + mean * count, total[1] + count]

    def told(self, name: str) -> float:
        """Mean of what was added under a name since it was last asked for."""
        total, count = self.sums[name]
        self.sums[name] = [0.0, 0]
        return float(total) / max(count, 1)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        decays = [p for p in self.net.parameters() if p.ndim > 1]
        others = [p for p in self.net.parameters() if p.ndim <= 1]
        groups = [{"params": decays, "weight_decay": self.config.weight_decay}, {"params": others, "weight_decay": 0.0}]
        return torch.optim.AdamW([g for g in groups if g["params"]], lr=self.config.learning_rate, foreach=True)


def one_cycle(done: float) -> float:
    """Share of the peak rate after a share of the budget: 1/25 up to 1 at a quarter, then down to 1/10,000.

    >>> [round(one_cycle(at), 4) for at in (0.0, 0.25, 1.0)]
    [0.04, 1.0, 0.0001]
    """
    first, last, at = (1 / 25, 1.0, done / 0.25) if done < 0.25 else (1.0, 1e-4, min((done - 0.25) / 0.75, 1.0))
    return last + (first - last) * (1 + math.cos(math.pi * at)) / 2


@dataclass(frozen=True)
class Fitted:
    """How training went: a record a validation, predictions seen, and how long it took."""

    history: tuple[dict[str, float], ...]
    predictions: int
    seconds: float = field(compare=False, default=0.0)


@dataclass(frozen=True)
class Lessons:
    """What `fit` learns from: training and validation batches of one kind, and training samples there are.

    `class_weights` (3,) weighs the classes; `title` names the progress bar; `keep` is the file that training can go on
    from after an interruption, None to keep nothing; `key` says what is trained, so that no other file is gone on from.
    """

    train: Batches
    validation: Batches
    samples: int
    class_weights: np.ndarray | None = None
    title: str = ""
    keep: Path | None = None
    key: str = ""


def fit(net: Network, lessons: Lessons, config: TrainingConfig) -> Fitted:
    """Train a network in place and leave it with its best weights, in evaluation mode.

    Nothing is written anywhere but to `Lessons.keep`; torch's global random state and thread count come back as they
    were.

    Raises
    ------
    InputError
        When training diverges before anything was learnt.
    KeyboardInterrupt
        When the user interrupts; what was reached is in `Lessons.keep`.
    """
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    began = time.perf_counter()
    net.train()  # Lightning leaves the mode as it finds it
    dense = isinstance(lessons.train, DenseBatches)
    passes = Passes(lessons.train, config, lessons.samples, dense)
    module = LitNetwork(net, config, passes.budget, lessons.class_weights)
    norms = lessons.train.thinned(NORMS[dense])
    if dense:
        with _threads(config.threads):
            freeze_norms(net, norms)
    judge = Judge(config, passes, None if dense else norms)
    callbacks = [judge]
    if lessons.keep is not None:
        callbacks.append(keep := Keep(lessons.keep, lessons.key, judge, passes))
        keep.restore(module)
    if not config.quiet:
        callbacks.append(Progress(lessons.title, passes.budget))
    hardware = choose(config.accelerator)
    with _threads(config.threads), torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        # Lightning advises loader workers; the batches are slices of an array in memory.
        warnings.filterwarnings("ignore", module="pytorch_lightning.*")
        torch.manual_seed(config.seed)
        trainer = pl.Trainer(
            accelerator=hardware.accelerator,
            devices=1,
            precision=hardware.precision,
            max_epochs=-1,
            callbacks=callbacks,
            gradient_clip_val=config.clip,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        if not judge.done(module.seen):
            _run(trainer, module, FoldData(passes, lessons.validation))
    if judge.best is None:
        raise InputError(
            f"training diverged: no validation loss was finite; learning_rate {config.learning_rate:g} is too high "
            f"for this network, or clip {config.clip:g} too large"
        )
    net.load_state_dict(judge.best)
    net.eval()
    return Fitted(tuple(judge.history), module.seen, time.perf_counter() - began)


def _run(trainer: pl.Trainer, module: LitNetwork, data: FoldData) -> None:
    """Lightning turns an interruption into an exit, and ignores the next one for ever: undo both."""
    before = signal.getsignal(signal.SIGINT)
    try:
        trainer.fit(module, data)
    except SystemExit:
        signal.signal(signal.SIGINT, before)
        raise KeyboardInterrupt from None


def logits_at(net: Network, batches: Batches, rows: np.ndarray, config: TrainingConfig) -> np.ndarray:
    """Logits (n, H, 3) float32 at some rows (ascending), of a network in evaluation mode.

    `batches` must hold exactly these samples, windowed or dense.
    """
    hardware = choose(config.accelerator)
    net.to(hardware.device)
    result = np.empty((len(rows), net.config.heads, 3), np.float32)
    with _threads(config.threads), torch.inference_mode():
        for part in batches.plan():
            batch = batches.load(part)
            values = answer(net, Batch(*(p.to(hardware.device) if isinstance(p, Tensor) else p for p in batch)))
            values = values.float().cpu().numpy()
            if isinstance(batches, WindowBatches):
                result[part] = values
            else:
                counts, at = batches.answered(part)
                place = np.searchsorted(rows, at)
                wanted = (place < len(rows)) & (rows[np.minimum(place, len(rows) - 1)] == at)
                result[place[wanted]] = values[counts][wanted]
    net.to("cpu")
    return result


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
