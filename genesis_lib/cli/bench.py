"""``genesis bench``: how fast each stage is, beside its peers."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

import genesis_lib
from genesis_lib.cli import emit, json_option
from genesis_lib.errors import InputError, StateError

STAGES = ("book", "scan", "orders", "matching", "simulator", "storage", "features", "predictor", "pipeline", "train")
LONG = ("scale",)  # minutes to an hour: only those that are asked for


@click.command()
@click.argument("stages", nargs=-1, type=click.Choice(STAGES + LONG), metavar=f"[{'|'.join(STAGES + LONG)}]...")
@click.option(
    "--path",
    "paths",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    help="Recording to run on, repeated for the files of one session; the real BTC/USDT session when left out.",
)
@click.option("--full", is_flag=True, help="For scale: train all folds, and do not only tell how long it would take.")
@json_option
def bench(stages: tuple[str, ...], paths: tuple[str, ...], full: bool, as_json: bool) -> None:
    """Time STAGE... (all but scale by default) and what people use instead, in one run; ratios are what counts."""
    if full and stages != ("scale",):
        raise click.UsageError("--full is for: genesis bench scale")
    import_benchmarks()
    rows = []
    for stage in stages or STAGES:
        click.echo(f"measuring {stage} ...", err=True)
        more = {"full": True} if full else {}
        rows += import_module(f"benchmarks.{stage}").run(paths, **more)
    table = [{name: getattr(row, name) for name in row.__slots__} for row in rows]
    emit({"rows": table}, as_json, render(table))


def import_benchmarks() -> None:
    """Make the checkout's ``benchmarks`` importable; they are not part of an installed package."""
    root = Path(genesis_lib.__file__).resolve().parent.parent
    if not (root / "benchmarks" / "measure.py").exists():
        raise StateError(f"no benchmarks beside {Path(genesis_lib.__file__).parent}: bench needs a checkout of Genesis")
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    try:
        found = Path(import_module("benchmarks").__file__ or "").resolve().parent
        import_module("sortedcontainers")
    except ModuleNotFoundError as error:
        raise StateError(f"{error}: install the benchmarks' peers with: pip install -e .[bench]") from None
    if found != root / "benchmarks":
        raise InputError(f"another package called benchmarks hides the checkout's: {found}")


def render(table: list[dict[str, Any]]) -> str:
    """Aligned text: name, time, tail, ratio and the peer it is against."""
    heads = ("stage", "what", "time", "p99", "ratio", "against")
    lines = [
        (
            row["stage"],
            row["name"],
            duration(row["ns"]),
            "" if row["p99_ns"] is None else duration(row["p99_ns"]),
            "" if row["ratio"] is None else f"{row['ratio']:.1f}x",
            row["peer"].rpartition(": ")[2],  # the stream is the row's own
        )
        for row in table
    ]
    widths = [max(len(line[i]) for line in (heads, *lines)) for i in range(len(heads))]
    right = {2, 3, 4}
    text = [
        "  ".join(f"{cell:>{w}}" if i in right else f"{cell:<{w}}" for i, (cell, w) in enumerate(zip(line, widths)))
        for line in (heads, tuple("-" * width for width in widths), *lines)
    ]
    return "\n".join(line.rstrip() for line in text)


def duration(ns: float) -> str:
    """Three digits and the unit that suits.

    >>> duration(8.46), duration(13_400)
    ('8.46 ns', '13.4 us')
    """
    units = (("min", 6e10, 1.2e11), ("s", 1e9, 1e9), ("ms", 1e6, 1e6), ("us", 1e3, 1e3), ("ns", 1.0, 0.0))
    unit, size = next((unit, size) for unit, size, least in units if ns >= least)
    return f"{ns / size:.3g} {unit}"
