"""Straight lines on features against guesses without any: purged cross-validation, and another day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from genesis_lib.analytics.feature_information import centred_ranks
from genesis_lib.analytics.feature_study import FeatureRows
from genesis_lib.errors import InputError
from genesis_lib.features import FeatureSet
from genesis_lib.models.scaler import Scaler
from genesis_lib.training.labels import Label, last_known
from genesis_lib.training.scores import scores
from genesis_lib.training.splits import Fold, PurgedKFold

GUESSES, BEST = ("majority", "persistence"), "best feature"
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)  # inverse strengths to choose among


@dataclass(frozen=True)
class Questions:
    """Rows at which the class ahead is asked for: features, moves, newest known moves, and the time each spans."""

    names: tuple[str, ...]
    values: np.ndarray
    move: np.ndarray
    known: np.ndarray
    start: np.ndarray  # ns: where the oldest row that any feature counts lies
    time: np.ndarray
    end: np.ndarray  # ns: when the label is known
    session: np.ndarray
    label: Label

    @classmethod
    def of(cls, sessions: Sequence[FeatureRows], stride: int = 5) -> Questions:
        """Every `stride`-th row that has a label and lies past every warm-up."""
        if stride < 1:
            raise InputError(f"stride must be at least 1, got {stride!r}")
        if not sessions:
            raise InputError("sessions must hold at least one session, got none")
        columns = FeatureSet(sessions[0].names)
        wait = int(columns.warmup_seconds * 1e9)
        parts = []
        for number, session in enumerate(sessions):
            row = np.arange(0, len(session), stride)
            row = row[(session.end[row] >= 0) & (row - columns.warmup >= session.starts[row])]
            row = row[session.time[row] - wait >= session.time[session.starts[row]]]
            newest = last_known(session.end, session.starts)[row]
            known = np.where(newest >= 0, session.move[newest], 0.0)
            start = np.minimum(session.time[row - columns.warmup], session.time[row] - wait)
            times = start, session.time[row], session.time[session.end[row]]
            parts.append((session.values[row], session.move[row], known, *times, np.full(len(row), number)))
        pooled = [np.concatenate(part) for part in zip(*parts)]
        if not len(pooled[0]):
            raise InputError(
                f"no row is past the warm-up of {columns.warmup} rows and {columns.warmup_seconds:g} s and has a label"
            )
        return cls(sessions[0].names, *pooled, sessions[0].label)

    def __len__(self) -> int:
        return len(self.move)


def best_feature(questions: Questions, train: np.ndarray) -> str:
    """Name the feature whose rank correlation with the move is the largest in the training rows alone."""
    found = np.zeros(len(questions.names))
    for i, column in enumerate(questions.values[train].T):
        x, y, count = centred_ranks(column, questions.move[train])
        scale = np.sqrt((x @ x) * (y @ y))
        found[i] = abs(x @ y) / scale if scale > 0 and count > len(train) // 2 else 0.0
    return questions.names[int(found.argmax())]


@dataclass(frozen=True)
class Line:
    """A logistic regression on some columns, scaled and fitted on training rows; missing values stand at the mean."""

    columns: tuple[int, ...]
    scaler: Scaler
    model: LogisticRegression | None
    only: int

    @classmethod
    def fit(cls, values: np.ndarray, classes: np.ndarray, columns: Sequence[int], penalty: float) -> Line:
        """Fit to (n, F) values and (n,) classes of training rows."""
        some = values[:, list(columns)]
        known = np.isfinite(some)
        count = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, some, 0.0).sum(axis=0) / count
        deviation = np.sqrt((np.where(known, some - mean, 0.0) ** 2).sum(axis=0) / count)
        # A column that never varied may come with rounding about its mean: scaled to 1 it would be noise.
        deviation[deviation <= 1e-9 * np.maximum(np.abs(mean), 1e-300)] = 1.0
        scaler = Scaler(mean, deviation, clip=5.0)
        model = None
        if len(np.unique(classes)) > 1:
            model = LogisticRegression(C=penalty, max_iter=300)
            with threadpool_limits(1):  # the products are small: threads would wait for one another
                model.fit(cls._scaled(some, scaler), classes)
        return cls(tuple(columns), scaler, model, int(classes[0]))

    @staticmethod
    def _scaled(values: np.ndarray, scaler: Scaler) -> np.ndarray:
        return np.nan_to_num(scaler.transform(values)).astype(np.float64)

    def probabilities(self, values: np.ndarray) -> np.ndarray:
        """Probabilities (n, 3) of DOWN, NEUTRAL, UP."""
        result = np.zeros((len(values), 3))
        if self.model is None:
            result[:, self.only] = 1.0
            return result
        scaled = self._scaled(values[:, list(self.columns)], self.scaler)
        result[:, self.model.classes_.astype(int)] = self.model.predict_proba(scaled)
        return result


def chosen_penalties(
    questions: Questions, folds: Sequence[Fold], sets: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    """For each set the penalty with the lowest log-loss on the folds' validation rows, fitted on their training rows.

    The tested rows have no say. ``best feature`` is chosen among these too, from the training rows of each fold.
    """
    loss = {name: np.zeros(len(PENALTIES)) for name in (BEST, *sets)}
    for fold in folds:
        label = questions.label.fit(questions.move[fold.train])
        classes, truth = (label.classes(questions.move[at]) for at in (fold.train, fold.validation))
        for name, columns in {BEST: [best_feature(questions, fold.train)], **sets}.items():
            at = [questions.names.index(column) for column in columns]
            for i, penalty in enumerate(PENALTIES):
                odds = Line.fit(questions.values[fold.train], classes, at, penalty).probabilities(
                    questions.values[fold.validation]
                )
                loss[name][i] += scores(truth, odds)["log_loss"]
    return {name: PENALTIES[int(found.argmin())] for name, found in loss.items()}


def answer(
    fit: Questions,
    train: np.ndarray,
    ask: Questions,
    test: np.ndarray,
    sets: Mapping[str, Sequence[str]],
    penalties: Mapping[str, float],
) -> tuple[np.ndarray, dict[str, tuple[np.ndarray, np.ndarray]], str]:
    """Fit threshold, scaler and lines on `train` rows, and answer `test` rows.

    Returns
    -------
    classes, answers, best
        (n,) true classes; for each of `GUESSES`, for ``best feature`` and for each of `sets` the classes (n,) and the
        probabilities (n, 3); and the name of the best feature.
    """
    label = fit.label.fit(fit.move[train])
    classes, truth = label.classes(fit.move[train]), label.classes(ask.move[test])
    prior = np.clip(np.bincount(classes, minlength=3) / len(classes), 1e-6, 1.0)
    hit = float(np.clip(np.mean(classes == label.classes(fit.known[train])), 0.01, 0.98))
    known = label.classes(ask.known[test])
    persistence = np.full((len(test), 3), (1.0 - hit) / 2.0)
    persistence[np.arange(len(test)), known] = hit
    answers = {
        "majority": (np.full(len(test), prior.argmax()), np.tile(prior / prior.sum(), (len(test), 1))),
        "persistence": (known, persistence),
    }
    best = best_feature(fit, train)
    for name, columns in {BEST: [best], **sets}.items():
        at = [fit.names.index(column) for column in columns]
        odds = Line.fit(fit.values[train], classes, at, penalties[name]).probabilities(ask.values[test])
        answers[name] = odds.argmax(axis=1), odds
    return truth, answers, best


@dataclass(frozen=True)
class Contest:
    """Scores by model; for each fit the best feature and the penalties chosen, and rows purged; rows asked."""

    table: pd.DataFrame
    best: tuple[str, ...]
    penalties: tuple[dict[str, float], ...]
    purged: tuple[int, ...]
    asked: int


def cross_validated(questions: Questions, sets: Mapping[str, Sequence[str]], folds: int = 5) -> Contest:
    """Score in purged folds: what a training row's features counted or its label waited for never meets a tested row's.

    Each fold chooses its penalties on its validation rows, then fits on these and the training rows together.
    """
    truths, answers, best, penalties, purged = [], [], [], [], []
    for fold in _folds(questions, folds):
        chosen = chosen_penalties(questions, [fold], sets)
        train = np.union1d(fold.train, fold.validation)
        truth, found, name = answer(questions, train, questions, fold.test, sets, chosen)
        truths.append(truth)
        answers.append(found)
        best.append(name)
        penalties.append(chosen)
        purged.append(fold.purged)
    classes = np.concatenate(truths)
    pooled = {name: tuple(np.concatenate([one[name][k] for one in answers]) for k in (0, 1)) for name in answers[0]}
    return Contest(_table(classes, pooled), tuple(best), tuple(penalties), tuple(purged), len(classes))


def out_of_sample(fit: Questions, ask: Questions, sets: Mapping[str, Sequence[str]], folds: int = 5) -> Contest:
    """Score on sessions that share no row with those fitted on; penalties are chosen within the latter."""
    if fit.names != ask.names or fit.label != ask.label:
        raise InputError("fit and ask must have the same features and the same label")
    chosen = chosen_penalties(fit, list(_folds(fit, folds)), sets)
    truth, answers, best = answer(fit, np.arange(len(fit)), ask, np.arange(len(ask)), sets, chosen)
    return Contest(_table(truth, answers), (best,), (chosen,), (0,), len(truth))


def _folds(questions: Questions, folds: int) -> Iterator[Fold]:
    return PurgedKFold(folds).split(questions.start, questions.time, questions.end, questions.session)


def _table(classes: np.ndarray, answers: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> pd.DataFrame:
    columns = ["accuracy", "macro_f1", "mcc", "log_loss"]
    found = {name: scores(classes, odds, predicted) for name, (predicted, odds) in answers.items()}
    return pd.DataFrame(found).T.rename_axis("model")[columns]
