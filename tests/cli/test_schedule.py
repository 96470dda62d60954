from __future__ import annotations

from click.testing import CliRunner

from genesis_lib.cli import main


def call(*args: str):
    return CliRunner().invoke(main, ["retrain", *args])


def test_schedule_and_once_exclude_each_other() -> None:
    result = call("--schedule", "0 3 * * *", "--once")
    assert result.exit_code == 2
    assert "exclude each other" in result.output


def test_a_parameter_must_be_a_pair() -> None:
    result = call("--once", "-p", "epochs")
    assert (result.exit_code, result.output) == (1, "genesis: --parameter must be NAME=VALUE, got 'epochs'\n")


def test_an_unknown_parameter_is_one_line() -> None:
    result = call("--once", "-p", "epoch=3")
    assert result.exit_code == 1
    assert "06_retraining.ipynb has no parameter 'epoch'; did you mean 'epochs'" in result.output


def test_a_wrong_schedule_is_one_line() -> None:
    result = call("--schedule", "nightly")
    assert result.exit_code == 1
    assert "five cron fields" in result.output
