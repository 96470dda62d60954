"""The adapter is tried on MLflow itself where that is installed: `pip install -e .[mlflow]`."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from genesis_lib.cli import main
from genesis_lib.errors import GenesisError, InputError
from genesis_lib.models import registry
from genesis_lib.training.tracking import Tracker, track


@pytest.fixture
def artifact(root):
    return registry.load("champion", root / "models")


@pytest.fixture
def store(tmp_path) -> str:
    pytest.importorskip("mlflow", reason="MLflow is an option: pip install -e .[mlflow]")
    pytest.importorskip("alembic", reason="MLflow's database needs alembic: pip install -e .[mlflow]")
    return f"sqlite:///{tmp_path}/runs/mlflow.db"


def two_folds():
    """The part of a cross-validation that is tracked."""
    curve = ({"predictions": 1000, "train_loss": 1.1, "validation_loss": 1.0}, {"predictions": 2000, "train_loss": 0.9})
    members = [SimpleNamespace(seed=7, history=curve), SimpleNamespace(seed=8, history=curve[:1])]
    return SimpleNamespace(folds=[SimpleNamespace(number=n, members=members) for n in range(2)])


def test_a_run_holds_parameters_scores_curves_lineage_and_files(store, artifact, tmp_path, monkeypatch) -> None:
    from mlflow import MlflowClient

    monkeypatch.chdir(tmp_path)
    ident = track(store, artifact, two_folds(), experiment="desk")
    client = MlflowClient(tracking_uri=store)
    run = client.get_run(ident)
    assert run.info.status == "FINISHED" and client.get_experiment(run.info.experiment_id).name == "desk"
    data = run.data
    assert data.params["architecture.kind"] == artifact.architecture["kind"]
    assert data.params["label.horizon"] == str(artifact.label["horizon"])
    assert data.params["inputs.columns"] == str(len(artifact.columns))
    assert data.metrics["accuracy"] == artifact.metrics["accuracy"]
    assert data.metrics["baselines.majority.mcc"] == artifact.metrics["baselines"]["majority"]["mcc"]
    assert not [name for name in data.metrics if name.startswith(("folds", "unseen"))]
    assert data.tags["genesis.version"] == artifact.version and data.tags["genesis.data_hash"] == artifact.data_hash
    curve = client.get_metric_history(ident, "fold 1/seed 7/train_loss")
    assert [(point.step, point.value) for point in curve] == [(1000, 1.1), (2000, 0.9)]
    kept = {file.path for file in client.list_artifacts(ident, "model")}
    assert {f"model/{name}" for name in artifact.manifest["files"]} <= kept and "model/manifest.json" in kept
    assert track(store, artifact, experiment="desk") != ident, "tracked twice is two runs of one version"
    assert len(client.search_runs([run.info.experiment_id])) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["runs"], "nothing is left wherever the process stands"


def test_a_store_that_cannot_be_opened_is_found_out_before_training(store, tmp_path) -> None:
    (tmp_path / "file").write_text("x")
    for uri in (f"sqlite:///{tmp_path}/file/mlflow.db", "nonsense://x"):
        with pytest.raises(InputError, match=r"tracking store .* cannot be opened") as caught:
            Tracker(uri)
        assert "\n" not in str(caught.value)


def test_a_store_that_fails_later_says_that_the_model_is_registered(store, artifact, tmp_path) -> None:
    tracker = Tracker(store)
    (tmp_path / "runs" / "mlflow-files").write_text("a file where the files should go")
    with pytest.raises(GenesisError, match=f"{artifact.version} is registered, but was not tracked in"):
        tracker.track(artifact)


def test_without_mlflow_one_line_says_what_to_install(root) -> None:
    code = (
        "import sys; sys.modules['mlflow'] = None\n"
        "from genesis_lib.training import tracking\n"
        "try:\n    tracking.track('sqlite:///x.db', None)\n"
        "except Exception as error:\n    print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("InputError --track needs MLflow: pip install 'genesis-workbench[mlflow]'")
    assert not (root / "x.db").exists()


def test_who_does_not_track_never_loads_mlflow(root) -> None:
    code = "import sys, genesis_lib.training.tracking; print('mlflow' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False False"


def test_train_refuses_to_track_before_it_reads_anything(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    (tmp_path / "empty.gz").touch()
    words = [
        "train",
        str(tmp_path / "empty.gz"),
        "--track",
        f"sqlite:///{tmp_path}/x.db",
        "--out",
        str(tmp_path / "m"),
    ]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 1 and "genesis: --track needs MLflow: pip install" in done.stderr
    assert "reading" not in done.stderr and not (tmp_path / "m").exists()


def test_train_tells_the_store_of_what_it_registered(store, tmp_path) -> None:
    from mlflow import MlflowClient

    words = ["train", "simulator", "--minutes", "2", "--model", "majority", "--folds", "2", "--track", store]
    done = CliRunner().invoke(main, [*words, "--out", str(tmp_path / "models"), "--json"])
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    run = MlflowClient(tracking_uri=store).get_run(told["tracked"])
    assert run.data.tags["genesis.version"] == told["version"]
    assert run.data.metrics["accuracy"] == pytest.approx(told["accuracy"])
