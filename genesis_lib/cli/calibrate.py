"""`genesis calibrate`: the simulator's statistics beside those of recordings."""

from __future__ import annotations

from pathlib import Path

import click

from genesis_lib.cli import Spec, emit, json_option


@click.command()
@click.argument("paths", nargs=-1, type=Spec(), metavar="[PATH]...")
@click.option("--symbol", "symbols", multiple=True, help="Simulated market to hold all of them against; repeatable.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the simulation.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), default=30.0, show_default=True)
@click.option("--markdown", is_flag=True, help="Tables as the documentation has them.")
@json_option
def calibrate(
    paths: tuple[str | Path, ...],
    symbols: tuple[str, ...],
    seed: int,
    minutes: float,
    markdown: bool,
    as_json: bool,
) -> None:
    """Hold the simulator against recordings: spreads, rates, depth, order signs, returns, volatility.

    Each recording meets the simulated market that is its counterpart (SIMBTC for BTCUSDT and SIMETH for ETHUSDT of
    binance-usdm), or those that --symbol names; others are shown beside, and not judged. Recordings are given as
    PATH, and none is looked for elsewhere: without PATH only the simulator is measured.
    """
    from genesis_lib.analytics.calibration_report import as_text, calibrated

    report = calibrated(paths, symbols, seed=seed, minutes=minutes, tell=lambda text: click.echo(text, err=True))
    emit(report.as_dict(), as_json, as_text(report, markdown))
