from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from genesis_lib.errors import InputError
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
