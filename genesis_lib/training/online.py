"""Learning on, row by row: a challenger answers first, is taught once labels are known, and never touches the champion.

Both models answer every row before anything is learned from it (test, then train), so the figures of the two are of the
same rows and none of them was seen. A label is learned from when the row that settles it has passed; one that a gap
keeps from being settled is never learned from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genesis_lib.clock import iso
from genesis_lib.errors import InputError
from genesis_lib.models import registry
from genesis_lib.models.artifact import Artifact
from genesis_lib.training.bootstrap import Blocks, block_interval
from genesis_lib.training.dataset import Rows, pooled_hash
from genesis_lib.training.gate import Verdict
from genesis_lib.training.labels import Label
from genesis_lib.training.learners import learner
from genesis_lib.training.samples import HeadSamples
from genesis_lib.training.scores import log_losses, scores
from genesis_lib.types import Snapshots

EVERY = 500
SUFFIX = "-learned"


@dataclass(frozen=True)
class Learned:
    """What came of learning on.

    Parameters
    ----------
    champion, challenger
        The model it began as, untouched, and the version it has become; None where learning made it worse and it was
        not kept.
    classes
        (n,) true classes of the rows that were asked, in the order of time.
    before, after
        (n, 3) answers of the model as it was, and of the one that went on learning, each given before the row's label
        was known to it.
    time
        (n,) when each row was asked, ns.
    updates
        Steps taken.
    verdict
        Whether learning on helped: mean gain in log-loss with its interval.
    """

    champion: Artifact
    challenger: Artifact | None
    classes: np.ndarray
    before: np.ndarray
    after: np.ndarray
    time: np.ndarray
    updates: int
    verdict: Verdict

    @property
    def worse(self) -> bool:
        """Whether the whole interval of the gain lies below 0."""
        return self.verdict.high < 0

    def progress(self, pieces: int = 10) -> list[dict[str, Any]]:
        """Log-loss of both over equal pieces of the rows, in order of time."""
        table = []
        for at in np.array_split(np.arange(len(self.classes)), min(pieces, len(self.classes))):
            losses = (scores(self.classes[at], proba[at])["log_loss"] for proba in (self.before, self.after))
            row = {"from": iso(int(self.time[at[0]])), "rows": len(at)}
            table.append(row | dict(zip(("champion", "challenger"), losses)))
        return table

    def as_dict(self) -> dict[str, Any]:
        """What ``genesis models learn --json`` prints."""
        return {
            "model": self.champion.name,
            "parent": self.champion.version,
            "name": self.challenger and self.challenger.name,
            "version": self.challenger and self.challenger.version,
            "path": self.challenger and str(self.challenger.path),
            "rows": len(self.classes),
            "updates": self.updates,
            "champion": scores(self.classes, self.before),
            "challenger": scores(self.classes, self.after),
            "gain": self.verdict.gain,
            "gain_low": self.verdict.low,
            "gain_high": self.verdict.high,
            "helped": self.verdict.promote,
            "worse": self.worse,
            "progress": self.progress(),
        }


def learn(
    artifact: Artifact,
    sessions: Sequence[Snapshots],
    *,
    every: int = EVERY,
    rate: float | None = None,
    stride: int = 1,
    name: str | None = None,
    keep: bool = False,
    root: str | Path = "models",
) -> Learned:
    """Let a copy of a registered model learn from sessions as they pass, and register what it has become.

    Parameters
    ----------
    artifact
        A network, a logistic regression, or an ensemble with such members. It stays as it is.
    sessions
        Book rows; those recorded at once are gone through side by side, so neither tells what the other is about to do.
    every
        Labels that must have become known for a step.
    rate
        Learning rate of a step on 500 labels, a step on fewer being as much smaller; that of the kind when left out
        (see `genesis_lib.training.learners`).
    stride
        Rows from sample to sample.
    name
        To register under; the model's own with ``-learned`` when left out, so that what the model's name means stays.
    keep
        Register it also where learning made it worse: where the whole 95 % interval of its gain lies below 0.
    root
        The folder of models.

    Returns
    -------
    Learned
        Its challenger is a version of its own, whose parent is `artifact`, and whose manifest tells the sessions that
        it has learned from. It is no champion until somebody promotes it.

    Raises
    ------
    InputError
        When no row has a window and a label, or `every` is below 1.
    ModelError
        For a kind that cannot learn on.
    """
    if every < 1:
        raise InputError(f"every must be at least 1 label, got {every!r}")
    if rate is not None and not rate > 0:
        raise InputError(f"rate must be positive, got {rate!r}")
    rows = Rows.of(sessions, artifact.levels, artifact.features())
    order = [artifact.head, *(at for at in range(len(artifact.labels)) if at != artifact.head)]
    labels = [Label.of(artifact.labels[at]) for at in order]  # the primary first
    samples = HeadSamples.of(rows, labels, artifact.window, stride)
    classes = np.empty((len(samples), len(order)), np.int8)
    for place, (at, label) in enumerate(zip(order, labels)):
        classes[:, at] = label.classes(samples.moves[:, place])
    temperature = artifact.temperature or (1.0,) * len(order)
    own = artifact.architecture, artifact.weights, artifact.scaler, temperature
    student, teacher = (learner(*own, rows.inputs, rows.starts, rate) for _ in range(2))
    asked, known = rows.time[samples.row], rows.time[samples.end]
    confirmed = np.argsort(known, kind="stable")
    steps = len(samples) // every
    moments = known[confirmed[every - 1 : steps * every : every]]  # when each step can be taken
    # A row at the very moment of a step was asked before it.
    state = np.searchsorted(moments, asked, side="left")
    after = np.empty((len(samples), 3))
    for step in range(steps + 1):
        at = np.flatnonzero(state == step)
        if len(at):
            after[at] = np.exp(student.log_probabilities(samples.row[at])[:, artifact.head])
        if step < steps:
            lesson = np.sort(confirmed[step * every : (step + 1) * every])
            student.update(samples.row[lesson], classes[lesson])
    before = np.exp(teacher.log_probabilities(samples.row)[:, artifact.head])
    truth = classes[:, artifact.head]
    turn = np.argsort(asked, kind="stable")
    span = int((samples.end - samples.start).max()) + 1
    verdict = _verdict(before, after, truth, Blocks(span, rows.session[samples.row].astype(np.int64)))
    told = {
        "parent": f"{artifact.name}/{artifact.version}",
        "every": every,
        "rate": rate,
        "stride": stride,
        "updates": steps,
    }
    challenger = None
    if keep or not verdict.high < 0:
        challenger = _register(artifact, student.weights(), rows, told, truth, before, after, verdict, name, root)
    return Learned(artifact, challenger, truth[turn], before[turn], after[turn], asked[turn], steps, verdict)


def _verdict(before: np.ndarray, after: np.ndarray, truth: np.ndarray, blocks: Blocks) -> Verdict:
    """The gate's statistic with an interval of 95 %, as evaluations have it."""
    losses = [log_losses(truth, proba) for proba in (before, after)]
    gain = block_interval(losses[0] - losses[1], blocks)
    reason = f"gain {gain.value:+.4f} nats a row, 95 % interval [{gain.low:+.4f}, {gain.high:+.4f}]"
    return Verdict(bool(gain.low > 0), reason, gain.value, gain.low, gain.high, len(truth))


def learned_name(name: str) -> str:
    """Where versions that went on learning stand: beside their parents, never among them."""
    return name if name.endswith(SUFFIX) else f"{name}{SUFFIX}"


def _register(artifact, weights, rows, told, truth, before, after, verdict, name, root) -> Artifact:
    manifest = artifact.manifest
    fresh = [each for each in rows.sessions if each["sha256"] not in {known["sha256"] for known in manifest["data"]}]
    data = [*manifest["data"], *fresh]
    prequential = {"champion": scores(truth, before), "challenger": scores(truth, after), "rows": len(truth)}
    prequential |= {"gain": verdict.gain, "gain_low": verdict.low, "gain_high": verdict.high}
    return registry.register(
        name or learned_name(artifact.name),
        weights=weights,
        scaler=artifact.scaler,
        baselines=artifact.baselines,
        architecture=artifact.architecture,
        columns=artifact.columns,
        levels=artifact.levels,
        label=artifact.label,
        labels=artifact.labels,
        head=artifact.head,
        temperature=artifact.temperature,
        metrics={**prequential["challenger"], "prequential": prequential},
        data_hash=pooled_hash(data),
        provenance="+".join(sorted({str(each["provenance"]) for each in data})),
        data=data,
        training={**manifest["training"], "online": told},
        seed=manifest["seed"],
        seeds=artifact.lineage.get("seeds"),
        parents=[artifact.version],
        card=_card(artifact, rows, told, prequential),
        root=root,
    )


def _card(artifact: Artifact, rows: Rows, told: dict[str, Any], prequential: dict[str, Any]) -> str:
    figures = ("log_loss", "accuracy", "macro_f1", "mcc", "ece")
    lines = [
        "# {name} {version}",
        "",
        f"{artifact.name} {artifact.version}, gone on learning: {told['updates']} steps, one for every "
        f"{told['every']} labels that became known, over {prequential['rows']:,} rows of "
        f"{len(rows.sessions)} sessions ({rows.provenance}).",
        "",
        "Each row was answered before its label was known. These rows are now part of what it was trained on; the "
        "baselines are those of its parent.",
        "",
        f"| | {' | '.join(figures)} |",
        f"|---|{'---|' * len(figures)}",
        *(
            f"| {title} | {' | '.join(f'{prequential[key][each]:.4f}' for each in figures)} |"
            for title, key in (("as it was", "champion"), ("learning on", "challenger"))
        ),
        "",
        f"Gain in log-loss {prequential['gain']:+.4f} nats a row, 95 % interval [{prequential['gain_low']:+.4f}, "
        f"{prequential['gain_high']:+.4f}].",
        "",
    ]
    return "\n".join(lines)
