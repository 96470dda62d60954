"""Finished recordings as streams of typed events."""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.binance import BinanceParser, decode, message_of, synchronize, venue_of
from genesis_lib.feeds.binance_sync import is_two_sided
from genesis_lib.feeds.formats.copies import refuse_copies
from genesis_lib.feeds.formats.decompression import head_of
from genesis_lib.feeds.instruments import SECOND, grid_of, known
from genesis_lib.feeds.raw_lines import raw_blocks, raw_lines
from genesis_lib.feeds.sidecar import provenance_of, read_sidecar
from genesis_lib.types import DepthSnapshot, Event, Instrument

MAX_STEP_BACK = SECOND  # a clock that is set may step back a little; more than this is a damaged recording
LOOK_AHEAD = 200_000  # lines read for the first diff and snapshot
_LINE = re.compile(rb"\s*\d{16}")  # how a raw line begins
MANY_LEVELS = 10_000  # of diffs, beside the snapshot's, from which the grid of an unknown instrument is taken


class Recording(ABC):
    """A finished recording of one instrument; each `iter` reads it from the start, `next` goes through it once.

    Attributes
    ----------
    paths : tuple of Path
        Its files, in the order in which they are read.
    instrument : Instrument
    kind : str
        The format: ``"binance"`` or ``"hftbacktest"``.
    counts : Counter
        Messages by kind, of the last complete or current pass.
    lines : int
        Lines (or rows) read in that pass.
    provenance : str
        ``"recorded"``, or what the sidecar of the files says: ``"simulated"``.
    """

    kind: str
    provenance = "recorded"

    def __init__(self, paths: tuple[Path, ...], instrument: Instrument) -> None:
        self.paths, self.instrument = paths, instrument
        self.counts: Counter[str] = Counter()
        self.lines = 0
        self._pass: Iterator[Event] | None = None

    def __next__(self) -> Event:
        if self._pass is None:
            self._pass = iter(self)
        return next(self._pass)

    @property
    def name(self) -> str:
        """Names of the files."""
        return " + ".join(path.name for path in self.paths)

    @cached_property
    def data_hash(self) -> str:
        """sha256 over the bytes of the files, in order."""
        return hash_files(self.paths)

    @abstractmethod
    def __iter__(self) -> Iterator[Event]:
        """Raw events in file order, before any joining of snapshot and diffs."""

    def events(self) -> Iterator[Event]:
        """Events that may be applied to a book: joined, in sequence, with a `Gap` where they are not."""
        return synchronize(self)


class BinanceRecording(Recording):
    """Raw lines ``<receive time> {json}`` of Binance's streams and REST snapshots; see `read_recording`."""

    kind = "binance"

    def __init__(
        self,
        paths: tuple[Path, ...],
        instrument: Instrument,
        *,
        skip_other_symbols: bool = False,
        skip_lines: frozenset[tuple[Path, int]] = frozenset(),
    ) -> None:
        super().__init__(paths, instrument)
        self._skip_other_symbols, self._skip_lines = skip_other_symbols, skip_lines

    def __iter__(self) -> Iterator[Event]:
        parser = BinanceParser(self.instrument, skip_other_symbols=self._skip_other_symbols)
        self.counts, self.lines = parser.counts, 0
        received = 0
        parse = parser.parse_line
        for data, file, number in raw_blocks(self.paths):
            at, end = 0, len(data)
            passed = {line for other, line in self._skip_lines if other == file}
            while at < end:
                if passed and number in passed:
                    at, number = data.find(b"\n", at) + 1 or end, number + 1
                    self.lines += 1
                    continue
                try:
                    event, ts_receive, at = parse(data, at)
                except InputError as error:
                    raise RecordingError(str(error), file, number) from None
                number += 1
                if ts_receive < received:
                    if ts_receive < 0:
                        continue
                    if ts_receive < received - MAX_STEP_BACK:
                        back = f"{(received - ts_receive) / SECOND:.3f} s, to {ts_receive}"
                        raise RecordingError(f"receive time jumps back by {back}", file, number - 1)
                else:
                    received = ts_receive
                self.lines += 1
                if event is None:
                    continue
                if type(event) is DepthSnapshot and not is_two_sided(event):
                    self.counts["one-sided snapshot"] += 1
                    continue
                yield event


def read_recording(
    paths: str | Path | Iterable[str | Path],
    *,
    instrument: Instrument | None = None,
    tick_size: float | None = None,
) -> Recording:
    """Open a finished recording of one instrument.

    Parameters
    ----------
    paths
        One file or several of one session, read in the order of their names. Raw Binance recordings (plain or gzip),
        hftbacktest's event format (Parquet, npz) and the others of `formats.FORMATS` that hold events are told apart by
        their content.
    instrument
        What it is a recording of; found in the data when left out. When given, lines of other symbols are counted and
        passed over instead of refused.
    tick_size
        Price grid of an instrument that Genesis does not know, where that of the snapshot's prices would be too coarse.

    Returns
    -------
    Recording
        Iterate for raw events; `Recording.events` gives synchronized ones.

    Raises
    ------
    RecordingError
        Here or while iterating: a file that is missing, truncated or of another kind, a line that is no JSON, a missing
        field, a price off the grid, receive time that jumps back by more than a second. Names file, line and cause.
        Exchange time that jumps is the venue's own doing: what was recorded is given, and `RowBuilder` tells it.

    Examples
    --------
    >>> for event in read_recording(["btcusdt_20240718.gz", "btcusdt_20240719.gz"]).events():  # doctest: +SKIP
    ...     builder.push(event)
    """
    files = (paths,) if isinstance(paths, (str, Path)) else tuple(paths)
    files = tuple(sorted((Path(path) for path in files), key=lambda path: (path.name, str(path))))
    if not files:
        raise InputError("paths must name at least one file")
    for file in files:
        if not file.is_file():
            raise RecordingError("no such file" if not file.exists() else "not a file", file)
    refuse_copies(files)
    if is_hftbacktest(files[0]):
        from genesis_lib.feeds.formats.hftbacktest import HftRecording

        return HftRecording(files, instrument)
    if not _LINE.match(head_of(files[0], 64)):
        from genesis_lib.feeds.formats import open_recording

        found = open_recording(files, instrument, tick_size)
        if found is not None:
            return found
    sidecar = next(filter(None, map(read_sidecar, files)), None)
    found = instrument or (sidecar.instrument if sidecar and not tick_size else _find_instrument(files, tick_size))
    recording = BinanceRecording(files, found, skip_other_symbols=instrument is not None)
    recording.provenance = provenance_of(sidecar, found.symbol)
    return recording


def is_hftbacktest(file: Path) -> bool:
    """Whether a file's first bytes are those of Parquet or of a numpy archive."""
    with file.open("rb") as stream:
        return stream.read(4) in (b"PAR1", b"PK\x03\x04")


def identify(file: Path) -> tuple[str, str]:
    """Venue and symbol of one file, by its first lines, sidecar or name; "" what no line of it tells (no diff yet)."""
    if is_hftbacktest(file):
        from genesis_lib.feeds.formats.hftbacktest import HftRecording

        instrument = HftRecording((file,)).instrument
        return instrument.venue, instrument.symbol
    sidecar = read_sidecar(file)
    if sidecar is not None:
        return sidecar.instrument.venue, sidecar.instrument.symbol
    venue, symbol, _ = _look((file,))
    return venue or "", symbol or ""


def hash_files(paths: Iterable[Path]) -> str:
    """sha256 over the bytes of files, in order, as hexadecimal digits."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def unbuildable(counts: Mapping[str, int]) -> str:
    """Say why messages of these kinds gave no row."""
    diffs = counts.get("depthUpdate", 0)
    if diffs and counts.get("one-sided snapshot", 0) >= counts.get("snapshot", 0) > 0:
        return f"the book cannot be rebuilt: {diffs} diffs, and every REST snapshot lacks a side"
    if diffs and not counts.get("snapshot"):
        return f"the book cannot be rebuilt: {diffs} diffs, but no REST snapshot for them to change"
    return "the book cannot be rebuilt: no diff continues a REST snapshot" if diffs else "no book rows in it"


def _look(files: tuple[Path, ...], *, levels: bool = False) -> tuple[str | None, str | None, _Levels]:
    """Venue by the first diff, symbol by the first message that names it; the first levels where wanted."""
    venue = symbol = None
    found = _Levels(None, [])
    for line in islice(raw_lines(files), LOOK_AHEAD):
        try:
            message = decode(line.payload)
            kind, data = message_of(message)
            venue = venue or venue_of(message)
        except InputError as error:
            raise RecordingError(str(error), line.file, line.number) from None
        symbol = symbol or data.get("s") or data.get("symbol")
        try:
            if kind == "snapshot" and found.snapshot is None:
                found = found._replace(snapshot=[*data["bids"], *data["asks"]])
            elif levels and kind == "depthUpdate" and len(found.diffs) < MANY_LEVELS:
                found.diffs.extend((*data["b"], *data["a"]))
        except (KeyError, TypeError) as error:
            raise RecordingError(f"{kind} without its levels: {error}", line.file, line.number) from None
        if venue and symbol and (not levels or (found.snapshot is not None and len(found.diffs) >= MANY_LEVELS)):
            break
    return venue, symbol, found


def _find_instrument(files: tuple[Path, ...], tick_size: float | None) -> Instrument:
    venue, symbol, _ = _look(files)
    if not venue or not symbol:
        raise RecordingError("no depthUpdate that names its symbol: not a recording of an order book", files[0])
    instrument = known(venue, symbol)
    if instrument is not None:
        return instrument if tick_size is None else replace(instrument, tick_size=tick_size)
    found = _look(files, levels=True)[2]
    if found.snapshot is None:
        raise RecordingError(
            f"unknown symbol {symbol!r} of {venue}, and no REST snapshot to take its price grid from", files[0]
        )
    try:
        prices, quantities = zip(*(found.snapshot + found.diffs))
        return Instrument(venue, symbol, tick_size or grid_of(prices), grid_of(quantities))
    except (TypeError, ValueError) as error:
        raise RecordingError(f"no price grid for unknown symbol {symbol!r}: {error}", files[0]) from None


class _Levels(NamedTuple):
    """Prices and quantities as the first messages wrote them."""

    snapshot: list | None
    diffs: list
