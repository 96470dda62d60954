"""Raw lines of Binance's streams and REST snapshots, as Genesis and hftbacktest's collector record them."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.formats.binance_symbols import glance, survey
from genesis_lib.feeds.formats.chains import chains
from genesis_lib.feeds.raw_lines import raw_lines
from genesis_lib.feeds.recording import BinanceRecording, Recording, identify, read_recording
from genesis_lib.feeds.sidecar import provenance_of, read_sidecar

if TYPE_CHECKING:
    from genesis_lib.feeds.validation import Quarantine

NAME = "binance"
_LINE = re.compile(rb"\s*\d{10,20} +\{")


def recognises(path: Path, head: bytes) -> bool:
    """Whether a file begins with a receive time and a JSON object."""
    return _LINE.match(head) is not None


def open_files(
    paths: list[Path],
    *,
    tick_size: float | None = None,
    symbol: str | None = None,
    venue: str | None = None,
    quarantine: Quarantine | None = None,
) -> list[Recording]:
    """Open recordings; files of one instrument whose times follow each other within a minute are one session.

    A recording of several symbols is a session for each of them (`symbol` picks one). A recording is evidence: a line
    that cannot be read is an error, whatever the quarantine.
    """
    single, several = [], []
    for path in paths:
        named = read_sidecar(path) is not None
        (single if named or len(glance((path,))) < 2 else several).append(path)
    sessions: list[Recording] = []
    for group in _by_instrument(single):
        for run in _runs(group):
            recording = read_recording(run, tick_size=tick_size)
            if venue is not None and recording.instrument.venue != venue:
                recording.instrument = replace(recording.instrument, venue=venue)
            sessions.append(recording)
    if symbol is not None and sessions:
        sessions = _picked(sessions, symbol, several)
    for run in _runs(several):
        found = survey(run)
        if symbol is not None and symbol not in found.venues:
            names = ", ".join(found.venues)
            raise RecordingError(f"no diffs of symbol {symbol!r} in it; it has {names}", run[0])
        for name in [symbol] if symbol is not None else sorted(found.venues):
            recording = BinanceRecording(
                tuple(run),
                found.instrument(name, tick_size, venue),
                skip_other_symbols=True,
                skip_lines=found.of_others(name),
            )
            recording.provenance = provenance_of(None, name)
            sessions.append(recording)
    return sessions


def _picked(sessions: list[Recording], symbol: str, several: list[Path]) -> list[Recording]:
    """Those of a symbol; a recording of one instrument that says which it is cannot be called another."""
    picked = [session for session in sessions if session.instrument.symbol == symbol]
    if not picked and not several:
        names = ", ".join(sorted({session.instrument.name for session in sessions}))
        raise InputError(f"symbol {symbol!r} is not in these recordings; they are of {names}")
    return picked


def _runs(files: list[Path]) -> list[list[Path]]:
    return [files] if len(files) == 1 else chains((*_span(file), file) for file in files)


def _by_instrument(files: list[Path]) -> list[list[Path]]:
    """Group files by venue and symbol; one without a diff belongs to the only instrument that it can be of."""
    names = {file: identify(file) for file in files}
    told = {name for name in names.values() if all(name)}
    for file, (venue, symbol) in names.items():
        fitting = [name for name in told if venue in ("", name[0]) and symbol in ("", name[1])]
        if len(fitting) == 1:
            names[file] = fitting[0]
    ordered = sorted(files, key=names.get)
    return [list(group) for _, group in groupby(ordered, key=names.get)]


def _span(file: Path) -> tuple[int, int]:
    first = last = None
    for line in raw_lines((file,)):
        first = line.ts_receive if first is None else first
        last = line.ts_receive
    if first is None:
        raise RecordingError("no line in it", file)
    return first, last
