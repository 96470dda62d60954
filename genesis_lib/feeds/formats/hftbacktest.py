"""hftbacktest's event format as typed events: Parquet columns, or the structured array of an npz file."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from genesis_lib.errors import RecordingError
from genesis_lib.feeds.formats.chains import chains
from genesis_lib.feeds.instruments import known, venue_rules
from genesis_lib.feeds.recording import Recording
from genesis_lib.types import DepthSnapshot, DepthUpdate, Event, Instrument, Trade

if TYPE_CHECKING:
    from genesis_lib.feeds.validation import Quarantine

NAME = "hftbacktest"
DEPTH, TRADE, CLEAR, SNAPSHOT = 1, 2, 3, 4  # low byte of `ev`
BUY, SELL = 1 << 29, 1 << 28
SEEN_AT_EXCHANGE = 1 << 31
GRID_ERROR = 1e-9


class HftRecording(Recording):
    """Events of an instrument in hftbacktest's format.

    Rows with one exchange time are one message: its trades first (whatever their place among the rows: the book changes
    because of them), then one `DepthUpdate`, or a `DepthSnapshot` where the rows clear the book. Trades in a venue's
    pre-open phase are indications and have ``market`` False. Receive time is ``local_ts``, or the exchange time where
    the file has none.

    Notes
    -----
    `ev`: low byte 1 depth, 2 trade, 3 clear, 4 depth of a snapshot; bit 29 buy side, bit 28 sell side, bit 31 seen at
    the exchange (rows without it are the local copy of one that has it, and are passed over).
    """

    kind = NAME

    def __init__(self, paths: tuple[Path, ...], instrument: Instrument | None = None) -> None:
        super().__init__(paths, instrument or _instrument_of(paths))

    def __iter__(self) -> Iterator[Event]:
        self.counts.clear()
        self.lines = 0
        last = 0
        for path in self.paths:
            columns = self._columns(path)
            self._check(path, columns, last)
            self.lines += len(columns["ev"])
            if len(columns["ev"]):
                last = int(columns["exch_ts"][-1])
                yield from self._events(columns)

    def span(self) -> tuple[int, int]:
        """First and last exchange time, ns."""
        columns = [_load(path)["exch_ts"] for path in self.paths]
        if not all(map(len, columns)):
            raise RecordingError("no row in it", self.paths[0])
        return int(columns[0][0]), int(columns[-1][-1])

    def _columns(self, path: Path) -> dict[str, np.ndarray]:
        columns = _load(path)
        kinds = columns["ev"] & 0xFF
        unknown = ~np.isin(kinds, (DEPTH, TRADE, CLEAR, SNAPSHOT))
        for kind, count in zip(*np.unique(kinds[unknown], return_counts=True)):
            self.counts[f"ev {kind}"] += int(count)
        keep = ~unknown & (columns["ev"] & SEEN_AT_EXCHANGE != 0)
        return columns if keep.all() else {name: column[keep] for name, column in columns.items()}

    def _check(self, path: Path, columns: dict[str, np.ndarray], last: int) -> None:
        ev, ts, px, qty = (columns[name] for name in ("ev", "exch_ts", "px", "qty"))
        kinds, sides = ev & 0xFF, ev & (BUY | SELL)
        clears = kinds == CLEAR
        scaled = px / self.instrument.tick_size
        steps = np.diff(ts, prepend=last)
        for wrong, cause in (
            (~(np.isfinite(px) & (px >= 0)), "price is negative or not finite"),
            (~(np.isfinite(qty) & (qty >= 0)), "quantity is negative or not finite"),
            (~clears & (np.abs(scaled - np.rint(scaled)) > GRID_ERROR + 1e-15 * scaled), "price is off the tick grid"),
            (((kinds == DEPTH) | (kinds == SNAPSHOT)) & ((sides == 0) | (px <= 0)), "depth without a side or a price"),
            (steps < 0, "time jumps back"),
        ):
            if wrong.any():
                row = int(np.flatnonzero(wrong)[0])
                shown = f"exch_ts {ts[row]}, px {px[row]}, qty {qty[row]}"
                raise RecordingError(f"{cause} ({shown})", path, row + 1)
        one_sided = clears & ((sides == BUY) | (sides == SELL))
        if one_sided.any():
            row = int(np.flatnonzero(one_sided)[0])
            raise RecordingError("clears one side only, which leaves a book of unknown far levels", path, row + 1)

    def _events(self, columns: dict[str, np.ndarray]) -> Iterator[Event]:
        symbol, rules = self.instrument.symbol, venue_rules(self.instrument.venue)
        ev, ts = columns["ev"], columns["exch_ts"]
        kinds = (ev & 0xFF).astype(np.int8)
        sides = np.where(ev & BUY, 0, 1).astype(np.int8)
        ticks = np.rint(columns["px"] / self.instrument.tick_size).astype(np.int64)
        quantities = columns["qty"]
        for column in (sides, ticks, quantities):
            column.flags.writeable = False
        bounds = np.flatnonzero(np.diff(ts)) + 1
        starts = [0, *bounds.tolist()]
        ends = [*bounds.tolist(), len(ts)]
        times, received = ts[starts].tolist(), columns["local_ts"][starts].tolist()
        lowest = np.minimum.reduceat(kinds, starts).tolist()
        highest = np.maximum.reduceat(kinds, starts).tolist()
        counts, number = self.counts, 0
        for start, end, time, local, low, high in zip(starts, ends, times, received, lowest, highest):
            if low == high == DEPTH:
                counts["depth"] += 1
                part = slice(start, end)
                yield DepthUpdate(symbol, time, local, -1, -1, -1, sides[part], ticks[part], quantities[part])
                continue
            rows = np.arange(start, end)
            traded = kinds[start:end] == TRADE
            market = not rules.is_pre_open(time)
            for row in rows[traded].tolist():
                counts["trade"] += 1
                number += 1
                flags = int(ev[row])
                side = bool(flags & BUY) - bool(flags & SELL)
                yield Trade(symbol, time, local, number, int(ticks[row]), float(quantities[row]), side, market)
            rows = rows[~traded]
            cleared = np.flatnonzero(kinds[rows] == CLEAR)
            if len(cleared):
                rows = rows[cleared[-1] + 1 :]
                counts["snapshot"] += 1
                yield DepthSnapshot(symbol, time, local, -1, sides[rows], ticks[rows], quantities[rows])
            elif len(rows):
                counts["depth"] += 1
                yield DepthUpdate(symbol, time, local, -1, -1, -1, sides[rows], ticks[rows], quantities[rows])


def recognises(path: Path, head: bytes) -> bool:
    """Whether a file is a numpy archive, or Parquet with the columns of an event."""
    if head.startswith(b"PK\x03\x04"):
        with path.open("rb") as raw:
            return b".npy" in raw.read(256)
    if not head.startswith(b"PAR1"):
        return False
    try:
        return {"ev", "exch_ts", "px", "qty"} <= set(pq.read_schema(path).names)
    except (pa.ArrowException, OSError):
        return path.suffix == ".parquet"  # damaged: opening it says how


def open_files(
    paths: list[Path],
    *,
    tick_size: float | None = None,
    symbol: str | None = None,
    venue: str | None = None,
    quarantine: Quarantine | None = None,
) -> list[HftRecording]:
    """Open files of events; those of one instrument whose times follow each other within a minute are one session."""
    groups: dict[str, list[Path]] = {}
    for path in paths:
        groups.setdefault(_instrument_of((path,)).symbol, []).append(path)
    sessions = []
    for _, group in sorted(groups.items()):
        runs = [group] if len(group) == 1 else chains((*HftRecording((file,)).span(), file) for file in group)
        sessions += [HftRecording(tuple(run)) for run in runs]
    return sessions


def _load(path: Path) -> dict[str, np.ndarray]:
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                data = archive["data"]
            columns = {name: np.ascontiguousarray(data[name]) for name in data.dtype.names or ()}
        else:
            table = pq.read_table(path)
            columns = {name: table[name].to_numpy() for name in table.column_names}
    except (pa.ArrowException, KeyError, ValueError, zipfile.BadZipFile, OSError) as error:
        raise RecordingError(f"cannot be read: {error}", path) from None
    missing = [name for name in ("ev", "exch_ts", "px", "qty") if name not in columns]
    if missing:
        raise RecordingError(f"no column {', '.join(missing)}: not hftbacktest's event format", path)
    dtypes = {"ev": np.uint64, "exch_ts": np.int64, "px": np.float64, "qty": np.float64}
    wanted = {name: np.array(columns[name], dtype) for name, dtype in dtypes.items()}
    wanted["local_ts"] = np.array(columns.get("local_ts", wanted["exch_ts"]), np.int64)
    return wanted


def _instrument_of(paths: tuple[Path, ...]) -> Instrument:
    """TAIFEX contracts by the first part of the file's name."""
    symbols = {match[0] for path in paths if (match := re.match(r"(TXF|TMF|MXF)[A-Z0-9]*", path.name))}
    if len(symbols) != 1:
        _load(paths[0])  # a file that is broken or of another kind says so, whatever its name
        raise RecordingError(
            "unknown symbol: a file in hftbacktest's format says nothing of its instrument, so its name must begin "
            "with a TAIFEX contract (TXFD6_...), one for all files",
            paths[0],
        )
    return known("taifex", symbols.pop())
