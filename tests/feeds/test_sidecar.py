from __future__ import annotations

import json
from pathlib import Path

import pytest

from genesis_lib.errors import RecordingError
from genesis_lib.feeds import read_recording
from genesis_lib.feeds.sidecar import provenance_of, read_sidecar, sidecar_path, write_sidecar
from genesis_lib.feeds.simulation.labelled import write_labelled
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.types import Instrument

SIM = Instrument("simulator", "SIMBTC", 0.1, 0.001)


def test_it_reads_back_and_keeps_what_people_want_to_know(tmp_path):
    path = write_sidecar(tmp_path / "x.gz", SIM, "simulated", seed=4)
    assert path.name == "x.meta.json"
    assert read_sidecar(tmp_path / "x.gz") == (SIM, "simulated", False)
    assert json.loads(path.read_text())["seed"] == 4
    assert sidecar_path(tmp_path / "x.gz.part") == path


def test_none_is_needed(tmp_path):
    assert read_sidecar(tmp_path / "x.gz") is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"provenance": "guessed"}, "provenance must be one of recorded, simulated, live, got 'guessed'"),
        ({"tick_size": -1}, "tick_size must be a positive number"),
        ({"tick_size": "a"}, "not the sidecar of a recording"),
        ({"venue": None, "symbol": ...}, "not the sidecar of a recording"),
    ],
)
def test_a_wrong_one_is_named(tmp_path, change, message):
    path = write_sidecar(tmp_path / "x.gz", SIM, "simulated")
    content = json.loads(path.read_text()) | change
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not ...}))
    with pytest.raises(RecordingError, match=rf"x\.meta\.json: .*{message}"):
        read_sidecar(tmp_path / "x.gz")


def test_text_that_is_no_json_is_named(tmp_path):
    (tmp_path / "x.meta.json").write_text("{")
    with pytest.raises(RecordingError, match=r"x\.meta\.json: not the sidecar"):
        read_sidecar(tmp_path / "x.gz")


def test_a_simulated_recording_stays_simulated_without_its_sidecar(tmp_path):
    made = write_labelled(tmp_path, Simulator(4, minutes=0.05))
    alone = tmp_path / "copy.gz"
    alone.write_bytes(Path(made["path"]).read_bytes())
    assert read_recording(alone).provenance == "simulated"
    assert provenance_of(None, "BTCUSDT") == "recorded"
