"""`genesis models`: what is registered, which of it is in use, and how two versions differ."""

from __future__ import annotations

from typing import Any

import click

from genesis_lib import config
from genesis_lib.cli import emit, json_option
from genesis_lib.errors import ModelError

FIGURES = ("accuracy", "macro_f1", "mcc", "log_loss")
ROW = "{:<22} {:<12} {:<10} {:<19} {:<12} {:>8} {:>8} {:>8} {:>8}  {}"


def root_option(command):
    """``--root`` (or ``--out``, as `genesis train` calls it): another folder of models than the settings'."""
    return click.option("--root", "--out", "root", help="Folder of models (the settings' when left out).")(command)


def why_options(command):
    """``--why`` and ``--by``, for the history."""
    command = click.option("--by", help="Who asks for it (the user's name when left out).")(command)
    return click.option("--why", default="", help="A reason, for the history.")(command)


def models_root(root: str | None) -> str:
    """The folder of models: the one that is given, else the settings'."""
    return config.load(paths={"models": root}).paths.models


@click.group()
def models() -> None:
    """List, compare and promote registered models."""


@models.command("list")
@root_option
@json_option
def list_models(root: str | None, as_json: bool) -> None:
    """List every registered model, oldest first."""
    from genesis_lib.models import registry

    folder = models_root(root)
    damaged = {row["model"] for row in registry.verify(folder) if row["reason"]}
    rows = [_row(entry) | {"damaged": f"{entry.name}/{entry.version}" in damaged} for entry in registry.entries(folder)]
    chosen = registry.champion(folder)
    lines = [ROW.format("name", "version", "stage", "created", "kind", *FIGURES, "data")]
    for row in rows:
        figures = ("" if row[name] is None else f"{row[name]:.4f}" for name in FIGURES)
        created = row["created"][:19].replace("T", " ")
        lines.append(ROW.format(row["name"], row["version"], row["stage"], created, row["kind"], *figures, row["data"]))
        lines[-1] += "  DAMAGED, see `genesis models verify`" if row["damaged"] else ""
    text = "\n".join(line.rstrip() for line in lines) if rows else f"no models in {folder}"
    emit({"models": rows, "champion": _pair(chosen), "root": folder}, as_json, text)


def _row(entry) -> dict[str, Any]:
    manifest, metrics = entry.manifest, entry.metrics
    instruments = dict.fromkeys(str(session["instrument"]) for session in manifest["data"])
    return {
        **{"name": entry.name, "version": entry.version, "stage": entry.stage, "created": entry.created},
        "kind": str(manifest["architecture"].get("kind")),
        **{name: metrics[name] if isinstance(metrics.get(name), (int, float)) else None for name in FIGURES},
        "data": f"{manifest['provenance']}: {', '.join(instruments)}" if instruments else manifest["provenance"],
        "data_hash": manifest["data_hash"],
    }


@models.command()
@click.argument("model", default="champion")
@root_option
@json_option
def show(model: str, root: str | None, as_json: bool) -> None:
    """Show MODEL (a name, a version, champion or a folder): lineage, history and card."""
    from genesis_lib.models import registry, stages

    folder = models_root(root)
    artifact = registry.load(model, folder)
    now = stages.read(folder)
    key = (artifact.name, artifact.version)
    history = [change.as_dict() for change in now.history if change.key == key]
    facts = {
        **{name: artifact.manifest[name] for name in ("name", "version", "created", "data_hash", "provenance")},
        **{"stage": now.of(*key), "path": str(artifact.path), "schema": artifact.manifest["schema"]},
        **{"kind": artifact.architecture["kind"], "architecture": artifact.architecture},
        **{"window": artifact.window, "levels": artifact.levels, "columns": list(artifact.columns)},
        "redefined": list(artifact.redefined),
        **{"labels": list(artifact.labels), "head": artifact.head, "temperature": artifact.temperature},
        **{"metrics": artifact.metrics, "data": artifact.manifest["data"], "training": artifact.manifest["training"]},
        **{"lineage": artifact.lineage, "history": history, "files": artifact.manifest["files"]},
    }
    emit(facts, as_json, None if as_json else _shown(artifact, facts))


def _shown(artifact, facts: dict[str, Any]) -> str:
    lineage = facts["lineage"]
    commit = lineage.get("commit")
    code = lineage["code_version"] + (
        f", commit {commit[:12]}{' and changes' if lineage['dirty'] else ''}" if commit else ""
    )
    lines = [f"{artifact.name} {artifact.version} ({facts['stage']}), {facts['kind']}, {facts['created']}", ""]
    told = {
        "path": facts["path"],
        "inputs": f"{len(artifact.columns)} columns, {artifact.levels} levels a side, {artifact.window} rows a window",
        "heads": f"{len(artifact.labels)}, {artifact.head} is the primary one",
        "data": f"{artifact.provenance}, SHA-256 {artifact.data_hash}",
        "code": code,
        "features": lineage.get("feature_hash", "as this version defines them"),
        "seeds": ", ".join(map(str, lineage["seeds"])),
        "parents": ", ".join(lineage["parents"]) or "none",
    }
    if artifact.redefined:
        told["redefined"] = f"{', '.join(artifact.redefined)}: computed as when it was trained, not as today"
    lines += [f"{name:<10} {value}" for name, value in told.items()]
    for change in facts["history"]:
        lines.append(
            f"{change['at'][:19].replace('T', ' ')}  {change['action']} by {change['by'] or '?'} {change['why']}"
        )
    return "\n".join([*(line.rstrip() for line in lines), "", artifact.card.rstrip()])


@models.command()
@click.argument("model")
@why_options
@root_option
@json_option
def promote(model: str, root: str | None, by: str | None, why: str, as_json: bool) -> None:
    """Make MODEL the champion, in one step."""
    _change("promote", root, as_json, by, why, model)


@models.command()
@why_options
@root_option
@json_option
def rollback(root: str | None, by: str | None, why: str, as_json: bool) -> None:
    """Make the champion before the present one champion again, also when it was archived since."""
    _change("rollback", root, as_json, by, why)


@models.command()
@click.argument("model")
@why_options
@root_option
@json_option
def archive(model: str, root: str | None, by: str | None, why: str, as_json: bool) -> None:
    """Put MODEL away: it stays as it is, and its name alone no longer means it."""
    _change("archive", root, as_json, by, why, model)


@models.command()
@click.argument("model")
@why_options
@root_option
@json_option
def restore(model: str, root: str | None, by: str | None, why: str, as_json: bool) -> None:
    """Make MODEL, which was archived, a challenger again."""
    _change("restore", root, as_json, by, why, model)


def _change(action: str, root: str | None, as_json: bool, by: str | None, why: str, *model: str) -> None:
    from genesis_lib.models import registry, stages

    folder = models_root(root)
    earlier = stages.read(folder)
    before = earlier.champion
    artifact = getattr(registry, action)(*model, folder, by=by, why=why)
    now = stages.read(folder)
    stage = now.of(artifact.name, artifact.version)
    result = {
        **{"action": action, "name": artifact.name, "version": artifact.version, "stage": stage},
        **{"champion": _pair(now.champion), "before": _pair(before)},
    }
    label = f"{artifact.name} {artifact.version}"
    text = f"{label} is {stage}; the champion was {_words(before)}"
    if action == "promote" and now.champion == before:
        text = f"{label} is the champion already; nothing was changed"
    elif action == "rollback" and now.champion in earlier.archived:
        text += f"; {label} was archived and is restored"
    emit(result, as_json, text)


@models.command()
@click.argument("first")
@click.argument("second")
@root_option
@json_option
def diff(first: str, second: str, root: str | None, as_json: bool) -> None:
    """Tell what differs between the models FIRST and SECOND."""
    from genesis_lib.models import registry
    from genesis_lib.models.comparison import difference, told

    one, two = (registry.load(model, models_root(root)) for model in (first, second))
    found = difference(one, two)
    head = f"{one.name} {one.version} -> {two.name} {two.version}"
    pair = [_pair((each.name, each.version)) for each in (one, two)]
    emit({"models": pair, "differences": found}, as_json, "\n".join([head, "", *told(found)]))


@models.command()
@click.argument("model")
@click.argument("file", type=click.Path(dir_okay=False))
@root_option
@json_option
def export(model: str, file: str, root: str | None, as_json: bool) -> None:
    """Write MODEL to FILE as an ONNX graph, raw rows in and probabilities out, once it is checked to be equal."""
    from genesis_lib.models import registry
    from genesis_lib.models.onnx_export import export as write

    artifact = registry.load(model, models_root(root))
    apart = write(artifact, file)
    result = {"name": artifact.name, "version": artifact.version, "file": file, "difference": apart}
    emit(result, as_json, f"{artifact.name} {artifact.version} in {file}; probabilities within {apart:.2g} of its own")


@models.command()
@click.argument("names", nargs=-1, metavar="[MODEL]...")
@root_option
@json_option
def verify(names: tuple[str, ...], root: str | None, as_json: bool) -> None:
    """Check that each MODEL (all of them when none is named) is what was registered."""
    from genesis_lib.models import registry

    folder = models_root(root)
    checked = registry.verify(folder, names)
    damaged = [row for row in checked if row["reason"]]
    lines = [f"{row['model']}: {row['reason'] or 'whole'}" for row in checked] or [f"no models in {folder}"]
    emit({"models": checked, "checked": len(checked), "damaged": len(damaged)}, as_json, "\n".join(lines))
    if damaged:
        raise ModelError(f"{len(damaged)} of {len(checked)} models are not what was registered: {damaged[0]['reason']}")


def _pair(key: tuple[str, str] | None) -> dict[str, str] | None:
    return None if key is None else {"name": key[0], "version": key[1]}


def _words(key: tuple[str, str] | None) -> str:
    return "none" if key is None else " ".join(key)


from genesis_lib.cli import learning  # noqa: E402, F401  (adds `learn` and `combine`; it needs what stands above)
