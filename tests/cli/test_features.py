"""`genesis features` from the shell."""

import json

from click.testing import CliRunner

from genesis_lib.cli import main
from genesis_lib.features import FEATURES, table


def run(*args):
    return CliRunner().invoke(main, ["features", *args])


def test_lists_every_feature():
    result = run()
    assert result.exit_code == 0 and result.stdout == table.plain() + "\n"
    assert all(f"  {name} " in result.stdout for name in FEATURES)


def test_json_is_one_object():
    answer = json.loads(run("--json").stdout)
    assert answer["count"] == len(answer["features"]) == len(FEATURES)
    keys = {"name", "group", "summary", "unit", "formula", "source", "warmup", "warmup_seconds", "levels", "sparse"}
    assert all(set(item) == keys for item in answer["features"])


def test_markdown_is_the_readme():
    assert run("--markdown").stdout == table.markdown()


def test_both_forms_at_once_are_wrong_usage():
    result = run("--json", "--markdown")
    assert result.exit_code == 2 and "exclude each other" in result.stderr
