"""The folder of trained models: register, find, promote.

``<root>/<name>/<version>/`` holds a model and is never written again; ``<root>/champion.json`` says which model is in
which stage (`genesis_lib.models.stages`). A model is written beside its place and renamed into it whole.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genesis_lib.errors import ModelError
from genesis_lib.models import artifact as artifacts
from genesis_lib.models import manifest as manifests
from genesis_lib.models import stages
from genesis_lib.models.artifact import Artifact
from genesis_lib.models.registration import check_name, register
from genesis_lib.models.stages import CHAMPION, Stages

__all__ = [
    "CHAMPION",
    "Entry",
    "Stages",
    "archive",
    "champion",
    "check_name",
    "entries",
    "load",
    "meant",
    "promote",
    "register",
    "restore",
    "rollback",
    "verify",
]


@dataclass(frozen=True, slots=True)
class Entry:
    """One registered model, as its manifest tells it (not verified; `load` verifies)."""

    name: str
    version: str
    created: str
    stage: str  # see `genesis_lib.models.stages`
    metrics: dict[str, Any]
    manifest: dict[str, Any]

    @property
    def champion(self) -> bool:
        return self.stage == "champion"


def entries(root: str | Path = "models") -> list[Entry]:
    """Every model below `root`, oldest first; folders that are no models are left out."""
    now = stages.read(root)
    found = []
    for file in sorted(Path(root).glob(f"*/*/{manifests.MANIFEST}")):
        with contextlib.suppress(ModelError, OSError):
            manifest = manifests.read_manifest(file.parent)
            key = (manifest["name"], manifest["version"])
            if key == (file.parent.parent.name, file.parent.name):
                found.append(Entry(*key, manifest["created"], now.of(*key), manifest["metrics"], manifest))
    return sorted(found, key=lambda entry: (entry.created, entry.version))


def champion(root: str | Path = "models") -> tuple[str, str] | None:
    """Name and version in use, None when none was promoted."""
    return stages.read(root).champion


def load(model: str | Path = "champion", root: str | Path = "models") -> Artifact:
    """Find, verify and read a model.

    Parameters
    ----------
    model
        ``champion``, a name (its newest version that is not archived), a version, ``name/version``, or the path of a
        model folder.
    root
        The folder of models.

    Raises
    ------
    ModelError
        When there is no such model, or it is not what was registered.
    """
    root = Path(root)
    if model == "champion":
        pointer = champion(root)
        if pointer is None:
            hint = "run from the workbench's folder, set GENESIS_PATHS_MODELS, or train a model with --promote"
            raise ModelError(f"{root.resolve()}: no champion there: {hint}")
        return _registered(root, *pointer)
    for folder in (root / model, Path(model)):
        if (folder / manifests.MANIFEST).is_file():
            place = folder.resolve()
            inside = place.parent.parent == root.resolve()
            return _registered(root, place.parent.name, place.name) if inside else artifacts.read(folder)
    found = [entry for entry in entries(root) if str(model) in (entry.name, entry.version)]
    if found:
        newest = [entry for entry in found if entry.stage != "archived"] or found
        return _registered(root, newest[-1].name, newest[-1].version)
    if Path(model).exists() or len(Path(model).parts) > 1:
        return artifacts.read(Path(model))  # says what is wrong with it
    known = ", ".join(sorted({entry.name for entry in entries(root)})) or "none"
    raise ModelError(f"{root}: no model {str(model)!r}; known names: {known}")


def meant(name: str, root: str | Path = "models") -> str | None:
    """The version that a bare name means: its newest that is not archived, None where there is none.

    Whoever registers under a name asks before and after, to tell people what the name meant and what it means now.
    """
    found = [entry for entry in entries(root) if entry.name == name]
    newest = [entry for entry in found if entry.stage != "archived"] or found
    return newest[-1].version if newest else None


def _registered(root: Path, name: str, version: str) -> Artifact:
    artifact = artifacts.read(root / name / version)
    if (artifact.name, artifact.version) != (name, version):
        raise ModelError(f"{artifact.path}: holds another model, {artifact.name} {artifact.version}")
    return artifact


def promote(model: str, root: str | Path = "models", *, by: str | None = None, why: str = "") -> Artifact:
    """Make a model the champion, verified first; see `stages.change`."""
    chosen = _own(model, root)
    stages.change(root, "promote", (chosen.name, chosen.version), by=by, why=why)
    return chosen


def rollback(root: str | Path = "models", *, by: str | None = None, why: str = "") -> Artifact:
    """Make the champion before the present one champion again, verified first.

    Raises
    ------
    StateError
        When nobody was champion before.
    """
    before = stages.read(root).previous
    if before is not None:
        _registered(Path(root), *before)
    after = stages.change(root, "rollback", before, by=by, why=why)
    return _registered(Path(root), *after.champion)


def archive(model: str, root: str | Path = "models", *, by: str | None = None, why: str = "") -> Artifact:
    """Put a model away: it stays as it is, and is no longer what its name alone means."""
    chosen = _own(model, root)
    stages.change(root, "archive", (chosen.name, chosen.version), by=by, why=why)
    return chosen


def restore(model: str, root: str | Path = "models", *, by: str | None = None, why: str = "") -> Artifact:
    """Make an archived model a challenger again."""
    chosen = _own(model, root)
    stages.change(root, "restore", (chosen.name, chosen.version), by=by, why=why)
    return chosen


def verify(root: str | Path = "models", models: Sequence[str] = ()) -> list[dict[str, str | None]]:
    """Read models as if they were to be used, all of a folder when none is named.

    Returns
    -------
    list of dict
        ``model``, and the ``reason`` it is refused for (None when it is whole), each once. A champion that is not there
        counts, and so does a damaged pointer to it.
    """
    root = Path(root)
    wanted = list(models)
    if not models:
        folders = sorted(path for path in root.glob("*/*") if path.is_dir() and not path.parent.name.startswith("."))
        wanted = [f"{folder.parent.name}/{folder.name}" for folder in folders]
        try:
            chosen = stages.read(root).champion
            wanted += ["/".join(chosen)] if chosen and "/".join(chosen) not in wanted else []
        except ModelError:
            wanted.append("champion")  # the pointer itself is damaged: `load` tells how
    checked: list[dict[str, str | None]] = []
    for model in wanted:
        reason = None
        try:
            if models or model == "champion":
                load(model, root)
            else:
                _registered(root, *model.split("/"))
        except ModelError as error:
            reason = str(error)
        checked.append({"model": model, "reason": reason})
    return checked


def _own(model: str, root: str | Path) -> Artifact:
    chosen = load(model, root)
    target = Path(root) / chosen.name / chosen.version
    if chosen.path.resolve() != target.resolve():
        raise ModelError(f"{chosen.path}: only a model registered in {root} can be champion, archived or restored")
    return chosen
