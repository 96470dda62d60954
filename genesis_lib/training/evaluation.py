"""Score a registered model and its baselines on data that neither has seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np

from genesis_lib.clock import from_iso
from genesis_lib.errors import InputError, ModelError
from genesis_lib.models.artifact import Artifact, exposure
from genesis_lib.models.baseline import Baselines
from genesis_lib.training.dataset import Rows, Samples, pooled_hash
from genesis_lib.training.labels import Label, shares
from genesis_lib.training.scoreboard import FEE_BPS, Scoreboard
from genesis_lib.training.scores import class_scores, confusion, scores
from genesis_lib.types import Snapshots

EXPOSURES = ("unseen", "same time", "seen")  # from clean to worthless


@dataclass(frozen=True)
class Evaluation:
    """How a model did: its answers and its baselines' on the same rows, and every figure that follows from them.

    Parameters
    ----------
    board
        Answers of the model (first) and of its baselines, with intervals, confusion, profit.
    samples
        Where it was asked; rows are numbered through all sessions that have any.
    exposure
        The worst of the sessions', see `worst_exposure`.
    heads
        Of each label the model predicts: its definition, ``rows`` that have it, and scores (none without rows).
    data_hash
        SHA-256 over the sessions' own hashes, in order.
    """

    board: Scoreboard
    samples: Samples
    exposure: str
    heads: tuple[dict[str, Any], ...]
    data_hash: str

    @property
    def model(self) -> str:
        """Kind of the model, its name in `board`."""
        return self.board.main

    @property
    def rows(self) -> int:
        """How often it was asked."""
        return len(self.samples)

    @property
    def classes(self) -> np.ndarray:
        """(n,) true classes."""
        return self.board.classes

    @property
    def probabilities(self) -> np.ndarray:
        """(n, 3) the model's."""
        return self.board.answers[self.model][1]

    @property
    def scores(self) -> dict[str, float]:
        """The model's."""
        return self.board.scores[self.model]

    @property
    def baselines(self) -> dict[str, dict[str, float]]:
        """Scores of the baselines by name."""
        return {name: own for name, own in self.board.scores.items() if name != self.model}

    @cached_property
    def shares(self) -> dict[str, float]:
        """Share of each class."""
        return shares(self.classes)

    @property
    def seen(self) -> bool:
        """Whether any of it was trained on, so that the figures prove nothing."""
        return self.exposure == "seen"

    def as_dict(self) -> dict[str, object]:
        """What ``genesis evaluate --json`` prints."""
        answered = self.board.answers[self.model][0]
        own = class_scores(self.classes, answered)
        intervals = self.board.intervals.as_dict()
        return {
            **self.scores,
            "provenance": "+".join(sorted({str(told["provenance"]) for told in self.board.sessions})),
            "instruments": sorted({str(told["instrument"]) for told in self.board.sessions}),
            "rows": self.rows,
            "baselines": self.baselines,
            "intervals": intervals["scores"][self.model],
            "differences": intervals["differences"],
            "bootstrap": {key: intervals[key] for key in ("block", "blocks", "draws", "confidence")},
            "heads": list(self.heads),
            "sessions": self.board.by_session(),
            "profit": {"fee_bps": self.board.fee_bps, "models": self.board.profits()},
            "shares": self.shares,
            "by_class": {name: values.tolist() for name, values in own.items()},
            "confusion": confusion(self.classes, answered).tolist(),
            "seen_in_training": self.seen,
            "exposure": self.exposure,
            "data_hash": self.data_hash,
        }


@dataclass(frozen=True)
class _Asked:
    """Answers on the samples of one session, its rows no longer held."""

    told: dict[str, Any]
    samples: Samples
    classes: np.ndarray
    answers: dict[str, tuple[np.ndarray, np.ndarray]]
    heads: list[tuple[np.ndarray, np.ndarray]]
    mid: np.ndarray
    spread: np.ndarray


def evaluate(
    artifact: Artifact, sessions: Sequence[Snapshots], stride: int = 1, *, fee_bps: float = FEE_BPS
) -> Evaluation:
    """Ask a model about every `stride`-th row that has a window and a label.

    Nothing is fitted here: threshold, scaling, temperature and baselines are those of training. The columns of one
    session are in memory at a time.

    Parameters
    ----------
    artifact
        A model of any kind, on any columns.
    sessions
        Book rows, with at least the model's levels.
    stride
        Rows from sample to sample.
    fee_bps
        A taker's fee a side, for what the plain rule would have earned.

    Raises
    ------
    InputError
        When no row has a window and a label.
    ModelError
        When the columns of its baselines are not those that this version computes.
    """
    if stride < 1:
        raise InputError(f"stride must be at least 1, got {stride!r}")
    sessions = [session for session in sessions if len(session)]
    if not sessions:
        raise InputError("no rows: evaluation needs a recording that holds book rows")
    baselines, asked, cause = Baselines.of(artifact.baselines), [], None
    for session in sessions:
        rows = Rows.of([session], artifact.levels, artifact.features(), flow=artifact.baseline_features())
        try:
            samples = Samples.of(rows, Label.of(artifact.label), artifact.window, stride)
        except InputError as error:  # too short by itself; another session may do
            samples, cause = None, error
        asked.append(_ask(artifact, baselines, rows, samples))
    if not any(len(each.samples) for each in asked):
        raise cause
    pooled = _pooled(asked)
    data = artifact.manifest["data"]
    return Evaluation(
        board=Scoreboard(
            answers={
                name: tuple(np.concatenate(each) for each in zip(*(one.answers[name] for one in asked)))
                for name in asked[0].answers
            },
            classes=np.concatenate([one.classes for one in asked]),
            row=pooled.row,
            end=pooled.end,
            start=pooled.start,
            part=np.repeat(np.arange(len(asked)), [len(one.samples) for one in asked]),
            mid=np.concatenate([one.mid for one in asked]),
            spread=np.concatenate([one.spread for one in asked]),
            session=np.repeat(np.arange(len(asked)), [len(one.mid) for one in asked]),
            sessions=tuple(one.told for one in asked),
            fee_bps=fee_bps,
        ),
        samples=pooled,
        exposure=worst_exposure((one.told for one in asked), data),
        heads=_head_scores(artifact, asked),
        data_hash=pooled_hash(one.told for one in asked),
    )


def _ask(artifact: Artifact, baselines: Baselines, rows: Rows, samples: Samples | None) -> _Asked:
    if baselines.columns != rows.flow_columns:
        raise ModelError(f"{artifact.name} {artifact.version}: its order-flow columns are not those of this version")
    if samples is None:
        none = np.empty(0, np.int64)
        samples = Samples(**{field.name: none for field in fields(Samples)})
    label = Label.of(artifact.label)
    classes, known = label.classes(samples.move), label.classes(samples.known)
    usable, heads = rows.starts >= 0, []
    if len(artifact.labels) > 1:
        every = artifact.predict_heads(rows.inputs, usable)[samples.row]
        probabilities = every[:, artifact.head]
        for head, table in enumerate(artifact.labels):
            other = Label.of(table)
            move, _ = other.moves(rows.mid, rows.starts, rows.time, rows.spread)
            heads.append((other.classes(move[samples.row]), every[:, head]))
    else:
        probabilities = artifact.predict(rows.inputs, usable)[samples.row]
        heads.append((classes, probabilities))
    beside = baselines.predict(rows.flow[samples.row], known)
    said = {artifact.architecture["kind"]: (probabilities.argmax(axis=1), probabilities)}
    return _Asked(
        told=rows.sessions[0],
        samples=samples,
        classes=classes,
        answers=said | {name: each for name, each in beside.items() if name not in said},
        heads=heads,
        mid=rows.mid,
        spread=rows.spread,
    )


def _pooled(asked: Sequence[_Asked]) -> Samples:
    first = np.cumsum([0, *(len(one.mid) for one in asked)])
    return Samples(
        *(
            np.concatenate(
                [getattr(one.samples, field.name) + (at if field.name in ("row", "start", "end") else 0)
                 for one, at in zip(asked, first)]
            )
            for field in fields(Samples)
        )
    )  # fmt: skip


def _head_scores(artifact: Artifact, asked: Sequence[_Asked]) -> tuple[dict[str, Any], ...]:
    found = []
    for head, table in enumerate(artifact.labels):
        classes = np.concatenate([one.heads[head][0] for one in asked])
        proba = np.concatenate([one.heads[head][1] for one in asked])
        known = classes >= 0
        row: dict[str, Any] = {"label": dict(table), "primary": head == artifact.head, "rows": int(known.sum())}
        found.append(row | (scores(classes[known], proba[known]) if known.any() else {}))
    return tuple(found)


def worst_exposure(sessions: Iterable[Mapping[str, object]], data: Sequence[Mapping[str, object]]) -> str:
    """Whether training on `data` saw any of some sessions, both as `describe` tells them; see `Artifact.exposure`.

    Of a simulated session only what is equal to the last bit counts as seen.
    """
    return max((_exposure(session, data) for session in sessions), key=EXPOSURES.index)


def _exposure(session: Mapping[str, object], data: Sequence[Mapping[str, object]]) -> str:
    if session["sha256"] in {known["sha256"] for known in data}:
        return "seen"
    if session["provenance"] == "simulated":
        return "unseen"
    span = from_iso(str(session["first"])), from_iso(str(session["last"]))
    return exposure(data, str(session["instrument"]), *span)


def answers(artifact: Artifact, rows: Rows) -> np.ndarray:
    """Probabilities of a model at every row of some sessions: (N, 3), NaN where a window is incomplete.

    Raises
    ------
    ModelError
        When the rows' columns are not the model's.
    """
    artifact.require_columns(rows.columns)
    every = [artifact.predict(rows.inputs[at], rows.starts[at] >= 0) for at in rows.session_slices()]
    return np.concatenate(every)
