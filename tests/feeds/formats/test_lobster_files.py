"""LOBSTER's files: names, times to the nanosecond, and rows that cannot be right."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.errors import RecordingError
from genesis_lib.feeds.formats.lobster_files import EMPTY, Name, looks_like, read_messages, read_rows, sides_of
from genesis_lib.feeds.validation import Quarantine

STEM = "AAPL_2012-06-21_34200000_57600000"


def write(folder: Path, lines: list[str], what: str = "message_10") -> Path:
    path = folder / f"{STEM}_{what}.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (f"{STEM}_message_10.csv", ("AAPL", date(2012, 6, 21), "message", 10)),
        (f"yile_{STEM}_orderbook_5.csv.gz", ("AAPL", date(2012, 6, 21), "orderbook", 5)),
        (f"{STEM}_message_50.somebody.csv", ("AAPL", date(2012, 6, 21), "message", 50)),
        ("BRK.B_2019-01-02_34200000_57600000_message_1.csv", ("BRK.B", date(2019, 1, 2), "message", 1)),
        ("AAPL_2012-13-21_1_2_message_10.csv", None),
        ("trades.csv", None),
    ],
)
def test_names(name: str, parts: tuple | None) -> None:
    found = Name.of(Path(name))
    assert (None if found is None else (found.symbol, found.day, found.what, found.levels)) == parts


def test_midnight_in_new_york() -> None:
    def told(day: str) -> str:
        return str(np.datetime64(Name.of(Path(f"A_{day}_1_2_message_1.csv")).midnight, "ns"))

    assert told("2012-06-21") == "2012-06-21T04:00:00.000000000"  # summer
    assert told("2012-01-20") == "2012-01-20T05:00:00.000000000"
    # On the day the clock is put forward half past nine is still nine and a half hours after this midnight.
    assert told("2012-03-11") == "2012-03-11T04:00:00.000000000"


@settings(deadline=None)
@given(st.integers(34_200_000_000_000, 57_600_000_000_000))
def test_times_are_exact(tmp_path_factory, nanoseconds: int) -> None:
    path = tmp_path_factory.mktemp("t") / f"{STEM}_message_10.csv"
    text = f"{nanoseconds // 10**9}.{nanoseconds % 10**9:09d}".rstrip("0").rstrip(".")
    path.write_text(f"{text},1,7,100,1000000,1\n")
    assert read_messages(path)["time"][0] - Name.of(path).midnight == nanoseconds


def test_recognised_by_name_and_content() -> None:
    message, rows = Path(f"{STEM}_message_10.csv"), Path(f"{STEM}_orderbook_1.csv")
    assert looks_like(message, b"34200.004241176,1,16113575,18,5853300,1\n") == "message"
    assert looks_like(message, b"34200.004241176,1,16113575,18,5853300,1,null\n") == "message"
    assert looks_like(message, b"\xef\xbb\xbf34200.004241176,1,16113575,18,5853300,1\r\n") == "message"
    assert looks_like(rows, b"5859400,200,5853300,18\n") == "orderbook"
    assert looks_like(rows, b"5859400,200,5853300\n") is None
    assert looks_like(message, b"5859400,200,5853300,18\n") is None
    assert looks_like(Path("x.csv"), b"34200.004241176,1,16113575,18,5853300,1\n") is None


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("34200.5,9,1,100,1000000,1", "unknown type"),
        ("34199.5,1,1,100,1000000,1", "time goes back"),
        ("342005.0,1,1,100,1000000,1", "beyond the day"),
        ("34200.5,1,1,0,1000000,1", "not positive"),
        ("34200.5,3,-1,100,1000000,1", "negative order number"),
        ("34200.5,1,1,100,99999999999999999,1", "no book holds"),
        ("34200.5,1,1,100,1000000,0", "direction"),
        ("34200.5,1,x,100,1000000,1", "no number"),
    ],
)
def test_messages_that_cannot_be_right(line: str, cause: str, tmp_path: Path) -> None:
    path = write(tmp_path, ["34200.1,1,7,100,1000000,1", line, "34200.9,3,7,100,1000000,1"])
    with pytest.raises(RecordingError, match=rf"csv:2: .*{cause}"):
        read_messages(path)
    quarantine = Quarantine(None)
    found = read_messages(path, quarantine)
    assert found["bad"].tolist() == [False, True, False] and sum(quarantine.counts.values()) == 1


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("100,5,90,5,95,5,80,5", "asks are not in order"),
        ("100,5,90,5,110,5,95,5", "bids are not in order"),
        ("100,-5,90,5,110,5,80,5", "negative size"),
        ("100,x,90,5,110,5,80,5", "no whole number"),
        ("100,5,90,5", "a row has 8 fields"),
    ],
)
def test_rows_that_are_no_book(line: str, cause: str, tmp_path: Path) -> None:
    path = write(tmp_path, ["100,5,90,5,110,5,80,5", line], "orderbook_2")
    with pytest.raises(RecordingError, match=rf"csv:2: .*{cause}"):
        list(read_rows(path))


def test_empty_levels(tmp_path: Path) -> None:
    path = write(tmp_path, [f"100,5,90,5,{EMPTY},0,{-EMPTY},0"], "orderbook_2")
    (rows,) = read_rows(path)
    assert rows.shape == (1, 2, 4) and sides_of(rows[0]) == ({90: 5}, {100: 5})
