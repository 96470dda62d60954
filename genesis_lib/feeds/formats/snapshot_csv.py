"""CSV files of top-10 snapshots: the order of their columns is proven from the values, or the file is refused."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.formats.column_layout import LEVELS, Layout, is_number, prove
from genesis_lib.feeds.formats.decompression import head_of
from genesis_lib.feeds.formats.delimited import Block, Table, blocks, parse
from genesis_lib.feeds.formats.row_files import RowFiles, Rows
from genesis_lib.feeds.instruments import MINUTE, SECOND
from genesis_lib.types import Instrument

if TYPE_CHECKING:
    from genesis_lib.feeds.validation import Quarantine

NAME = "csv"
EPOCHS = ((1e8, 1e11, SECOND), (1e11, 1e14, 1_000_000), (1e14, 1e17, 1000), (1e17, 1e20, 1))  # s, ms, us, ns
SAMPLE = 20_000  # rows from which the order of columns is proven


class _Shape(NamedTuple):
    """How the lines of a file are to be read."""

    delimiter: str
    header: bool
    width: int
    layout: Layout
    time: int  # its column
    time_kind: str  # int, float or text
    unit: int  # ns
    symbol: int | None  # its column
    step: int  # median step of time in the sample, ns


class CsvRows(RowFiles):
    """A CSV file (plain, gzip or zstd) with ten levels a side in each line, a time and at most one column more.

    The 40 level columns may be interleaved level by level or stand in blocks, the sides and kinds in any order; the
    others (time, symbol, mid, spread, row number) may stand before or after them. See `column_layout.prove` for what
    counts as proof. Rows that cannot be right are set aside (see `validation.judge`); the row after one is invalid, as
    is the first row after a silence of more than a minute and twenty times the median step.

    Parameters
    ----------
    path
        The file; comma, semicolon or tab; with or without a header.
    tick_size, symbol, venue
        Price grid (the coarsest that all prices lie on when left out), symbol (the symbol column's, else the first word
        of the file's name; picks one where the column names several), and venue (``csv``).
    quarantine
        Takes the bad rows; None is strict.

    Attributes
    ----------
    layout : Layout
        Where each level column was found.
    """

    kind = NAME

    def __init__(
        self,
        path: Path,
        *,
        tick_size: float | None = None,
        symbol: str | None = None,
        venue: str | None = None,
        quarantine: Quarantine | None = None,
    ) -> None:
        self._path, self._symbol, self._venue = path, symbol, venue or "csv"
        self._seen: dict[str, None] = {}  # symbols of the symbol column
        try:
            super().__init__([path], tick_size=tick_size, quarantine=quarantine)
        except InputError as error:
            raise RecordingError(str(error), path) from None

    @cached_property
    def instrument(self) -> Instrument:
        """Venue, and the symbol and grid that were given or found."""
        try:
            tick, lot = self._grid()
        finally:  # mixed rows may be why there is no grid
            self._refuse_mixed()
        symbol = self._symbol or next(iter(self._seen), None) or _first_word(self._path)
        return Instrument(self._venue, symbol, tick, lot)

    def _refuse_mixed(self) -> None:
        if len(self._seen) > 1 and self._symbol not in self._seen:
            column, names = self._shape.symbol + 1, ", ".join(list(self._seen)[:5])
            told = f"column {column} names {len(self._seen)} symbols ({names}); say which (--symbol)"
            raise RecordingError(told, self._path) from None

    @property
    def layout(self) -> Layout:
        """Where each level column was found."""
        return self._shape.layout

    @cached_property
    def _shape(self) -> _Shape:
        try:
            return _find_shape(self._path)
        except RecordingError:
            raise
        except InputError as error:
            raise RecordingError(str(error), self._path) from None

    def _longest_step(self) -> int:
        return max(MINUTE, 20 * self._shape.step)

    def _rows(self, path: Path) -> Iterator[Rows]:
        shape = self._shape
        names = [str(column) for column in range(shape.width)]
        kinds = {str(column): "float" for column in shape.layout.columns} | {str(shape.time): shape.time_kind}
        if shape.symbol is not None:
            kinds[str(shape.symbol)] = "text"
        for block in blocks(path, skip_lines=int(shape.header)):
            table = parse(block, names, kinds, delimiter=shape.delimiter)
            ts, unreadable = _times(table, shape)
            levels = np.stack([table.columns[str(column)] for column in shape.layout.columns], axis=1)
            rows = Rows(
                table.lines,
                ts,
                ts,
                levels.reshape(-1, LEVELS, 4),
                table.unreadable | unreadable,
                table.ragged,
                block.texts,
            )
            yield rows if shape.symbol is None else self._of_symbol(rows, table.columns[str(shape.symbol)])

    def _of_symbol(self, rows: Rows, column: np.ndarray) -> Rows:
        symbols = np.array([text.strip() if text else "" for text in column], object)
        self._seen |= dict.fromkeys(filter(None, symbols))
        if self._symbol is None or self._symbol not in self._seen:
            return rows
        return rows.where((symbols == self._symbol) | (symbols == ""))


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
    return [CsvRows(path, tick_size=tick_size, symbol=symbol, venue=venue, quarantine=quarantine) for path in paths]


def _find_shape(path: Path) -> _Shape:
    try:
        first = head_of(path).partition(b"\n")[0].decode("utf-8-sig")
        delimiter = max(",;\t", key=first.count)
        fields = next(csv.reader([first.rstrip("\r")], delimiter=delimiter), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise RecordingError(f"not a readable CSV file: {error}", path) from None
    header = tuple(field.strip() for field in fields) if sum(map(is_number, fields)) < len(fields) / 2 else None
    block = next(blocks(path, skip_lines=int(header is not None), size=1 << 22), None)
    if block is None:
        raise RecordingError("a header and no row", path)
    start = b"\n".join(block.data.split(b"\n", SAMPLE)[:SAMPLE])
    names = [str(column) for column in range(len(fields))]
    sample = parse(Block(path, block.first_line, start), names, dict.fromkeys(names, "text"), delimiter=delimiter)
    if not len(sample):
        raise RecordingError(f"the first line has {len(fields)} fields, and no other line has as many", path)
    texts = [sample.columns[name] for name in names]
    numbers = np.stack([_numbers(column) for column in texts], axis=1)
    layout = prove(numbers, header)
    for column in layout.others:
        found = _time_column(texts[column], numbers[:, column])
        if found is not None:
            kind, unit, ts = found
            symbol = next((other for other in layout.others if other != column and _is_text(texts[other])), None)
            steps = np.diff(ts)
            step = int(np.median(steps)) if len(steps) else 0
            return _Shape(delimiter, header is not None, len(fields), layout, column, kind, unit, symbol, step)
    raise InputError("no column of times (UTC date and time, or seconds, ms, us or ns since 1970)")


def _numbers(texts: np.ndarray) -> np.ndarray:
    import pandas as pd

    return pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").to_numpy(float)


def _is_text(texts: np.ndarray) -> bool:
    return not np.isfinite(_numbers(texts)).any() and any(texts)


def _time_column(texts: np.ndarray, numbers: np.ndarray) -> tuple[str, int, np.ndarray] | None:
    """Kind, unit and ns of a column of times; None when it holds none. A few rows may be bad."""
    held = numbers[np.isfinite(numbers)]
    if len(held):
        middle = float(np.median(held))
        for low, high, unit in EPOCHS:
            if low <= middle < high and (held >= 1e8).mean() > 0.5:
                whole = all(text.strip().lstrip("+-").isdigit() for text in texts if text and is_number(text))
                return ("int" if whole else "float"), unit, np.rint(held * (unit / 1000)).astype(np.int64) * 1000
        return None
    ts, wrong = _written(texts)
    return None if wrong.mean() > 0.5 else ("text", 1, ts[~wrong])


def _written(texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Written dates and times as ns since 1970, and which are none."""
    import pandas as pd

    times = pd.to_datetime(pd.Series(texts, dtype=object), utc=True, format="ISO8601", errors="coerce")
    wrong = times.isna().to_numpy()
    return times.dt.as_unit("ns").fillna(pd.Timestamp(0, tz="UTC")).astype("int64").to_numpy(), wrong


def _times(table: Table, shape: _Shape) -> tuple[np.ndarray, np.ndarray]:
    """Times of rows, ns, and which cannot be read."""
    column = table.columns[str(shape.time)]
    if shape.time_kind == "text":
        return _written(column)
    low, high = next((low, high) for low, high, unit in EPOCHS if unit == shape.unit)
    with np.errstate(invalid="ignore"):
        wrong = ~((column >= low) & (column < high))
    column = np.where(wrong, 0, column)
    if shape.time_kind == "int":
        return column * shape.unit, wrong
    # A float of seconds resolves 0.2 us, so what lies below the microsecond is noise.
    return np.rint(column * (shape.unit / 1000)).astype(np.int64) * 1000, wrong


def _first_word(path: Path) -> str:
    match = re.match(r"[A-Za-z0-9]+", path.name)
    return match[0].upper() if match else "UNNAMED"
