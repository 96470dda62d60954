from __future__ import annotations

import json
import shutil

import pytest
from click.testing import CliRunner

from genesis_lib.cli import main
from genesis_lib.models import registry
from genesis_lib.models.onnx_predictor import OnnxPredictor


@pytest.fixture(scope="module")
def made(root, tmp_path_factory):
    """A folder with three models: a committed one's weights under other labels."""
    folder = tmp_path_factory.mktemp("models")
    known = registry.load("deeplob-10", root / "models")
    versions = []
    for number in range(3):
        artifact = registry.register(
            "net",
            weights=known.weights,
            scaler=known.scaler,
            baselines=known.baselines,
            architecture=known.architecture,
            columns=known.columns,
            label=known.label | {"horizon": 10 + number},
            metrics={"accuracy": 0.5 + number / 8, "macro_f1": 0.4, "mcc": 0.1, "log_loss": 1.0},
            data_hash=known.data_hash,
            provenance=known.provenance,
            data=known.manifest["data"],
            training={"epochs": number},
            seed=7,
            card="# {name} {version}\n\nWhat it is good for.\n",
            root=folder,
            parents=versions[-1:],
        )
        versions.append(artifact.version)
    return folder, versions


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made[0], tmp_path / "models")


@pytest.fixture
def versions(made):
    return made[1]


def ask(folder, *words, code=0):
    done = CliRunner().invoke(main, ["models", *words, "--root", str(folder)])
    assert done.exit_code == code, (done.stdout, done.stderr)
    return done


def told(folder, *words, code=0):
    return json.loads(ask(folder, *words, "--json", code=code).stdout)


def test_models_are_listed_with_stage_and_figures(folder, versions):
    told(folder, "promote", versions[1], "--why", "best", "--by", "anna")
    told(folder, "archive", versions[0])
    listed = told(folder, "list")
    assert listed["champion"] == {"name": "net", "version": versions[1]}
    assert [(m["version"], m["stage"]) for m in listed["models"]] == list(
        zip(versions, ("archived", "champion", "challenger"))
    )
    assert [m["accuracy"] for m in listed["models"]] == [0.5, 0.625, 0.75]
    assert {m["kind"] for m in listed["models"]} == {"deeplob"}
    assert {"name", "created", "macro_f1", "mcc", "log_loss", "data", "data_hash"} <= set(listed["models"][0])
    lines = ask(folder, "list").stdout.splitlines()
    assert len(lines) == 4 and lines[2].split()[:3] == ["net", versions[1], "champion"] and "0.6250" in lines[2]
    empty = ask(folder / "none", "list").stdout
    assert "no models in" in empty and told(folder / "none", "list")["models"] == []


def test_a_model_is_shown_with_lineage_history_and_card(folder, versions):
    told(folder, "promote", versions[2], "--why", "best", "--by", "anna")
    shown = told(folder, "show")
    assert (shown["version"], shown["stage"]) == (versions[2], "champion"), "the champion is what is meant"
    assert shown["lineage"]["parents"] == [versions[1]] and shown["lineage"]["seeds"] == [7]
    assert len(shown["lineage"]["feature_hash"]) == 64 and shown["redefined"] == []
    (change,) = shown["history"]
    assert (change["action"], change["by"], change["why"], change["before"]) == ("promote", "anna", "best", None)
    text = ask(folder, "show", f"net/{versions[2]}").stdout
    assert text.startswith(f"net {versions[2]} (champion), deeplob,") and "promote by anna best" in text
    assert "What it is good for." in text and versions[1] in text


def test_champions_change_and_come_back(folder, versions):
    assert told(folder, "promote", versions[0]) == {
        **{"action": "promote", "name": "net", "version": versions[0], "stage": "champion"},
        **{"champion": {"name": "net", "version": versions[0]}, "before": None},
    }
    assert told(folder, "promote", "net")["version"] == versions[2], "a name is its newest version"
    back = told(folder, "rollback", "--why", "worse live")
    assert (back["version"], back["before"]["version"]) == (versions[0], versions[2])
    assert registry.champion(folder) == ("net", versions[0])
    ask(folder, "archive", versions[2])
    assert told(folder, "promote", "net")["version"] == versions[1], "an archived one is not what its name means"
    assert told(folder, "restore", versions[2])["stage"] == "challenger"
    assert f"net {versions[2]} is champion; the champion was net {versions[1]}" in ask(folder, "promote", "net").stdout


def test_versions_are_compared(folder, versions):
    found = told(folder, "diff", versions[0], versions[2])
    assert [model["version"] for model in found["models"]] == [versions[0], versions[2]]
    assert found["differences"]["label"] == {"horizon": [10, 12]}
    assert found["differences"]["metrics"] == {"accuracy": [0.5, 0.75]}
    assert "weights" not in found["differences"] and "columns" not in found["differences"]
    text = ask(folder, "diff", versions[0], versions[2]).stdout
    assert "  accuracy: 0.5 -> 0.75 (+0.25)" in text and "  horizon: 10 -> 12 (+2)" in text


def test_what_was_touched_is_found_and_named(folder, versions):
    told(folder, "promote", versions[1])
    assert told(folder, "verify") == {
        **{"checked": 3, "damaged": 0},
        "models": [{"model": f"net/{v}", "reason": None} for v in sorted(versions)],
    }
    weights = folder / "net" / versions[1] / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    (folder / "net" / "0123456789ab").mkdir()
    found = told(folder, "verify", code=1)
    reasons = {row["model"]: row["reason"] for row in found["models"]}
    assert found["damaged"] == 2 and found["checked"] == 4, "the champion is one of them, and counts once"
    listed = {row["version"]: row["damaged"] for row in told(folder, "list")["models"]}
    assert listed == {version: version == versions[1] for version in versions}
    assert ask(folder, "list").stdout.count("DAMAGED") == 1
    assert (
        "weights.safetensors" in reasons[f"net/{versions[1]}"] and "not a model folder" in reasons["net/0123456789ab"]
    )
    assert told(folder, "verify", versions[0])["damaged"] == 0
    assert "whole" in ask(folder, "verify", versions[0]).stdout


def test_a_bad_promotion_is_undone_also_when_the_one_before_was_put_away(folder, versions):
    told(folder, "promote", versions[0])
    told(folder, "promote", versions[1])
    told(folder, "archive", versions[0])
    text = ask(folder, "rollback").stdout
    assert f"net {versions[0]} is champion" in text and f"net {versions[0]} was archived and is restored" in text
    assert "is the champion already" in ask(folder, "promote", versions[0]).stdout


def test_one_clear_line_for_what_cannot_be(folder, versions):
    for words, cause in {
        ("show",): "no champion there",
        ("show", "nobody"): "no model 'nobody'; known names: net",
        ("rollback",): "nothing to roll back to",
        ("restore", versions[0]): "is not archived",
        ("diff", "net", "nobody"): "no model 'nobody'",
    }.items():
        done = ask(folder, *words, code=1)
        (line,) = [line for line in done.stderr.splitlines() if line.startswith("genesis: ")]
        assert cause in line
    shutil.copytree(folder / "net" / versions[0], folder / "net" / "ffffffffffff")
    moved = ask(folder, "verify", code=1)
    assert f"net/ffffffffffff: {folder}/net/ffffffffffff: holds another model, net {versions[0]}" in moved.stdout


def test_a_model_is_exported_and_answers_elsewhere(folder, versions, tmp_path):
    found = told(folder, "export", versions[1], str(tmp_path / "net.onnx"))
    assert found["version"] == versions[1] and 0.0 <= found["difference"] <= 1e-6
    assert OnnxPredictor(found["file"]).version == versions[1]
    assert "probabilities within" in ask(folder, "export", versions[1], str(tmp_path / "again.onnx")).stdout
    (tmp_path / "file").write_text("")
    done = ask(folder, "export", versions[1], str(tmp_path / "file" / "net.onnx"), code=1)
    assert "cannot be written" in done.stderr
