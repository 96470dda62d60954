"""What a trained model is on disk, and the checks before one is believed.

A folder with ``manifest.json``, ``weights.safetensors``, ``scaler_params.json``, ``baselines.json`` and ``card.md``.
Nothing in it is code: it is read as JSON and as plain tensors.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from genesis_lib.clock import from_iso
from genesis_lib.errors import ModelError
from genesis_lib.features import columns_hash
from genesis_lib.models import predictor as serving
from genesis_lib.models import scaler as scaling

FORMAT = "genesis-model"
SCHEMA = 1
MANIFEST, WEIGHTS, BASELINES, CARD = "manifest.json", "weights.safetensors", "baselines.json", "card.md"
HASHED = (WEIGHTS, scaling.FILE, BASELINES)
KEYS = (
    *("format", "schema", "name", "version", "created", "code_version", "seed", "architecture", "columns"),
    *("columns_hash", "label", "metrics", "data_hash", "provenance", "data", "training", "files"),
)
# Not part of the version: when it was made, and what follows from everything else.
OUTSIDE = ("version", "created")


def content_version(manifest: Mapping[str, Any]) -> str:
    """Twelve hex digits that follow from the manifest and, through its hashes, from every file."""
    content = {key: value for key, value in manifest.items() if key not in OUTSIDE}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Artifact:
    """A trained model as it was registered; made by `registry.load`."""

    path: Path
    manifest: dict[str, Any]
    weights: dict[str, np.ndarray]
    scaler: scaling.Scaler
    baselines: dict[str, Any]

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
        return self.architecture["levels"]

    @property
    def label(self) -> dict[str, Any]:
        """Definition of the classes, with the threshold that training fitted."""
        return self.manifest["label"]

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

    @cached_property
    def net(self):
        """The network with its normalisations folded, in numpy."""
        return serving.folded(self.weights, self.architecture)

    def predictor(self) -> serving.Predictor:
        """A fresh predictor, one row a step."""
        return serving.Predictor(self.net, self.scaler)

    def predict(self, features: np.ndarray, valid: np.ndarray | None = None) -> np.ndarray:
        """Probabilities at every row of (n, F) raw features: (n, 3), NaN where a window is incomplete."""
        return serving.predict_rows(self.net, self.scaler, features, valid)

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
        manifest, a file changed since it was registered, weights or columns that do not fit.
    """
    manifest = _manifest(folder)
    for name in HASHED:
        file = folder / name
        try:
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
        except OSError as error:
            raise ModelError(f"{file}: cannot be read: {error.strerror or error}") from error
        if digest != manifest["files"].get(name):
            raise ModelError(f"{file}: changed since the model was registered (sha256 {digest[:12]}...)")
    if content_version(manifest) != manifest["version"]:
        raise ModelError(
            f"{folder / MANIFEST}: changed since the model was registered "
            f"(content gives version {content_version(manifest)}, it says {manifest['version']!r})"
        )
    weights = _weights(folder / WEIGHTS, manifest)
    scaler = scaling.Scaler.load(folder / scaling.FILE)
    artifact = Artifact(folder, manifest, weights, scaler, _json(folder / BASELINES))
    try:
        artifact.predictor()  # builds the network: every tensor is there and fits, and so does the scaler
    except ModelError as error:
        raise ModelError(f"{folder}: {error}") from error
    if len(artifact.columns) != 4 * artifact.levels:
        raise ModelError(f"{folder}: {len(artifact.columns)} columns do not fit {artifact.levels} levels")
    return artifact


def _manifest(folder: Path) -> dict[str, Any]:
    file = folder / MANIFEST
    if not folder.is_dir():
        raise ModelError(f"{folder}: not a model folder: {'a file' if folder.exists() else 'no such folder'}")
    if not file.is_file():
        raise ModelError(f"{folder}: not a model folder: no {MANIFEST}")
    manifest = _json(file)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ModelError(f"{file}: not a Genesis model: format must be {FORMAT!r}")
    if manifest.get("schema") != SCHEMA:
        raise ModelError(f"{file}: schema must be {SCHEMA}, got {manifest.get('schema')!r}")
    if missing := [key for key in KEYS if key not in manifest]:
        raise ModelError(f"{file}: damaged: no {', '.join(missing)}")
    for key, kind in (
        *(("architecture", dict), ("columns", list), ("label", dict), ("files", dict)),
        *(("metrics", dict), ("training", dict), ("data", list), ("name", str), ("version", str)),
    ):
        if not isinstance(manifest[key], kind):
            raise ModelError(f"{file}: damaged: {key} must be a JSON {kind.__name__}")
    for session in manifest["data"]:
        if not isinstance(session, dict) or not {"instrument", "provenance", "first", "last", "sha256"} <= set(session):
            raise ModelError(f"{file}: damaged: data must tell of each session, got {session!r:.80}")
    if columns_hash([str(name) for name in manifest["columns"]]) != manifest["columns_hash"]:
        raise ModelError(f"{file}: columns do not match their hash")
    return manifest


def _weights(file: Path, manifest: dict[str, Any]) -> dict[str, np.ndarray]:
    try:
        with safe_open(file, framework="np") as tensors:
            said = json.loads((tensors.metadata() or {}).get(FORMAT, "{}"))
            if said.get("columns_hash") != manifest["columns_hash"]:
                raise ModelError(f"{file}: trained on other columns than the manifest names")
            return {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"{file}: not a safetensors file: {error}") from error


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise ModelError(f"{file}: not readable as JSON: {error}") from error
