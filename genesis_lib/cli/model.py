"""`genesis train`."""

from __future__ import annotations

import tempfile

import click
import numpy as np

from genesis_lib import config
from genesis_lib.cli import emit, json_option
from genesis_lib.cli.evaluation import score_lines
from genesis_lib.errors import InputError


def _settings_root(root: str | None) -> str:
    return config.load(paths={"models": root}).paths.models


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("--model", "architecture", type=click.Choice(["deeplob"]), default="deeplob", show_default=True)
@click.option("--folds", type=click.IntRange(2), default=5, show_default=True)
@click.option("--epochs", type=click.IntRange(1), default=15, show_default=True, help="Passes a fold at most.")
@click.option("--patience", type=click.IntRange(1), default=15, show_default=True, help="Passes without improvement.")
@click.option("--batch-size", type=click.IntRange(2), default=256, show_default=True)
@click.option("--windows", type=click.IntRange(0), default=32_768, show_default=True, help="A pass at most; 0: all.")
@click.option("--stride", type=click.IntRange(1), default=5, show_default=True, help="Rows from sample to sample.")
@click.option(
    "--label", "kind", default="smoothed", show_default=True,
    type=click.Choice(["smoothed", "smoothed-past", "volatility", "triple-barrier"]),
)  # fmt: skip
@click.option("--horizon", type=click.IntRange(1), default=20, show_default=True, help="Rows ahead.")
@click.option("--threshold", default="balanced", show_default=True, help='Size of a move, or "balanced".')
@click.option("--levels", type=click.IntRange(1, 10), help="Book levels a side; as many as the data has, at most 10.")
@click.option("--window", type=click.IntRange(9), default=100, show_default=True, help="Rows a prediction sees.")
@click.option("--embargo", type=click.FloatRange(0, 0.5), default=0.01, show_default=True)
@click.option("--dropout", type=click.FloatRange(0, 0.95), default=0.3, show_default=True)
@click.option("--augment/--no-augment", default=True, show_default=True, help="Mirror books, shift log sizes.")
@click.option("--seed", type=int, default=7, show_default=True)
@click.option("--minutes", type=float, help="Length of each simulated session (10).")
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True, help="Threads, shared by the jobs.")
@click.option("--jobs", type=int, default=1, show_default=True, help="Folds at a time.")
@click.option(
    "--unseen",
    multiple=True,
    help="A recording, or simulator, to report on in the card but never to train on; repeatable.",
)
@click.option("--name", help="Name to register under; deeplob-LEVELS when left out.")
@click.option("--out", help="Folder of models (the settings' when left out).")
@click.option("--promote/--no-promote", default=False, show_default=True, help="Make it the champion.")
@json_option
def train(
    paths, architecture, folds, epochs, patience, batch_size, windows, stride, kind, horizon, threshold, levels, window,
    embargo, dropout, augment, seed, minutes, threads, jobs, unseen, name, out, promote, as_json,
):  # fmt: skip
    """Cross-validate a network on PATHS, register its best fold.

    PATHS are recordings, Parquet folders, CSV files or simulator[:SYMBOL]; sessions are never joined, and folds are
    purged by the time a label is known.
    """
    from genesis_lib.feeds.simulation.truth import read_truths
    from genesis_lib.models import registry
    from genesis_lib.models.deeplob import DeepLOBConfig  # torch takes seconds: only those who train wait for it
    from genesis_lib.training import (
        Label,
        PurgedKFold,
        Rows,
        TrainingConfig,
        cross_validate,
        describe,
        gather_sessions,
        register_best,
        worst_exposure,
    )  # fmt: skip
    from genesis_lib.training import evaluate as score
    from genesis_lib.training.card import fold_records

    if name is not None:
        registry.check_name(name)  # before hours of training, not after
    root = _settings_root(out)
    label = Label(kind, horizon, threshold if threshold == "balanced" else _number("threshold", threshold))
    training = TrainingConfig(
        epochs, patience, batch_size, windows or None, augment=augment, seed=seed, threads=threads
    )
    click.echo("reading ...", err=True)
    sessions = gather_sessions(paths, 10, minutes=minutes)
    held = [_unseen(path, minutes) for path in unseen]
    depth = levels or min(10, *(session.depth for session in sessions)) if sessions else 10
    rows = Rows.of(sessions, depth)
    for parts in held:
        if worst_exposure(map(describe, parts), rows.sessions) == "seen":
            raise InputError(f"--unseen {_title(parts)}: some of it is among what is to be trained on")
    click.echo(f"{len(rows):,} rows in {len(rows.sessions)} sessions, {depth} levels, {rows.provenance}", err=True)
    result = cross_validate(
        rows,
        label,
        config=DeepLOBConfig(levels=depth, window=window, dropout=dropout),
        training=training,
        splitter=PurgedKFold(folds, embargo),
        stride=stride,
        jobs=jobs,
    )
    name = name or f"{architecture}-{depth}"
    with tempfile.TemporaryDirectory() as scratch:  # the card is part of a model, and tells of the unseen sessions
        trial = register_best(result, rows, name, root=scratch)
        shown = {_title(parts): score(trial, parts) for parts in held}
    chosen = register_best(result, rows, name, root=root, unseen=shown)
    if promote:
        registry.promote(f"{chosen.name}/{chosen.version}", root)
    ceiling = _ceiling_of_folds(read_truths(paths), sessions, rows, result)
    summary = {
        "folds": fold_records(result),
        **result.scores(),
        "name": chosen.name,
        "version": chosen.version,
        "path": str(chosen.path),
        "promoted": promote,
        "best_fold": result.best.number,
        "baselines": chosen.metrics["baselines"],
        **ceiling,
        "unseen": {title: each.as_dict() for title, each in shown.items()},
        "parameters": result.parameters,
        "rows": len(rows),
        "stride": stride,
        "seconds": round(result.seconds, 1),
    }
    emit(summary, as_json, None if as_json else _report(result, chosen, shown, ceiling))


def _ceiling_of_folds(truths, sessions, rows, result) -> dict[str, object]:
    """How far the network and its baselines are from the best possible, over the test samples of all folds."""
    from genesis_lib.training.ceiling import below_ceiling

    moves, _ = result.label.moves(rows.mid, rows.starts)
    at = np.concatenate([fold.rows for fold in result.folds])
    classes = np.concatenate([fold.classes for fold in result.folds])
    every = {name: result.scores(name) for name in result.models} if truths else {}
    return below_ceiling(truths, sessions, result.label, at, classes, moves[at], every)


def _report(result, chosen, shown, ceiling) -> str:
    import pandas as pd

    from genesis_lib.training.ceiling import told

    lines = [
        result.fold_table().to_string(float_format="{:.4f}".format, na_rep=""),
        "",
        *score_lines({name: row.to_dict() for name, row in result.baseline_table().iterrows()}),
        *told(ceiling),
        "",
        result.class_table().to_string(float_format="{:.4f}".format),
        "",
        result.confusion().to_string(),
        "",
        pd.DataFrame(result.best.shares).T.to_string(float_format="{:.3f}".format),
    ]
    for title, each in shown.items():
        lines += ["", f"unseen: {title}", *score_lines({"deeplob": each.scores, **each.baselines})]
    best = f"fold {result.best.number} is best on validation"
    lines += ["", f"{best}; registered as {chosen.name} {chosen.version} in {chosen.path} ({result.seconds:.0f} s)"]
    return "\n".join(lines)


def _unseen(path: str, minutes: float | None):
    from genesis_lib.training import gather_sessions

    if path.startswith("simulator"):
        return gather_sessions([path], 10, minutes=minutes, seed=0)  # the desk's own session; training counts from 1000
    return gather_sessions([path], 10)


def _title(sessions) -> str:
    return ", ".join(f"{s.instrument.name} ({s.provenance}, {len(s):,} rows)" for s in sessions)


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(f'{name} must be a number or "balanced", got {text!r}') from None
