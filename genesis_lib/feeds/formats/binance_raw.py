"""Raw lines of Binance's streams and REST snapshots, as Genesis and hftbacktest's collector record them."""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from genesis_lib.errors import RecordingError
from genesis_lib.feeds.formats.chains import chains
from genesis_lib.feeds.recording import Recording, identify, raw_lines, read_recording

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

    A recording is evidence: a line that cannot be read is an error, whatever the quarantine.
    """
    sessions = []
    for group in _by_instrument(paths):
        runs = [group] if len(group) == 1 else chains((*_span(file), file) for file in group)
        sessions += [read_recording(run, tick_size=tick_size) for run in runs]
    return sessions


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
