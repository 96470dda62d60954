import json

import pytest
from click.testing import CliRunner

from genesis_lib.cli import main

DATA = ["simulator", "--minutes", "1"]
SETTINGS = ["--set", "model=majority", "--set", "levels=3", "--set", "folds=2", "--set", "horizon=20,1s,99999"]


def run(*arguments):
    return CliRunner().invoke(main, ["sweep", *map(str, arguments)])


def test_a_cell_each_in_order_and_failures_are_told():
    done = run(*DATA, *SETTINGS, "--json")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert [cell["horizon"] for cell in told["cells"]] == [20, "1s", 99999] and told["failed"] == 1
    assert all(cell["log_loss"] > 0 for cell in told["cells"][:2]) and told["cells"][2]["log_loss"] is None
    assert "cell 2: " in done.stderr and "InputError" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["--set", "model"], 2, "NAME=VALUE"),
        (["--set", "model=majority,"], 2, "NAME=VALUE"),
        (["--set", "colour=blue"], 2, "no setting 'colour'"),
        (["--set", "modl=majority"], 2, "did you mean 'model'?"),
        (["--set", "model=nobody"], 2, "model must be one of"),
        (["--set", "horizon=5q"], 2, "horizon must be rows"),
        (["--set", "model=majority", "--set", "horizon=99999"], 1, "none of 1 cells"),
        ([], 2, "--set"),
    ],
)
def test_what_cannot_be_swept_is_said_in_a_line(arguments, code, word):
    done = run(*DATA, *arguments)
    assert done.exit_code == code and done.stderr.count(word) == 1 and "InputError" not in done.stderr
