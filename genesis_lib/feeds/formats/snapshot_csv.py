"""CSV files of top-10 snapshots: the order of their columns is proven from the values, or the file is refused."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.formats.column_layout import LEVELS, Layout, is_number, prove, rows_that_hold
from genesis_lib.feeds.instruments import MINUTE, SECOND, grid_of
from genesis_lib.feeds.recording import hash_files
from genesis_lib.types import FLOW_FIELDS, Instrument, Snapshot, Snapshots

if TYPE_CHECKING:
    from genesis_lib.feeds.validation import Quarantine

NAME = "csv"
EPOCHS = ((1e8, 1e11, SECOND), (1e11, 1e14, 1_000_000), (1e14, 1e17, 1000), (1e17, 1e20, 1))  # s, ms, us, ns
SAMPLE = 20_000  # distinct numbers from which a grid is first taken
FINEST = 1e-9  # of the price: a grid finer than this is none
DECIMALS = 8  # no venue writes more; what lies below is float noise of whoever wrote the file


class CsvRows:
    """A CSV file with ten levels a side in each line, and beside them a time and at most one column more.

    The 40 level columns may be interleaved level by level or stand in blocks, the sides and kinds in any order; the
    others (time, symbol, mid, spread, row number) may stand before or after them. See `column_layout.prove` for what
    counts as proof. Rows that break the ladder (NaN, a negative number, crossed, out of order) are kept and invalid, as
    is the first row after a silence of more than a minute and twenty times the median step.

    Parameters
    ----------
    path
        The file; comma, semicolon or tab; with or without a header.
    tick_size, symbol
        Price grid (the coarsest that all prices lie on when left out) and symbol (the symbol column's, else the first
        word of the file's name).

    Attributes
    ----------
    layout : Layout
        Where each level column was found.
    """

    kind = NAME
    provenance = "recorded"

    def __init__(self, path: Path, *, tick_size: float | None = None, symbol: str | None = None) -> None:
        self.paths, self.name = (path,), path.name
        self._path, self._tick_size, self._symbol = path, tick_size, symbol

    @cached_property
    def data_hash(self) -> str:
        """sha256 over the file's bytes."""
        return hash_files(self.paths)

    @property
    def instrument(self) -> Instrument:
        """Venue ``csv``, and the symbol and grid that were found."""
        return self._parsed[0].instrument

    @property
    def layout(self) -> Layout:
        """Where each level column was found."""
        return self._parsed[1]

    def snapshots(self) -> Snapshots:
        """All rows."""
        return self._parsed[0]

    def events(self) -> Iterator[Snapshot]:
        """The rows, one after the other."""
        return iter(self._parsed[0])

    @cached_property
    def _parsed(self) -> tuple[Snapshots, Layout]:
        header, frame = _read(self._path)
        numbers = np.stack([pd.to_numeric(frame[name], errors="coerce").to_numpy(float) for name in frame], axis=1)
        first_line = 2 if header else 1
        try:
            layout = prove(numbers, header)
            ladder = np.ascontiguousarray(numbers[:, layout.columns].reshape(-1, LEVELS, 4))
            ts = self._times(frame, numbers, layout.others, first_line)
            symbol = self._symbol or _symbol_of(frame, numbers, layout.others) or _first_word(self._path)
            valid = rows_that_hold(numbers, layout)
            steps = np.diff(ts)
            if len(steps):
                hole = max(MINUTE, 20 * int(np.median(steps)))
                valid[1:] &= steps <= hole
            instrument = Instrument("csv", symbol, self._tick(ladder[valid]), _lot(ladder[valid]))
        except RecordingError:
            raise
        except InputError as error:
            raise RecordingError(str(error), self._path) from None
        flow = np.zeros((len(ts), len(FLOW_FIELDS)))
        return Snapshots(instrument, ts, ts.copy(), ladder, flow, valid), layout

    def _times(self, frame: pd.DataFrame, numbers: np.ndarray, others: tuple[int, ...], first_line: int) -> np.ndarray:
        for column in others:
            held = frame[column].notna().to_numpy()
            ts = _times_of(frame[column][held], numbers[held, column]) if held.any() else None
            if ts is None:
                continue
            if not held.all():
                line = int(np.flatnonzero(~held)[0]) + first_line
                raise RecordingError(f"no time in column {column + 1}", self._path, line)
            back = np.flatnonzero(np.diff(ts) < 0)
            if len(back):
                row = int(back[0]) + 1
                by = (ts[row - 1] - ts[row]) / SECOND
                raise RecordingError(f"time jumps back by {by:.3f} s", self._path, row + first_line)
            return ts
        raise InputError("no column of times (UTC date and time, or seconds, ms, us or ns since 1970)")

    def _tick(self, ladder: np.ndarray) -> float:
        prices = np.unique(ladder[:, :, [0, 2]])
        if self._tick_size is not None:
            if not (np.isfinite(self._tick_size) and self._tick_size > 0):
                raise InputError(f"tick_size must be a positive number, got {self._tick_size!r}")
            wrong = prices[~_on_grid(prices, self._tick_size)]
            if len(wrong):
                raise InputError(f"price {float(wrong[0])!r} is no multiple of the tick size {self._tick_size!r}")
            return self._tick_size
        tick = _grid(prices)
        if tick < FINEST * float(np.median(prices)):
            raise InputError(f"the prices lie on no grid (their greatest common step is {tick!r}); give --tick-size")
        return tick


def recognises(path: Path, head: bytes) -> bool:
    """Whether the first lines of a text hold 40 to 42 fields."""
    lines = head.split(b"\n", 3)[:3]
    return b"\0" not in head and any(40 <= max(map(line.count, (b",", b";", b"\t"))) + 1 <= 42 for line in lines)


def open_files(
    paths: list[Path],
    *,
    tick_size: float | None = None,
    symbol: str | None = None,
    venue: str | None = None,
    quarantine: Quarantine | None = None,
) -> list[CsvRows]:
    """Open each file as a session."""
    return [CsvRows(path, tick_size=tick_size, symbol=symbol) for path in paths]


def _read(path: Path) -> tuple[tuple[str, ...] | None, pd.DataFrame]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
        delimiter = max(",;\t", key=first.count)
        fields = next(csv.reader([first], delimiter=delimiter), [])
        header = tuple(field.strip() for field in fields) if sum(map(is_number, fields)) < len(fields) / 2 else None
        frame = pd.read_csv(path, sep=delimiter, header=None, skiprows=1 if header else 0, encoding="utf-8-sig")
    except (UnicodeDecodeError, csv.Error, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise RecordingError(f"not a recording, and not a readable CSV file: {error}", path) from None
    if header and len(header) != frame.shape[1]:
        raise RecordingError(f"the header names {len(header)} columns, the lines have {frame.shape[1]}", path)
    return header, frame


def _times_of(column: pd.Series, numbers: np.ndarray) -> np.ndarray | None:
    """Column as ns since 1970, or None when it holds no times."""
    if np.isfinite(numbers).all():
        for low, high, unit in EPOCHS:
            if low <= numbers.min() and numbers.max() < high:
                if column.dtype.kind in "iu":
                    return column.to_numpy(np.int64) * unit
                # A float of seconds resolves 0.2 us, so what lies below the microsecond is noise.
                return np.rint(numbers * (unit / 1000)).astype(np.int64) * 1000
        return None
    if np.isfinite(numbers).any():
        return None
    try:
        times = pd.to_datetime(column, utc=True, format="ISO8601")
    except (ValueError, TypeError):
        return None
    return None if times.isna().any() else times.dt.as_unit("ns").astype("int64").to_numpy()


def _symbol_of(frame: pd.DataFrame, numbers: np.ndarray, others: tuple[int, ...]) -> str | None:
    for column in others:
        if np.isfinite(numbers[:, column]).any() or _times_of(frame[column], numbers[:, column]) is not None:
            continue
        names = frame[column].dropna().unique()
        if len(names) > 1:
            raise InputError(f"column {column + 1} names {len(names)} symbols; a file must hold one")
        if len(names):
            return str(names[0]).strip()
    return None


def _first_word(path: Path) -> str:
    match = re.match(r"[A-Za-z0-9]+", path.name)
    return match[0].upper() if match else "UNNAMED"


def _grid(numbers: np.ndarray) -> float:
    sample = numbers[:: max(1, len(numbers) // SAMPLE)]
    step = grid_of(_decimals(sample))
    return step if _on_grid(numbers, step).all() else grid_of(_decimals(numbers))


def _decimals(numbers: np.ndarray) -> Iterator[str]:
    return (repr(round(number, DECIMALS)) for number in numbers.tolist())


def _on_grid(numbers: np.ndarray, step: float) -> np.ndarray:
    exact = numbers / step
    return np.abs(exact - np.rint(exact)) <= 1e-9 + 1e-15 * exact


def _lot(ladder: np.ndarray) -> float:
    sizes = np.unique(ladder[:, :, [1, 3]])
    sizes = sizes[sizes > 0]
    return max(_grid(sizes), 1e-8) if len(sizes) else 1.0
