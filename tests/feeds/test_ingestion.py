from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds import ingest, read_snapshots
from genesis_lib.feeds.ingestion import mostly_invalid
from genesis_lib.feeds.simulation.labelled import write_labelled
from genesis_lib.feeds.simulation.simulator import Simulator


@pytest.fixture(scope="module")
def simulated(tmp_path_factory) -> list[str]:
    folder = tmp_path_factory.mktemp("raw")
    return [
        write_labelled(folder, Simulator(seed, symbol, 0.2))["path"] for seed, symbol in ((1, "SIMBTC"), (2, "SIMETH"))
    ]


def test_what_is_stored_is_what_was_read(simulated, tmp_path) -> None:
    told: list[str] = []
    stored = ingest(simulated[:1], tmp_path, tell=told.append)
    rows, again = read_snapshots(simulated[:1]), read_snapshots(tmp_path)
    assert np.array_equal(rows.levels, again.levels, equal_nan=True)
    assert again.provenance == "simulated"
    assert (stored["rows"], stored["invalid_rows"]) == (len(rows), int((~rows.valid).sum()))
    assert stored["bytes"] == sum(Path(file).stat().st_size for file in stored["files"])
    assert len(told) == 1
    assert "SIMBTC" in told[0]


def test_the_same_data_gives_the_same_bytes(simulated, tmp_path) -> None:
    first, second = ingest(simulated, tmp_path / "a"), ingest(simulated, tmp_path / "b")
    assert first["sha256"] == second["sha256"]
    assert first["sessions"] == 2
    assert first["instruments"] == ["simulator:SIMBTC", "simulator:SIMETH"]
    read = [hashlib.sha256(Path(file).read_bytes()).digest() for file in first["files"]]
    assert read == [hashlib.sha256(Path(file).read_bytes()).digest() for file in second["files"]]


def test_nothing_is_left_of_a_failure(simulated, tmp_path) -> None:
    broken = tmp_path / "broken.gz"
    broken.write_bytes(Path(simulated[0]).read_bytes()[:-3000])
    with pytest.raises(InputError, match="broken"):
        ingest([broken], tmp_path / "out")
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def ladder(path: Path, rows: int = 60, **bad: str) -> Path:
    """A CSV of ten levels; keyword r7="crossed" spoils row 7."""
    lines = []
    for row in range(rows):
        prices = [(f"{100 + row % 3 - level / 10:.1f}", f"{100.1 + row % 3 + level / 10:.1f}") for level in range(10)]
        fields = [text for bid, ask in prices for text in (bid, "2.5", ask, "1.5")]
        if bad.get(f"r{row}") == "crossed":
            fields[0], fields[2] = fields[2], fields[0]
        lines.append(",".join([str(1_700_000_000_000 + 100 * row), *fields]))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_bad_rows_stand_beside_the_data(tmp_path) -> None:
    path, out = ladder(tmp_path / "a.csv", r7="crossed", r8="crossed", r30="crossed"), tmp_path / "out"
    stored = ingest(path, out)
    assert (stored["rows"], stored["invalid_rows"], stored["quarantined"]) == (57, 2, {"crossed": 3})
    assert stored["incidents"]["quarantined"] == 3
    lines = path.read_text().splitlines()
    held = [json.loads(line) for line in Path(stored["quarantine"]).read_text().splitlines()]
    assert [(entry["file"], entry["line"], entry["reason"]) for entry in held] == [
        (str(path), number, "crossed") for number in (8, 9, 31)
    ]
    assert [entry["text"] for entry in held] == [lines[entry["line"] - 1] for entry in held]
    back = read_snapshots(out)
    assert np.array_equal(back.levels, read_snapshots(path).levels)
    assert np.flatnonzero(~back.valid).tolist() == [7, 28]
    with pytest.raises(RecordingError, match=r"a\.csv:8: crossed: 17000000007"):
        ingest(path, tmp_path / "strict", strict=True)
    assert not (tmp_path / "strict").exists()
    ladder(path)  # mended and stored again: its old quarantine is forgotten
    assert ingest(path, tmp_path / "new")["quarantine"] is None and not (tmp_path / "new" / "quarantine.jsonl").exists()


def test_blocks_of_rows_are_parted_at_midnight(tmp_path, monkeypatch) -> None:
    path = ladder(tmp_path / "a.csv", 90, r40="crossed")
    midnight = 1_699_920_000_000
    lines = path.read_text().splitlines()
    times = [midnight - 30 * 60_000 + 60_000 * number for number in range(90)]
    path.write_text("\n".join(f"{time},{line.partition(',')[2]}" for time, line in zip(times, lines)))
    monkeypatch.setattr("genesis_lib.feeds.formats.delimited.blocks.__kwdefaults__", {"skip_lines": 0, "size": 2000})
    monkeypatch.setattr("genesis_lib.storage.parquet.GROUP", 8)
    stored = ingest(path, tmp_path / "out")
    assert [Path(file).parent.name for file in stored["files"]] == ["date=2023-11-13", "date=2023-11-14"]
    rows, back = read_snapshots(path), read_snapshots(tmp_path / "out")
    for name in ("ts_exchange", "ts_receive", "levels", "flow", "valid"):
        assert np.array_equal(getattr(rows, name), getattr(back, name))
    assert (stored["rows"], stored["invalid_rows"]) == (89, 1) and (~back.valid).sum() == 1


def test_all_files_or_none(simulated, tmp_path) -> None:
    out, broken = tmp_path / "out", ladder(tmp_path / "broken.csv", **{f"r{row}": "crossed" for row in range(20, 58)})
    sound = ladder(tmp_path / "sound.csv", r3="crossed")
    for bad in (broken, tmp_path / "missing.csv"):
        with pytest.raises(InputError, match=bad.name):
            ingest([simulated[0], sound, bad], out)
        assert not out.exists()
    with pytest.raises(InputError, match=r"two sessions of csv:X overlap in time"):
        ingest([sound, ladder(tmp_path / "again.csv")], out, symbol="X")
    assert not out.exists()
    assert ingest([simulated[0], sound], out)["sessions"] == 2


def test_the_format_is_said_or_asked_for(simulated, tmp_path) -> None:
    told: list[str] = []
    ingest([ladder(tmp_path / "x.csv")], tmp_path / "out", symbol="ABC", venue="somewhere", tell=told.append)
    assert told == ["x.csv: somewhere:ABC, read as csv"]
    with pytest.raises(InputError, match="format must be one of rows, "):
        ingest(simulated, tmp_path / "out", format="parquet")
    with pytest.raises(InputError, match=r"x\.csv"):
        ingest(tmp_path / "x.csv", tmp_path / "two", format="binance")


KINDS = (
    "crossed",
    "too wide",
    "negative",
    "non-finite",
    "unsorted",
    "duplicate level",
    "time going back",
    "unreadable",
)
KINDS += ("duplicate", "one-sided", "empty")


def spoilt(fields: list[str], kind: str, before: list[str]) -> list[str]:
    """One line of a table with something wrong: time, then (bid, size, ask, size) of ten levels."""
    bad = list(fields)
    if kind == "crossed":
        bad[1] = bad[3]
    elif kind == "too wide":
        bad[3::4] = [f"{float(price) + 20:.1f}" for price in bad[3::4]]
    elif kind == "negative":
        bad[2] = "-1"
    elif kind == "non-finite":
        bad[10] = "inf"
    elif kind == "unsorted":
        bad[5], bad[9] = bad[9], bad[5]
    elif kind == "duplicate level":
        bad[5] = bad[1]
    elif kind == "time going back":
        bad[0] = "1600000000000"
    elif kind == "unreadable":
        bad = bad[:-1]
    elif kind == "duplicate":
        bad = list(before)
    else:
        places = range(1, 41) if kind == "empty" else [at for at in range(1, 41) if at % 4 in (1, 2)]
        for at in places:
            bad[at] = ""
    return bad


@settings(max_examples=15, deadline=None)
@given(bad=st.dictionaries(st.integers(1, 49), st.sampled_from(KINDS), max_size=15), packed=st.booleans())
def test_a_table_comes_back_without_its_bad_rows(tmp_path_factory, bad: dict[int, str], packed: bool) -> None:
    """Stored and read again: the good rows as they were, every bad one in quarantine under its line and reason."""
    folder = tmp_path_factory.mktemp("table")
    lines = [line.split(",") for line in ladder(folder / "x.csv", 50).read_text().splitlines()]
    good = list(lines)
    for row, kind in sorted(bad.items()):
        lines[row] = spoilt(lines[row], kind, lines[row - 1])
        if kind == "duplicate" and row - 1 in bad:
            bad[row] = bad[row - 1] if bad[row - 1] != "duplicate" else "duplicate"
    path = folder / ("x.csv.gz" if packed else "x.csv")
    text = "\n".join(",".join(fields) for fields in lines).encode() + b"\n"
    path.write_bytes(gzip.compress(text) if packed else text)
    stored = ingest(path, folder / "out")
    rows = [row for row in range(50) if row not in bad]
    back = read_snapshots(folder / "out")
    assert np.array_equal(back.levels.reshape(-1, 40), np.array([good[row][1:] for row in rows], float))
    assert back.ts_exchange.tolist() == [int(good[row][0]) * 10**6 for row in rows]
    assert back.valid.tolist() == [row - 1 not in bad for row in rows]
    held = [] if not bad else Path(stored["quarantine"]).read_text().splitlines()
    told = {entry["line"]: (entry["reason"], entry["text"]) for entry in map(json.loads, held)}
    assert told == {row + 1: (reason, ",".join(lines[row])) for row, reason in bad.items()}
    assert stored["quarantined"] == Counter(bad.values())


UPDATES = """
import sys
from pathlib import Path
number, path = int(sys.argv[1]), Path(sys.argv[2])
with path.open("w") as out:
    out.write("exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount\\n")
    out.write("okex,A,1,1,true,bid,99.0,1\\nokex,A,1,1,true,ask,101.0,1\\n")
    for at in range(number):
        side, price = ("bid", 99 - at % 50) if at % 2 else ("ask", 101 + at % 50)
        out.write(f"okex,A,{at // 4 * 1_500_000},{at // 4 * 1_500_000 + 9},false,{side},{price}.5,{at % 7}\\n")
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_recording(tmp_path) -> None:
    """Eight times the updates, over as many more days: the same peak, but for the files' own metadata."""
    peaks = []
    for number in (300_000, 2_400_000):
        path = tmp_path / f"{number}.csv"
        subprocess.run([sys.executable, "-c", UPDATES, str(number), str(path)], check=True)
        command = [sys.executable, "-m", "genesis_lib", "ingest", str(path), "--out", str(tmp_path / str(number))]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        peaks.append(usage.ru_maxrss / 1024)
    assert peaks[1] < peaks[0] + 60, f"peaks of {peaks} MB"


TOKENS = (b"nan", b"-1", b"", b"1e400", b"9" * 20, b"\n", b",", b"\0", b'"', b"\xff", b"abc")


@settings(max_examples=40, deadline=None)
@given(
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 200), st.sampled_from(TOKENS)), min_size=1, max_size=6)
)
def test_whatever_is_in_a_file_it_is_stored_or_refused(tmp_path_factory, changes) -> None:
    """Bytes cut out and put in anywhere: rows in order of time, or an error that is one of ours and leaves nothing."""
    folder = tmp_path_factory.mktemp("bytes")
    data = ladder(folder / "x.csv", 30).read_bytes()
    for place, cut, token in changes:
        at = int(place * len(data))
        data = data[:at] + token + data[at + cut :]
    (folder / "x.csv").write_bytes(data)
    try:
        stored = ingest(folder / "x.csv", folder / "out")
    except InputError:
        assert not (folder / "out").exists()
        return
    back = read_snapshots(folder / "out")
    assert len(back) == stored["rows"] and (np.diff(back.ts_exchange) >= 0).all()
    assert np.isfinite(back.levels).all() and (back.levels[:, 0, 0] < back.levels[:, 0, 2]).all()


def test_it_is_told_when_most_rows_are_invalid(wire, tmp_path: Path) -> None:
    w = wire().snapshot().diff().diff()
    assert mostly_invalid(ingest(w.write(tmp_path / "a.gz"), tmp_path / "sound")) is None
    w.diff([("100.1", "5")])  # the ask at this price stays: locked from here on
    for _ in range(9):
        w.diff()
    found = ingest(w.write(tmp_path / "b.gz"), tmp_path / "lossy")
    assert (found["rows"], found["invalid_rows"]) == (13, 10)
    assert mostly_invalid(found).startswith("10 of 13 rows are invalid and will be left out; the ledger has 1 ")
    assert mostly_invalid({"rows": 0, "invalid_rows": 0, "incidents": {}}) is None
