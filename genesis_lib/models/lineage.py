"""Where a model comes from, beside its data: the code that made it, the definitions of its columns, its parents."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from genesis_lib import __version__
from genesis_lib.features.definitions import Definitions

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


def lineage_of(definitions: Definitions, parents: Sequence[str], seeds: Sequence[int]) -> dict[str, Any]:
    """What a manifest says under ``lineage``.

    Parameters
    ----------
    definitions
        Of the model's columns.
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
    }
