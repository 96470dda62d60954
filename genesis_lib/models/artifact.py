"""What a trained model is on disk, and the checks before one is believed.

A folder with ``manifest.json``, ``weights.safetensors``, ``scaler_params.json``, ``baselines.json``, ``features.json``,
``card.md``, and what else the manifest names. Nothing in it is code: it is read as JSON and as plain tensors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load

from genesis_lib.clock import from_iso
from genesis_lib.errors import InputError, ModelError
from genesis_lib.features import FeatureSet
from genesis_lib.features.definitions import Definitions
from genesis_lib.models import predictor as serving
from genesis_lib.models import scaler as scaling
from genesis_lib.models.lineage import definitions_of
from genesis_lib.models.manifest import (
    BASELINES,
    CARD,
    FEATURES,
    FORMAT,
    LARGEST_JSON,
    MANIFEST,
    WEIGHTS,
    content_version,
    digest,
    essence,
    levels_of,
    parse,
    read_bytes,
    read_manifest,
)


@dataclass(frozen=True)
class Artifact:
    """A trained model as it was registered; made by `registry.load`."""

    path: Path
    manifest: dict[str, Any]
    weights: dict[str, np.ndarray]
    scaler: scaling.Scaler
    baselines: dict[str, Any]
    definitions: Definitions

    @property
    def name(self) -> str:
        return self.manifest["name"]

    @property
    def version(self) -> str:
        return self.manifest["version"]

    @property
    def columns(self) -> tuple[str, ...]:
        """Feature names, in the order a row must have."""
        return tuple(self.manifest["columns"])

    @property
    def columns_hash(self) -> str:
        return self.manifest["columns_hash"]

    @property
    def architecture(self) -> dict[str, Any]:
        return self.manifest["architecture"]

    @property
    def window(self) -> int:
        """Rows a prediction sees."""
        return self.architecture["window"]

    @property
    def levels(self) -> int:
        """Book levels a side a row must have."""
        return levels_of(self.manifest)

    def features(self) -> FeatureSet:
        """The model's columns as they were defined when it was trained, a fresh set; reads `levels` of deeper rows."""
        return self.definitions.features()

    def baseline_features(self) -> FeatureSet | None:
        """The baselines' columns as they were defined when they were fitted; None where they read none.

        Raises
        ------
        ModelError
            When this code computes them otherwise, or does not know them.
        """
        columns = self.baselines.get("columns")
        if not columns:
            return None
        written = None
        if self.manifest["schema"] > 1:
            written = parse(self.path / FEATURES, self.file(FEATURES)).get("baselines")
        try:
            return definitions_of(written, columns, self.manifest, "baseline_hash", "baseline_witness").features()
        except (ModelError, InputError) as error:
            raise ModelError(f"{self.path}: baselines: {error}") from error

    @cached_property
    def redefined(self) -> tuple[str, ...]:
        """Columns that this version of the library defines otherwise; `features` goes on computing the model's own."""
        return self.definitions.changed()

    @property
    def label(self) -> dict[str, Any]:
        """Definition of the classes, with the threshold that training fitted; of several heads, the primary one's."""
        return self.manifest["label"]

    @property
    def labels(self) -> tuple[dict[str, Any], ...]:
        """Definitions of the classes, one a head."""
        return tuple(self.manifest.get("labels", [self.label]))

    @property
    def head(self) -> int:
        """Place of the primary head among `labels`."""
        return self.manifest.get("head", 0)

    @property
    def temperature(self) -> tuple[float, ...] | None:
        """What the logits of each head are divided by; None where nothing was calibrated."""
        fitted = self.manifest.get("calibration", {}).get("temperature")
        return None if fitted is None else tuple(map(float, fitted))

    @property
    def lineage(self) -> dict[str, Any]:
        """Parents, seeds, code and definitions it was made of; less for models of schema 1."""
        known = {"parents": [], "seeds": [self.manifest["seed"]], "code_version": self.manifest["code_version"]}
        return self.manifest.get("lineage", known)

    @property
    def metrics(self) -> dict[str, Any]:
        return self.manifest["metrics"]

    @property
    def data_hash(self) -> str:
        return self.manifest["data_hash"]

    @property
    def provenance(self) -> str:
        """Where the training data came from: "recorded", "simulated" or "recorded+simulated"."""
        return self.manifest["provenance"]

    @property
    def card(self) -> str:
        """The model card, Markdown."""
        file = self.path / CARD
        return file.read_text(encoding="utf-8") if file.exists() else ""

    def file(self, name: str) -> bytes:
        """Content of one of the files that the manifest names, checked again."""
        if name not in self.manifest["files"]:
            raise ModelError(
                f"{self.name} {self.version}: no file {name!r}; it has {', '.join(self.manifest['files'])}"
            )
        return _verified(self.path, name, self.manifest)

    @cached_property
    def net(self):
        """What answers, ready to run: normalisations folded, weights packed."""
        return serving.folded(self.weights, self.architecture)

    def predictor(self) -> serving.Predictor:
        """A fresh predictor, one row a step; predictors of one artifact share its weights."""
        return serving.Predictor(self.net, self.scaler, self.temperature, self.head)

    def predict(self, features: np.ndarray, valid: np.ndarray | None = None) -> np.ndarray:
        """Probabilities at every row of (n, F) raw features: (n, 3), NaN where a window is incomplete."""
        return self.predict_heads(features, valid)[:, self.head]

    def predict_heads(self, features: np.ndarray, valid: np.ndarray | None = None) -> np.ndarray:
        """Probabilities of every horizon at every row: (n, heads, 3), NaN where a window is incomplete."""
        return serving.predict_heads(self.net, self.scaler, features, valid, self.temperature)

    def exposure(self, instrument: str, first: int, last: int) -> str:
        """Whether training saw a stretch of market: ``seen``, ``same time`` or ``unseen``.

        Parameters
        ----------
        instrument
            ``venue:symbol``.
        first, last
            ns since 1970.

        Notes
        -----
        ``same time`` is another instrument at that time: markets move together, so its figures are no clean test
        either. Simulated sessions all begin at one moment and are no witnesses.
        """
        return exposure(self.manifest["data"], instrument, first, last)

    def require_columns(self, columns: Sequence[str]) -> None:
        """Refuse rows whose columns are not this model's, in this model's order."""
        if tuple(columns) == self.columns:
            return
        at = next((i for i, pair in enumerate(zip(columns, self.columns)) if pair[0] != pair[1]), None)
        cause = (
            f"{len(columns)} columns, trained on {len(self.columns)}"
            if at is None
            else f"column {at} is {columns[at]!r}, trained on {self.columns[at]!r}"
        )
        raise ModelError(f"{self.name} {self.version}: columns do not match: {cause}")


def exposure(data: Sequence[Mapping[str, Any]], instrument: str, first: int, last: int) -> str:
    """What `Artifact.exposure` says, of training sessions as a manifest describes them."""
    met = {
        session["instrument"]
        for session in data
        if session["provenance"] != "simulated"
        and from_iso(session["first"]) <= last
        and from_iso(session["last"]) >= first
    }
    return "seen" if instrument in met else "same time" if met else "unseen"


def read(folder: Path) -> Artifact:
    """Read and verify a model folder.

    Raises
    ------
    ModelError
        One line that names the folder or file and the cause: no model folder, a file missing, a foreign or damaged
        manifest, a file changed since it was registered, weights or columns that do not fit, columns that this code
        computes otherwise than the code that made the model.
    """
    manifest = read_manifest(folder)
    content = {name: _verified(folder, name, manifest) for name in manifest["files"]}
    for name, said in manifest.get("cards", {}).items():
        if essence(name, content[name], manifest["version"]) != said:
            raise ModelError(f"{folder / name}: tells of another content than {MANIFEST} says")
    if content_version(manifest) != manifest["version"]:
        raise ModelError(
            f"{folder / MANIFEST}: changed since the model was registered "
            f"(content gives version {content_version(manifest)}, it says {manifest['version']!r})"
        )
    weights = _weights(folder / WEIGHTS, content[WEIGHTS], manifest)
    scaler = scaling.Scaler.read(folder / scaling.FILE, content[scaling.FILE])
    baselines = parse(folder / BASELINES, content[BASELINES])
    if not isinstance(baselines, dict) or not _names(baselines.get("columns", [])):
        raise ModelError(f"{folder / BASELINES}: must be a JSON dict, with names as columns where it has any")
    try:
        definitions = _definitions(folder, content, manifest)
        artifact = Artifact(folder, manifest, weights, scaler, baselines, definitions)
        if len(scaler.mean) != len(artifact.columns):
            raise ModelError(f"scaler has {len(scaler.mean)} columns, the model {len(artifact.columns)}")
        artifact.predictor()  # builds the network: every tensor is there and fits, and so does the scaler
        if artifact.net.heads != len(artifact.labels):
            raise ModelError(f"the network has {artifact.net.heads} heads, {len(artifact.labels)} labels are given")
    except (ModelError, InputError) as error:
        raise ModelError(f"{folder}: {error}") from error
    return artifact


def _verified(folder: Path, name: str, manifest: Mapping[str, Any]) -> bytes:
    content = read_bytes(folder / name)
    found = digest(name, content, manifest["version"])
    if found != manifest["files"][name]:
        raise ModelError(f"{folder / name}: changed since the model was registered (sha256 {found[:12]}...)")
    return content


def _names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _definitions(folder: Path, content: Mapping[str, bytes], manifest: Mapping[str, Any]) -> Definitions:
    """The columns' definitions, as written down with the model; before that was done, those of today."""
    written = parse(folder / FEATURES, content[FEATURES]) if manifest["schema"] > 1 else None
    return definitions_of(written, manifest["columns"], manifest, "feature_hash", "witness")


def _weights(file: Path, content: bytes, manifest: Mapping[str, Any]) -> dict[str, np.ndarray]:
    try:
        size = int.from_bytes(content[:8], "little")
        if not 0 < size <= min(len(content) - 8, LARGEST_JSON):
            raise ValueError(f"a header of {size:,} bytes in a file of {len(content):,}")
        told = json.loads(content[8 : 8 + size])["__metadata__"][FORMAT]
        if json.loads(told)["columns_hash"] != manifest["columns_hash"]:
            raise ModelError(f"{file}: trained on other columns than the manifest names")
        return load(content)
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError, OverflowError, MemoryError) as error:
        raise ModelError(f"{file}: not a safetensors file of a model: {type(error).__name__} {error}") from error
