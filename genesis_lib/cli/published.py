"""`genesis evaluate --benchmark fi2010`: a kind of model trained and tested on a published benchmark."""

from __future__ import annotations

import time
from typing import Any

import click

from genesis_lib.cli import emit, json_option

LINE = "{:>34} {:>8} {:>8} {:>8} {:>8}"


@click.command("evaluate --benchmark")
@click.option("--benchmark", type=click.Choice(["fi2010"]), required=True, help="Which.")
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.option("--model", default="causal-16", show_default=True, help="Kind of model to train.")
@click.option("--setup", type=click.Choice(["7-3", "anchored"]), default="7-3", show_default=True)
@click.option("--normalisation", type=click.Choice(["ZScore", "MinMax", "DecPre"]), help="Of several in the folder.")
@click.option("--epochs", type=click.IntRange(1), help="Passes at most; the kind's recipe when left out.")
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True)
@click.option("--seed", type=int, default=7, show_default=True)
@click.option("--jobs", type=int, default=1, show_default=True, help="Horizons at a time.")
@json_option
def published(benchmark, folder, model, setup, normalisation, epochs, threads, seed, jobs, as_json):
    """Train a kind of model on the benchmark's training days in FOLDER, test it on the days that follow.

    F1 at 10, 20, 50 and 100 events, beside what papers claim and what others found when they ran the models again.
    """
    from genesis_lib.training.config import recipe
    from genesis_lib.training.fi2010 import run_benchmark
    from genesis_lib.training.fi2010_figures import FIGURES, HORIZONS

    began = time.perf_counter()
    training = recipe(model, epochs=epochs, threads=threads, quiet=as_json or jobs != 1)
    found = run_benchmark(
        folder, model, setup, normalisation=normalisation, training=training, seed=seed, jobs=jobs,
        told=lambda line: click.echo(line, err=True),
    )  # fmt: skip
    others = [
        {"model": each.model, "how": each.how, "source": each.source, "f1": dict(zip(HORIZONS, each.f1))}
        for each in FIGURES
    ]
    summary = {"benchmark": benchmark, **found, "published": others, "seconds": round(time.perf_counter() - began, 1)}
    if as_json:
        return emit(summary, as_json)
    lines = [f"FI-2010, {setup}, {found['normalisation']}: F1 in percent by events ahead", ""]
    lines += [LINE.format("", *(f"k={k}" for k in HORIZONS))]
    lines += [_line(f"{model} (mean over classes)", {k: 100 * f1 for k, f1 in found["f1"].items()})]
    lines += [_line(f"{model} (weighted by support)", {k: 100 * f1 for k, f1 in found["f1_weighted"].items()})]
    lines += [_line(f"{each['model']} ({each['how']})", each["f1"]) for each in others]
    sources = sorted({f"{each['model']} {each['how']}: {each['source']}" for each in others})
    emit(summary, as_json, "\n".join([*lines, "", "All others with seven training and three test days.", *sources]))


def _line(name: str, f1: dict[int, float]) -> str:
    return LINE.format(name, *(f"{value:.1f}" for value in f1.values()))


class OrBenchmark(click.Command):
    """A command that, given ``--benchmark``, hands its words to `published`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the words; nothing more happens here after a benchmark."""
        if any(word == "--benchmark" or word.startswith("--benchmark=") for word in args):
            with published.make_context(ctx.info_name, list(args), parent=ctx.parent) as own:
                published.invoke(own)
            ctx.exit(0)
        return super().parse_args(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: Any) -> None:
        """Point at the benchmark."""
        formatter.write_paragraph()
        formatter.write_text(
            "genesis evaluate --benchmark fi2010 FOLDER [--model KIND] [--setup 7-3|anchored] trains and tests a kind "
            "of model on a published benchmark instead."
        )
