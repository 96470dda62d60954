from __future__ import annotations

import doctest
import json

import numpy as np
import pytest

from genesis_lib.errors import InputError
from genesis_lib.feeds.recording import read_recording
from genesis_lib.feeds.simulation import labelled
from genesis_lib.feeds.simulation.labelled import parse_plant, write_labelled
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.verify import audit


def test_example():
    assert doctest.testmod(labelled).failed == 0


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("sim")
    simulator = Simulator(9, minutes=1.0, plant={"spoofing": 1, "spread_shock": 1})
    return out, simulator, write_labelled(out, simulator)


def test_it_reads_back_exactly_and_says_that_it_is_simulated(written):
    _, simulator, result = written
    recording = read_recording(result["path"])
    assert recording.provenance == "simulated"
    assert recording.instrument == simulator.instrument
    count = 0
    for told, made in zip(recording, simulator, strict=True):
        count += 1
        assert type(told) is type(made)
        assert all(np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b for a, b in zip(told, made))
    assert count == result["events"]


def test_its_audit_finds_nothing_wrong(written):
    found = audit(read_recording(written[2]["path"]))
    assert found["gaps"] == found["crossed"] == 0
    assert found["bbo_equal"] == found["bbo_checked"] > 1000


def test_labels_stand_beside_it(written):
    labels = json.loads(open(written[2]["labels"]).read())  # noqa: SIM115, PTH123
    assert sorted(label["kind"] for label in labels) == ["spoofing", "spread_shock"]
    assert all({"kind", "side", "start", "end", "price"} <= set(label) for label in labels)
    assert written[2]["planted"] == {"spoofing": 1, "spread_shock": 1}


def test_the_same_seed_gives_the_same_bytes(written, tmp_path):
    out, _, result = written
    again = write_labelled(tmp_path, Simulator(9, minutes=1.0, plant={"spoofing": 1, "spread_shock": 1}))
    assert sorted(p.name for p in out.iterdir()) == sorted(p.name for p in tmp_path.iterdir())
    assert all((tmp_path / p.name).read_bytes() == p.read_bytes() for p in out.iterdir())
    assert again["events"] == result["events"]


def test_another_simulation_is_not_overwritten_unless_told(tmp_path):
    first = write_labelled(tmp_path, Simulator(1, minutes=0.02))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(InputError, match=r"simbtc_seed1\.gz exists and holds another simulation; .* \(--force\)"):
        write_labelled(tmp_path, Simulator(1, minutes=0.03))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert write_labelled(tmp_path, Simulator(1, minutes=0.02)) == first
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert write_labelled(tmp_path, Simulator(1, minutes=0.03), replace=True)["events"] > first["events"]


def test_a_damaged_file_is_not_taken_for_the_same(tmp_path):
    path = tmp_path / "simbtc_seed1.gz"
    write_labelled(tmp_path, Simulator(1, minutes=0.02))
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"no gzip"):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="holds another simulation"):
            write_labelled(tmp_path, Simulator(1, minutes=0.02))
        assert path.read_bytes() == damaged


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    def fails(self, event):
        raise OSError("no space left on device")

    monkeypatch.setattr(labelled.BinanceWriter, "line", fails)
    with pytest.raises(OSError, match="no space"):
        write_labelled(tmp_path, Simulator(1, minutes=0.02))
    assert not list(tmp_path.iterdir())


def test_an_endless_simulation_is_refused(tmp_path):
    with pytest.raises(InputError, match="minutes must be given"):
        write_labelled(tmp_path, Simulator(1))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["spoofing", "spoofing=x", "spoofing=-1", "=", "spoofing:3", "spoofing=²"])
def test_a_plan_that_cannot_be_read_is_refused(text):
    with pytest.raises(InputError, match="plant must be KIND=COUNT,KIND=COUNT"):
        parse_plant(text)
