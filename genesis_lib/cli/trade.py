"""``genesis backtest`` and ``genesis report``."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path
from typing import Any

import click

from genesis_lib.cli import emit, grid_options, json_option
from genesis_lib.errors import InputError, StateError

SIMULATED_MINUTES = 10.0


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("--model", default="champion", show_default=True, help="Name, version, champion, or none.")
@click.option("--strategy", help="Preset: default or seed.")
@click.option("--size", type=float, help="Units per entry.")
@click.option("--taker-fee-bps", type=float, help="Fee for taking liquidity, basis points.")
@click.option("--latency-ms", type=float, help="From a decision to the exchange (the seed's orders have none).")
@click.option("--seed", type=int, help="Of the simulator.")
@click.option("--minutes", type=float, help=f"Length of the simulator's market; {SIMULATED_MINUTES:g} when left out.")
@click.option("--detect/--no-detect", default=True, show_default=True, help="Run the market-abuse detectors too.")
@click.option("--session", help="Name of the journal under data/sessions; made up when left out.")
@grid_options
@json_option
def backtest(
    paths: tuple[str, ...],
    model: str,
    strategy: str | None,
    size: float | None,
    taker_fee_bps: float | None,
    latency_ms: float | None,
    seed: int | None,
    minutes: float | None,
    detect: bool,
    session: str | None,
    tick_size: float | None,
    symbol: str | None,
    as_json: bool,
) -> None:
    """Run the engine over PATH...: a recording (all files of it), a Parquet folder, a CSV, or simulator.

    Figures are before fees, as realized is; those named net_ are after fees. Money is in quote currency.
    """
    from genesis_lib import backtest as backtesting
    from genesis_lib import config as configuration
    from genesis_lib.feeds import open_source
    from genesis_lib.journal import Journal
    from genesis_lib.live.directory import session_name
    from genesis_lib.models import registry

    config = configuration.load(
        strategy={"preset": strategy, "size": size},
        execution={"taker_fee_bps": taker_fee_bps, "latency_ms": latency_ms},
    )
    spec: Any = paths[0] if len(paths) == 1 else list(paths)
    if minutes is None and str(spec).split(":")[0] == "simulator":
        minutes = SIMULATED_MINUTES
    source = open_source(spec, seed=seed, minutes=minutes, tick_size=tick_size, symbol=symbol, config=config)
    artifact = None if model == "none" else registry.load(model, root=config.paths.models)
    name = session or f"{session_name(source.name)}-backtest-{secrets.token_hex(2)}"
    if name != Path(name).name or name in (".", ".."):
        raise InputError(f"session must be a name without folders, got {name!r}")
    folder = Path(config.paths.sessions) / name
    if folder.exists():
        raise StateError(f"session {name} exists already; choose another name")
    try:
        with Journal.open(folder, name, durable=False) as journal:
            summary = backtesting.run(
                source, config=config, artifact=artifact, journal=journal, detect=detect, progress=True
            )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)  # a backtest that broke off is no session
        raise
    emit(summary | {"session": name}, as_json)


@click.command()
@click.argument("session")
@json_option
def report(session: str, as_json: bool) -> None:
    """Write the tear sheet (HTML, works offline) and the trade log (CSV) of SESSION, a name or a directory."""
    from genesis_lib import config as configuration
    from genesis_lib.live.directory import place
    from genesis_lib.reports import write_report

    config = configuration.load()
    written = write_report(place(session, config.paths.sessions), config.paths.reports)
    emit(written, as_json, f"{written['path']}\n{written['csv']}")
