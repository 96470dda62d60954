"""`genesis models learn` and `combine`: new versions out of registered ones."""

from __future__ import annotations

import click

from genesis_lib.cli import emit, grid_options, json_option
from genesis_lib.cli.models import models, models_root, root_option

ROW = "{:<24} {:>9} {:>10} {:>10}"


@models.command()
@click.argument("model")
@click.argument("paths", nargs=-1, required=True)
@click.option("--every", type=click.IntRange(1), default=500, show_default=True, help="Known labels a step.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Learning rate; the kind's own when left out.")
@click.option("--stride", type=click.IntRange(1), default=1, show_default=True, help="Rows from sample to sample.")
@click.option("--minutes", type=float, help="Length of each simulated session (10).")
@click.option("--seed", type=int, help="Of the first simulated session (1000).")
@click.option("--name", help="Name to register under; MODEL's own with -learned when left out.")
@click.option("--keep-anyway", is_flag=True, help="Register it also where learning made it worse.")
@root_option
@grid_options
@json_option
def learn(model, paths, every, rate, stride, minutes, seed, name, keep_anyway, root, tick_size, symbol, as_json):
    """Let a copy of MODEL learn from PATHS, a step whenever labels have become known.

    Every row is answered by both before anything is learned from it. The copy is registered as a new version, a
    challenger whose parent is MODEL; MODEL stays as it is.
    """
    from genesis_lib.models import registry
    from genesis_lib.training import gather_sessions
    from genesis_lib.training.online import learn as go_on
    from genesis_lib.training.online import learned_name

    folder = models_root(root)
    if name is not None:
        registry.check_name(name)
    artifact = registry.load(model, folder)
    grid = {"tick_size": tick_size, "symbol": symbol}
    sessions = gather_sessions(paths, artifact.levels, minutes=minutes, seed=seed, **grid)
    under = name or learned_name(artifact.name)
    before = registry.meant(under, folder)
    learned = go_on(
        artifact, sessions, every=every, rate=rate, stride=stride, name=under, keep=keep_anyway, root=folder
    )
    told = learned.as_dict() | {"meant": before}
    emit(told, as_json, None if as_json else f"{_told(told)}{_moved(under, folder, before)}")


@models.command()
@click.argument("name")
@click.argument("members", nargs=-1, required=True, metavar="MODEL MODEL...")
@click.option("--weight", "weights", type=float, multiple=True, help="One a model, repeated; all alike when left out.")
@click.option(
    "--of",
    "mean",
    type=click.Choice(["probability", "logit"]),
    default="probability",
    show_default=True,
    help="What the mean is taken of.",
)
@click.option("--unseen", multiple=True, help="A recording that none was trained on, to be scored on; repeatable.")
@root_option
@json_option
def combine(name, members, weights, mean, unseen, root, as_json):
    """Register MODELs as one ensemble NAME, scored on recordings that none of them was trained on.

    What one of them was tested on, another may have been trained on, so there is no score without --unseen.
    """
    from genesis_lib.models import registry
    from genesis_lib.training import gather_sessions
    from genesis_lib.training.assembly import register_ensemble

    folder = models_root(root)
    registry.check_name(name)
    loaded = [registry.load(model, folder) for model in members]
    held = {path: gather_sessions([path], loaded[0].levels) for path in unseen}
    before = registry.meant(name, folder)
    made = register_ensemble(name, loaded, weights=weights or None, mean=mean, unseen=held, root=folder)
    result = {"name": made.name, "version": made.version, "path": str(made.path), "metrics": made.metrics}
    result |= {"members": [f"{each.name}/{each.version}" for each in loaded]}
    told = "; ".join(
        f"{title}: log-loss {row['log_loss']:.4f}" for title, row in made.metrics.get("unseen", {}).items()
    )
    text = f"registered as {made.name} {made.version} in {made.path} ({told or 'not scored: no --unseen was given'})"
    emit(result | {"meant": before}, as_json, text + _moved(name, folder, before))


def _moved(name: str, folder: str, before: str | None) -> str:
    """Say that a bare name means another version than it did."""
    from genesis_lib.models import registry

    now = registry.meant(name, folder)
    return f"\n{name} now means {now}; before it was {before}" if before not in (None, now) else ""


def _told(summary) -> str:
    lines = [ROW.format("log-loss from", "rows", "as it was", "learning")]
    for piece in summary["progress"]:
        losses = (f"{piece[which]:.4f}" for which in ("champion", "challenger"))
        lines.append(ROW.format(piece["from"][:19].replace("T", " "), f"{piece['rows']:,}", *losses))
    losses = (f"{summary[which]['log_loss']:.4f}" for which in ("champion", "challenger"))
    lines.append(ROW.format("all", f"{summary['rows']:,}", *losses))
    interval = (
        "too few rows for an interval"
        if summary["gain_low"] != summary["gain_low"]
        else f"95 % interval [{summary['gain_low']:+.4f}, {summary['gain_high']:+.4f}]"
    )
    lines += [
        "",
        f"gain {summary['gain']:+.4f} nats a row, {interval}, {summary['updates']} steps",
    ]
    if summary["worse"]:
        lines.append("learning made it worse: the whole interval lies below 0")
    if summary["version"] is None:
        lines.append("not registered; --keep-anyway registers it, --rate makes smaller steps")
    else:
        parent = f"parent {summary['model']} {summary['parent']}"
        lines.append(f"registered as {summary['name']} {summary['version']} (challenger, {parent})")
    return "\n".join(lines)
