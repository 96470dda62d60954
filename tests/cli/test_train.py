import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from genesis_lib.cli import main
from genesis_lib.models import registry

QUICK = ["--model", "deeplob", "--folds", "2", "--epochs", "1", "--stride", "5", "--windows", "256", "--batch-size",
         "64", "--levels", "5", "--window", "30", "--horizon", "20", "--threads", "1"]  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("models")
    arguments = ["train", "simulator", "--minutes", "1", *QUICK, "--out", str(out)]
    arguments += ["--unseen", "simulator", "--promote", "--json"]
    return out, CliRunner().invoke(main, arguments)


def test_train_prints_one_object_and_registers(trained):
    out, done = trained
    assert done.exit_code == 0, done.stderr
    summary = json.loads(done.stdout)
    assert {"folds", "accuracy", "macro_f1", "version", "baselines", "parameters", "seconds"} <= set(summary)
    assert len(summary["folds"]) == 2 and {"train", "validation", "test"} <= set(summary["folds"][0])
    assert [each["seen_in_training"] for each in summary["unseen"].values()] == [False]
    assert [folder.name for folder in (out / "deeplob-5").iterdir()] == [summary["version"]], "one run, one version"
    assert (out / "deeplob-5" / summary["version"] / "weights.safetensors").is_file()
    assert json.loads((out / "champion.json").read_text())["version"] == summary["version"]
    assert "fold 0" in done.stderr


def test_evaluate_speaks_of_the_champion_on_unseen_data(trained):
    out, _ = trained
    common = ["simulator", "--minutes", "0.5", "--out", str(out)]
    done = CliRunner().invoke(main, ["evaluate", "champion", *common, "--seed", "5", "--json"])
    assert done.exit_code == 0, done.stderr
    summary = json.loads(done.stdout)
    assert {"accuracy", "macro_f1", "mcc", "log_loss", "ece", "rows", "baselines"} <= set(summary)
    assert set(summary["baselines"]) == {"majority", "persistence", "logistic_ofi", "boosted_ofi"}
    assert summary["rows"] > 300 and summary["seen_in_training"] is False
    text = CliRunner().invoke(main, ["evaluate", "deeplob-5", *common, "--seed", "5"])
    assert text.exit_code == 0 and "persistence" in text.stdout and "prove nothing" not in text.stdout


def test_one_clear_line_for_bad_input(trained, tmp_path):
    out, _ = trained
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "manifest.json").write_text('{"model_type": "bert"}')
    cases = {
        ("evaluate", str(tmp_path / "foreign"), "simulator"): "not a Genesis model",
        ("evaluate", str(tmp_path), "simulator"): "not a model folder",
        ("evaluate", "nobody", "simulator", "--out", str(out)): "no model 'nobody'",
        ("train", "simulator", "--minutes", "0.02", "--out", str(tmp_path / "new")): "no row has a window",
    }
    for arguments, cause in cases.items():
        done = CliRunner().invoke(main, list(arguments))
        lines = [line for line in done.stderr.splitlines() if line.startswith("genesis: ")]
        assert done.exit_code == 1 and len(lines) == 1 and cause in lines[0], (arguments, done.stderr)
    assert not (tmp_path / "new").exists()


def test_wrong_usage_is_exit_code_2(tmp_path):
    for arguments in (
        ["train"],
        ["train", "simulator", "--folds", "1"],
        ["train", "simulator", "--threshold", "wide"],
        ["train", "simulator", "--patience", "0"],
        ["train", str(tmp_path / "missing.gz")],
    ):
        assert CliRunner().invoke(main, arguments).exit_code == 2


def test_what_is_trained_on_is_not_shown_as_unseen(tmp_path):
    from genesis_lib.feeds.simulation.labelled import write_labelled
    from genesis_lib.feeds.simulation.simulator import Simulator

    path = write_labelled(tmp_path / "raw", Simulator(3, minutes=0.3))["path"]
    done = CliRunner().invoke(main, ["train", path, *QUICK, "--unseen", path, "--out", str(tmp_path / "models")])
    assert done.exit_code == 1 and "is among what is to be trained on" in done.stderr, done.stderr
    assert "fold" not in done.stderr and not (tmp_path / "models").exists(), "said before hours of training"


def test_a_name_no_model_may_have_is_refused_before_any_training(tmp_path):
    result = CliRunner().invoke(
        main, ["train", "simulator", "--minutes", "600", "--name", "../x", "--out", str(tmp_path)]
    )
    assert result.exit_code == 1
    assert "name must be lower-case letters" in result.output
    assert not list(tmp_path.iterdir())


def test_the_distance_from_the_best_possible_is_told(tmp_path):
    from genesis_lib.feeds.simulation.predictable import PredictableMarket
    from genesis_lib.feeds.simulation.truth import write_predictable

    learnt, unseen = (write_predictable(tmp_path, PredictableMarket(seed, 0.75, 1.0))["path"] for seed in (1, 2))
    models = ["--out", str(tmp_path / "models")]
    done = CliRunner().invoke(main, ["train", learnt, *QUICK, *models, "--promote", "--json"])
    assert done.exit_code == 0, done.stderr
    summary = json.loads(done.stdout)
    assert 0.6 < summary["bayes_accuracy"] < 0.9
    assert set(summary["from_ceiling"]) == {"deeplob", "majority", "persistence", "logistic_ofi", "boosted_ofi"}
    asked = CliRunner().invoke(main, ["evaluate", "champion", unseen, *models, "--json"])
    summary = json.loads(asked.stdout)
    below = summary["from_ceiling"]["majority"]["accuracy"]
    assert below == pytest.approx(summary["bayes"]["accuracy"] - summary["baselines"]["majority"]["accuracy"])
    text = CliRunner().invoke(main, ["evaluate", "champion", unseen, *models])
    assert "best possible: accuracy" in text.stdout and "below it" in text.stdout


DENSE = ["--folds", "2", "--levels", "3", "--horizon", "20", "--horizon", "40", "--threads", "1", "--minutes", "3"]


def test_several_horizons_and_seeds_of_a_causal_net(tmp_path):
    shape = ["--model", "causal-16", "--inputs", "book+ofi", "--skip"]
    arguments = ["train", "simulator", *DENSE, "--epochs", "1", "--seeds", "2", *shape]
    done = CliRunner().invoke(main, [*arguments, "--out", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["name"] == "causal-16-3" and summary["stride"] == 1
    assert list(summary["seeds"]) == ["7", "8"] and [each["horizon"] for each in summary["heads"]] == ["20", "40"]
    artifact = registry.load(f"causal-16-3/{summary['version']}", tmp_path)
    assert [label["horizon"] for label in artifact.labels] == [20, 40] and len(artifact.temperature) == 2
    assert artifact.architecture["skip"] and "nofi_1" in artifact.columns and artifact.levels == 3
    assert not (tmp_path / ".runs").exists()


def test_several_kinds_are_registered_as_one(tmp_path):
    arguments = ["train", "simulator", *DENSE[:6], *DENSE[8:], "--model", "logistic", "--model", "majority"]
    done = CliRunner().invoke(main, [*arguments, "--out", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["model"] == "ensemble" and {"logistic", "majority"} <= set(summary["baselines"])
    assert registry.load("ensemble-3", tmp_path).architecture["kind"] == "ensemble"
    alone = CliRunner().invoke(main, [*arguments, "--ensemble", "none", "--out", str(tmp_path)])
    assert alone.exit_code == 2 and "one by one" in alone.stderr


def test_what_is_told_at_the_end(tmp_path):
    """Verdict, compact folds, seeds that do not matter, the best folds as one; of one kind and of two as one."""
    arguments = ["train", "simulator", "--folds", "2", "--levels", "3", "--minutes", "4", "--model", "logistic"]
    arguments += ["--seeds", "2", "--top-folds", "2", "--out", str(tmp_path)]
    done = CliRunner().invoke(main, [*arguments, "--unseen", "simulator"])
    assert done.exit_code == 0, done.stderr
    assert " in 1 session, " in done.stderr and "fold 0: fitting logistic" in done.stderr
    assert "logistic: no seed makes a difference" in done.stderr
    sentences = [line for line in done.stdout.splitlines() if line.startswith("logistic ")]
    assert 1 <= len(sentences) <= 3 and all(line.endswith(".") for line in sentences), done.stdout
    assert "in the parts of the registered fold (" in done.stdout
    assert "its best folds together are logistic-3-top-2" in done.stdout
    assert max(map(len, done.stdout.split("test samples of all folds")[0].splitlines())) <= 120
    made = registry.load("logistic-3-top-2", tmp_path)
    assert len(made.architecture["members"]) == 2 and len(made.metrics["unseen"]) == 1
    assert registry.load("logistic-3", tmp_path).lineage["seeds"] == [7]
    both = CliRunner().invoke(main, [*arguments, "--model", "majority", "--json"])
    assert both.exit_code == 0, both.stderr
    told = json.loads(both.stdout)["top_folds"]
    nested = registry.load(f"{told['name']}/{told['version']}", tmp_path)
    assert told["name"] == "ensemble-3-top-2" and told["unseen"] == {}
    assert [len(each["architecture"]["members"]) for each in nested.architecture["members"]] == [2, 2]
    x = np.abs(np.random.default_rng(1).normal(size=(nested.window + 3, len(nested.columns))))
    assert np.isfinite(nested.predict(x, np.ones(len(x), bool))[-1]).all(), "an ensemble of ensembles is served"


def test_an_interruption_is_told_on_a_line_of_its_own(tmp_path, monkeypatch):
    from tqdm import tqdm

    def interrupted(*_):
        bar = tqdm(total=3, desc="a fold", file=sys.stderr)
        bars.append(bar)
        raise KeyboardInterrupt

    bars = []
    monkeypatch.setattr("genesis_lib.cli.train._train", interrupted)
    done = CliRunner().invoke(main, ["train", "simulator", "--out", str(tmp_path)])
    lines = done.stderr.splitlines()
    assert done.exit_code == 1 and bars[0].disable, "a bar that is closed is drawn no more"
    assert lines[-1].startswith("genesis: interrupted") and "a fold" not in lines[-1], done.stderr


@pytest.mark.slow
def test_what_was_interrupted_goes_on_to_the_same_model(tmp_path):
    """A real interrupt of a real process, in the middle of the second fold."""
    common = ["train", "simulator", *DENSE, "--seed", "3", "--model", "causal-16", "--name", "net", "--json"]
    whole = CliRunner().invoke(main, [*common, "--epochs", "9", "--patience", "9", "--out", str(tmp_path / "whole")])
    assert whole.exit_code == 0, whole.stderr
    command = [*common, "--epochs", "9", "--patience", "9", "--out", str(tmp_path / "parts")]
    process = subprocess.Popen(
        [sys.executable, "-c", "from genesis_lib.cli import main; main()", *command],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    runs, began = tmp_path / "parts" / ".runs", time.monotonic()
    while (
        not list(runs.glob("*/*/fold-1-seed-3.training")) and process.poll() is None and time.monotonic() - began < 120
    ):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1 and out == "", err
    assert "genesis: interrupted; no model was registered" in err and str(runs) in err, err
    assert "Traceback" not in err and sorted(each.name for each in (tmp_path / "parts").iterdir()) == [".runs"]
    assert list(runs.glob("*/*/fold-0.safetensors"))
    again = CliRunner().invoke(main, command)
    assert again.exit_code == 0, again.stderr
    assert "fold 0" not in again.stderr and "fold 1" in again.stderr, "the finished fold is not trained again"
    one, other = (registry.load("net", tmp_path / each) for each in ("whole", "parts"))
    assert one.version == other.version
    assert all(np.array_equal(one.weights[name], other.weights[name]) for name in one.weights)
    first, second = (json.loads(each.stdout) for each in (whole, again))
    assert first["log_loss"] == second["log_loss"] and first["folds"] == second["folds"]
    assert not runs.exists()
