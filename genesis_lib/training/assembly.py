"""Ensembles of finished models: the best folds of a cross-validation, or registered versions.

Such an ensemble has no cross-validated score: what one member was tested on, another was trained on. It is scored on
sessions that were held out of everything, or not at all.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genesis_lib.errors import InputError, ModelError
from genesis_lib.models import registry
from genesis_lib.models.artifact import Artifact
from genesis_lib.models.ensemble import Member, assemble
from genesis_lib.models.linear import unscaled
from genesis_lib.training.card import card_files, evaluation_block, evaluation_card
from genesis_lib.training.dataset import Rows, pooled_hash
from genesis_lib.training.evaluation import Evaluation, evaluate
from genesis_lib.training.latency import step_latency
from genesis_lib.training.results import CrossValidation
from genesis_lib.types import Snapshots

NOTE = "What one member was tested on, another was trained on: there is no cross-validated score of this ensemble."


@dataclass(frozen=True)
class _Source:
    """What a member brings with it."""

    member: Member
    columns: tuple[str, ...]
    labels: tuple[Mapping[str, Any], ...]
    title: str


def register_top_folds(
    result: CrossValidation,
    rows: Rows,
    name: str,
    *,
    count: int = 3,
    mean: str = "probability",
    unseen: Mapping[str, Sequence[Snapshots]] | None = None,
    root: str | Path = "models",
) -> Artifact:
    """Register the models of the folds that did best on their validation samples as one.

    Parameters
    ----------
    result, rows
        The cross-validation, and the rows it was run on.
    name
        To register under.
    count
        Folds, at most as many as there are.
    mean
        Of ``probability`` or ``logit``; every fold counts alike.
    unseen
        Sessions held out of everything, by what they are called, to be scored on.
    root
        The folder of models.

    Raises
    ------
    InputError
        When `count` is below 2 or more than the folds.
    """
    if not 2 <= count <= len(result.folds):
        raise InputError(f"count must lie between 2 and the {len(result.folds)} folds, got {count!r}")
    folds = sorted(result.folds, key=lambda fold: fold.validation_gain, reverse=True)[:count]
    sources = [
        _Source(
            Member(
                fold.first.architecture,
                fold.first.weights,
                fold.first.scaler,
                tuple(fold.first.temperature),
                (),
                1.0 / count,
            ),
            tuple(result.inputs),
            tuple(label.as_dict() for label in fold.labels),
            f"fold {fold.number}",
        )
        for fold in folds
    ]
    best = folds[0]
    content = {
        "baselines": best.baselines.as_dict(),
        "label": best.label.as_dict(),
        "labels": [label.as_dict() for label in best.labels],
        "levels": rows.levels,
        "data": list(rows.sessions),
        "seed": best.first.seed,
        "training": {
            "model": result.model,
            "folds": [fold.number for fold in folds],
            "mean": mean,
            "stride": result.stride,
            "parameters": sum(fold.first.parameters for fold in folds),
        },
    }
    return _register(name, sources, content, mean, unseen or {}, root)


def register_ensemble(
    name: str,
    artifacts: Sequence[Artifact],
    *,
    weights: Sequence[float] | None = None,
    mean: str = "probability",
    unseen: Mapping[str, Sequence[Snapshots]] | None = None,
    root: str | Path = "models",
) -> Artifact:
    """Register several registered models as one; they are its parents, and stay as they are.

    Parameters
    ----------
    name
        To register under.
    artifacts
        At least two that predict the same labels; their columns may differ. Label and baselines are those of the first.
    weights
        One a model, at least 0; they are divided by their sum. All alike when left out.
    mean, unseen, root
        See `register_top_folds`.

    Raises
    ------
    InputError
        For too few models, or weights that are none.
    ModelError
        When the models do not predict the same.
    """
    if len(artifacts) < 2:
        raise InputError(f"an ensemble needs at least 2 models, got {len(artifacts)}")
    given = [1.0] * len(artifacts) if weights is None else [float(weight) for weight in weights]
    if len(given) != len(artifacts) or min(given) < 0 or not 0 < sum(given) < float("inf"):
        raise InputError(f"weights must be {len(artifacts)} numbers of at least 0, not all 0, got {given}")
    sources = [
        _Source(
            Member(
                each.architecture,
                each.weights,
                each.scaler,
                each.temperature or (1.0,) * len(each.labels),
                (),
                weight / sum(given),
            ),
            each.columns,
            each.labels,
            f"{each.name} {each.version}",
        )
        for each, weight in zip(artifacts, given)
    ]
    first = artifacts[0]
    if heads := sorted({each.head for each in artifacts} - {first.head}):
        raise ModelError(f"the models answer first for other heads ({first.head} and {heads[0]})")
    levels = sorted({each.levels for each in artifacts})
    if len(levels) > 1:
        raise ModelError(f"the models were trained on books of {levels[0]} and {levels[-1]} levels")
    known = {str(told["sha256"]): dict(told) for each in artifacts for told in each.manifest["data"]}
    content = {
        "baselines": first.baselines,
        "label": first.label,
        "labels": list(first.labels),
        "head": first.head,
        "levels": levels[0],
        "data": list(known.values()),
        "seed": first.manifest["seed"],
        "training": {
            "members": [source.title for source in sources],
            "mean": mean,
            "parameters": sum(int(each.manifest["training"].get("parameters") or 0) for each in artifacts),
        },
        "parents": [each.version for each in artifacts],
    }
    return _register(name, sources, content, mean, unseen or {}, root)


def _register(name: str, sources: Sequence[_Source], content: dict[str, Any], mean: str, unseen, root) -> Artifact:
    registry.check_name(name)
    for other in sources[1:]:
        _require_same_labels(sources[0], other)
    columns = tuple(dict.fromkeys(column for source in sources for column in source.columns))
    members = [
        source.member._replace(columns=tuple(columns.index(column) for column in source.columns)) for source in sources
    ]
    architecture, weights = assemble(members, len(columns), mean)
    content |= {
        "architecture": architecture,
        "weights": weights,
        "scaler": unscaled(len(columns)),
        "columns": columns,
        "data_hash": pooled_hash(content["data"]),
        "provenance": "+".join(sorted({str(told["provenance"]) for told in content["data"]})),
        "temperature": (1.0,) * architecture["heads"],
    }
    if not unseen:
        return registry.register(name, metrics={"note": NOTE}, root=root, **content)
    with tempfile.TemporaryDirectory() as scratch:  # to be asked before what it answered is written down
        trial = registry.register(name, metrics={"note": NOTE}, root=scratch, **content)
        shown = {title: evaluate(trial, list(sessions)) for title, sessions in unseen.items()}
        for title, each in shown.items():
            if each.seen:
                raise InputError(f"{title}: some of it is among what the members were trained on")
        pages = _card(trial, shown, next(iter(unseen.values())))
    first = next(iter(shown.values()))
    metrics = {
        **first.scores,
        "baselines": first.baselines,
        "unseen": {title: {**each.scores, "rows": each.rows} for title, each in shown.items()},
        "note": NOTE,
    }
    return registry.register(
        name, metrics=metrics, card=pages.pop("card.md").decode(), files=pages, root=root, **content
    )


def _require_same_labels(one: _Source, other: _Source) -> None:
    """Labels must be the same but for thresholds, which each fold fits to its own training samples."""
    asked = [[{k: v for k, v in table.items() if k != "threshold"} for table in each.labels] for each in (one, other)]
    if asked[0] != asked[1]:
        raise ModelError(f"{one.title} and {other.title} predict other labels and cannot answer as one")


def _card(trial: Artifact, shown: Mapping[str, Evaluation], sessions: Sequence[Snapshots]) -> dict[str, bytes]:
    rows = Rows.of(sessions, trial.levels, trial.features())
    title, first = next(iter(shown.items()))
    card = evaluation_card(trial, first, step_latency(trial, rows.inputs, rows.starts))
    card |= {"version": "{version}", "made_by": "train"}
    card["results"][0] |= {"title": title, "words": f"{NOTE} {card['results'][0]['words']}"}
    card["results"] += [evaluation_block(title, each) for title, each in list(shown.items())[1:]]
    return card_files(card)
