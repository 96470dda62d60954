"""The `genesis` command: thin, each command one call into the library.

A command's module is imported when the command is asked for, so `genesis verify` never loads torch.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from genesis_lib import __version__
from genesis_lib.cli.plain_text import lines
from genesis_lib.errors import GenesisError

# command -> module of this package that holds a click command of that name
COMMANDS = {
    "download": "archive",
    "verify": "market",
    "ingest": "market",
    "record": "wire",
    "simulate": "wire",
    "venue": "wire",
    "calibrate": "calibrate",
    "features": "features",
    "detect": "surveil",
    "regime": "regimes",
    "labels": "labels",
    "train": "train",
    "sweep": "sweep",
    "evaluate": "evaluation",
    "models": "models",
    "backtest": "trade",
    "report": "trade",
    "run": "session",
    "session": "session",
    "alerts": "alerting",
    "retrain": "schedule",
    "bench": "bench",
}


class _Commands(click.Group):
    """Finds commands by name and turns every expected error into one line and exit code 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        return getattr(import_module(f"genesis_lib.cli.{COMMANDS[name]}"), name)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (GenesisError, OSError) as error:
            click.echo(f"genesis: {' '.join(str(error).split())}", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("genesis: interrupted", err=True)
            ctx.exit(1)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="genesis")
def main() -> None:
    """Order books, features, honest models and paper trading, from the shell."""


class Spec(click.ParamType):
    """A path, or a database's URL as it was written: as a path it would lose a slash, and show its password."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | Path:
        """Take the word as it is where it is a URL."""
        from genesis_lib.storage.database_url import is_url

        return value if is_url(value) else Path(value)


def json_option(command):
    """``--json``: one machine-readable object on standard output, progress on standard error."""
    return click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")(command)


def grid_options(command):
    """``--tick-size`` and ``--symbol``: for files that do not tell them."""
    command = click.option("--symbol", help="Instrument of files that do not name it.")(command)
    return click.option("--tick-size", type=float, help="Price grid of files that do not tell it.")(command)


def emit(result: dict[str, Any], as_json: bool, text: str | None = None) -> None:
    """Print a command's result: JSON when asked for, else `text`, else a line a figure."""
    if as_json:
        click.echo(json.dumps(_plain(result)))
    elif text is not None:
        click.echo(text)
    else:
        click.echo(lines(result))
    sys.stdout.flush()


def _plain(value: Any) -> Any:
    """JSON has no NaN and no numpy: NaN and infinities become null."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value
