"""`genesis features`: the table of everything that can be computed from a book row."""

from __future__ import annotations

import click

from genesis_lib.cli import emit, json_option


@click.command()
@click.option("--markdown", "as_markdown", is_flag=True, help="As the README of the features has it.")
@json_option
def features(as_markdown: bool, as_json: bool) -> None:
    """List every feature: name, unit, warm-up in rows, levels needed, formula and source, by group."""
    from genesis_lib.features import table

    if as_markdown and as_json:
        raise click.UsageError("--markdown and --json exclude each other")
    if as_markdown:
        click.echo(table.markdown(), nl=False)
        return
    records = table.records()
    emit({"count": len(records), "features": records}, as_json, table.plain())
