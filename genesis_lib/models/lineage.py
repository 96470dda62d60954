"""Where a model comes from, beside its data: the code that made it, the definitions of its columns, its parents."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from genesis_lib import __version__
from genesis_lib.errors import InputError, ModelError
from genesis_lib.features.definitions import Definitions
from genesis_lib.models.manifest import FEATURES, MANIFEST, levels_of

PACKAGE = Path(__file__).resolve().parent.parent


@lru_cache(maxsize=1)
def code_identity() -> dict[str, Any]:
    """Version of the package and, in a git checkout of it, the commit, and whether files differ from it.

    Read once a process: what runs is what was imported, whatever is committed meanwhile.
    """
    identity: dict[str, Any] = {"code_version": __version__, "commit": None, "dirty": None}
    root = _git("rev-parse", "--show-toplevel")
    if root is None or Path(root).resolve() != PACKAGE.parent:
        return identity  # installed: a repository around it is somebody else's
    status = _git("status", "--porcelain", "--untracked-files=no", "--", f":/{PACKAGE.name}", ":/orderbook_ext")
    return identity | {"commit": _git("rev-parse", "HEAD"), "dirty": None if status is None else bool(status)}


def _git(*words: str) -> str | None:
    if shutil.which("git") is None:
        return None
    command = ["git", "-C", str(PACKAGE), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def lineage_of(
    definitions: Definitions, order_flow: Definitions | None, parents: Sequence[str], seeds: Sequence[int]
) -> dict[str, Any]:
    """What a manifest says under ``lineage``.

    Parameters
    ----------
    definitions, order_flow
        Of the model's columns, and of its baselines'.
    parents
        Versions it was made of: members of an ensemble, the model it went on from.
    seeds
        All seeds that were tried; the first decided.
    """
    return {
        **code_identity(),
        "parents": list(parents),
        "seeds": [int(seed) for seed in seeds],
        "feature_hash": definitions.hash,
        "witness": definitions.witness(),
        "baseline_hash": None if order_flow is None else order_flow.hash,
        "baseline_witness": None if order_flow is None else order_flow.witness(),
    }


def definitions_of(
    written: Any, columns: Sequence[str], manifest: Mapping[str, Any], digest_key: str, witness_key: str
) -> Definitions:
    """Definitions of a model's columns, or of its baselines', checked.

    Parameters
    ----------
    written
        What stands with the model; of schema 1 nothing does, and the definitions are those of today.
    columns, manifest
        Names of the columns, and the model's manifest.
    digest_key, witness_key
        Where the lineage has their hash and their witness.

    Raises
    ------
    ModelError
        When they are not what the manifest says, or this code computes them otherwise than the one that made the model.
    InputError
        When they are damaged.
    """
    if manifest["schema"] == 1:
        try:
            return Definitions.of(columns, levels_of(manifest))
        except InputError as error:
            raise ModelError(f"columns unknown to this version: {error}") from error
    definitions, lineage = Definitions.read(written), manifest["lineage"]
    if (list(definitions.names), definitions.levels) != (list(columns), levels_of(manifest)):
        raise ModelError(f"{FEATURES} defines other columns or levels than the model reads")
    if definitions.hash != lineage.get(digest_key):
        raise ModelError(f"{FEATURES} does not match its hash in {MANIFEST}")
    if other := definitions.computed_otherwise(lineage.get(witness_key) or ()):
        commit = f", commit {lineage['commit']}" if lineage.get("commit") else ""
        raise ModelError(
            f"this code computes {', '.join(other[:3])}{f' and {len(other) - 3} more' if len(other) > 3 else ''} "
            f"otherwise than the code that made the model (version {manifest['code_version']}{commit}): use that one"
        )
    return definitions
