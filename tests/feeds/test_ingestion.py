from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds import ingest, read_snapshots
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
