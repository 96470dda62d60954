"""The notebooks by papermill, small and on simulated data: what a schedule or a newcomer without recordings runs."""

from __future__ import annotations

from pathlib import Path

import papermill
import pytest

from genesis_lib import retrain
from genesis_lib.config import load
from genesis_lib.models import registry

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
SMALL = {"source": ["simulator"], "minutes": 1.5, "folds": 2, "epochs": 1, "windows": 256, "stride": 10, "jobs": 1}


def execute(name: str, folder: Path, **parameters):
    document = papermill.execute_notebook(
        str(NOTEBOOKS / name),
        str(folder / name),
        parameters,
        kernel_name="python3",
        progress_bar=False,
        cwd=str(folder),
    )
    text = [
        output.get("text", "") + "".join(output.get("data", {}).get("text/plain", ""))
        for cell in document.cells
        for output in cell.get("outputs", [])
    ]
    return document, "\n".join(text)


def test_01_prepares_simulated_data_and_says_so(tmp_path, monkeypatch) -> None:
    (tmp_path / "none").mkdir()
    monkeypatch.setenv("GENESIS_RECORDINGS", str(tmp_path / "none"))
    _, text = execute("01_data_preparation.ipynb", tmp_path, minutes=0.5, out=str(tmp_path / "out"))
    assert "SIMULATED" in text
    assert list((tmp_path / "out").rglob("*.parquet"))


def test_03_shows_the_network_beside_its_baselines(tmp_path) -> None:
    _, text = execute("03_cross_validation.ipynb", tmp_path, **SMALL)
    assert "SIMULATED" in text
    assert all(name in text for name in ("majority", "persistence", "logistic_ofi"))


def test_05_waits_for_a_session_without_complaint(tmp_path) -> None:
    document, _ = execute("05_live_trading.ipynb", tmp_path)
    views = [output.get("data", {}) for cell in document.cells for output in cell.get("outputs", [])]
    assert any("application/vnd.jupyter.widget-view+json" in data for data in views)


def test_06_registers_a_version_and_the_gate_decides(tmp_path) -> None:
    config = load(env={}, paths={"models": str(tmp_path / "models"), "reports": str(tmp_path / "reports")})
    first = retrain.run_once(SMALL, config=config, progress=False)
    assert (first.status, first.promoted, first.champion) == ("done", True, None)
    assert registry.champion(tmp_path / "models") == ("retrained", first.challenger)
    second = retrain.run_once(SMALL | {"seed": 8}, config=config, progress=False)
    assert second.champion == first.challenger
    assert second.challenger != first.challenger
    assert len(registry.entries(tmp_path / "models")) == 2
    assert (registry.champion(tmp_path / "models")[1] == second.challenger) == second.promoted
    assert [run.run for run in retrain.history(tmp_path / "reports")] == [first.run, second.run]


@pytest.mark.parametrize("name", ["01_data_preparation.ipynb", "03_cross_validation.ipynb", "06_retraining.ipynb"])
def test_an_unknown_parameter_never_passes_silently(name: str) -> None:
    with pytest.raises(retrain.InputError, match="no parameter 'epochz'"):
        retrain.check_parameters(NOTEBOOKS / name, {"epochz": 1})
