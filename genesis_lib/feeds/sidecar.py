"""The small file beside a raw recording that says what it is of and how it was made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from genesis_lib.errors import RecordingError
from genesis_lib.feeds.simulation.flow_parameters import MARKETS
from genesis_lib.feeds.simulation.known_odds import INSTRUMENT as SIMBAYES
from genesis_lib.feeds.wire.raw_writer import write_json
from genesis_lib.types import PROVENANCES, Instrument


class Sidecar(NamedTuple):
    """What a recording's messages do not tell themselves."""

    instrument: Instrument
    provenance: str
    is_overlay: bool = False  # a recording with planted episodes


def provenance_of(sidecar: Sidecar | None, symbol: str) -> str:
    """Provenance of a recording; without a sidecar the simulator's own symbols still say whose flow it is."""
    if sidecar is not None:
        return sidecar.provenance
    return "simulated" if symbol in MARKETS or symbol == SIMBAYES.symbol else "recorded"


def sidecar_path(recording: Path) -> Path:
    """Name of the sidecar of a recording: ``x.gz`` (or ``x.gz.part``) has ``x.meta.json``."""
    name = recording.name.removesuffix(".part").removesuffix(".gz")
    return recording.with_name(f"{name}.meta.json")


def write_sidecar(recording: Path, instrument: Instrument, provenance: str, **more: object) -> Path:
    """Write the sidecar of a recording; `more` is for people to read."""
    content = {
        "venue": instrument.venue,
        "symbol": instrument.symbol,
        "tick_size": instrument.tick_size,
        "lot_size": instrument.lot_size,
        "provenance": provenance,
    }
    return write_json(sidecar_path(recording), content | more)


def read_sidecar(recording: Path) -> Sidecar | None:
    """Read the sidecar of a recording, None where there is none.

    Raises
    ------
    RecordingError
        When it is there and cannot be read.
    """
    path = sidecar_path(recording)
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        instrument = Instrument(*(content[key] for key in ("venue", "symbol", "tick_size", "lot_size")))
        provenance = content["provenance"]
    except (ValueError, KeyError, TypeError) as error:
        raise RecordingError(f"not the sidecar of a recording: {error!r}", path) from None
    if provenance not in PROVENANCES:
        raise RecordingError(f"provenance must be one of {', '.join(PROVENANCES)}, got {provenance!r}", path)
    return Sidecar(instrument, provenance, content.get("overlay") is True)
