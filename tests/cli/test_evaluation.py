import json

import pytest
from click.testing import CliRunner

from genesis_lib.cli import main
from genesis_lib.cli.evaluation import head_lines, score_lines, verdict_lines
from genesis_lib.models import registry
from genesis_lib.models.baseline import NAMES
from genesis_lib.training import Label, PurgedKFold, Rows, cross_validate, gather_sessions, register_best

DATA = ["simulator", "--minutes", "1"]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A registry with a logistic regression in it, on columns of its own."""
    root = tmp_path_factory.mktemp("models")
    rows = Rows.of(gather_sessions("simulator", 5, minutes=1.0), 5, "obi_1, spread, nofi_1")
    labels = [Label(horizon=20), Label(horizon=40)]
    result = cross_validate(rows, labels[:1], model="logistic", splitter=PurgedKFold(2), stride=5)
    register_best(result, rows, "line", root=root)
    return root


def run(models, tmp_path, *arguments):
    return CliRunner().invoke(
        main, ["evaluate", *arguments, "--out", str(models), "--reports", str(tmp_path / "reports")]
    )


def test_one_object_with_every_figure_and_a_card(models, tmp_path):
    done = run(models, tmp_path, "line", *DATA, "--seed", "5", "--json")
    assert done.exit_code == 0, done.stderr
    summary = json.loads(done.stdout)
    assert {"accuracy", "macro_f1", "mcc", "log_loss", "ece", "rows", "baselines", "heads", "sessions"} <= set(summary)
    assert set(summary["baselines"]) == set(summary["differences"]) == set(NAMES)
    for name, own in summary["baselines"].items():
        assert {"accuracy", "macro_f1", "mcc", "log_loss"} <= set(own)
        lead = summary["differences"][name]["log_loss"]
        assert lead["value"] == pytest.approx(summary["log_loss"] - own["log_loss"])
        assert lead["low"] <= lead["value"] <= lead["high"]
    assert summary["intervals"]["mcc"]["low"] < summary["mcc"] < summary["intervals"]["mcc"]["high"]
    assert summary["heads"][0]["rows"] == summary["rows"] > 300 and summary["exposure"] == "unseen"
    assert summary["sessions"][0]["scores"]["logistic"]["mcc"] == summary["mcc"]
    assert summary["profit"]["fee_bps"] == 5.0
    assert summary["provenance"] == "simulated" and summary["instruments"] == [summary["sessions"][0]["instrument"]]
    version = registry.load("line", models).version
    folder = tmp_path / "reports" / "evaluations" / f"line-{version}-{summary['data_hash'][:12]}"
    assert summary["card"] == str(folder)
    card = json.loads((folder / "card.json").read_text())
    assert card["results"][0]["scores"]["logistic"]["mcc"]["value"] == pytest.approx(summary["mcc"])
    assert "SIMULATED" in (folder / "card.html").read_text()


def test_the_same_in_words_with_a_verdict(models, tmp_path):
    done = run(models, tmp_path, "line", *DATA, "--seed", "5", "--fee-bps", "1.5")
    assert done.exit_code == 0, done.stderr
    assert "persistence" in done.stdout and "boosted_ofi" in done.stdout and "interval" in done.stdout
    assert "card.html" in done.stdout and "**" not in done.stdout and "prove nothing" not in done.stdout
    assert done.stdout.startswith("SIMULATED data: ") and "model: line " in done.stdout
    assert "trained on SIMULATED data: " in done.stdout and "\nlabel: the mean mid of the next 20 rows" in done.stdout
    head = done.stdout.split("accuracy")[0]
    assert head.count(" from 20") == 2 and "rows asked about" in head and max(map(len, head.splitlines()[:-1])) <= 100
    assert max(map(len, done.stdout.split("card:")[0].splitlines())) <= 100
    done = run(models, tmp_path, "line", *DATA)
    first = done.stdout.splitlines()[0]
    assert first == "WARNING: Some of these rows were trained on: the figures prove nothing.", "before any figure"


def test_no_card_writes_nothing_and_one_that_cannot_be_written_costs_no_figures(models, tmp_path):
    done = run(models, tmp_path, "line", *DATA, "--no-card", "--json")
    assert json.loads(done.stdout)["card"] is None and not (tmp_path / "reports").exists()
    (tmp_path / "reports").write_text("a file")
    done = run(models, tmp_path, "line", *DATA, "--json")
    assert done.exit_code == 0 and json.loads(done.stdout)["card"] is None and "no card:" in done.stderr


def test_one_clear_line_for_what_cannot_be_evaluated(models, tmp_path):
    cases = {
        ("nobody", *DATA): "no model 'nobody'",
        ("line", "simulator", "--minutes", "0.001"): "no row",
        ("line", *DATA, "--fee-bps", "-1"): "basis points",
        ("line", str(tmp_path / "missing.gz")): "no such file",
    }
    for arguments, cause in cases.items():
        done = run(models, tmp_path, *arguments)
        lines = [line for line in done.stderr.splitlines() if line.startswith("genesis: ")]
        assert done.exit_code == 1 and len(lines) == 1 and cause in lines[0], (arguments, done.stderr)
    assert run(models, tmp_path, "line").exit_code == 2


def test_a_table_for_people():
    lines = score_lines({"net": dict.fromkeys(("accuracy", "macro_f1", "mcc", "log_loss", "ece"), 0.25)})
    assert len(lines) == 2 and lines[1].split() == ["net", *["0.2500"] * 5]


def test_of_several_heads_it_is_said_whose_the_figures_are():
    figures = dict.fromkeys(("accuracy", "macro_f1", "mcc", "log_loss", "ece"), 0.25)
    heads = [
        {"label": Label(horizon=rows).as_dict(), "primary": rows == 50, "rows": 9} | own
        for rows, own in ((20, figures), (50, figures), (100, {}))
    ]
    _, first, other, none = head_lines(heads)
    assert "head for 50 rows" in first and other.split() == ["head", "20", "rows", *["0.2500"] * 5]
    assert none == "head 100 rows: no row has its label" and head_lines(heads[:1]) == []


def test_a_verdict_is_words_first_and_figures_below_within_a_terminal():
    figures = ", ".join(f"{key} +0.1000 [+0.0500, +0.1500]" for key in ("log_loss", "mcc", "macro_f1", "accuracy"))
    lines = verdict_lines(
        [f"net **loses to** tree, all beyond the 95 % interval ({figures}).", "net is the same as x."]
    )
    assert lines[0] == "net loses to tree, all beyond the 95 % interval" and lines[-1] == "net is the same as x"
    assert all(line.startswith("    ") and len(line) <= 100 for line in lines[1:-1]) and len(lines) == 4
    assert " ".join(" ".join(lines[1:-1]).split()) == figures
