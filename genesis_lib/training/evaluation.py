"""Score a registered model and its baselines on data that neither has seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from genesis_lib.clock import from_iso
from genesis_lib.errors import ModelError
from genesis_lib.models.artifact import Artifact, exposure
from genesis_lib.models.baseline import Baselines
from genesis_lib.training.dataset import Rows, Samples
from genesis_lib.training.labels import Label, shares
from genesis_lib.training.scores import class_scores, confusion, scores
from genesis_lib.types import Snapshots

EXPOSURES = ("unseen", "same time", "seen")  # from clean to worthless


@dataclass(frozen=True)
class Evaluation:
    """How a model did: its scores, the baselines' on the same rows, and each answer.

    `classes`, `predicted` (n,) and `probabilities` (n, 3) belong to the `samples`.
    """

    rows: int
    scores: dict[str, float]
    baselines: dict[str, dict[str, float]]
    shares: dict[str, float]
    by_class: dict[str, np.ndarray]
    confusion: np.ndarray
    exposure: str
    classes: np.ndarray
    probabilities: np.ndarray
    samples: Samples

    @property
    def seen(self) -> bool:
        """Whether any of it was trained on, so that the figures prove nothing."""
        return self.exposure == "seen"

    def as_dict(self) -> dict[str, object]:
        """What ``genesis evaluate --json`` prints."""
        return {
            **self.scores,
            "rows": self.rows,
            "baselines": self.baselines,
            "shares": self.shares,
            "by_class": {name: values.tolist() for name, values in self.by_class.items()},
            "confusion": self.confusion.tolist(),
            "seen_in_training": self.seen,
            "exposure": self.exposure,
        }


def evaluate(artifact: Artifact, sessions: Sequence[Snapshots], stride: int = 1) -> Evaluation:
    """Ask a model about every `stride`-th row that has a window and a label.

    Nothing is fitted here: threshold, scaling and baselines are those of training. `Evaluation.exposure` is the worst
    of the sessions', see `worst_exposure`.

    Raises
    ------
    InputError
        When no row has a window and a label.
    ModelError
        When the artifact's columns are not those that this version computes.
    """
    rows = Rows.of(sessions, artifact.levels)
    baselines = Baselines.of(artifact.baselines)
    if baselines.columns != rows.flow_columns:
        raise ModelError(f"{artifact.name} {artifact.version}: its order-flow columns are not those of this version")
    label = Label.of(artifact.label)
    samples = Samples.of(rows, label, artifact.window, stride)
    classes, known = label.classes(samples.move), label.classes(samples.known)
    probabilities = answers(artifact, rows)[samples.row]
    predicted = probabilities.argmax(axis=1)
    return Evaluation(
        rows=len(samples),
        scores=scores(classes, probabilities),
        baselines={
            name: scores(classes, chance, guess)
            for name, (guess, chance) in baselines.predict(rows.flow[samples.row], known).items()
        },
        shares=shares(classes),
        by_class=class_scores(classes, predicted),
        confusion=confusion(classes, predicted),
        exposure=worst_exposure(rows.sessions, artifact.manifest["data"]),
        classes=classes,
        probabilities=probabilities,
        samples=samples,
    )


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
