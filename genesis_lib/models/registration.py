"""Writing a trained model into the folder of models: whole or not at all, under a version that follows from it."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from genesis_lib import __version__
from genesis_lib.errors import InputError, ModelError
from genesis_lib.features import FeatureSet, columns_hash
from genesis_lib.features.definitions import Definitions
from genesis_lib.models import artifact as artifacts
from genesis_lib.models import manifest as manifests
from genesis_lib.models import scaler as scaling
from genesis_lib.models.artifact import Artifact
from genesis_lib.models.lineage import lineage_of
from genesis_lib.models.stages import sync

LEFT_S = 3600  # a folder that was being written this long ago is left of a writer that was killed


def check_name(name: str) -> str:
    """The name, when a model may have it."""
    if not manifests.NAME.fullmatch(name) or name == "champion":
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
    levels: int | None = None,
    labels: Sequence[Mapping[str, Any]] | None = None,
    head: int = 0,
    temperature: Sequence[float] | None = None,
    parents: Sequence[str] = (),
    seeds: Sequence[int] | None = None,
    files: Mapping[str, bytes] | None = None,
) -> Artifact:
    """Write a model under its content's version and read it back verified.

    Parameters
    ----------
    levels
        Book levels a side that its columns were computed from; those of the network, or the least that the columns
        need, when left out.
    labels, head
        Definitions of the classes, one a head, and the place of `label` among them; `label` alone when left out.
    temperature
        What the logits of each head are divided by.
    parents, seeds
        Versions it was made of, and every seed that was tried; `seed` alone when left out.
    files
        Further files by name, such as ``card.html``, ``card.json`` and ``baselines.safetensors``.

    Notes
    -----
    The cards (`card` and the files of that name) may hold ``{name}`` and ``{version}``, which are filled in. Every file
    is hashed, and the version follows from all of them. The same content registered twice is one version.

    Raises
    ------
    ModelError
        When what is given does not make a whole model; nothing of it stays.
    """
    check_name(name)
    if levels is None:
        levels = int(architecture.get("levels") or 0) or _least_levels(columns)
    try:
        definitions = Definitions.of(columns, levels)
        order_flow = Definitions.of(baselines["columns"], levels) if baselines.get("columns") else None
    except InputError as error:
        raise ModelError(f"columns unknown to this version: {error}") from error
    digest = columns_hash(columns)
    # One key only: safetensors writes several in an order that differs from run to run.
    metadata = {manifests.FORMAT: json.dumps({"columns_hash": digest, "architecture": dict(architecture)})}
    tensors = {key: np.ascontiguousarray(value) for key, value in weights.items()}
    content = {
        manifests.WEIGHTS: save(tensors, metadata),
        scaling.FILE: _json(scaler.as_dict()),
        manifests.BASELINES: _json(baselines),
        manifests.FEATURES: _compact(definitions.as_dict() | {"baselines": order_flow and order_flow.as_dict()}),
        manifests.CARD: card.encode(),
    }
    for file, given in (files or {}).items():
        if not manifests.FILE.fullmatch(file) or file in (*content, manifests.MANIFEST):
            raise ModelError(f"files must have plain names that are not the model's own, got {file!r:.80}")
        content[file] = bytes(given)
    for file in set(content) & set(manifests.CARDS):
        content[file] = content[file].replace(b"{name}", name.encode())
    manifest = {
        "format": manifests.FORMAT,
        "schema": manifests.SCHEMA,
        "name": name,
        "version": "",
        "created": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "code_version": __version__,
        "seed": seed,
        "architecture": dict(architecture),
        "columns": list(columns),
        "columns_hash": digest,
        "levels": levels,
        "label": dict(label),
        "labels": [dict(each) for each in (labels or [label])],
        "head": head,
        "calibration": {} if temperature is None else {"temperature": [float(t) for t in temperature]},
        "metrics": dict(metrics),
        "data_hash": data_hash,
        "provenance": provenance,
        "data": [dict(session) for session in data],
        "training": dict(training),
        "lineage": lineage_of(definitions, order_flow, parents, [seed] if seeds is None else seeds),
        "files": {file: manifests.digest(file, given, "") for file, given in sorted(content.items())},
        "cards": {file: manifests.essence(file, content[file], "") for file in manifests.CARDS if file in content},
    }
    manifest = json.loads(json.dumps(manifest))  # what is hashed is what will be read back
    manifest["version"] = version = manifests.content_version(manifest)
    for file in set(content) & set(manifests.CARDS):
        content[file] = content[file].replace(manifests.PLACE, version.encode())
    content[manifests.MANIFEST] = _json(manifest)
    return _place(content, Path(root), name, version)


def _place(content: Mapping[str, bytes], root: Path, name: str, version: str) -> Artifact:
    """Write a folder beside its place, read it back, and rename it to where it belongs."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        for left in root.glob(".staging-*"):
            with contextlib.suppress(OSError):
                if time.time() - left.stat().st_mtime > LEFT_S:
                    shutil.rmtree(left, ignore_errors=True)
        return _staged(content, root, root / name / version)
    except OSError as error:
        raise ModelError(f"{root}: {name} {version} cannot be written there: {error.strerror}") from error


def _staged(content: Mapping[str, bytes], root: Path, target: Path) -> Artifact:
    staging = Path(tempfile.mkdtemp(prefix=".staging-", dir=root))
    try:
        for file, given in content.items():
            (staging / file).write_bytes(given)
            sync(staging / file)
        artifacts.read(staging)
        staging.chmod(0o755)
        sync(staging)
        target.parent.mkdir(exist_ok=True)
        sync(root)  # a name of its own is an entry there
        try:
            staging.rename(target)
        except OSError:
            if not target.is_dir():
                raise  # else the same content is registered already
        sync(target.parent)
        return artifacts.read(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _least_levels(columns: Sequence[str]) -> int:
    try:
        return FeatureSet(columns).levels
    except InputError as error:
        raise ModelError(f"columns unknown to this version: {error}") from error


def _json(table: Mapping[str, Any]) -> bytes:
    return (json.dumps(table, indent=1) + "\n").encode()


def _compact(table: Mapping[str, Any]) -> bytes:
    return (json.dumps(table, separators=(",", ":")) + "\n").encode()
