"""What a cross-validation gives: models trained, folds, and the tables that come of them. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from genesis_lib.errors import InputError
from genesis_lib.models.baseline import NAMES as BASELINES
from genesis_lib.models.baseline import Baselines
from genesis_lib.models.predictor import CLASSES
from genesis_lib.models.scaler import Scaler
from genesis_lib.training.labels import Label
from genesis_lib.training.scores import class_scores, confusion, scores

if TYPE_CHECKING:
    from genesis_lib.training.config import TrainingConfig

ENSEMBLE = "ensemble"
PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Trained:
    """One fitted model: what `registry.register` needs, how it came about, and what it answers.

    Parameters
    ----------
    seed
        Of its initial weights, the order of its batches and its dropout.
    architecture, weights, scaler
        As an artifact stores them.
    temperature
        (heads,) what the logits of each head are divided by, fitted on the validation samples.
    history
        A record a validation: ``predictions`` seen, ``train_loss``, ``validation_loss``, ``validation_accuracy``.
    predictions
        How many it has learnt from, a sample counted each time it was seen.
    seconds
        Wall clock.
    scores
        By part (train, validation, test) those of `genesis_lib.training.scores.scores`, of the primary head; the
        training part on an even spread of its samples.
    proba, validation_proba
        (n, 3) calibrated probabilities of the primary head on the fold's test and validation samples.
    heads_proba
        (n, H, 3) float32, those of all heads on the test samples.
    parameters
        How many numbers were fitted.
    training_seconds
        Of `seconds`, what learning and validating took; the rest is asking for answers.
    """

    seed: int
    architecture: dict[str, object]
    weights: dict[str, np.ndarray]
    scaler: Scaler
    temperature: tuple[float, ...]
    history: tuple[dict[str, float], ...]
    predictions: int
    seconds: float
    scores: dict[str, dict[str, float]]
    proba: np.ndarray
    validation_proba: np.ndarray
    heads_proba: np.ndarray
    parameters: int = 0
    training_seconds: float = 0.0


@dataclass(frozen=True)
class FoldResult:
    """One fold: what was trained, and how it and the baselines did.

    Parameters
    ----------
    number
        From 0.
    sizes, shares
        Samples of each part (and those purged), and the shares of the classes in each.
    label, labels
        The primary label, and those of all heads, with the thresholds that the training samples gave.
    members
        A fitted model a seed; the first is the one that decides.
    rows, classes
        (n,) row number and class (primary label) of each test sample.
    heads_classes
        (n, H) classes under each label, -1 where it has none.
    validation_rows, validation_classes
        The same of the validation samples.
    predicted, proba
        Answers (n,) and (n, 3) on the test samples by model: the kind's name (the first seed's), ``ensemble`` (the mean
        over the seeds, when there are several), and the baselines.
    baselines
        Fitted on the same samples.
    """

    number: int
    sizes: dict[str, int]
    shares: dict[str, dict[str, float]]
    label: Label
    labels: tuple[Label, ...]
    members: tuple[Trained, ...]
    rows: np.ndarray
    classes: np.ndarray
    heads_classes: np.ndarray
    validation_rows: np.ndarray
    validation_classes: np.ndarray
    predicted: dict[str, np.ndarray]
    proba: dict[str, np.ndarray]
    baselines: Baselines
    seconds: float

    @property
    def first(self) -> Trained:
        """The model of the first seed."""
        return self.members[0]

    @property
    def validation_gain(self) -> float:
        """What the first model tells about the validation samples, in nats a sample, beyond their classes' shares.

        A quiet stretch is easy for everyone: log-losses of different stretches say little until the log-loss of the
        constant answer on the same stretch is taken off. That answer knows the stretch's own shares (its loss is their
        entropy): against the training shares, a stretch would stand out by having other shares, not by what is said
        of it. A stretch of one class leaves nothing to tell, so nothing is gained there.
        """
        held = np.array(list(self.shares["validation"].values()))
        entropy = -float(held @ np.log(np.clip(held, 1e-300, 1.0)))
        return entropy - self.first.scores["validation"]["log_loss"]


@dataclass(frozen=True)
class CrossValidation:
    """All folds of one run; its tables are pandas frames.

    `label` and `labels` are as they were given (thresholds not fitted), `model` is the kind, `config` its shape,
    `splitter` what cut the folds, `inputs` the names of the columns.
    """

    folds: tuple[FoldResult, ...]
    model: str
    labels: tuple[Label, ...]
    config: object
    training: TrainingConfig
    splitter: object
    stride: int
    seeds: tuple[int, ...]
    inputs: tuple[str, ...]
    seconds: float

    @property
    def label(self) -> Label:
        """The primary label."""
        return self.labels[0]

    @property
    def every_seed(self) -> tuple[int, ...]:
        """Seeds of all models that had a part in it, as a lineage lists them."""
        return self.seeds

    @property
    def parameters(self) -> int:
        """How many numbers one fitted model holds."""
        return self.best.first.parameters

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models in the tables: the kind, the mean over seeds where there are several, the baselines."""
        return (self.model, *((ENSEMBLE,) if len(self.seeds) > 1 else ()), *BASELINES)

    @property
    def best(self) -> FoldResult:
        """The fold of the largest `validation_gain`; test samples and other seeds have no say."""
        return max(self.folds, key=lambda fold: fold.validation_gain)

    def scores(self, model: str | None = None) -> dict[str, float]:
        """Scores over the test samples of all folds together; of the first seed when `model` is left out."""
        classes, predicted, proba = self._pooled(model)
        return scores(classes, proba, predicted)

    def fold_table(self) -> pd.DataFrame:
        """Train, validation and test accuracy of each fold, the baselines' test accuracy beside them."""
        table = []
        for fold in self.folds:
            net = fold.first
            row: dict[str, object] = {"fold": fold.number, "predictions": net.predictions, "best": fold is self.best}
            row |= {f"n_{part}": size for part, size in fold.sizes.items()}
            row |= {part: net.scores[part]["accuracy"] for part in PARTS}
            row |= {f"{part}_macro_f1": net.scores[part]["macro_f1"] for part in PARTS[1:]}
            row |= {f"{part}_log_loss": net.scores[part]["log_loss"] for part in PARTS[1:]}
            row |= {"validation_gain": fold.validation_gain}
            row |= {name: float(np.mean(fold.predicted[name] == fold.classes)) for name in self.models[1:]}
            table.append(row)
        return pd.DataFrame(table).set_index("fold")

    def baseline_table(self) -> pd.DataFrame:
        """Scores of each model over the test samples of all folds."""
        return pd.DataFrame({name: self.scores(name) for name in self.models}).T.rename_axis("model")

    def seed_table(self) -> pd.DataFrame:
        """Scores of each seed's model over the test samples of all folds."""
        classes = np.concatenate([fold.classes for fold in self.folds])
        table = {
            seed: scores(classes, np.concatenate([fold.members[at].proba for fold in self.folds]))
            for at, seed in enumerate(self.seeds)
        }
        return pd.DataFrame(table).T.rename_axis("seed")

    def head_table(self) -> pd.DataFrame:
        """Scores of each head (of the first seed's model) over the test samples that have its label."""
        table = []
        for head, label in enumerate(self.labels):
            classes = np.concatenate([fold.heads_classes[:, head] for fold in self.folds])
            proba = np.concatenate([fold.first.heads_proba[:, head] for fold in self.folds]).astype(np.float64)
            known = classes >= 0
            row = {"head": head, "kind": label.kind, "horizon": label.ahead, "rows": int(known.sum())}
            table.append(row | (scores(classes[known], proba[known]) if known.any() else {}))
        return pd.DataFrame(table).set_index("head")

    def learning_curves(self) -> pd.DataFrame:
        """History of each fold's first model: predictions seen, training and validation loss, validation accuracy."""
        parts = [pd.DataFrame(fold.first.history).assign(fold=fold.number) for fold in self.folds]
        return pd.concat(parts, ignore_index=True).set_index("fold")

    def class_table(self, model: str | None = None) -> pd.DataFrame:
        """Precision, recall, F1 and support of each class over the test samples of all folds."""
        classes, predicted, _ = self._pooled(model)
        return pd.DataFrame(class_scores(classes, predicted), index=pd.Index(CLASSES, name="class"))

    def confusion(self, model: str | None = None) -> pd.DataFrame:
        """Counts over the test samples of all folds: true class down, answered class across."""
        classes, predicted, _ = self._pooled(model)
        names = pd.Index(CLASSES, name="true"), pd.Index(CLASSES, name="answered")
        return pd.DataFrame(confusion(classes, predicted), *names)

    def share_table(self) -> pd.DataFrame:
        """Class shares in each part of each fold, with the threshold fitted on its training samples."""
        table = [
            {"fold": fold.number, "part": part, "threshold": fold.label.threshold, **share}
            for fold in self.folds
            for part, share in fold.shares.items()
        ]
        return pd.DataFrame(table).set_index(["fold", "part"])

    def _pooled(self, model: str | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        name = self.model if model is None else model
        if name not in self.models:
            raise InputError(f"model must be one of {', '.join(self.models)}, got {name!r}")
        return (
            np.concatenate([fold.classes for fold in self.folds]),
            np.concatenate([fold.predicted[name] for fold in self.folds]),
            np.concatenate([fold.proba[name] for fold in self.folds]),
        )
