"""`genesis retrain`: the notebook once, or by the clock."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from genesis_lib import retrain as retraining
from genesis_lib.cli import emit, json_option
from genesis_lib.errors import GenesisError, InputError


@click.command()
@click.option("--schedule", metavar="CRON", help="Five cron fields, UTC, such as '0 3 * * *'; runs until stopped.")
@click.option("--once", is_flag=True, help="Run now and end (the default without --schedule).")
@click.option("-p", "--parameter", "pairs", multiple=True, metavar="NAME=VALUE", help="A parameter of the notebook.")
@click.option("--notebook", type=click.Path(dir_okay=False), help="Another notebook than 06_retraining.")
@json_option
def retrain(schedule: str | None, once: bool, pairs: tuple[str, ...], notebook: str | None, as_json: bool) -> None:
    """Retrain by papermill, hold the challenger against the champion, promote it or not."""
    if schedule and once:
        raise click.UsageError("--schedule and --once exclude each other")
    parameters = dict(_pair(text) for text in pairs)

    def job() -> None:
        run = retraining.run_once(parameters, notebook=notebook, progress=not as_json)
        emit(asdict(run), as_json)

    def guarded() -> None:
        try:
            job()
        except GenesisError as error:  # a failed night must not end the service
            click.echo(f"genesis: {error}", err=True)

    if schedule:
        retraining.serve(schedule, guarded)
    else:
        job()


def _pair(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise InputError(f"--parameter must be NAME=VALUE, got {text!r}")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value
