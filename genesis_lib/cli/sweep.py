"""`genesis sweep`: symbol-days times settings, each cross-validated by itself."""

from __future__ import annotations

import re

import click

from genesis_lib.cli import emit, grid_options, json_option
from genesis_lib.errors import GenesisError

SHOWN = ("accuracy", "macro_f1", "mcc", "log_loss", "seconds")


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option(
    "--set", "settings", multiple=True, required=True, help="NAME=VALUE,VALUE...: what to combine; repeatable."
)
@click.option("--jobs", type=int, default=1, show_default=True, help="Cells at a time; -1: as many as processors.")
@click.option("--minutes", type=float, help="Length of each simulated session (10).")
@grid_options
@json_option
def sweep(paths, settings, jobs, minutes, tick_size, symbol, as_json):
    """Cross-validate every combination of settings on every symbol-day in PATHS.

    For example --set model=causal-16,logistic --set horizon=50,5m --set folds=3. A setting is one of the data (model,
    inputs, levels, stride), of the label (label, horizon, threshold ...), of the split (split, folds, embargo ...), of
    training, or of the model's own configuration. A cell that fails is told with its reason.
    """
    import pandas as pd

    from genesis_lib.training.sweep import check_grid
    from genesis_lib.training.sweep import sweep as run

    grid = dict(_setting(text) for text in settings)
    try:
        check_grid(grid)
    except GenesisError as error:
        raise click.BadParameter(str(error), param_hint="--set") from None
    table = run(paths, grid, jobs=jobs, minutes=minutes, tick_size=tick_size, symbol=symbol)
    failed = table[table.error != ""]
    told = [re.sub(r"^(Input|Model)Error: ", "", text) for text in failed.error]
    if len(failed) == len(table) and len(set(told)) == 1:  # the same cause is said once
        raise GenesisError(f"none of {len(table)} cells could be cross-validated: {told[0]}")
    for number, text in zip(failed.index, told):
        click.echo(f"cell {number}: {text}", err=True)
    if len(failed) == len(table):
        raise GenesisError(f"none of {len(table)} cells could be cross-validated")
    with pd.option_context("display.width", 200):
        shown = table[["instrument", "day", "rows", *grid, *SHOWN]]
        text = shown.to_string(index=True, float_format="{:.4f}".format, na_rep="")
    emit({"cells": table.to_dict("records"), "failed": len(failed)}, as_json, text)


def _setting(text: str) -> tuple[str, list[object]]:
    name, equals, values = text.partition("=")
    if not equals or not name or not all(values.split(",")):
        raise click.BadParameter(f"--set takes NAME=VALUE,VALUE..., got {text!r}")
    return name.strip().replace("-", "_"), [_value(value.strip()) for value in values.split(",")]


def _value(text: str) -> object:
    """A number or a truth value where it is one, else the word; horizons such as 5m stay words."""
    if text.lower() in ("true", "false", "none"):
        return {"true": True, "false": False, "none": None}[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
