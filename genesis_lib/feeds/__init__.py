"""Market data in: exchange formats to typed events, sequence checks, book rows, replay and live sockets.

Names are loaded when asked for, so importing the package stays cheap.
"""

from __future__ import annotations

from importlib import import_module

_HOMES = {
    "BinanceParser": "binance",
    "BinanceSync": "binance",
    "synchronize": "binance",
    "RowBuilder": "builder",
    "Ledger": "integrity",
    "ingest": "ingestion",
    "Recording": "recording",
    "read_recording": "recording",
    "open_sessions": "snapshots",
    "read_sessions": "snapshots",
    "read_snapshots": "snapshots",
    "Replay": "replay",
    "default_source": "sources",
    "local_recording": "sources",
    "open_source": "sources",
    "audit": "verify",
    "audit_files": "verify",
    "download": "wire.archives",
}

__all__ = [
    "BinanceParser",
    "BinanceSync",
    "Ledger",
    "Recording",
    "Replay",
    "RowBuilder",
    "audit",
    "audit_files",
    "download",
    "ingest",
    "local_recording",
    "open_sessions",
    "open_source",
    "read_recording",
    "read_sessions",
    "read_snapshots",
    "synchronize",
]


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
