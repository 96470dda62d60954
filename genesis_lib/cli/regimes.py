"""`genesis regime`: fit the states of the market offline, as a file that the detector reads."""

from __future__ import annotations

from pathlib import Path

import click

from genesis_lib.cli import Spec, emit, json_option


@click.command()
@click.argument("paths", nargs=-1, type=Spec(), metavar="[PATH]...")
@click.option("--seeds", default="0-9", show_default=True, metavar="A-B", help="Simulated sessions to fit on as well.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="JSON file to write.")
@json_option
def regime(paths: tuple[str | Path, ...], seeds: str, out: Path, as_json: bool) -> None:
    """Fit the regime model to recordings and simulated sessions, and write it.

    The model that comes with the library was made this way, with the recordings of Binance's futures.
    """
    from genesis_lib.detectors.regime_fitting import gather, write_model
    from genesis_lib.detectors.trials import parse_seeds
    from genesis_lib.feeds.snapshots import open_sessions

    sessions = open_sessions(list(paths)) if paths else []
    model = gather(parse_seeds(seeds), sessions)
    write_model(model, out)
    clusters = [
        {"state": state, "share": weight, **dict(zip(model.columns, centre))}
        for state, weight, centre in zip(model.states, model.weights, model.centres)
    ]
    lines = [f"{out}: model {model.hash}, fitted on {', '.join(model.fitted_on)}"]
    for cluster in clusters:
        told = ", ".join(f"{name} {cluster[name]:+.2f}" for name in model.columns)
        lines.append(f"{cluster['state']:<24}{cluster['share']:>7.1%}  {told}")
    emit({"hash": model.hash, "fitted_on": list(model.fitted_on), "clusters": clusters}, as_json, "\n".join(lines))
