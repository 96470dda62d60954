"""LOBSTER's two files: names, messages and rows of levels, as arrays."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from genesis_lib.errors import RecordingError
from genesis_lib.feeds.formats.delimited import blocks, parse
from genesis_lib.feeds.instruments import SECOND
from genesis_lib.feeds.validation import Quarantine

SUBMIT, REDUCE, DELETE, EXECUTE, HIDDEN, CROSS, HALT = range(1, 8)
EMPTY = 9_999_999_999  # LOBSTER's price (negative on the bid side) where there is no level
LATEST = 2 * 86_400.0  # seconds after midnight
PRICE_UNIT = 10_000  # a dollar
MOST = 2**50  # units of a price, or shares, that a book holds
MESSAGE = ("time", "type", "id", "size", "price", "direction")
_NAME = re.compile(
    r"(?:.*_)?([A-Za-z][A-Za-z0-9.\-]*)_(\d{4}-\d{2}-\d{2})_(\d+)_(\d+)_(message|orderbook)_(\d+)(?:[._].*)?", re.I
)
_NEW_YORK = ZoneInfo("America/New_York")
_NUMBER = rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_MESSAGE_LINE = re.compile(rb"%s,[1-7],-?\d+,\d+,-?\d+,-?[01](?:,[^,]*)?\r?" % _NUMBER)


@dataclass(frozen=True, slots=True)
class Name:
    """What a file's name tells."""

    symbol: str
    day: date
    what: str  # "message" or "orderbook"
    levels: int

    @classmethod
    def of(cls, path: Path) -> Name | None:
        """The parts of a name like ``AAPL_2012-06-21_34200000_57600000_message_10.csv``; None for any other."""
        found = _NAME.fullmatch(path.name)
        if found is None:
            return None
        try:
            day = datetime.strptime(found[2], "%Y-%m-%d").date()
        except ValueError:
            return None
        return cls(found[1].upper(), day, found[5].lower(), int(found[6]))

    @property
    def midnight(self) -> int:
        """Midnight in New York, ns since 1970 UTC: the file's times are seconds after it.

        On the two days a year whose clock changes at two in the morning this is what the venue's clock means.
        """
        noon = datetime(self.day.year, self.day.month, self.day.day, 12, tzinfo=_NEW_YORK)
        return (int(noon.timestamp()) - 12 * 3600) * SECOND


def looks_like(path: Path, head: bytes) -> str | None:
    """``"message"`` or ``"orderbook"`` when both the name and the first line say so, else None."""
    name = Name.of(path)
    first = head.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].rstrip(b"\r")
    if name is None:
        return None
    if name.what == "message":
        return "message" if _MESSAGE_LINE.fullmatch(first) else None
    fields = first.split(b",")
    whole = all(re.fullmatch(rb"-?\d+", field) for field in fields)
    return "orderbook" if whole and len(fields) % 4 == 0 else None


def name_of(path: Path) -> Name:
    """The parts of a file's name; `RecordingError` for a name that is not LOBSTER's."""
    name = Name.of(path)
    if name is None:
        raise RecordingError("the name must hold TICKER_YYYY-MM-DD_START_END_message (or orderbook)_LEVELS", path)
    return name


def read_messages(path: Path, quarantine: Quarantine | None = None) -> dict[str, np.ndarray]:
    """Read a message file as int64 columns; ``time`` in ns since 1970 UTC, and ``bad`` (n,) bool.

    A row that cannot be right keeps its place, since the orderbook file has a row for it too, and goes to the
    quarantine.

    Raises
    ------
    RecordingError
        At the first such row when there is no quarantine; names file and line.
    """
    midnight = name_of(path).midnight
    parts: list[dict[str, np.ndarray]] = []
    latest = 0.0
    for block in blocks(path):
        width = block.data.split(b"\n", 1)[0].count(b",") + 1
        names = [*MESSAGE, *(f"more{n}" for n in range(width - len(MESSAGE)))]
        table = parse(block, names, dict.fromkeys(MESSAGE, "int") | {"time": "float"})
        if table.ragged:
            raise RecordingError(f"a message has {len(names)} fields", path, table.ragged[0])
        c = table.columns
        kind, sized = c["type"], (c["type"] != HALT)
        possible = np.where(c["time"] <= LATEST, c["time"], 0.0)  # what is no time of a day puts nothing behind it
        latest_before = np.maximum.accumulate(np.concatenate(([latest], possible)))[:-1]
        bad = np.full(len(table), "", object)
        for wrong, cause in (
            (table.unreadable | ~np.isfinite(c["time"]), "a field that is no number"),
            ((kind < SUBMIT) | (kind > HALT), "unknown type"),
            (c["time"] < latest_before, "time goes back"),
            (c["time"] > LATEST, "a time beyond the day"),
            (sized & ((c["size"] <= 0) | (c["price"] <= 0)), "a size or price that is not positive"),
            ((kind <= EXECUTE) & (c["id"] < 0), "a negative order number"),
            (sized & ((c["size"] > MOST) | (c["price"] > MOST)), "a size or price that no book holds"),
            ((kind != HALT) & (kind != CROSS) & (np.abs(c["direction"]) != 1), "a direction other than 1 and -1"),
        ):
            bad[wrong & (bad == "")] = cause
        rows = np.flatnonzero(bad != "")
        if len(rows) and quarantine is None:
            line = int(table.lines[rows[0]])
            raise RecordingError(f"{bad[rows[0]]}: {block.text(line).strip()[:120]}", path, line)
        for row, text in zip(rows.tolist(), block.texts(table.lines[rows].tolist())):
            quarantine.reject(path, int(table.lines[row]), bad[row], text)
        time = np.where(bad == "", c["time"], latest_before)
        latest = float(max(latest, time[bad == ""].max(initial=0.0)))
        # A float64 tells seconds of a day to some 0.01 ns: the nearest whole ns is the number that was written.
        columns = {name: c[name] for name in MESSAGE[1:]}
        parts.append(columns | {"time": np.rint(time * 1e9).astype(np.int64) + midnight, "bad": bad != ""})
    if not parts:
        raise RecordingError("no row in it", path)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def read_rows(path: Path) -> Iterator[np.ndarray]:
    """Read an orderbook file a block at a time, int64 (n, levels, 4): ask price, ask size, bid price, bid size.

    Raises
    ------
    RecordingError
        For a row that is no book: not whole numbers, another number of levels, unsorted, negative sizes, crossed.
    """
    names: list[str] = []
    for block in blocks(path):
        if not names:
            names = [str(n) for n in range(block.data.split(b"\n", 1)[0].count(b",") + 1)]
            if len(names) % 4:
                raise RecordingError(f"a row of levels has 4 fields a level, got {len(names)} fields", path, 1)
        table = parse(block, names, dict.fromkeys(names, "int"))
        if table.ragged:
            raise RecordingError(f"a row has {len(names)} fields", path, table.ragged[0])
        rows = np.stack([table.columns[name] for name in names], axis=1).reshape(len(table), -1, 4)
        ask, bid = rows[:, :, 0], rows[:, :, 2]
        for wrong, cause in (
            (table.unreadable, "a field that is no whole number"),
            ((rows[:, :, [1, 3]] < 0).any(axis=(1, 2)), "a negative size"),
            (((np.diff(ask) <= 0) & (ask[:, 1:] != EMPTY)).any(axis=1), "asks are not in order"),
            (((np.diff(bid) >= 0) & (bid[:, 1:] != -EMPTY)).any(axis=1), "bids are not in order"),
        ):
            if wrong.any():
                line = int(table.lines[np.argmax(wrong)])
                raise RecordingError(f"{cause}: {block.text(line).strip()[:120]}", path, line)
        yield rows


def sides_of(row: np.ndarray) -> tuple[dict[int, int], dict[int, int]]:
    """Price to size of the bids and of the asks of one row, best first, empty levels left out."""
    bids = {price: size for price, size in row[:, 2:].tolist() if price != -EMPTY and size}
    asks = {price: size for price, size in row[:, :2].tolist() if price != EMPTY and size}
    return bids, asks
