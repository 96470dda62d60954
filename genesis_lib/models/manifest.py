"""What ``manifest.json`` must hold before a model is believed, in the schemas that are readable, and its version."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genesis_lib.clock import from_iso
from genesis_lib.errors import ModelError
from genesis_lib.features import columns_hash
from genesis_lib.models import scaler as scaling

FORMAT = "genesis-model"
SCHEMA = 2
SCHEMAS = (1, 2)  # readable; 2 is what is written
MANIFEST, WEIGHTS, BASELINES, CARD = "manifest.json", "weights.safetensors", "baselines.json", "card.md"
FEATURES = "features.json"
HASHED = (WEIGHTS, scaling.FILE, BASELINES)  # of every schema
KEYS = (
    *("format", "schema", "name", "version", "created", "code_version", "seed", "architecture", "columns"),
    *("columns_hash", "label", "metrics", "data_hash", "provenance", "data", "training", "files"),
)
OF_SESSION = ("instrument", "provenance", "first", "last", "sha256")
ADDED = ("levels", "labels", "head", "calibration", "lineage", "cards")  # by schema 2
# Not part of the version: when it was made, and what follows from everything else.
OUTSIDE = ("version", "created")
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
VERSION = re.compile(r"[0-9a-f]{12}")
FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
# Cards name the version that they tell of, and so are hashed with this in its place.
PLACE = b"{version}"
CARDS = (CARD, "card.html", "card.json")
# What a card tells of one run on one machine (latency, times) is no part of a version, but of the file's own hash.
MEASURED = re.compile(rb'<!--measured-->.*?<!--/measured-->|\n "measured": [^\n]*', re.DOTALL)
LARGEST = 1 << 30  # bytes of one file
LARGEST_JSON = 1 << 26
MOST_COLUMNS, MOST_LEVELS, MOST_ROWS, MOST_HEADS = 10_000, 1000, 1_000_000, 100


def content_version(manifest: Mapping[str, Any]) -> str:
    """Twelve hex digits that follow from the manifest and, through its hashes, from every file.

    Of a card they follow from its essence.
    """
    content = {key: value for key, value in manifest.items() if key not in OUTSIDE}
    content["files"] = {name: said for name, said in manifest["files"].items() if name not in CARDS}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def levels_of(manifest: Mapping[str, Any]) -> int:
    """Book levels a side that a manifest's model reads; of schema 1, those of its network."""
    return manifest["levels"] if manifest["schema"] > 1 else manifest["architecture"].get("levels")


def digest(name: str, content: bytes, version: str) -> str:
    """SHA-256 of a model's file; of a card as it was before it learnt its version."""
    if name in CARDS and version:
        content = content.replace(version.encode(), PLACE)
    return hashlib.sha256(content).hexdigest()


def essence(name: str, content: bytes, version: str) -> str:
    """SHA-256 of a card without what it measured on one machine: the same training twice is one version."""
    return digest(name, MEASURED.sub(b"", content), version)


def read_bytes(file: Path, limit: int = LARGEST) -> bytes:
    """Content of a plain file of a model; `ModelError` for a link, anything else that is no file, and absurd sizes."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if file.is_symlink():
            raise ModelError(f"{file}: a link; a model consists of plain files") from error
        raise ModelError(f"{file}: cannot be read: {error.strerror or error}") from error
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise ModelError(f"{file}: cannot be read: not a plain file")
        if about.st_size > limit:
            raise ModelError(f"{file}: {about.st_size:,} bytes, at most {limit:,} are read")
        with os.fdopen(handle, "rb", closefd=False) as stream:
            return stream.read(limit)
    finally:
        os.close(handle)


def parse(file: Path, content: bytes) -> Any:
    """JSON of a file's content; a key that stands twice is refused, for readers would not agree on what it says."""
    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=_once)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise ModelError(f"{file}: not readable as JSON: {error}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        twice = next(key for at, (key, _) in enumerate(pairs) if key in dict(pairs[:at]))
        raise ValueError(f"key {twice!r:.80} stands twice")
    return table


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read and check the manifest of a model folder; `ModelError` names the file and the cause."""
    file = folder / MANIFEST
    if not folder.is_dir():
        raise ModelError(f"{folder}: not a model folder: {'a file' if folder.exists() else 'no such folder'}")
    if not file.is_file():
        raise ModelError(f"{folder}: not a model folder: no {MANIFEST}")
    manifest = parse(file, read_bytes(file, LARGEST_JSON))
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ModelError(f"{file}: not a Genesis model: format must be {FORMAT!r}")
    if (schema := manifest.get("schema")) not in SCHEMAS or isinstance(schema, bool):
        raise ModelError(f"{file}: schema must be {' or '.join(map(str, SCHEMAS))}, got {schema!r:.80}")
    keys = KEYS if schema == 1 else (*KEYS, *ADDED)
    if missing := [key for key in keys if key not in manifest]:
        raise ModelError(f"{file}: damaged: no {', '.join(missing)}")
    try:
        _check(manifest, schema)
    except ModelError as error:
        raise ModelError(f"{file}: {error}") from error
    return manifest


def _check(manifest: dict[str, Any], schema: int) -> None:
    kinds: dict[str, type] = {
        **dict.fromkeys(("architecture", "label", "files", "metrics", "training"), dict),
        **dict.fromkeys(("columns", "data"), list),
        **dict.fromkeys(("name", "version", "created", "code_version", "columns_hash", "data_hash", "provenance"), str),
    }
    if schema > 1:
        kinds |= {"levels": int, "labels": list, "head": int, "calibration": dict, "lineage": dict, "cards": dict}
    for key, kind in kinds.items():
        if not isinstance(manifest[key], kind) or isinstance(manifest[key], bool):
            raise ModelError(f"damaged: {key} must be a JSON {kind.__name__}")
    for key, pattern in (("name", NAME), ("version", VERSION)):
        if not pattern.fullmatch(manifest[key]):
            raise ModelError(f"damaged: {key} {manifest[key]!r:.80} is none")
    for session in manifest["data"]:
        if not isinstance(session, dict) or not all(isinstance(session.get(key), str) for key in OF_SESSION):
            raise ModelError(f"damaged: data must tell {', '.join(OF_SESSION)} of each session, got {session!r:.80}")
        for end in ("first", "last"):
            try:
                from_iso(session[end])
            except (ValueError, OverflowError) as error:
                raise ModelError(
                    f"damaged: data must tell {end} as a date and time, got {session[end]!r:.80}"
                ) from error
    columns = manifest["columns"]
    if not 1 <= len(columns) <= MOST_COLUMNS or not all(isinstance(name, str) for name in columns):
        raise ModelError(f"damaged: columns must be 1 to {MOST_COLUMNS:,} names, got {len(columns)} entries")
    if columns_hash(columns) != manifest["columns_hash"]:
        raise ModelError("columns do not match their hash")
    window = manifest["architecture"].get("window", 1)
    if isinstance(window, bool) or not isinstance(window, int) or not 1 <= window <= MOST_ROWS:
        raise ModelError(f"damaged: a window must be 1 to {MOST_ROWS:,} rows, got {window!r:.80}")
    _check_files(manifest["files"], (*HASHED, FEATURES) if schema > 1 else HASHED)
    levels = levels_of(manifest)
    if type(levels) is not int or not 1 <= levels <= MOST_LEVELS:
        raise ModelError(f"damaged: levels must lie between 1 and {MOST_LEVELS}, got {levels!r:.80}")
    if schema > 1:
        _check_heads(manifest)
        _check_lineage(manifest["lineage"])
        if set(manifest["cards"]) != set(manifest["files"]) & set(CARDS):
            raise ModelError(f"damaged: cards must name the cards among the files, got {list(manifest['cards'])!r:.80}")


def _check_files(files: dict[str, Any], needed: tuple[str, ...]) -> None:
    if missing := [name for name in needed if name not in files]:
        raise ModelError(f"damaged: files names no {', '.join(missing)}")
    for name, said in files.items():
        if not FILE.fullmatch(name) or name == MANIFEST:
            raise ModelError(f"damaged: files names {name!r:.80}, which no file of a model may be called")
        if not isinstance(said, str) or not re.fullmatch("[0-9a-f]{64}", said):
            raise ModelError(f"damaged: files gives no SHA-256 of {name}")


def _check_heads(manifest: dict[str, Any]) -> None:
    labels, head = manifest["labels"], manifest["head"]
    if not 1 <= len(labels) <= MOST_HEADS or not all(isinstance(label, dict) for label in labels):
        raise ModelError(f"damaged: labels must be 1 to {MOST_HEADS} definitions, one a head")
    if not 0 <= head < len(labels) or labels[head] != manifest["label"]:
        raise ModelError(f"damaged: head {head!r:.80} must be the place of label among {len(labels)} labels")
    warm = manifest["calibration"].get("temperature")
    if warm is not None and not (
        isinstance(warm, list)
        and len(warm) == len(labels)
        and all(isinstance(t, (int, float)) and not isinstance(t, bool) and 0 < t < 1e6 for t in warm)
    ):
        raise ModelError(f"damaged: temperature must be {len(labels)} positive numbers, got {warm!r:.80}")


def _check_lineage(lineage: dict[str, Any]) -> None:
    lists = {"parents": str, "seeds": int}
    for key, kind in lists.items():
        value = lineage.get(key)
        if not isinstance(value, list) or not all(type(item) is kind for item in value):
            raise ModelError(f"damaged: lineage must list {key}, {kind.__name__} each, got {value!r:.80}")
    for key in ("code_version", "commit"):
        value = lineage.get(key)
        if not isinstance(value, str) and (key == "code_version" or value is not None):
            raise ModelError(f"damaged: lineage must tell {key} in words, got {value!r:.80}")
