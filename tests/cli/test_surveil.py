"""`genesis detect` from the shell."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from genesis_lib import detectors
from genesis_lib.cli import main
from genesis_lib.detectors import DETECTORS

README = Path(detectors.__file__).with_name("README.md")


def run(*args):
    return CliRunner().invoke(main, ["detect", *map(str, args)])


def test_a_real_recording(usdm_2024):
    result = run(*usdm_2024, "--json", "--kind", "spread_shock", "--kind", "rapid_trading")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert list(answer["detectors"]) == ["spread_shock", "rapid_trading"]
    for scores in answer["detectors"].values():
        assert scores["precision"] is scores["recall"] is scores["delay_ms"] is None
        assert 0 <= scores["alarms_per_hour"] < 60
    assert answer["rows"] == 9018 and answer["hours"] == pytest.approx(479 / 3600, rel=0.01)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated")
    made = CliRunner().invoke(
        main, ["simulate", "--out", str(folder), "--seed", "4", "--minutes", "3", "--plant", "quote_stuffing=4"]
    )
    assert made.exit_code == 0, made.output
    return folder


def test_planted_episodes_are_scored(simulated):
    recordings = sorted(simulated.glob("*.gz"))
    result = run(*recordings, "--json", "--show")
    assert result.exit_code == 0, result.output
    scores = json.loads(result.stdout)["detectors"]
    assert list(scores) == list(DETECTORS)
    assert scores["quote_stuffing"]["episodes"] == 4 and scores["quote_stuffing"]["recall"] >= 0.5
    assert 0 < scores["quote_stuffing"]["delay_ms"] < 2000
    assert scores["spoofing"]["recall"] is None
    assert "quote_stuffing: " in result.stderr


def test_the_table_names_every_detector(simulated):
    result = run(*sorted(simulated.glob("*.gz")), "--kind", "quote_stuffing")
    assert result.exit_code == 0 and result.stdout.startswith("SIMULATED: 1 session of simulator:SIMBTC")
    assert "quote_stuffing" in result.stdout


def test_seeds_are_simulated_and_scored_without_a_file(simulated):
    options = ("--minutes", "3", "--plant", "quote_stuffing=4", "--kind", "quote_stuffing", "--curves", "--json")
    answer = json.loads(run("--seeds", "4", *options).stdout)
    (recording,) = simulated.glob("*.gz")
    filed = json.loads(run(recording, "--kind", "quote_stuffing", "--json").stdout)
    scores, of_file = answer["detectors"]["quote_stuffing"], filed["detectors"]["quote_stuffing"]
    same = ("precision", "recall", "f1", "delay_ms", "alarms", "episodes")
    assert scores["episodes"] == 4 and [scores[name] for name in same] == [of_file[name] for name in same]
    assert answer["rows"] == filed["rows"] and answer["sessions"][0]["alarms"] == {"quote_stuffing": scores["alarms"]}
    points = answer["curves"]["quote_stuffing"]
    assert points[0]["recall"] == scores["recall"] and [p["least_score"] for p in points] == sorted(
        {p["least_score"] for p in points}
    )


def test_markdown_has_a_table_of_scores_and_one_of_sessions(simulated):
    result = run(*simulated.glob("*.gz"), "--markdown", "--kind", "quote_stuffing")
    lines = result.stdout.splitlines()
    assert lines[0] == "| detector | precision | recall | f1 | delay_ms | alarms_per_hour | alarms | episodes |"
    assert lines[1] == "|---|---:|---:|---:|---:|---:|---:|---:|" and lines[2].startswith("| quote_stuffing | ")
    assert lines[4].startswith("| alarms in | ") and lines[6].startswith("| hours | 0.05 |")


def test_bad_input_is_one_line(tmp_path):
    result = run(tmp_path / "missing.gz")
    assert result.exit_code == 1 and result.stderr.count("\n") == 1 and "missing.gz" in result.stderr
    for wrong, words in (
        ((), "give PATH, --seeds, or both"),
        (("x.gz", "--jobs", "2"), "--jobs belongs to --seeds"),
        (("x.gz", "--seeds", "1", "--minutes", "2"), "--minutes is the simulator's"),
        (("--seeds", "1", "--show"), "--show"),
    ):
        result = run(*wrong)
        assert result.exit_code == 2 and words in result.stderr
    assert run("--seeds", "9-1").exit_code == run("--seeds", "1", "--kind", "spofing").exit_code == 1


def test_an_unknown_kind_names_the_nearest(simulated):
    result = run(*sorted(simulated.glob("*.gz")), "--kind", "spofing")
    assert result.exit_code == 1 and "did you mean 'spoofing'" in result.stderr


def test_a_recording_without_a_book_is_no_quiet_one(recordings):
    result = run(recordings / "binance-spot" / "btcusdt_20230405.dat.gz")
    assert result.exit_code == 1 and "cannot be rebuilt" in result.stderr and not result.stdout


def test_episodes_are_laid_over_a_recording_and_scored(usdm_2024):
    kinds = ("--kind", "quote_stuffing", "--plant", "quote_stuffing=2")
    answer = json.loads(run(*usdm_2024, "--seeds", "60", *kinds, "--json").stdout)
    scores = answer["detectors"]["quote_stuffing"]
    assert scores["episodes"] == scores["alarms"] == 2 and scores["recall"] == 1.0
    (session,) = answer["sessions"]
    assert session["provenance"] == "simulated" and session["rows"] > 9018  # the agents' messages are rows, too


def test_rows_alone_have_nothing_to_lay_episodes_over(simulated, tmp_path):
    ingested = CliRunner().invoke(main, ["ingest", *map(str, simulated.glob("*.gz")), "--out", str(tmp_path / "rows")])
    assert ingested.exit_code == 0, ingested.output
    result = run(tmp_path / "rows", "--seeds", "1")
    assert result.exit_code == 1 and "to lay episodes over" in result.stderr


def columns(table):
    """Name of a session -> what its column of a Markdown table says."""
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if not line.startswith("|---")]
    return {name: [row[k] for row in rows[1:]] for k, name in enumerate(rows[0])}


@pytest.mark.slow
def test_the_documented_scores_are_what_the_command_prints():
    printed = run("--seeds", "100-119", "--jobs", "2", "--markdown").stdout.strip()
    assert printed and printed in README.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_documented_overlays_are_what_the_command_prints(recordings):
    kinds = [word for kind in ("spoofing", "layering", "quote_stuffing", "depth_shock") for word in ("--kind", kind)]
    folders = [recordings / name for name in ("binance-usdm", "binance-coinm")]
    table = run(*folders, "--seeds", "60-61", *kinds, "--markdown").stdout.strip().split("\n\n")[0]
    assert table.startswith("| detector") and table in README.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_documented_alarms_are_what_the_command_prints(recordings):
    folders = [recordings / name for name in ("binance-usdm", "binance-coinm")]
    spot = sorted((recordings / "binance-spot-ethbtc-2020").glob("*.json"))
    printed = columns(run(*folders, *spot, "--markdown").stdout.strip().split("\n\n")[-1])
    (table,) = [part for part in README.read_text(encoding="utf-8").split("\n\n") if part.startswith("| alarms in")]
    documented = columns(table)
    assert len(printed) == 7 and set(printed) <= set(documented)
    for name, told in printed.items():
        assert documented[name] == told, name
