"""`genesis train`."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from math import comb
from pathlib import Path

import click
import numpy as np

from genesis_lib import config
from genesis_lib.cli import emit, json_option
from genesis_lib.cli.train_options import (
    TRAINABLE,
    check,
    check_top_folds,
    check_words,
    digest,
    kinds_of,
    labels_of,
    own_inputs,
    seeds_of,
    shape,
    simulated,
    training_of,
    unseen,
)
from genesis_lib.cli.train_words import report
from genesis_lib.errors import InputError

DEFAULT = "tcn-32"  # best by purged cross-validation of all that stream
RUNS = ".runs"  # below the models: what runs that were interrupted go on from


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="KIND",
    help=f"{', '.join(TRAINABLE)}; {DEFAULT} when left out; several are trained on the same samples.",
)
@click.option(
    "--inputs", help='Columns it reads: "book", "ofi", "flow", joined by +, or names of features; the kind\'s own.'
)
@click.option(
    "--split", type=click.Choice(["kfold", "walk-forward", "combinatorial"]), default="kfold", show_default=True
)
@click.option(
    "--unit",
    type=click.Choice(["moment", "stretch", "day"]),
    default="moment",
    show_default=True,
    help="What folds never part: days keep all sessions of a date on one side.",
)
@click.option("--folds", type=click.IntRange(2), default=5, show_default=True)
@click.option("--embargo", type=click.FloatRange(0, 0.5), default=0.01, show_default=True)
@click.option("--epochs", type=click.IntRange(1), help="Passes a fold at most.")
@click.option("--patience", type=click.FloatRange(0, min_open=True), help="Passes without improvement.")
@click.option("--batch-size", type=click.IntRange(2), help="Windows a step; a dense step takes 16 stretches.")
@click.option("--windows", type=click.IntRange(0), help="Predictions a pass at most; 0: all.")
@click.option(
    "--stride", type=click.IntRange(1), help="Rows from sample to sample; for dense training of the tested ones alone."
)
@click.option(
    "--label",
    "kind",
    default="smoothed",
    show_default=True,
    type=click.Choice(["smoothed", "smoothed-past", "volatility", "triple-barrier"]),
)
@click.option("--horizon", "horizons", multiple=True, help="Rows (20) or time (5m) ahead; repeated: a head each.")
@click.option("--threshold", default="balanced", show_default=True, help='Size of a move, "balanced" or "spread".')
@click.option("--levels", type=click.IntRange(1, 10), help="Book levels a side; as many as the data has, at most 10.")
@click.option("--window", type=click.IntRange(9), help="Rows a prediction sees (100).")
@click.option("--dropout", type=click.FloatRange(0, 0.95))
@click.option(
    "--skip/--no-skip", default=None, help="A linear path beside a causal net, begun as the logistic regression."
)
@click.option("--augment/--no-augment", default=None, help="Show books upside down, shift log sizes.")
@click.option("--class-weights", type=click.Choice(["none", "balanced"]), help="Whether rare classes weigh more.")
@click.option("--seed", type=int, default=7, show_default=True)
@click.option(
    "--seeds",
    "count",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Models a fold, of seeds counted up; the first decides.",
)
@click.option(
    "--ensemble",
    type=click.Choice(["none", "mean", "fitted"]),
    help="Register the models of all kinds and seeds as one; the mean when there are several kinds.",
)
@click.option(
    "--top-folds",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Register the N best folds as one, too, under NAME-top-N; scored on --unseen alone. 0: not.",
)
@click.option("--minutes", type=float, help="Length of each simulated session (10).")
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True, help="Threads, shared by the jobs.")
@click.option("--jobs", type=int, default=1, show_default=True, help="Folds at a time; -1: one a processor.")
@click.option("--accelerator", type=click.Choice(["auto", "cpu", "gpu"]), default="auto", show_default=True)
@click.option(
    "--unseen",
    multiple=True,
    help="A recording, or simulator, to report on in the card but never to train on; repeatable.",
)
@click.option("--fresh", is_flag=True, help="Begin anew, though the same command was interrupted before.")
@click.option("--name", help="Name to register under; KIND-LEVELS when left out.")
@click.option("--out", help="Folder of models (the settings' when left out).")
@click.option("--promote/--no-promote", default=False, show_default=True, help="Make it the champion.")
@click.option("--track", metavar="URI", help="Tell MLflow of the model, for example in sqlite:///runs/mlflow.db.")
@json_option
@click.pass_context
def train(ctx, **given):  # fmt: skip
    """Cross-validate a model on PATHS, register its best fold.

    PATHS are recordings, Parquet folders, CSV files or simulator[:SYMBOL]; sessions are never joined, and folds are
    purged by the time a label is known. A run that is interrupted goes on where it stopped when the same command is
    given again, to the same result.
    """
    from genesis_lib.models import registry

    if given["name"] is not None:
        registry.check_name(given["name"])  # before hours of training, not after
    root = Path(config.load(paths={"models": given["out"]}).paths.models)
    keep = root / RUNS / digest(given)
    if given["fresh"]:
        shutil.rmtree(keep, ignore_errors=True)
    try:
        summary, text = _train(given, root, keep)
    except KeyboardInterrupt:
        kept = keep.exists() and any(keep.iterdir())
        _close_bars()
        more = f"what was reached is in {keep}, and the same command goes on from there" if kept else "nothing was kept"
        click.echo(f"genesis: interrupted; no model was registered; {more}", err=True)
        ctx.exit(1)
    shutil.rmtree(keep, ignore_errors=True)
    with contextlib.suppress(OSError):  # others may be at work
        keep.parent.rmdir()
    emit(summary, given["as_json"], None if given["as_json"] else text)


def _train(given, root: Path, keep: Path):
    kinds, labels = kinds_of(given, DEFAULT), labels_of(given)
    check_words(given)
    from genesis_lib.training.splits import splitter

    cuts = splitter(given["split"], given["folds"], given["embargo"], unit=given["unit"])
    check_top_folds(given["top_folds"], comb(cuts.folds, getattr(cuts, "tested", 1)))

    from genesis_lib.feeds.simulation.truth import read_truths
    from genesis_lib.models import registry
    from genesis_lib.training import Rows, cross_validate, describe, evaluate, gather_sessions, worst_exposure
    from genesis_lib.training.card import fold_records, register_best, register_trial
    from genesis_lib.training.ensembling import combine
    from genesis_lib.training.tracking import Tracker

    inputs = given["inputs"] or own_inputs(kinds)
    trainings = [training_of(item, given) for item in kinds]
    check(given, kinds, inputs, trainings, len(labels))
    tracker = Tracker(given["track"]) if given["track"] else None  # a store that cannot be opened is told of at once
    click.echo("reading ...", err=True)
    minutes = given["minutes"] if any(map(simulated, given["paths"])) else None
    sessions = gather_sessions(given["paths"], 10, minutes=minutes)
    held = [unseen(path, given["minutes"]) for path in given["unseen"]]
    depth = given["levels"] or min([10, *(session.depth for session in sessions)])
    click.echo("computing columns ...", err=True)
    turned = inputs != "book" and any(item.torch and each.augment for item, each in zip(kinds, trainings))
    rows = Rows.of(sessions, depth, inputs, mirrored=turned)
    for parts in held:
        if worst_exposure(map(describe, parts), rows.sessions) == "seen":
            raise InputError(f"--unseen {_title(parts)}: some of it is among what is to be trained on")
    truths = read_truths(given["paths"])
    sessions = sessions if truths else []  # as large as all that is trained on
    many = f"{len(rows.sessions)} session{'s' * (len(rows.sessions) != 1)}"
    click.echo(f"{len(rows):,} rows in {many}, {depth} levels, {rows.provenance}", err=True)
    seeds = range(given["seed"], given["seed"] + given["count"])
    results = [
        cross_validate(
            rows, labels, model=item.name, config=shape(item, rows.columns, len(labels), given), training=training,
            splitter=cuts, stride=given["stride"], jobs=given["jobs"], seeds=seeds_of(item, seeds),
            keep=keep / item.name,
        )
        for item, training in zip(kinds, trainings)
    ]  # fmt: skip
    ensemble = given["ensemble"] or ("mean" if len(results) > 1 else "none")
    result = results[0] if ensemble == "none" else combine(results, ensemble)
    name = given["name"] or f"{'ensemble' if len(kinds) > 1 else kinds[0].name}-{depth}"
    with tempfile.TemporaryDirectory() as scratch:  # the card is part of a model, and tells of the unseen sessions
        trial = register_trial(result, rows, name, scratch) if held else None
        shown = {_title(parts): evaluate(trial, parts) for parts in held}
    chosen = register_best(result, rows, name, root=root, unseen=shown)
    top = _top_folds(given["top_folds"], result, rows, name, {_title(parts): parts for parts in held}, root)
    if given["promote"]:
        registry.promote(f"{chosen.name}/{chosen.version}", root)
    tracked = tracker and tracker.track(chosen, result)
    ceiling = _ceiling_of_folds(truths, sessions, rows, result)
    summary = {
        "folds": fold_records(result),
        **result.scores(),
        "model": result.model,
        "name": chosen.name,
        "version": chosen.version,
        "path": str(chosen.path),
        **({"top_folds": top} if top else {}),
        "promoted": given["promote"],
        "tracked": tracked,
        "best_fold": result.best.number,
        "baselines": chosen.metrics["baselines"],
        "seeds": result.seed_table().to_dict("index"),
        "heads": result.head_table().to_dict("records"),
        **ceiling,
        "unseen": {title: each.as_dict() for title, each in shown.items()},
        "parameters": result.parameters,
        "rows": len(rows),
        "stride": result.stride,
        "seconds": round(result.seconds, 1),
    }
    return summary, "\n".join([report(result, chosen, shown, ceiling), *_told_of_top(top)])


def _top_folds(count: int, result, rows, name: str, held, root: Path) -> dict[str, object] | None:
    """Register the best folds as one beside the best; None where that is not asked for."""
    if not count:
        return None
    from genesis_lib.training.assembly import register_top_folds

    made = register_top_folds(result, rows, f"{name}-top-{count}", count=count, unseen=held, root=root)
    return {"name": made.name, "version": made.version, "unseen": made.metrics.get("unseen", {})}


def _told_of_top(top) -> list[str]:
    if not top:
        return []
    scores = [f"{title}: log-loss {each['log_loss']:.4f}" for title, each in top["unseen"].items()]
    seen = f"unseen {'; '.join(scores)}" if scores else "it has no score: give --unseen sessions"
    return [f"its best folds together are {top['name']} {top['version']}, scored on unseen sessions alone; {seen}"]


def _close_bars() -> None:
    """End bars of progress on their line, for they would be drawn again when they are collected."""
    from tqdm import tqdm

    for bar in list(getattr(tqdm, "_instances", ())):
        bar.close()
    click.echo(err=True)


def _ceiling_of_folds(truths, sessions, rows, result) -> dict[str, object]:
    """How far the network and its baselines are from the best possible, over the test samples of all folds."""
    from genesis_lib.training.ceiling import below_ceiling

    if not truths:
        return {}
    moves, _ = result.label.moves(rows.mid, rows.starts, rows.time, rows.spread)
    at = np.concatenate([fold.rows for fold in result.folds])
    classes = np.concatenate([fold.classes for fold in result.folds])
    every = {name: result.scores(name) for name in result.models}
    return below_ceiling(truths, sessions, result.label, at, classes, moves[at], every)


def _title(sessions) -> str:
    return ", ".join(f"{s.instrument.name} ({s.provenance}, {len(s):,} rows)" for s in sessions)
