"""Write a simulation with planted episodes as a raw recording, beside the labels that say where they are."""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path
from typing import Any

from genesis_lib.errors import InputError
from genesis_lib.feeds.sidecar import sidecar_path, write_sidecar
from genesis_lib.feeds.simulation.overlay import Overlay
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire.binance_wire import BinanceWriter
from genesis_lib.feeds.wire.raw_writer import write_json

BLOCK = 1 << 20  # bytes compared at a time


def write_labelled(out: Path, simulator: Simulator, *, replace: bool = False) -> dict[str, Any]:
    """Write ``<symbol>_seed<seed>.gz`` with its ``.meta.json`` and ``.labels.json``; same seed, same bytes.

    Parameters
    ----------
    out
        Folder, made if needed.
    simulator
        Of a known length.
    replace
        Whether another simulation of the same name (other minutes, other episodes) may be overwritten. The same one is
        written again either way.

    Returns
    -------
    dict
        ``events``, ``planted`` (count by kind), ``path``, ``labels`` (path).

    Raises
    ------
    InputError
        When there is another simulation of that name, or an episode did not end in time; nothing is left behind.

    Notes
    -----
    A label holds ``kind``, ``side`` of the book (``bid``, ``ask``, ``both``), ``start`` and ``end`` (exchange time,
    ns), ``price``, and what is particular to its kind.
    """
    if simulator.minutes is None:
        raise InputError("minutes must be given: a file has an end")
    path = out / f"{simulator.instrument.symbol.lower()}_seed{simulator.seed}.gz"
    made = {"seed": simulator.seed, "minutes": simulator.minutes, "data_hash": simulator.data_hash}
    return _write(path, simulator, made, replace)


def write_overlay(out: Path, overlay: Overlay, *, replace: bool = False) -> dict[str, Any]:
    """Write a recording with what was laid over it: ``<symbol>_overlay_seed<seed>_<base>.gz`` and what stands beside.

    As `write_labelled`; its sidecar says that it is simulated, that it is an overlay, and over which files (names and
    sha256). The recording itself is only read.

    Raises
    ------
    InputError
        As `write_labelled`; also when `out` would hold the new file in the place of one that was read.
    """
    base = overlay.recording
    path = out / f"{overlay.instrument.symbol.lower()}_overlay_seed{overlay.seed}_{base.data_hash[:8]}.gz"
    beside = {file.resolve() for part in base.paths for file in (part, sidecar_path(part))}
    if beside & {path.resolve(), sidecar_path(path).resolve()}:
        raise InputError(f"{path} is what would be read; choose another folder")
    files = [file.name for file in base.paths]
    made = {"overlay": True, "base": {"files": files, "sha256": base.data_hash, "provenance": base.provenance}}
    return _write(path, overlay, made | {"seed": overlay.seed, "plant": overlay.plant}, replace)


def _write(path: Path, source: Simulator | Overlay, made: dict[str, Any], replace: bool) -> dict[str, Any]:
    """Write a source's events, its sidecar and its labels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        events = _write_lines(part, source)
        if path.exists() and not replace and not _same(path, part):
            raise InputError(f"{path} exists and holds another simulation; move it away or replace it (--force)")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    write_sidecar(path, source.instrument, source.provenance, **made)
    labels = write_json(path.with_name(path.name.removesuffix(".gz") + ".labels.json"), source.labels)
    planted = {kind: sum(label["kind"] == kind for label in source.labels) for kind in source.plant}
    return {"events": events, "planted": planted, "path": str(path), "labels": str(labels)}


def _write_lines(part: Path, source: Simulator | Overlay) -> int:
    """Write the lines of a simulation; gives how many."""
    writer, events = BinanceWriter(source.instrument), 0
    # Not by a `RawWriter`: what it flushes each second of the clock would show in the bytes.
    with part.open("wb") as file:
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=6, mtime=0) as stream:
            for event in source:
                stream.write(writer.line(event).encode() + b"\n")
                events += 1
        file.flush()
        os.fsync(file.fileno())
    if len(source.labels) != sum(source.plant.values()):
        raise InputError(f"only {len(source.labels)} of {sum(source.plant.values())} episodes ended in time")
    return events


def _same(one: Path, other: Path) -> bool:
    """Whether two compressed files hold the same lines."""
    try:
        with gzip.open(one) as a, gzip.open(other) as b:
            while block := a.read(BLOCK):
                if block != b.read(BLOCK):
                    return False
            return not b.read(1)
    except (OSError, EOFError, zlib.error):
        return False


def parse_plant(text: str) -> dict[str, int]:
    """Read ``KIND=COUNT,KIND=COUNT``.

    >>> parse_plant("spoofing=3,layering=2")
    {'spoofing': 3, 'layering': 2}
    """
    plant: dict[str, int] = {}
    for part in filter(None, text.split(",")):
        kind, equals, count = part.strip().partition("=")
        if not equals or not count.isdecimal():
            raise InputError(f"plant must be KIND=COUNT,KIND=COUNT, got {part!r}")
        plant[kind] = plant.get(kind, 0) + int(count)
    return plant
