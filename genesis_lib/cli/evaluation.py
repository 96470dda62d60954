"""`genesis evaluate`."""

from __future__ import annotations

import time
from collections.abc import Mapping

import click

from genesis_lib import config
from genesis_lib.cli import emit, grid_options, json_option
from genesis_lib.cli.published import OrBenchmark
from genesis_lib.training.card_words import EXPOSED
from genesis_lib.training.scores import NAMES

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
    text = [f"{artifact.name} {artifact.version}: {result.rows:,} rows", "", *score_lines(result.board.scores), ""]
    text += [*(line.replace("*", "") for line in result.board.verdict()), *told(ceiling)]
    if result.exposure != "unseen":
        text += ["", EXPOSED[result.exposure]]
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
