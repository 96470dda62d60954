from __future__ import annotations

import json

from click.testing import CliRunner

from genesis_lib.analytics.calibration import STATISTICS
from genesis_lib.cli import main
from genesis_lib.feeds.simulation.labelled import write_labelled
from genesis_lib.feeds.simulation.simulator import Simulator


def test_without_a_path_only_the_simulator_is_measured() -> None:
    result = CliRunner().invoke(main, ["calibrate", "--minutes", "0.2", "--seed", "3", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["seed"] == 3 and found["off"] == {"SIMBTC": []}
    assert set(found["markets"]["SIMBTC"]["statistics"]) == {one.key for one in STATISTICS}


def test_a_recording_is_judged_against(tmp_path) -> None:
    path = write_labelled(tmp_path, Simulator(3, "SIMETH", 0.3))["path"]
    result = CliRunner().invoke(main, ["calibrate", path, "--symbol", "SIMBTC", "--minutes", "0.3", "--markdown"])
    assert result.exit_code == 0, result.output
    assert "OFF:" in result.stdout and "| verdict |" in result.stdout.splitlines()[2] + "|"


def test_a_recording_without_a_counterpart_names_the_way_out(tmp_path) -> None:
    path = write_labelled(tmp_path, Simulator(3, "SIMETH", 0.1))["path"]
    result = CliRunner().invoke(main, ["calibrate", path])
    assert result.exit_code == 1
    assert "--symbol names one" in result.stderr
