"""`genesis evaluate`."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Mapping, Sequence
from typing import Any

import click

from genesis_lib import config
from genesis_lib.cli import emit, grid_options, json_option
from genesis_lib.cli.published import OrBenchmark
from genesis_lib.training.card_words import EXPOSED, amount, label_in_words
from genesis_lib.training.scores import NAMES

WIDTH = 100
FIGURES = "{:>14} {:>9} {:>9} {:>8} {:>9} {:>7}"


@click.command(cls=OrBenchmark)
@click.argument("model")
@click.argument("paths", nargs=-1, required=True)
@click.option("--stride", type=click.IntRange(1), default=1, show_default=True, help="Rows from sample to sample.")
@click.option("--minutes", type=float, help="Length of each simulated session (10).")
@click.option("--seed", type=int, help="Of the first simulated session (1000).")
@click.option("--fee-bps", type=float, help="A taker's fee a side, for the plain rule (the settings' when left out).")
@click.option("--card/--no-card", default=True, show_default=True, help="Write a card into the folder of reports.")
@click.option("--reports", help="Folder of reports (the settings' when left out).")
@click.option("--out", "root", help="Folder of models (the settings' when left out).")
@grid_options
@json_option
def evaluate(
    model, paths, stride, minutes, seed, fee_bps, card, reports, root, tick_size, symbol, as_json,
):  # fmt: skip
    """Score MODEL (a name, a version, champion or a model folder) and its baselines on PATHS.

    Where a recording has its truth beside it (genesis simulate --predictable), the best possible score is told, too.
    """
    from genesis_lib.feeds.simulation.truth import read_truths
    from genesis_lib.models import registry
    from genesis_lib.training import Label, gather_sessions
    from genesis_lib.training import evaluate as score
    from genesis_lib.training.ceiling import below_ceiling, told

    began = time.perf_counter()
    settings = config.load(paths={"models": root, "reports": reports}, execution={"taker_fee_bps": fee_bps})
    artifact = registry.load(model, settings.paths.models)
    truths = read_truths(paths)
    grid = {"tick_size": tick_size, "symbol": symbol}
    sessions = gather_sessions(paths, artifact.levels, minutes=minutes, seed=seed, **grid)
    result = score(artifact, sessions, stride, fee_bps=settings.execution.taker_fee_bps)
    answers = result.samples.row, result.classes, result.samples.move
    ceiling = below_ceiling(truths, sessions, Label.of(artifact.label), *answers, result.board.scores)
    folder = _write(artifact, result, sessions, settings.paths.reports) if card else None
    summary = {
        "model": artifact.name,
        "version": artifact.version,
        **result.as_dict(),
        **ceiling,
        "card": folder,
        "seconds": round(time.perf_counter() - began, 1),
    }
    if as_json:
        return emit(summary, as_json)
    text = [*header(artifact, result), "", *score_lines(result.board.scores), *head_lines(result.heads), ""]
    text += [*verdict_lines(result.board.verdict()), *told(ceiling)]
    return emit(summary, as_json, "\n".join([*text, *(["", f"card: {folder}/card.html"] if folder else [])]))


def _write(artifact, result, sessions, reports) -> str | None:
    from genesis_lib.training.evaluation_report import write_evaluation

    try:
        return str(write_evaluation(artifact, result, sessions, reports))
    except OSError as error:  # the figures are worth more than their card
        click.echo(f"no card: {error}", err=True)
        return None


def score_lines(table: Mapping[str, Mapping[str, float]], head: bool = True) -> list[str]:
    """Scores of models as the lines of a table for people."""
    lines = [FIGURES.format("", *NAMES)] if head else []
    return lines + [FIGURES.format(name, *(f"{row[key]:.4f}" for key in NAMES)) for name, row in table.items()]


def header(artifact, result) -> list[str]:
    """What an evaluation is of: warnings first, then whose data, the label, and what the model was trained on."""
    shown, learnt = result.board.sessions, artifact.manifest["data"]
    label = label_in_words(artifact.label)
    lines = [f"WARNING: {EXPOSED[result.exposure]}"] if result.exposure != "unseen" else []
    lines += [
        f"{_whose(shown)}; {result.rows:,} rows asked about",
        f"model: {artifact.name} {artifact.version} ({result.model}), trained on {_whose(learnt)}",
        f"label: {label[0].lower()}{label[1:]}",
    ]
    return [part for line in lines for part in _wrapped(line)]


def head_lines(heads: Sequence[Mapping[str, Any]]) -> list[str]:
    """Which head the main figures are of, and the figures of the others; nothing of a model with one head."""
    from genesis_lib.training.labels import Label

    if len(heads) < 2:
        return []
    ahead = [Label.of(head["label"]).ahead_in_words for head in heads]
    main = next(words for head, words in zip(heads, ahead) if head["primary"])
    others = {f"head {words}": head for head, words in zip(heads, ahead) if not head["primary"]}
    scored = {name: head for name, head in others.items() if all(key in head for key in NAMES)}
    lines = [f"All of these are of the head for {main}; the model's other heads:", *score_lines(scored, head=False)]
    return ["", *lines, *(f"{name}: no row has its label" for name in others if name not in scored)]


def verdict_lines(verdict: Sequence[str]) -> list[str]:
    """Verdicts for a terminal: the words, and below them, further in, the figures."""
    lines = []
    for line in verdict:
        words, _, figures = line.replace("*", "").removesuffix(".").partition(" (")
        lines += [*_wrapped(words), *_wrapped(figures.removesuffix(")"), "    ")]
    return lines


def _whose(sessions: Sequence[Mapping[str, Any]]) -> str:
    kind = " and ".join(sorted({str(told["provenance"]).upper() for told in sessions}))
    first, last = min(str(told["first"]) for told in sessions), max(str(told["last"]) for told in sessions)
    return f"{kind} data: {amount(sessions)}, from {first[:19]} to {last[:19]}"


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent or "  ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
