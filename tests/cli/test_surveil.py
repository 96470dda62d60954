"""`genesis detect` from the shell."""

import json

import pytest
from click.testing import CliRunner

from genesis_lib.cli import main
from genesis_lib.detectors import DETECTORS


def run(*args):
    return CliRunner().invoke(main, ["detect", *map(str, args)])


def test_a_real_recording(usdm_2024):
    result = run(*usdm_2024, "--json", "--kind", "spread_shock", "--kind", "rapid_trading")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert list(answer["detectors"]) == ["spread_shock", "rapid_trading"]
    for scores in answer["detectors"].values():
        assert scores["precision"] is scores["recall"] is scores["delay_ms"] is None
        assert 0 <= scores["alarms_per_hour"] < 60
    assert answer["rows"] == 9018 and answer["hours"] == pytest.approx(479 / 3600, rel=0.01)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated")
    made = CliRunner().invoke(
        main, ["simulate", "--out", str(folder), "--seed", "4", "--minutes", "3", "--plant", "quote_stuffing=4"]
    )
    assert made.exit_code == 0, made.output
    return folder


def test_planted_episodes_are_scored(simulated):
    recordings = sorted(simulated.glob("*.gz"))
    result = run(*recordings, "--json", "--show")
    assert result.exit_code == 0, result.output
    scores = json.loads(result.stdout)["detectors"]
    assert list(scores) == list(DETECTORS)
    assert scores["quote_stuffing"]["episodes"] == 4 and scores["quote_stuffing"]["recall"] >= 0.5
    assert 0 < scores["quote_stuffing"]["delay_ms"] < 2000
    assert scores["spoofing"]["recall"] is None
    assert "quote_stuffing: " in result.stderr


def test_the_table_names_every_detector(simulated):
    result = run(*sorted(simulated.glob("*.gz")), "--kind", "quote_stuffing")
    assert result.exit_code == 0 and result.stdout.split()[:2] == ["detector", "precision"]
    assert "quote_stuffing" in result.stdout


def test_bad_input_is_one_line(tmp_path):
    result = run(tmp_path / "missing.gz")
    assert result.exit_code == 1 and result.stderr.count("\n") == 1 and "missing.gz" in result.stderr
    assert run().exit_code == 2


def test_an_unknown_kind_names_the_nearest(simulated):
    result = run(*sorted(simulated.glob("*.gz")), "--kind", "spofing")
    assert result.exit_code == 1 and "did you mean 'spoofing'" in result.stderr
