"""Write a simulation with planted episodes as a raw recording, beside the labels that say where they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from genesis_lib.errors import InputError
from genesis_lib.feeds.sidecar import write_sidecar
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire.binance_wire import BinanceWriter
from genesis_lib.feeds.wire.raw_writer import RawWriter, write_json


def write_labelled(out: Path, simulator: Simulator) -> dict[str, Any]:
    """Write ``<symbol>_seed<seed>.gz`` with its ``.meta.json`` and ``.labels.json``; same seed, same bytes.

    Parameters
    ----------
    out
        Folder, made if needed. Files of an earlier run of the same seed are replaced.
    simulator
        Of a known length.

    Returns
    -------
    dict
        ``events``, ``planted`` (count by kind), ``path``, ``labels`` (path).

    Notes
    -----
    A label holds ``kind``, ``side`` of the book (``bid``, ``ask``, ``both``), ``start`` and ``end`` (exchange time,
    ns), ``price``, and what is particular to its kind.
    """
    if simulator.minutes is None:
        raise InputError("minutes must be given: a file has an end")
    path = out / f"{simulator.instrument.symbol.lower()}_seed{simulator.seed}.gz"
    writer = BinanceWriter(simulator.instrument)
    with RawWriter(path, replace=True) as file:
        for event in simulator:
            file.write(writer.line(event).encode())
        if len(simulator.labels) != sum(simulator.plant.values()):
            raise InputError(f"only {len(simulator.labels)} of {sum(simulator.plant.values())} episodes ended in time")
        made = {"seed": simulator.seed, "minutes": simulator.minutes, "data_hash": simulator.data_hash}
        write_sidecar(path, simulator.instrument, simulator.provenance, **made)
        labels = write_json(path.with_name(path.name.removesuffix(".gz") + ".labels.json"), simulator.labels)
    planted = {kind: sum(label["kind"] == kind for label in simulator.labels) for kind in simulator.plant}
    return {"events": file.lines, "planted": planted, "path": str(path), "labels": str(labels)}


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
