"""CSV files of top-10 snapshots: whatever the layout, the same rows; bad rows set aside; the rest refused."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from genesis_lib.errors import RecordingError
from genesis_lib.feeds import RowBuilder, read_snapshots
from genesis_lib.feeds.formats.snapshot_csv import CsvRows
from genesis_lib.feeds.validation import Quarantine
from genesis_lib.types import Instrument

START_MS = 1_700_000_000_000
LEVELS = 10
INTERLEAVED = [(level, field) for level in range(LEVELS) for field in (2, 3, 0, 1)]
BLOCKS = [(level, field) for field in (0, 1, 2, 3) for level in range(LEVELS)]
NAMES = ("bid_price", "bid_size", "ask_price", "ask_size")


def books(rows: int = 120) -> np.ndarray:
    """(rows, 10, 4) strings of books on a grid of 0.05."""
    random = np.random.default_rng(3)
    bid = 2000 + random.integers(-3, 4, rows).cumsum()
    steps = random.integers(1, 4, (rows, 2, LEVELS)).cumsum(axis=2)
    out = np.empty((rows, LEVELS, 4), object)
    out[:, :, 0] = [[f"{tick / 20:.2f}" for tick in row] for row in bid[:, None] - steps[:, 0]]
    out[:, :, 2] = [[f"{tick / 20:.2f}" for tick in row] for row in bid[:, None] + steps[:, 1]]
    out[:, :, 1::2] = [
        [[f"{q / 4:.2f}" for q in pair] for pair in row] for row in random.integers(1, 99, (rows, 10, 2))
    ]
    return out


def write(
    path: Path, table: np.ndarray, order=INTERLEAVED, times=None, header=False, symbol=None, separator=","
) -> Path:
    times = [str(START_MS + 100 * row) for row in range(len(table))] if times is None else times
    lines = [[time, *(row[place] for place in order), *([symbol] if symbol else [])] for time, row in zip(times, table)]
    if header:
        names = [f"{NAMES[field]}_{level + 1}" for level, field in order]
        lines.insert(0, ["timestamp", *names, *(["symbol"] if symbol else [])])
    path.write_text("".join(separator.join(line) + "\n" for line in lines))
    return path


@pytest.mark.parametrize("order", [INTERLEAVED, BLOCKS])
@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("separator", [",", ";"])
def test_one_book_however_it_is_laid_out(tmp_path: Path, order, header: bool, separator: str) -> None:
    table = books()
    rows = read_snapshots(write(tmp_path / "x.csv", table, order, None, header, "ABC", separator))
    assert np.array_equal(rows.levels, table.astype(float))
    assert rows.instrument == Instrument("csv", "ABC", 0.05, 0.25)
    assert rows.ts_exchange[1] == (START_MS + 100) * 1_000_000 and rows.valid.all()
    assert not rows.flow.any() and rows.provenance == "recorded"


@pytest.mark.parametrize(
    "written",
    [
        lambda ns: str(ns),
        lambda ns: str(ns // 1000),
        lambda ns: str(ns // 10**6),
        lambda ns: f"{ns / 1e9:.3f}",
        lambda ns: datetime.fromtimestamp(ns / 1e9, UTC).isoformat(),
        lambda ns: datetime.fromtimestamp(ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S.%f"),
    ],
)
def test_times_in_every_unit(tmp_path: Path, written) -> None:
    ns = [(START_MS + 250 * row) * 1_000_000 for row in range(120)]
    rows = read_snapshots(write(tmp_path / "x.csv", books(), times=[written(time) for time in ns]))
    assert rows.ts_exchange.tolist() == ns


def test_bad_rows_are_set_aside_and_the_row_after_is_invalid(tmp_path: Path) -> None:
    table = books()
    table[5, 3, 0] = "NaN"
    table[6, 0, 1] = "-1"
    table[9, 0, 0], table[9, 0, 2] = table[9, 0, 2], table[9, 0, 0]
    times = [START_MS + 100 * row + (10**6 if row >= 50 else 0) for row in range(120)]  # a silence before row 50
    path = write(tmp_path / "x.csv", table, times=list(map(str, times)))
    quarantine = Quarantine()
    csv = CsvRows(path, quarantine=quarantine)
    rows = csv.snapshots()
    kept = [row for row in range(120) if row not in (5, 6, 9)]
    assert np.array_equal(rows.levels, table[kept].astype(float))
    assert [kept[row] for row in np.flatnonzero(~rows.valid)] == [7, 10, 50]
    assert quarantine.counts == {"non-finite": 1, "negative": 1, "crossed": 1}
    builder = RowBuilder(csv.instrument, 10)
    assert sum(builder.push(row).valid for row in csv.events()) == 114
    assert csv.layout.name.startswith("interleaved (ask price") and csv.layout.others == (0,)
    with pytest.raises(RecordingError, match=r"x\.csv:6: non-finite: 1700000000500,"):
        CsvRows(path).snapshots()
    assert len(read_snapshots(path)) == 117


def test_blocks_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = books()
    table[[0, 30, 31, 119], 0, 1] = "inf"
    path = write(tmp_path / "x.csv.gz", table, header=True)
    path.write_bytes(gzip.compress(path.read_bytes().replace(b"\n", b"\r\n")))
    whole = read_snapshots(path)
    monkeypatch.setattr("genesis_lib.feeds.formats.delimited.blocks.__kwdefaults__", {"skip_lines": 0, "size": 700})
    again = read_snapshots(path)
    assert len(whole) == 116 and np.array_equal(whole.levels, again.levels)
    assert np.flatnonzero(~whole.valid).tolist() == [0, 29] == np.flatnonzero(~again.valid).tolist()


def test_symbol_and_grid_may_be_given(tmp_path: Path) -> None:
    path = write(tmp_path / "ethusdt_top10.csv", books())
    assert CsvRows(path).instrument.symbol == "ETHUSDT"
    assert CsvRows(path, symbol="XYZ", tick_size=0.01).instrument == Instrument("csv", "XYZ", 0.01, 0.25)
    with pytest.raises(RecordingError, match=r"no multiple of the tick size 0\.5"):
        CsvRows(path, tick_size=0.5).snapshots()
    with pytest.raises(RecordingError, match="tick_size must be a positive number"):
        CsvRows(path, tick_size=-1.0).snapshots()


def test_prices_without_a_grid_are_refused(tmp_path: Path) -> None:
    table = books()
    noise = np.random.default_rng(1).uniform(0, 1e-3, (120, LEVELS))
    table[:, :, 0] = [[str(float(p) - n) for p, n in zip(*pair)] for pair in zip(table[:, :, 0], noise)]
    with pytest.raises(RecordingError, match="--tick-size"):
        CsvRows(write(tmp_path / "x.csv", table)).snapshots()


def test_float_noise_of_the_writer_is_no_grid(tmp_path: Path) -> None:
    table = books()
    table[0, 0, 0] += "000000000003"
    assert CsvRows(write(tmp_path / "x.csv", table)).instrument.tick_size == 0.05


def test_what_is_refused_and_why(tmp_path: Path) -> None:
    back = [str(START_MS + 100 * (row if row != 40 else 0)) for row in range(120)]
    with pytest.raises(RecordingError, match=r"back.csv:42: time going back: 1700000000000,"):
        CsvRows(write(tmp_path / "back.csv", books(), times=back, header=True)).snapshots()
    some = [str(START_MS + 100 * row) if row != 40 else "" for row in range(120)]
    with pytest.raises(RecordingError, match=r"some.csv:41: unreadable: ,"):
        CsvRows(write(tmp_path / "some.csv", books(), times=some)).snapshots()
    with pytest.raises(RecordingError, match="no column of times"):
        read_snapshots(write(tmp_path / "when.csv", books(), times=["then"] * 120))
    text = write(tmp_path / "lie.csv", books(), BLOCKS, header=True).read_text().splitlines()
    lie = write(tmp_path / "other.csv", books(), INTERLEAVED, header=True).read_text().splitlines()
    (tmp_path / "lie.csv").write_text("\n".join([lie[0], *text[1:]]))
    with pytest.raises(RecordingError, match=r"lie.csv: the header calls column"):
        read_snapshots(tmp_path / "lie.csv")
    (tmp_path / "ragged.csv").write_text("1,2\n1,2,3\n")
    with pytest.raises(RecordingError, match="unknown format; known are rows, "):
        read_snapshots(tmp_path / "ragged.csv")
    (tmp_path / "short.csv").write_text("hello\nworld\n")
    with pytest.raises(RecordingError, match="unknown format; known are rows, "):
        read_snapshots(tmp_path / "short.csv")
    (tmp_path / "return.csv").write_bytes(b"\r" + b",".join([b"5"] * 42) + b"\r5\n")
    with pytest.raises(RecordingError, match=r"return.csv: not a readable CSV file"):
        read_snapshots(tmp_path / "return.csv")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00\x80,,\n")
    with pytest.raises(RecordingError, match="unknown format; known are rows, "):
        read_snapshots(tmp_path / "bytes.csv")
    two = books()
    lines = write(tmp_path / "two.csv", two, symbol="A").read_text().splitlines()
    (tmp_path / "two.csv").write_text("\n".join([*lines[:60], *(line[:-1] + "B" for line in lines[60:])]))
    for symbol in (None, "C"):
        with pytest.raises(RecordingError, match=r"names 2 symbols \(A, B\); say which \(--symbol\)"):
            read_snapshots(tmp_path / "two.csv", symbol=symbol)
    assert len(read_snapshots(tmp_path / "two.csv", symbol="B")) == 60


def test_symbols_are_named_where_the_first_has_no_book(tmp_path: Path) -> None:
    table = books()
    lines = write(tmp_path / "two.csv", table, symbol="B").read_text().splitlines()
    wrong = books()
    wrong[:60, :, :2], wrong[:60, :, 2:] = table[:60, :, 2:], table[:60, :, :2]  # all of A are crossed
    first = write(tmp_path / "one.csv", wrong, symbol="A").read_text().splitlines()
    (tmp_path / "two.csv").write_text("\n".join([*lines[60:], *first[:3]]))
    with pytest.raises(RecordingError, match=r"names 2 symbols \(B, A\); say which \(--symbol\)"):
        read_snapshots(tmp_path / "two.csv")
    with pytest.raises(RecordingError):
        read_snapshots(tmp_path / "two.csv", symbol="A")


def test_a_best_price_without_a_size(tmp_path: Path) -> None:
    table = books()
    table[7, 0, 3], table[9, 0, 1], table[11, 5, 1] = "0", "0.0", "0"
    quarantine = Quarantine()
    rows = CsvRows(write(tmp_path / "x.csv", table), quarantine=quarantine).snapshots()
    assert quarantine.counts == {"no size at the best": 2} and len(rows) == 118
    assert np.flatnonzero(~rows.valid).tolist() == [7, 8]
