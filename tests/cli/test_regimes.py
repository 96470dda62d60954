"""`genesis regime` from the shell."""

import json

import pytest
from click.testing import CliRunner

from genesis_lib.cli import main
from genesis_lib.detectors.regime import Regime
from genesis_lib.detectors.regime_model import RegimeModel


def run(*args):
    return CliRunner().invoke(main, ["regime", *map(str, args)])


def test_wrong_usage_is_said(tmp_path):
    assert run().exit_code == 2
    result = run("--seeds", "9-0", "--out", tmp_path / "m.json")
    assert result.exit_code == 1 and "seeds must run upwards" in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_fits_writes_and_prints_a_model_that_the_detector_takes(tmp_path):
    path = tmp_path / "m.json"
    result = run("--seeds", "3-4", "--out", path, "--json")
    assert result.exit_code == 0, result.output
    answer, model = json.loads(result.stdout), RegimeModel.from_dict(json.loads(path.read_text()))
    assert answer["hash"] == model.hash and answer["fitted_on"] == list(model.fitted_on)
    assert [cluster["state"] for cluster in answer["clusters"]] == list(model.states)
    assert Regime(model).model is model
