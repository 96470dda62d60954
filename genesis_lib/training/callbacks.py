"""What happens beside the steps: averaged weights, validation and its verdict, what is kept, and what people see."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytorch_lightning as pl
import torch
from torch import Tensor, nn
from tqdm import tqdm

from genesis_lib.training.checkpoint import load_training, save_training
from genesis_lib.training.config import TrainingConfig

if TYPE_CHECKING:
    from genesis_lib.training.lit import LitNetwork
    from genesis_lib.training.passes import Batches, Passes

NORM = nn.modules.batchnorm._BatchNorm


class Judge(pl.Callback):
    """Average the weights, validate the average, remember the best, stop when patience is spent.

    The average of the weights is another network than any that was trained, and its normalisations would find other
    statistics: unless they are frozen, they are measured anew before a validation, on training samples, one batch
    after the other.

    Parameters
    ----------
    config
        Decay of the average, and patience.
    passes
        The training batches; tells how many predictions a pass and the whole training have.
    norms
        Training batches that the statistics are measured on; None when `freeze_norms` fixed them.
    """

    def __init__(self, config: TrainingConfig, passes: Passes, norms: Batches | None) -> None:
        self.decay, self.norms, self.budget = config.average, norms, passes.budget
        self.patience = config.patience * passes.limit
        self.steps, self.mean = 0, None
        self.history: list[dict[str, float]] = []
        self.best, self.best_loss, self.best_at = None, float("inf"), 0
        self._live = None

    def on_train_start(self, trainer: pl.Trainer, module: LitNetwork) -> None:
        if self.decay:  # on the device where training happens
            self.mean = [p.detach().clone() for p in self.mean or module.net.parameters()]
            self.mean = [p.to(module.device) for p in self.mean]

    def on_train_batch_end(self, trainer: pl.Trainer, module: LitNetwork, *_) -> None:
        self.steps += 1
        if self.decay:
            # The first weights are noise and must not linger: the average reaches back no further than training does.
            decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
            with torch.no_grad():
                torch._foreach_lerp_(self.mean, [p.detach() for p in module.net.parameters()], 1.0 - decay)

    def on_validation_start(self, trainer: pl.Trainer, module: LitNetwork) -> None:
        if not self.decay:
            return
        self._live = _copied(module.net)
        with torch.no_grad():
            for mine, averaged in zip(module.net.parameters(), self.mean):
                mine.copy_(averaged)
            if self.norms is not None:
                measure_norms(module.net, self.norms, module.device)

    def on_validation_end(self, trainer: pl.Trainer, module: LitNetwork) -> None:
        record = {
            "predictions": module.seen,
            "train_loss": module.told("train"),
            "validation_loss": module.told("validation"),
            "validation_accuracy": module.told("hits"),
        }
        self.history.append(record)
        if record["validation_loss"] < self.best_loss:
            self.best, self.best_loss, self.best_at = _copied(module.net), record["validation_loss"], module.seen
        if self._live is not None:
            module.net.load_state_dict(self._live)
            self._live = None
        if self.done(module.seen) or not math.isfinite(record["train_loss"]):  # no step leads back from NaN
            trainer.should_stop = True

    def done(self, seen: int) -> bool:
        """Whether the budget or patience is spent after so many predictions."""
        return seen >= self.budget or seen - self.best_at >= self.patience


def measure_norms(net: nn.Module, batches: Batches, device: torch.device | str = "cpu") -> None:
    """Give every batch normalisation the statistics of its inputs over some batches, all else in evaluation mode.

    References
    ----------
    P. Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", UAI 2018, section 3.2.
    """
    from genesis_lib.training.lit import answer

    layers = [layer for layer in net.modules() if isinstance(layer, NORM)]
    if not layers:
        return
    with _evaluating(net):
        momenta = [layer.momentum for layer in layers]
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # a plain mean over the batches
            layer.train()
        for batch in batches.in_order():
            if batch.targets[..., 0].numel() < 2:
                continue  # one answer has no variance
            answer(
                net, batch._replace(x=batch.x.to(device), index=None if batch.index is None else batch.index.to(device))
            )
        for layer, momentum in zip(layers, momenta):
            layer.momentum = momentum


def freeze_norms(net: nn.Module, batches: Batches) -> None:
    """Measure every batch normalisation once and leave it at that for the training to come.

    The statistics of a batch of long stretches are of rows that follow those they normalise: they would show a row its
    future while training and nothing of the kind when served. Measured before the first step, they are a scale that
    the weights begin from, and training computes what serving does, dense or by windows.
    """
    with torch.no_grad():
        measure_norms(net, batches)
    for layer in net.modules():
        if isinstance(layer, NORM):
            layer.eval()


@contextmanager
def _evaluating(net: nn.Module) -> Iterator[None]:
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _copied(net: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in net.state_dict().items()}


class Keep(pl.Callback):
    """Write after each validation all that training needs to go on, and begin from it when it is there.

    Where it cannot be written (a full disk), that is said once, and training goes on without.

    Parameters
    ----------
    path
        The file.
    key
        Of what is trained; a file of another is left alone and written over.
    """

    def __init__(self, path: Path, key: str, judge: Judge, passes: Passes) -> None:
        self.path, self.key, self.judge, self.passes = path, key, judge, passes
        self._moments: dict[int, dict[str, Tensor]] | None = None
        self._told = False

    def restore(self, module: LitNetwork) -> None:
        """Take up what was kept; before training begins, for Lightning asks for a batch ahead of time."""
        found = load_training(self.path, self.key)
        if found is None:
            return
        tensors, state = found
        judge, passes = self.judge, self.passes
        module.net.load_state_dict(tensors["net"])
        judge.best = tensors["best"]
        judge.mean = [tensors["mean"][str(i)] for i in range(len(tensors["mean"]))] if judge.decay else None
        self._moments = {}
        for name, value in tensors["optimizer"].items():
            index, what = name.split(".")
            self._moments.setdefault(int(index), {})[what] = value
        judge.steps, judge.best_loss, judge.best_at = state["steps"], state["best_loss"], state["best_at"]
        judge.history = state["history"]
        module.seen, module.lesson = state["seen"], state["lesson"]
        passes.number, passes.place, passes.seen = state["pass"], state["place"], state["seen"]

    def on_train_start(self, trainer: pl.Trainer, module: LitNetwork) -> None:
        if self._moments is not None:
            optimizer = trainer.optimizers[0]
            optimizer.load_state_dict(optimizer.state_dict() | {"state": self._moments})

    def on_train_epoch_end(self, trainer: pl.Trainer, module: LitNetwork) -> None:
        judge, passes = self.judge, self.passes
        moments = trainer.optimizers[0].state_dict()["state"]
        tensors = {
            "net": dict(module.net.state_dict()),
            "best": judge.best,
            "mean": {str(i): value for i, value in enumerate(judge.mean or ())},
            "optimizer": {f"{i}.{what}": value for i, each in moments.items() for what, value in each.items()},
        }
        state = {
            "steps": judge.steps, "best_loss": judge.best_loss, "best_at": judge.best_at, "history": judge.history,
            "seen": module.seen, "lesson": module.lesson, "pass": passes.number, "place": passes.place,
        }  # fmt: skip
        try:
            save_training(self.path, self.key, tensors, state)
        except OSError as error:  # hours of training are worth more than the chance to interrupt them
            if not self._told:
                tqdm.write(f"nothing more is kept to go on from after an interruption: {error}", file=sys.stderr)
            self._told = True


class Progress(pl.Callback):
    """One bar a fold on standard error, in predictions; standard output belongs to results."""

    def __init__(self, title: str, budget: int) -> None:
        self._title, self._budget, self._bar = title, budget, None

    def on_train_start(self, trainer: pl.Trainer, module: LitNetwork) -> None:
        self._bar = tqdm(
            total=self._budget, initial=module.seen, desc=self._title, unit=" predictions", unit_scale=True,
            file=sys.stderr, dynamic_ncols=True,
        )  # fmt: skip

    def on_train_batch_end(self, trainer: pl.Trainer, module: LitNetwork, *_) -> None:
        self._bar.update(min(module.seen, self._budget) - self._bar.n)

    def on_train_epoch_end(self, trainer: pl.Trainer, module: LitNetwork) -> None:
        judge = next(callback for callback in trainer.callbacks if isinstance(callback, Judge))
        last = judge.history[-1]
        self._bar.set_postfix(loss=f"{last['validation_loss']:.4f}", accuracy=f"{last['validation_accuracy']:.3f}")

    def teardown(self, trainer: pl.Trainer, module: LitNetwork, stage: str) -> None:
        if self._bar is not None:
            self._bar.close()
