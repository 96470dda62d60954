import json

import numpy as np
import pytest
from click.testing import CliRunner

from genesis_lib.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files in FI-2010's layout, filled with nothing worth learning."""
    root, rng = tmp_path_factory.mktemp("fi2010"), np.random.default_rng(0)
    for name, count in (("Train", 250), ("Test", 80), ("Test", 80), ("Test", 80)):
        made = rng.normal(size=(149, count)).round(4)
        made[144:] = rng.integers(1, 4, (5, count))
        number = 7 + sum(path.name.startswith("Test") for path in root.iterdir()) if name == "Test" else 7
        lines = ["  ".join(map(str, line)) for line in made.tolist()]
        (root / f"{name}_Dst_NoAuction_ZScore_CF_{number}.txt").write_text("\n".join(lines) + "\n")
    return root


def run(*arguments):
    return CliRunner().invoke(main, ["evaluate", *map(str, arguments)])


def test_the_benchmark_is_a_word_of_evaluate(folder):
    done = run("--benchmark", "fi2010", folder, "--model", "majority", "--json")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["benchmark"] == "fi2010" and list(told["f1"]) == ["10", "20", "50", "100"]
    assert told["rounds"][0]["samples"] == {"train": 250, "test": 240}
    claimed = next(each for each in told["published"] if each["model"] == "DeepLOB" and each["how"] == "claimed")
    assert claimed["f1"] == {"10": 83.4, "20": 72.8, "50": 80.4, "100": 76.8}


def test_it_prints_ours_beside_what_was_claimed_and_reproduced(folder):
    done = run(folder, "--benchmark=fi2010", "--model", "majority")
    assert done.exit_code == 0, done.stderr
    (ours,) = [line for line in done.stdout.splitlines() if line.strip().startswith("majority (mean over classes)")]
    assert len(ours.split()) == 4 + 4 and all(float(x) < 30 for x in ours.split()[-4:])
    assert "68.8     60.3     72.9     74.4" in done.stdout and "DeepLOB (reproduced)" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["--setup", "anchored"], 1, "CF_1.txt is needed"),
        (["--model", "ensemble"], 1, "model must be one of"),
        (["--setup", "8-2"], 2, "8-2"),
    ],
)
def test_what_cannot_be_run_is_said(folder, arguments, code, word):
    done = run("--benchmark", "fi2010", folder, *arguments)
    assert done.exit_code == code and word in done.stderr


def test_evaluate_itself_points_at_it():
    assert "--benchmark fi2010" in run("--help").stdout
    assert run("--benchmark", "cifar", ".").exit_code == 2
