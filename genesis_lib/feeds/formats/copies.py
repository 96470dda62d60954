"""No file is read twice: the same data under two names would count its trades twice, and nothing would tell."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from genesis_lib.errors import InputError

COMPRESSED = (".gz", ".zst")


def refuse_copies(paths: Iterable[Path]) -> None:
    """Refuse files that are one and the same data.

    Those are files of a folder whose names differ in the suffix of the compression alone (``x.csv``, ``x.csv.gz``,
    ``x.zip``), and files of equal content anywhere.

    Raises
    ------
    InputError
        Names both.
    """
    names: dict[Path, Path] = {}
    sizes: dict[int, list[Path]] = {}
    for path in paths:
        for name in _plain_names(path):
            if name in names:
                raise InputError(f"{names[name]} and {path} are one file, plain and compressed: give one of them")
        names |= dict.fromkeys(_plain_names(path), path)
        sizes.setdefault(path.stat().st_size, []).append(path)
    for alike in sizes.values():
        seen: dict[str, Path] = {}
        for path in alike if len(alike) > 1 else ():
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            if digest in seen:
                raise InputError(f"{seen[digest]} and {path} hold the same bytes: give one of them")
            seen[digest] = path


def _plain_names(path: Path) -> list[Path]:
    """What a file would be called without its compression; a zip archive's one text may be a table or none."""
    if path.suffix == ".zip":
        bare = path.with_suffix("")
        return [bare, bare.with_name(bare.name + ".csv"), bare.with_name(bare.name + ".txt")]
    return [path.with_suffix("") if path.suffix in COMPRESSED else path]
