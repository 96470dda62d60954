"""The folder of trained models: register, find, promote.

``<root>/<name>/<version>/`` holds a model, ``<root>/champion.json`` names the one in use. A model is written beside
its place and renamed into it whole; the champion's file is replaced, never edited.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from genesis_lib import __version__
from genesis_lib.errors import ModelError
from genesis_lib.features import columns_hash
from genesis_lib.models import artifact as artifacts
from genesis_lib.models import scaler as scaling
from genesis_lib.models.artifact import Artifact

CHAMPION = "champion.json"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One registered model, as its manifest tells it (not verified; `load` verifies)."""

    name: str
    version: str
    created: str
    champion: bool
    metrics: dict[str, Any]


def entries(root: str | Path = "models") -> list[Entry]:
    """Every model below `root`, oldest first; folders that are no models are left out."""
    chosen = champion(root)
    found = []
    for file in sorted(Path(root).glob(f"*/*/{artifacts.MANIFEST}")):
        try:
            manifest = json.loads(file.read_text(encoding="utf-8"))
            key = (manifest["name"], manifest["version"])
            found.append(Entry(*key, manifest["created"], key == chosen, manifest["metrics"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return sorted(found, key=lambda entry: (entry.created, entry.version))


def champion(root: str | Path = "models") -> tuple[str, str] | None:
    """Name and version in use, None when none was promoted."""
    file = Path(root) / CHAMPION
    try:
        pointer = json.loads(file.read_text(encoding="utf-8"))
        return str(pointer["name"]), str(pointer["version"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{file}: does not name a model: {error}") from error


def load(model: str | Path = "champion", root: str | Path = "models") -> Artifact:
    """Find, verify and read a model.

    Parameters
    ----------
    model
        ``champion``, a name (its newest version), a version, ``name/version``, or the path of a model folder.
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
        return artifacts.read(root / pointer[0] / pointer[1])
    for folder in (root / model, Path(model)):
        if (folder / artifacts.MANIFEST).is_file():
            return artifacts.read(folder)
    found = [entry for entry in entries(root) if str(model) in (entry.name, entry.version)]
    if found:
        return artifacts.read(root / found[-1].name / found[-1].version)
    if Path(model).exists() or len(Path(model).parts) > 1:
        return artifacts.read(Path(model))  # says what is wrong with it
    known = ", ".join(sorted({entry.name for entry in entries(root)})) or "none"
    raise ModelError(f"{root}: no model {str(model)!r}; known names: {known}")


def check_name(name: str) -> str:
    """The name, when a model may have it."""
    if not NAME.fullmatch(name) or name == "champion":
        raise ModelError(f"name must be lower-case letters, digits, '.', '_' or '-' (not 'champion'), got {name!r}")
    return name


def register(
    name: str,
    *,
    weights: Mapping[str, np.ndarray],
    scaler: scaling.Scaler,
    baselines: Mapping[str, Any],
    architecture: Mapping[str, Any],
    columns: Sequence[str],
    label: Mapping[str, Any],
    metrics: Mapping[str, Any],
    data_hash: str,
    provenance: str,
    data: Sequence[Mapping[str, Any]],
    training: Mapping[str, Any],
    seed: int,
    card: str = "",
    root: str | Path = "models",
) -> Artifact:
    """Write a model under its content's version and read it back verified.

    `card` may hold ``{name}`` and ``{version}``, which are filled in. The same content registered twice is one
    version.
    """
    check_name(name)
    root = Path(root)
    root.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".staging-", dir=root))
    try:
        digest = columns_hash(columns)
        tensors = {key: np.ascontiguousarray(value) for key, value in weights.items()}
        # One key only: safetensors writes several in an order that differs from run to run.
        metadata = {artifacts.FORMAT: json.dumps({"columns_hash": digest, "architecture": dict(architecture)})}
        (staging / artifacts.WEIGHTS).write_bytes(save(tensors, metadata))
        scaler.save(staging / scaling.FILE)
        (staging / artifacts.BASELINES).write_text(json.dumps(baselines, indent=1) + "\n", encoding="utf-8")
        files = {file: hashlib.sha256((staging / file).read_bytes()).hexdigest() for file in artifacts.HASHED}
        manifest = {
            "format": artifacts.FORMAT,
            "schema": artifacts.SCHEMA,
            "name": name,
            "version": "",
            "created": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "code_version": __version__,
            "seed": seed,
            "architecture": dict(architecture),
            "columns": list(columns),
            "columns_hash": digest,
            "label": dict(label),
            "metrics": dict(metrics),
            "data_hash": data_hash,
            "provenance": provenance,
            "data": [dict(session) for session in data],
            "training": dict(training),
            "files": files,
        }
        manifest = json.loads(json.dumps(manifest))  # what is hashed is what will be read back
        manifest["version"] = version = artifacts.content_version(manifest)
        (staging / artifacts.MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        text = card.replace("{name}", name).replace("{version}", version)
        (staging / artifacts.CARD).write_text(text, encoding="utf-8")
        for file in staging.iterdir():
            _sync(file)
        artifacts.read(staging)
        staging.chmod(0o755)
        target = root / name / version
        target.parent.mkdir(exist_ok=True)
        try:
            staging.rename(target)
        except OSError:
            if not target.is_dir():
                raise  # else the same content is registered already
        _sync(target.parent)
        return artifacts.read(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def promote(model: str, root: str | Path = "models") -> Artifact:
    """Make a model the champion, verified first; the pointer changes in one step."""
    chosen = load(model, root)
    target = Path(root) / chosen.name / chosen.version
    if chosen.path.resolve() != target.resolve():
        raise ModelError(f"{chosen.path}: only a model registered in {root} can be champion")
    handle, temporary = tempfile.mkstemp(prefix=".champion-", dir=root)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump({"name": chosen.name, "version": chosen.version}, stream)
            stream.write("\n")
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(Path(root) / CHAMPION)
        _sync(Path(root))
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return chosen


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
