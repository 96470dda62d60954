from __future__ import annotations

import json
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from genesis_lib.cli import COMMANDS, emit, main
from genesis_lib.errors import InputError

URL = "postgresql://me:secret@127.0.0.1:1/market"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_and_speaks_json(command: str) -> None:
    result = CliRunner().invoke(main, [command, "--help"])
    assert result.exit_code == 0, result.output
    assert "Usage: " in result.output


def test_an_expected_error_is_one_line_and_exit_code_1(tmp_path) -> None:
    result = CliRunner().invoke(main, ["verify", str(tmp_path / "none.gz")])
    assert result.exit_code in (1, 2)
    assert "none.gz" in result.output
    assert "Traceback" not in result.output


def test_wrong_usage_is_exit_code_2() -> None:
    assert CliRunner().invoke(main, ["verify", "--no-such-option"]).exit_code == 2
    assert CliRunner().invoke(main, ["no-such-command"]).exit_code == 2


def test_a_reason_of_several_lines_becomes_one(monkeypatch) -> None:
    @click.command()
    def broken() -> None:
        raise InputError("first\nsecond")

    monkeypatch.setattr("genesis_lib.cli._Commands.get_command", lambda *_: broken)
    result = CliRunner().invoke(main, ["verify"])
    assert (result.exit_code, result.output) == (1, "genesis: first second\n")


def test_json_is_one_object_without_nan(capsys) -> None:
    emit({"a": float("nan"), "b": [1.5, float("inf")], "c": {"d": None}}, True)
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [1.5, None], "c": {"d": None}}


def test_the_shell_does_not_load_torch() -> None:
    code = "import sys; from genesis_lib.cli import main; import genesis_lib.cli.market; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", URL),
        ("ingest", URL, "--out", "stored"),
        ("detect", URL),
        ("venue", URL),
        ("backtest", URL, "--model", "none"),
        ("run", "--source", URL, "--headless", "--model", "none"),
    ],
)
def test_no_command_shows_the_password_of_a_database(arguments, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1 and result.output.count("\n") == 1, result.output
    assert "secret" not in result.output and "no such file" not in result.output.replace("socket", "")
    assert "secret" not in "".join(map(str, tmp_path.rglob("*")))
