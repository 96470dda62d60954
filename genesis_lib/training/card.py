"""The facts of a model card, and from a cross-validation to a registered model that has one.

``card.json`` is the source of ``card.html`` and ``card.md``. Its facts follow from the model and the data alone. What
is measured (latency, times) differs from run to run, stands under ``measured``, and is no part of a model's version.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from genesis_lib.errors import InputError
from genesis_lib.models import kinds, registry
from genesis_lib.models.artifact import Artifact
from genesis_lib.training.card_page import page
from genesis_lib.training.card_text import card_json, markdown
from genesis_lib.training.card_words import (
    EXPOSED,
    amount,
    label_in_words,
    limits,
    repeats_in_words,
    seeds_in_words,
    simulated_in_words,
)
from genesis_lib.training.dataset import Rows
from genesis_lib.training.evaluation import Evaluation
from genesis_lib.training.latency import step_latency
from genesis_lib.training.leaky import LeakyShuffle
from genesis_lib.training.results import CrossValidation
from genesis_lib.training.scoreboard import FEE_BPS, Scoreboard

FORMAT, SCHEMA = "genesis-card", 1
FILES = ("card.json", "card.html", "card.md")
CROSS_VALIDATION = "cross-validation"
OPTIONS_OF_RUNS = ("quiet", "threads", "accelerator")  # how a run was made, not what it gives


def register_best(
    result: CrossValidation,
    rows: Rows,
    name: str,
    *,
    root: str | Path = "models",
    unseen: Mapping[str, Evaluation] | None = None,
    fee_bps: float = FEE_BPS,
) -> Artifact:
    """Register the fold that did best on its validation samples, with metrics, baselines and card.

    Parameters
    ----------
    result, rows
        The cross-validation, and the rows it was run on.
    name
        Model name below `root`.
    unseen
        Evaluations on sessions that were held out of everything, to be shown in the card, by what they are called.
    fee_bps
        A taker's fee a side, for the profit that the card shows.

    Raises
    ------
    InputError
        When the folds were `LeakyShuffle`'s.
    """
    with tempfile.TemporaryDirectory() as scratch:
        trial = register_trial(result, rows, name, scratch)
        card = training_card(trial, result, rows, unseen or {}, fee_bps=fee_bps)
    shown = {title: {**each.scores, "rows": each.rows} for title, each in (unseen or {}).items()}
    pages = card_files(card)
    return registry.register(
        name, **_content(result, rows, shown), root=root, card=pages.pop("card.md").decode(), files=pages
    )


def register_trial(result: CrossValidation, rows: Rows, name: str, root: str | Path) -> Artifact:
    """Register the best fold without a card: to be asked about unseen sessions before the card is written."""
    return registry.register(name, **_content(result, rows, {}), root=root)


def _content(result: CrossValidation, rows: Rows, unseen: Mapping[str, object]) -> dict[str, Any]:
    if isinstance(result.splitter, LeakyShuffle):  # its card would say that nothing was seen
        raise InputError("these folds were shuffled: a model that was judged by what it had seen is not registered")
    best, first = result.best, result.best.first
    metrics = {
        **result.scores(),
        "baselines": {model: result.scores(model) for model in result.models if model != result.model},
        "folds": fold_records(result),
        "best_fold": best.number,
        "unseen": dict(unseen),
    }
    return {
        "weights": first.weights,
        "scaler": first.scaler,
        "baselines": best.baselines.as_dict(),
        "architecture": first.architecture,
        "columns": rows.columns,
        "levels": rows.levels,
        "label": best.label.as_dict(),
        "labels": [label.as_dict() for label in best.labels],
        "temperature": first.temperature,
        "metrics": metrics,
        "data_hash": rows.data_hash,
        "provenance": rows.provenance,
        "data": rows.sessions,
        "training": settings(result),
        "seed": first.seed,
        "seeds": result.every_seed,
    }


def settings(result: CrossValidation) -> dict[str, Any]:
    """What decided the run, as a manifest stores it."""
    training = asdict(result.training) if is_dataclass(result.training) else {}
    return {
        "model": result.model,
        **{key: value for key, value in training.items() if key not in OPTIONS_OF_RUNS},
        **{f"split_{key}": value for key, value in result.splitter.as_dict().items()},
        "stride": result.stride,
        "parameters": result.parameters,
    }


def fold_records(result: CrossValidation) -> list[dict[str, object]]:
    """The fold table as plain records, for JSON."""
    table = result.fold_table().reset_index()
    return [
        {key: getattr(value, "item", lambda v=value: v)() for key, value in row.items()}
        for row in table.to_dict("records")
    ]


def scoreboard(result: CrossValidation, rows: Rows, fee_bps: float = FEE_BPS) -> Scoreboard:
    """Answers of every model on the test samples of all folds."""
    _, ends = result.label.moves(rows.mid, rows.starts, rows.time, rows.spread)
    row = np.concatenate([fold.rows for fold in result.folds])
    fold = np.repeat(np.arange(len(result.folds)), [len(fold.rows) for fold in result.folds])
    window = int(result.best.first.architecture.get("window", 1))
    return Scoreboard(
        answers={
            name: tuple(
                np.concatenate([getattr(fold, of)[name] for fold in result.folds]) for of in ("predicted", "proba")
            )
            for name in result.models
        },
        classes=np.concatenate([fold.classes for fold in result.folds]),
        row=row,
        end=ends[row],
        start=row - window + 1,
        part=fold * len(rows.sessions) + rows.session[row],
        mid=rows.mid,
        spread=rows.spread,
        session=rows.session,
        sessions=rows.sessions,
        fee_bps=fee_bps,
    )


def training_card(
    artifact: Artifact,
    result: CrossValidation,
    rows: Rows,
    unseen: Mapping[str, Evaluation],
    *,
    fee_bps: float = FEE_BPS,
) -> dict[str, Any]:
    """Card of a model that is about to be registered; its version is left for the registry to fill in.

    Parameters
    ----------
    artifact
        The model, as `register_trial` gives it.
    result, rows, unseen, fee_bps
        See `register_best`.
    """
    board = scoreboard(result, rows, fee_bps)
    held = {
        "title": CROSS_VALIDATION,
        "exposure": "unseen",
        "words": f"Test samples of all {len(result.folds)} folds together; each was answered by models that were not "
        f"trained on it, nor on anything its window or label touches.{repeats_in_words(board.tests)}",
        **board.as_dict(),
        "heads": [
            {"label": label_in_words(label.as_dict()), **{key: _plain(value) for key, value in row.items()}}
            for label, (_, row) in zip(result.best.labels, result.head_table().iterrows())
        ],
    }
    results = [held, *(evaluation_block(title, each) for title, each in unseen.items())]
    seeds = result.seed_table()
    training = {
        "folds": fold_records(result),
        "best_fold": result.best.number,
        "shares": result.best.shares,
        "settings": settings(result),
        "curves": [
            {"fold": fold.number, "seed": member.seed, "points": [dict(point) for point in member.history]}
            for fold in result.folds
            for member in fold.members
        ],
        "seeds": {
            "words": seeds_in_words(result.seeds),
            "scores": [{"seed": int(seed), **row} for seed, row in seeds.to_dict("index").items()],
            "mean": seeds.mean().to_dict(),
            "spread": seeds.std(ddof=1).to_dict() if len(seeds) > 1 else None,
        },
    }
    latency = step_latency(artifact, rows.inputs, rows.starts)
    made = {"name": artifact.name, "version": "{version}", "made_by": "train"}
    seconds = {"training_s": round(result.seconds, 1)}
    return _card(made, artifact, results, training, result.parameters, latency | seconds)


def evaluation_card(artifact: Artifact, evaluation: Evaluation, latency: Mapping[str, Any]) -> dict[str, Any]:
    """Card of one evaluation of a registered model; `latency` as `step_latency` gives it."""
    title = ", ".join(sorted({str(told["instrument"]) for told in evaluation.board.sessions}))
    made = {"name": artifact.name, "version": artifact.version, "made_by": "evaluate"}
    parameters = artifact.manifest["training"].get("parameters", artifact.metrics.get("parameters"))
    block = evaluation_block(title, evaluation) | {"data_hash": evaluation.data_hash}
    block["words"] = f"{amount(evaluation.board.sessions)}. {block['words']}"
    return _card(made, artifact, [block], None, parameters, dict(latency))


def evaluation_block(title: str, evaluation: Evaluation) -> dict[str, Any]:
    """Figures of a model on some sessions, as a card shows them."""
    heads = [row | {"label": label_in_words(row["label"])} for row in evaluation.heads]
    words = EXPOSED[evaluation.exposure]
    return {
        "title": title,
        "exposure": evaluation.exposure,
        "words": words,
        **evaluation.board.as_dict(),
        "heads": heads,
    }


def _card(
    made: Mapping[str, Any],
    artifact: Artifact,
    results: Sequence[Mapping[str, Any]],
    training: Mapping[str, Any] | None,
    parameters: int | None,
    measured: Mapping[str, Any],
) -> dict[str, Any]:
    manifest, warm = artifact.manifest, int(artifact.features().warmup)
    kind = str(results[0]["main"])
    named = str(manifest["training"].get("model", kind))  # of one architecture there are several kinds
    title = kinds.KINDS[named].title if named in kinds.KINDS else kind
    shown = [told for block in results for told in block["sessions"]]
    return {
        "format": FORMAT,
        "schema": SCHEMA,
        **made,
        "model": {
            "kind": kind,
            "title": title,
            "architecture": {k: v for k, v in artifact.architecture.items() if isinstance(v, (str, int, float, bool))},
            "parameters": parameters,
            "columns": len(artifact.columns),
            "first_columns": list(artifact.columns[:4]),
            "levels": artifact.levels,
            "window": artifact.window,
            "warmup": warm,
        },
        "labels": [label_in_words(table) for table in artifact.labels],
        "label": artifact.label,
        "provenance": manifest["provenance"],
        "simulated": simulated_in_words(manifest["data"], shown),
        "data": [dict(told) for told in manifest["data"]],
        "data_in_words": amount(manifest["data"]),
        "training": training,
        "calibration": {"temperature": artifact.temperature and list(artifact.temperature)},
        "results": [dict(block) for block in results],
        "limits": limits(manifest["data"], artifact.window, warm, results),
        "lineage": {
            "data_hash": artifact.data_hash,
            "columns_hash": artifact.columns_hash,
            **{key: value for key, value in artifact.lineage.items() if "witness" not in key},
        },
        "measured": {**measured, "created": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")},
    }


def card_files(card: Mapping[str, Any]) -> dict[str, bytes]:
    """The three files of a card, by name."""
    text = card_json(card)
    card = json.loads(text)  # the pages show what the JSON says, to its last digit
    texts = {"card.json": text, "card.html": page(card), "card.md": markdown(card)}
    return {name: text.encode() for name, text in texts.items()}


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and np.isnan(value) else value
