"""Files of all makers, each read into typed events or rows by one module: the ordered table, and who recognises what.

A module of the table defines ``NAME``, ``recognises(path, head) -> bool`` (head: the first bytes, decompressed) and
``open_files(paths, *, tick_size, symbol, venue, quarantine) -> list`` of finished sessions, one an instrument and
contiguous time, whose ``kind`` is the name. It imports heavy packages inside its functions: to recognise a file, module
after module is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.formats.copies import refuse_copies
from genesis_lib.feeds.formats.decompression import head_of

if TYPE_CHECKING:
    from genesis_lib.feeds.recording import Recording
    from genesis_lib.feeds.snapshots import FinishedSession
    from genesis_lib.feeds.validation import Quarantine
    from genesis_lib.types import Instrument

# Name -> module of this package, in the order in which they are asked: the surest signs first, tables of numbers last.
FORMATS = {
    "rows": "stored_rows",
    "updates": "stored_updates",
    "sse": "sse",
    "hftbacktest": "hftbacktest",
    "databento": "databento",
    "kraken": "kraken",
    "okx": "okx",
    "binance": "binance_raw",
    "binance-lists": "binance_lists",
    "lobster": "lobster",
    "tardis": "tardis",
    "binance-archive": "binance_archive",
    "fi2010": "fi2010",
    "csv": "snapshot_csv",
}


def module_of(name: str) -> ModuleType:
    """Import the module of a format.

    Raises
    ------
    InputError
        When the table has no such name; the message lists those it has.
    """
    if name not in FORMATS:
        raise InputError(f"format must be one of {', '.join(FORMATS)}, got {name!r}")
    return import_module(f"{__name__}.{FORMATS[name]}")


def recognise(path: str | Path) -> str | None:
    """Name the format of a file by its content, None where no format of the table fits.

    Raises
    ------
    RecordingError
        For a file that does not exist or is empty.
    """
    path = Path(path)
    if not path.is_file():
        raise RecordingError("no such file" if not path.exists() else "not a file", path)
    if path.stat().st_size == 0:
        raise RecordingError("the file is empty", path)
    head = head_of(path)
    return next((name for name in FORMATS if module_of(name).recognises(path, head)), None)


def require(path: Path) -> str:
    """Name the format of a file as `recognise` does; an unknown one is a `RecordingError` that lists the formats."""
    name = recognise(path)
    if name is None:
        raise RecordingError(f"unknown format; known are {', '.join(FORMATS)}", path)
    return name


def open_files(
    paths: Sequence[Path],
    *,
    format: str | None = None,
    tick_size: float | None = None,
    symbol: str | None = None,
    venue: str | None = None,
    quarantine: Quarantine | None = None,
) -> list[FinishedSession]:
    """Open files of any formats as finished sessions.

    Parameters
    ----------
    paths
        Files; those of one format are opened together, so that what belongs together becomes one session.
    format
        Read all of them as this one; each is recognised by its content when left out.
    tick_size, symbol, venue
        What the data does not tell, or tells wrongly.
    quarantine
        Takes the bad rows; None refuses a file at its first one.

    Raises
    ------
    InputError
        For the same data under two names, see `refuse_copies`.
    """
    groups: dict[str, list[Path]] = {}
    for path in paths:
        if format is not None and not path.is_file():
            raise RecordingError("no such file", path)
        groups.setdefault(format or require(path), []).append(path)
    refuse_copies(paths)
    sessions: list[FinishedSession] = []
    for name in sorted(groups, key=list(FORMATS).index) if format is None else groups:
        opened = module_of(name).open_files(
            groups[name], tick_size=tick_size, symbol=symbol, venue=venue, quarantine=quarantine
        )
        sessions += opened
    return sessions


def open_recording(
    paths: Sequence[Path], instrument: Instrument | None = None, tick_size: float | None = None
) -> Recording | None:
    """Open the one session of events in files of another format than raw lines; None when they are of none known.

    Raises
    ------
    InputError
        When they hold several sessions, or rows and no events.
    """
    from genesis_lib.feeds.recording import Recording

    kind = recognise(paths[0]) if paths[0].stat().st_size else None
    if kind in (None, "binance"):
        return None
    given = {"tick_size": tick_size}
    if instrument is not None:
        given = {"tick_size": tick_size or instrument.tick_size, "symbol": instrument.symbol}
    sessions = open_files(paths, **given)
    if len(sessions) != 1:
        names = ", ".join(session.instrument.name for session in sessions)
        raise InputError(f"paths hold {len(sessions)} sessions ({names}); open_sessions gives them apart")
    if not isinstance(sessions[0], Recording):
        raise RecordingError(f"a file of {kind} holds book rows and no events; open_sessions reads it", paths[0])
    return sessions[0]
