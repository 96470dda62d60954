from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from genesis_lib.cli import main
from genesis_lib.models import registry
from genesis_lib.training import Label, PurgedKFold, Rows, cross_validate, gather_sessions
from genesis_lib.training.card import register_trial


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    rows = Rows.of(gather_sessions(["simulator"], 10, minutes=1), 10, inputs="ofi")
    result = cross_validate(rows, Label(horizon=10), model="logistic", splitter=PurgedKFold(2), stride=2)
    register_trial(result, rows, "line", root)
    return root


def run(*words):
    return CliRunner().invoke(main, ["models", "learn", *map(str, words)])


def test_learns_in_a_version_of_its_own(folder):
    parent = registry.load("line", folder)
    given = ("line", "simulator", "--minutes", 1, "--seed", 5, "--every", 100, "--root", folder)
    done = run(*given, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["parent"] == parent.version != told["version"] and told["updates"] == told["rows"] // 100 > 2
    assert registry.load(told["version"], folder).lineage["parents"] == [parent.version]
    assert told["gain"] == pytest.approx(told["champion"]["log_loss"] - told["challenger"]["log_loss"])
    assert sum(piece["rows"] for piece in told["progress"]) == told["rows"]
    text = run(parent.version, *given[1:]).output
    assert f"registered as line-learned {told['version']} (challenger, parent line {parent.version})" in text
    assert told["meant"] is None and registry.load("line", folder).version == parent.version, "the name stays"
    assert "as it was" in text and "nats a row" in text


def test_failures_are_one_line(folder):
    done = run("line", "simulator", "--name", "Bad Name", "--root", folder)
    assert done.exit_code == 1 and "name must be lower-case" in done.output
    done = run("nobody", "simulator", "--root", folder)
    assert done.exit_code == 1 and "no model 'nobody'" in done.output
    assert run("line", "simulator", "--every", 0, "--root", folder).exit_code == 2


def test_combines_models_into_one(folder):
    one = registry.load("line", folder)
    run("line", "simulator", "--minutes", 1, "--seed", 9, "--every", 100, "--name", "other", "--root", folder)
    given = ["both", one.version, "other", "--weight", "2", "--weight", "1", "--root", str(folder)]
    done = CliRunner().invoke(main, ["models", "combine", *given, "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    made = registry.load("both", folder)
    assert told["version"] == made.version and made.lineage["parents"][0] == one.version
    assert [member["weight"] for member in made.architecture["members"]] == pytest.approx([2 / 3, 1 / 3])
    text = CliRunner().invoke(main, ["models", "combine", *given]).output
    assert (
        f"registered as both {made.version}" in text
        and "now means" not in text
        and "not scored: no --unseen was given" in text
    )
    done = CliRunner().invoke(main, ["models", "combine", "both", "line", "--root", str(folder)])
    assert done.exit_code == 1 and "at least 2 models" in done.output
