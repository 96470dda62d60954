"""Write a simulation with planted episodes as a raw recording, beside the labels that say where they are."""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path
from typing import Any

from genesis_lib.errors import InputError
from genesis_lib.feeds.sidecar import write_sidecar
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
    out.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        events = _write(part, simulator)
        if path.exists() and not replace and not _same(path, part):
            raise InputError(f"{path} exists and holds another simulation; move it away or replace it (--force)")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    made = {"seed": simulator.seed, "minutes": simulator.minutes, "data_hash": simulator.data_hash}
    write_sidecar(path, simulator.instrument, simulator.provenance, **made)
    labels = write_json(path.with_name(path.name.removesuffix(".gz") + ".labels.json"), simulator.labels)
    planted = {kind: sum(label["kind"] == kind for label in simulator.labels) for kind in simulator.plant}
    return {"events": events, "planted": planted, "path": str(path), "labels": str(labels)}


def _write(part: Path, simulator: Simulator) -> int:
    """Write the lines of a simulation; gives how many."""
    writer, events = BinanceWriter(simulator.instrument), 0
    # Not by a `RawWriter`: what it flushes each second of the clock would show in the bytes.
    with part.open("wb") as file:
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=6, mtime=0) as stream:
            for event in simulator:
                stream.write(writer.line(event).encode() + b"\n")
                events += 1
        file.flush()
        os.fsync(file.fileno())
    if len(simulator.labels) != sum(simulator.plant.values()):
        raise InputError(f"only {len(simulator.labels)} of {sum(simulator.plant.values())} episodes ended in time")
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
        if not equals or not count.isdigit():
            raise InputError(f"plant must be KIND=COUNT,KIND=COUNT, got {part!r}")
        plant[kind] = plant.get(kind, 0) + int(count)
    return plant
