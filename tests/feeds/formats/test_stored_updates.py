"""Stored updates are a format like any other: recognised, opened, and the same rows made of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from genesis_lib.cli import main
from genesis_lib.errors import InputError
from genesis_lib.feeds import ingest, open_sessions, open_source, read_recording, read_snapshots
from genesis_lib.feeds.formats import recognise
from genesis_lib.feeds.formats.stored_updates import store
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.types import Gap


@pytest.fixture
def stored(tmp_path: Path, wire) -> tuple[Path, Path]:
    """A small recording with a gap in it, and its updates."""
    line = wire().snapshot()
    for number in range(30):
        line.trade(price="100.1").diff(bids=[("100.0", f"{1 + number}")]).ticker()
        if number == 10:
            line.last += 10  # what came between was lost
            line.diff().snapshot()
    path = line.write(tmp_path / "a.gz")
    (session,) = open_sessions(path)
    written = store(session, tmp_path / "out")
    return path, written.files[0]


def test_the_same_events_and_rows(stored) -> None:
    recording, file = stored
    assert recognise(file) == "updates"
    (session,) = open_sessions(file)
    assert session.kind == "updates" and session.name == "binance-usdm:BTCUSDT" and len(session.data_hash) == 64
    events, original = list(session.events()), list(read_recording(recording).events())
    assert [type(event) for event in events] == [type(event) for event in original]
    assert any(isinstance(event, Gap) for event in events)
    ours, theirs = read_snapshots(file), read_snapshots(recording)
    for name in ("ts_exchange", "ts_receive", "levels", "flow", "valid"):
        assert np.array_equal(getattr(ours, name), getattr(theirs, name), equal_nan=name == "levels")
    assert not ours.valid.all()
    assert sum(len(block.kind) for block in session.blocks()) == len(events)
    played = open_source(file)
    assert played.poll(0.0)[:3] == original[0][:3]


def test_a_folder_of_updates_alone(stored) -> None:
    folder = stored[1].parents[2]
    (session,) = open_sessions(folder)
    assert session.kind == "updates"
    with pytest.raises(InputError, match=r"no updates of symbol 'ETHUSDT'.*stored are binance-usdm:BTCUSDT"):
        open_sessions(folder, symbol="ETHUSDT")


def test_simulated_flow_stays_simulated(tmp_path: Path) -> None:
    simulator = Simulator(3, minutes=0.05)
    simulator.name, simulator.paths = "simulated", ()

    class Finished:
        instrument, provenance, data_hash = simulator.instrument, simulator.provenance, "ef" * 32

        def events(self):
            return iter(simulator)

    written = store(Finished(), tmp_path)
    (session,) = open_sessions(written.files[0])
    assert session.provenance == "simulated" and written.updates > 100


def test_rows_and_updates_side_by_side(stored, tmp_path: Path) -> None:
    recording, _ = stored
    out = tmp_path / "both"
    found = ingest([recording], out, updates=True)
    plain = ingest([recording], tmp_path / "plain")
    assert found["sha256"] == plain["sha256"] and found["rows"] == plain["rows"]
    (file,) = map(Path, found["updates_files"])
    assert file.stat().st_size == found["updates_bytes"] > found["book_bytes"] > 0
    assert [session.kind for session in open_sessions(out)] == ["rows"], "the rows are what a folder is read as"
    (session,) = open_sessions(file)
    assert sum(len(block.sides) for block in session.blocks()) == found["updates"]
    assert read_snapshots(file).levels.tobytes() == read_snapshots(out).levels.tobytes()
    with pytest.raises(InputError, match="holds rows and no level updates"):
        ingest([out], tmp_path / "again", updates=True)
    assert not (tmp_path / "again").exists()
    with pytest.raises(InputError, match=r"postgresql://me:\*\*\*@x/y: updates are stored in files"):
        ingest([recording], "postgresql://me:hush@x/y", updates=True)


def test_the_command_stores_both(stored, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        main, ["ingest", str(stored[0]), "--out", str(tmp_path / "both"), "--updates", "--json"]
    )
    assert result.exit_code == 0, result.output
    assert Path(json.loads(result.stdout)["updates_files"][0]).is_file()
    refused = CliRunner().invoke(main, ["ingest", str(stored[0]), "--out", "postgresql://me:hush@/x?host=/nowhere"])
    assert refused.exit_code == 1 and "hush" not in refused.output and "me:***@" in refused.output
