import json

import pytest
from click.testing import CliRunner

from genesis_lib.cli import main
from genesis_lib.journal import read_journal

NEEDED = ("trades", "realized", "fees", "sharpe", "max_drawdown", "win_rate", "events", "journal_sha256")


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Run a command in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)
    for name in ("PATHS_SESSIONS", "PATHS_REPORTS", "PATHS_MODELS"):
        monkeypatch.delenv(f"GENESIS_{name}", raising=False)
    return lambda *args: CliRunner().invoke(main, [str(arg) for arg in args])


SHORT = ("backtest", "simulator", "--minutes", 0.1, "--seed", 3, "--model", "none", "--no-detect")


def test_backtest_and_report_go_together(call, tmp_path):
    first = call(*SHORT, "--json")
    assert first.exit_code == 0, first.output
    summary = json.loads(first.stdout)
    assert all(key in summary for key in NEEDED) and summary["provenance"] == "simulated"
    written = call("report", summary["session"], "--json")
    assert written.exit_code == 0, written.output
    found = json.loads(written.stdout)
    assert (tmp_path / found["path"]).stat().st_size > 100_000 and (tmp_path / found["csv"]).exists()
    assert found["total"] == summary["total"]
    again = json.loads(call(*SHORT, "--json").stdout)
    assert again["journal_sha256"] == summary["journal_sha256"] and again["session"] != summary["session"]


def test_people_get_lines_not_json(call):
    output = call(*SHORT).stdout
    assert "journal_sha256" in output and not output.startswith("{")


def test_the_simulator_ends_even_when_no_length_is_given(call, monkeypatch):
    seen = {}

    def open_source(spec, **options):
        from genesis_lib.feeds.sources import open_source as real

        seen.update(options)
        return real(spec, **(options | {"minutes": 0.05}))

    monkeypatch.setattr("genesis_lib.feeds.open_source", open_source, raising=False)
    assert call("backtest", "simulator", "--model", "none", "--no-detect").exit_code == 0
    assert seen["minutes"] == 10.0


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("backtest",), 2, "Missing argument"),
        (("backtest", "no/such/file"), 1, "no/such/file"),
        (("backtest", "simulator", "--model", "none", "--strategy", "sed"), 1, "strategy must be one of default, seed"),
        (("backtest", "simulator", "--model", "none", "--size", "-1"), 1, "size must be greater than 0"),
        (("backtest", "simulator", "--model", "none", "--latency-ms", "-1"), 1, "latency"),
        (("backtest", "simulator", "--model", "none", "--latency-ms", "nan"), 1, "latency_ms must be a finite number"),
        (("report", "nobody"), 1, "no session at"),
    ],
)
def test_wrong_use_is_one_line(call, tmp_path, args, code, said):
    result = call(*args, *(("--minutes", 0.05) if "simulator" in args else ()))
    assert result.exit_code == code and said in result.output
    if code == 1:
        assert result.stderr.count("\n") == 1 and result.stderr.startswith("genesis: ")
    assert not list(tmp_path.glob("data/sessions/*"))


def test_a_session_is_never_written_over(call):
    assert call(*SHORT, "--session", "mine").exit_code == 0
    again = call(*SHORT, "--session", "mine")
    assert again.exit_code == 1 and "session mine exists already" in again.output


@pytest.mark.parametrize("name", ["../evil", "x/../../evil", "..", "a/b"])
def test_a_journal_stays_under_the_sessions(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, [*map(str, SHORT), "--session", name])
    assert (result.exit_code, result.output) == (1, f"genesis: session must be a name without folders, got '{name}'\n")
    assert not list(tmp_path.rglob("*.db")) and not list(tmp_path.parent.glob("evil*"))


def test_a_file_that_does_not_tell_its_grid_is_told_it(call, tmp_path):
    names = [f"{side}_{what}_{n}" for n in range(1, 11) for side in ("bid", "ask") for what in ("price", "qty")]
    lines = [",".join(["timestamp", *names])]
    for n in range(60):
        levels = [value for k in range(10) for value in (100 + n % 3 - k, 1, 101 + n % 3 + k, 2)]
        lines.append(",".join(map(str, [1_700_000_000_000_000 + n * 100_000, *levels])))
    file = tmp_path / "rows.csv"
    file.write_text("\n".join(lines))
    given = ("--tick-size", "0.5", "--symbol", "ABC", "--model", "none", "--no-detect", "--json")
    result = call("backtest", file, *given)
    assert result.exit_code == 0, result.output
    header = read_journal(tmp_path / "data" / "sessions" / json.loads(result.stdout)["session"])["header"]
    assert (header["symbol"], header["tick_size"]) == ("ABC", 0.5)
    refused = call("backtest", "simulator", *given)
    assert refused.exit_code == 1 and "tick_size and symbol are for files that do not tell them" in refused.stderr
