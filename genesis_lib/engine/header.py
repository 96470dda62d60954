"""What a journal says of its session before the first record, and what changes when a session is taken up again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from genesis_lib import __version__
from genesis_lib.config import Config
from genesis_lib.journal import Journal
from genesis_lib.storage.database_url import HIDDEN
from genesis_lib.types import Instrument

CONTINUED = ("source", "provenance", "model", "preset", "code_version")  # what may differ when a session is taken up


def describe(
    instrument: Instrument, config: Config, artifact: Any, *, source: str, provenance: str, data_hash: str
) -> dict[str, Any]:
    """The header of a journal."""
    return {
        "source": source,
        "venue": instrument.venue,
        "symbol": instrument.symbol,
        "tick_size": instrument.tick_size,
        "lot_size": instrument.lot_size,
        "contract": contract(instrument),
        "provenance": provenance,
        "data_hash": data_hash,
        "model": None if artifact is None else {"name": artifact.name, "version": artifact.version},
        "preset": config.strategy.preset,
        "code_version": __version__,
        "config": _told(config),
    }


def changes(journal: Journal, header: dict[str, Any]) -> Iterator[str]:
    """Commands that say what goes on with the account otherwise than before, so that figures say what they are of."""
    told = [row["name"] for row in journal.rows("commands")]
    for key in CONTINUED:
        mark, now = f"now {key} ", _word(header[key])
        first = mark + _word(journal.header[key])
        if next((name for name in reversed(told) if name.startswith(mark)), first) != mark + now:
            yield mark + now


def _told(config: Config) -> dict[str, Any]:
    """The settings; of the sinks' addresses, which may hold passwords, no more than how many there are."""
    settings = asdict(config)
    settings["alerts"]["sinks"] = (HIDDEN,) * len(config.alerts.sinks)
    return settings


def contract(instrument: Instrument) -> str:
    """How profit is accounted: always as a linear contract, and said plainly where the real one is inverse."""
    inverse = instrument.venue == "binance-coinm"
    return "linear (the contract is inverse: figures are price points times contracts)" if inverse else "linear"


def _word(value: Any) -> str:
    return f"{value['name']} {value['version']}" if isinstance(value, dict) else str(value or "none")
