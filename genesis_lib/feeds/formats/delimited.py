"""Text of separated fields, a block of whole lines at a time: columns as arrays, each row with its line number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from genesis_lib.errors import RecordingError
from genesis_lib.feeds.formats.decompression import open_bytes

BLOCK = 4 << 20  # bytes of text held at a time
LONGEST_LINE = 64 << 20
NOTHING = ["", "nan", "NaN", "NAN", "NA", "null", "NULL", "None"]


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of a file, and the number (from 1) of the first."""

    file: Path
    first_line: int
    data: bytes

    def text(self, line: int) -> str:
        """A line by its number, as it stands in the file."""
        return self.data.split(b"\n", line - self.first_line + 1)[line - self.first_line].decode(errors="replace")

    def texts(self, lines: Sequence[int]) -> list[str]:
        """Several lines by their numbers."""
        split = self.data.split(b"\n") if len(lines) else []
        return [split[line - self.first_line].rstrip(b"\r").decode(errors="replace") for line in lines]


@dataclass(slots=True)
class Table:
    """A block's rows as columns.

    `lines` (n,) are line numbers; `unreadable` (n,) marks rows in which a field is none of its column's kind (such a
    number reads as NaN, or 0 among whole numbers). `ragged` are numbers of lines that do not have the right number of
    fields; they are no rows. `words` are what the numbers in columns of codes stand for.
    """

    block: Block
    lines: np.ndarray
    columns: dict[str, np.ndarray]
    unreadable: np.ndarray
    ragged: list[int] = field(default_factory=list)
    words: dict[str, list[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.lines)


def blocks(path: Path, *, skip_lines: int = 0, size: int = BLOCK) -> Iterator[Block]:
    """Split a file, decompressed where it must be, into blocks of whole lines.

    Raises
    ------
    RecordingError
        When the file cannot be read to its end, or a line is longer than 64 MiB.
    """
    with open_bytes(path) as stream:
        yield from _blocks(path, stream, skip_lines, size)


def _blocks(path: Path, stream: BinaryIO, skip_lines: int, size: int) -> Iterator[Block]:
    line, rest = 1, b""
    while True:
        data = stream.read(size)
        ended = not data
        data = rest + data
        cut = len(data) if ended else data.rfind(b"\n") + 1
        if not cut and len(data) > LONGEST_LINE:
            raise RecordingError(f"a line of more than {LONGEST_LINE >> 20} MiB: not a table", path, line)
        data, rest = data[:cut], data[cut:]
        if line == 1:
            data = data.removeprefix(b"\xef\xbb\xbf")
        while skip_lines and data:
            _, _, data = data.partition(b"\n")
            skip_lines -= 1
            line += 1
        if data:
            yield Block(path, line, data)
            line += data.count(b"\n")
        if ended:
            return


def parse(
    block: Block, names: Sequence[str], kinds: Mapping[str, str], *, delimiter: str = ",", quoted: bool = True
) -> Table:
    """Read the columns of a block that are asked for.

    Parameters
    ----------
    names
        Of all columns, in order.
    kinds
        Name to ``"int"``, ``"float"``, ``"bool"``, ``"text"`` or ``"code"`` (a text, of which there are few) of those
        that are wanted.

    Returns
    -------
    Table
        int64, float64, bool, object and int32 columns; the code of an empty field is -1.
    """
    data = block.data
    if not data.isascii():  # bytes that are no text must spoil their own line alone
        data = data.decode("utf-8", errors="replace").encode()
    # A quote that nobody closes would swallow the lines behind it: then quotes are letters like others.
    for quotes in (True, False) if quoted and b'"' in data else (False,):
        try:
            found = _parse(block, data, names, kinds, delimiter, quotes)
        except ValueError:
            continue
        if found is not None:
            return found
    raise RecordingError("the lines from here on are no table", block.file, block.first_line)


def _parse(block: Block, data: bytes, names, kinds: Mapping[str, str], delimiter: str, quoted: bool) -> Table | None:
    """Read a block; None when rows do not match its lines."""
    ragged: list[int] = []
    words: dict[str, list[str]] = {}
    try:
        table = _read(data, names, kinds, delimiter, quoted, ragged)
        columns, unreadable = _typed(table, kinds, words)
    except ValueError:  # a field that is none of its kind: read texts and take them one by one
        ragged.clear()
        table = _read(data, names, dict.fromkeys(kinds, "text"), delimiter, quoted, ragged)
        columns, unreadable = _coerced(table, kinds, words)
    rows = table.num_rows
    if not ragged and data.count(b"\n") + (not data.endswith(b"\n")) == rows:
        lines = np.arange(block.first_line, block.first_line + rows)
    else:  # blank lines are passed over, ragged ones told; both are no rows
        filled = [at for at, text in enumerate(data.split(b"\n"), block.first_line) if text not in (b"", b"\r")]
        if len(filled) != rows + len(ragged):
            return None
        ragged = [filled[number - 1] for number in ragged]
        lines = np.setdiff1d(np.array(filled, np.int64), np.array(ragged, np.int64), assume_unique=True)
    return Table(block, lines.astype(np.int64), columns, unreadable, ragged, words)


def _read(data: bytes, names, kinds: Mapping[str, str], delimiter: str, quoted: bool, ragged: list[int]):
    import pyarrow as pa
    import pyarrow.csv as csv

    def pass_over(row: csv.InvalidRow) -> str:
        ragged.append(row.number)
        return "skip"

    types = {"int": pa.int64(), "float": pa.float64(), "bool": pa.bool_(), "text": pa.string()}
    types["code"] = pa.dictionary(pa.int32(), pa.string())
    return csv.read_csv(
        pa.BufferReader(data),
        csv.ReadOptions(column_names=list(names), use_threads=False, block_size=len(data) + 1),
        csv.ParseOptions(delimiter=delimiter, quote_char='"' if quoted else False, invalid_row_handler=pass_over),
        csv.ConvertOptions(
            column_types={name: types[kind] for name, kind in kinds.items()},
            include_columns=list(kinds),
            null_values=NOTHING,
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
            check_utf8=False,
        ),
    )


def _typed(table, kinds: Mapping[str, str], words: dict[str, list[str]]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    columns: dict[str, np.ndarray] = {}
    unreadable = np.zeros(table.num_rows, bool)
    for name, kind in kinds.items():
        column = table[name]
        if kind == "code":
            column = column.combine_chunks()
            words[name] = column.dictionary.to_pylist()
            columns[name] = column.indices.fill_null(-1).to_numpy()
            continue
        if kind in ("int", "bool") and column.null_count:
            unreadable |= column.is_null().to_numpy()
            column = column.fill_null(0 if kind == "int" else False)
        values = column.to_numpy()
        columns[name] = values.astype(float) if kind == "float" and values.dtype != float else values
    return columns, unreadable


def _coerced(table, kinds: Mapping[str, str], words: dict[str, list[str]]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    columns: dict[str, np.ndarray] = {}
    unreadable = np.zeros(table.num_rows, bool)
    for name, kind in kinds.items():
        texts = table[name].to_pylist()
        if kind == "text":
            columns[name] = np.array(texts, object)
            continue
        if kind == "code":
            words[name] = [text for text in dict.fromkeys(texts) if text is not None]
            codes = dict(zip(words[name], range(len(words[name]))))
            columns[name] = np.array([codes.get(text, -1) for text in texts], np.int32)
            continue
        read = {"int": _int, "float": _float, "bool": _bool}[kind]
        values = [read(text) for text in texts]
        wrong = np.array([value is None for value in values], bool)
        if kind == "float":
            wrong &= np.array([text is not None for text in texts], bool)  # an empty field is NaN, not unreadable
        unreadable |= wrong
        empty = {"int": 0, "float": np.nan, "bool": False}[kind]
        dtype = {"int": np.int64, "float": np.float64, "bool": bool}[kind]
        columns[name] = np.array([empty if value is None else value for value in values], dtype)
    return columns, unreadable


def _int(text: str | None) -> int | None:
    try:
        value = int(text)
    except (TypeError, ValueError):
        return None
    return value if -(2**63) <= value < 2**63 else None


def _float(text: str | None) -> float | None:
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def _bool(text: str | None) -> bool | None:
    return {"true": True, "false": False, "1": True, "0": False}.get(text.strip().lower()) if text else None
