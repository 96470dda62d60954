import csv
import re

import pytest

from genesis_lib import backtest, reports
from genesis_lib.config import load
from genesis_lib.errors import SessionError
from genesis_lib.feeds import open_source
from genesis_lib.journal import Journal, read_journal


@pytest.fixture(scope="module")
def session(uniform, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sessions") / "a-session"
    with Journal.open(folder, "a-session", durable=False) as journal:
        config = load(env={}, strategy={"preset": "seed"})
        summary = backtest.run(
            open_source("simulator", seed=3, minutes=0.3), config=config, artifact=uniform, journal=journal
        )
    return folder, summary


def test_page_and_table_say_what_the_summary_says(session, tmp_path):
    folder, summary = session
    written = reports.write_report(folder, tmp_path)
    assert {key: written[key] for key in summary.keys() & written.keys()} == {
        key: summary[key] for key in summary.keys() & written.keys()
    }
    page = (tmp_path / "a-session.html").read_text()
    assert "SIMULATED" in page and "uniform 1" in page and summary["journal_sha256"][:16] in page
    assert "<dt>Sent to another time</dt><dd>never</dd>" in page
    assert f"{summary['total']:+,.2f}" in page and f"{summary['fees']:,.2f}" in page
    rows = list(csv.reader((tmp_path / "a-session.csv").open()))
    assert rows[0] == ["id", "timestamp", "side", "price", "size", "type", "pnl", "confidence"]
    assert len(rows) - 1 == summary["trades"] > 50
    assert sum(float(row[6]) for row in rows[1:]) == pytest.approx(summary["realized"])
    assert rows[1][1].endswith("Z") and rows[1][5] == "ENTRY"


def test_the_page_needs_nothing_from_elsewhere(session, tmp_path):
    reports.write_report(session[0], tmp_path)
    page = (tmp_path / "a-session.html").read_text()
    outside = re.sub(r"<script>.*?</script>", "", page, flags=re.S)
    assert not re.search(r"https?://|(?:src|href)\s*=", outside)
    assert "Plotly.newPlot" in page


def test_a_report_is_whole_or_not_there(session, tmp_path, monkeypatch):
    reports.write_report(session[0], tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(reports.os, "fsync", full)
    with pytest.raises(SessionError, match="No space left"):
        reports.write_report(session[0], tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_session_without_rows_or_end_has_a_report_too(tmp_path):
    from genesis_lib.engine import Engine

    with Journal.open(tmp_path / "s", "empty") as journal:
        engine = Engine(open_source("simulator", seed=3, minutes=0.1).instrument, journal=journal)
        engine.start()
        engine.commit()
        written = reports.write_report(tmp_path / "s", tmp_path / "out")
    page = (tmp_path / "out" / "empty.html").read_text()
    assert "not ended, or killed" in page and "No trades." in page and written["trades"] == 0


def test_names_from_outside_are_text(session):
    data = read_journal(session[0])
    data["header"]["source"] = data["session"] = "<script>alert(1)</script>"
    page = reports.tear_sheet(data, reports.figures(data, 5.0))
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(SessionError, match="no session at"):
        reports.write_report(tmp_path / "nothing", tmp_path)


def test_a_session_taken_up_with_another_model_is_reported_with_both(uniform, tmp_path):
    for model in (uniform, None):
        with Journal.open(tmp_path / "s", "s", durable=False) as journal:
            backtest.run(open_source("simulator", seed=3, minutes=0.05), artifact=model, journal=journal, commands=())
            journal.record("commands", 0, name="now source <b>")
    reports.write_report(tmp_path / "s", tmp_path)
    page = (tmp_path / "s.html").read_text()
    assert "uniform 1, later none" in page and "<b>" not in page.split("</script>")[-1].split("Commands")[1][:300]


def test_a_run_that_was_not_straight_is_said_to_be_none(uniform, tmp_path):
    source = open_source("simulator", seed=3, minutes=0.3)
    told = [(0, "start"), (400, "seek 900"), (500, "seek 0")]
    with Journal.open(tmp_path / "s", "jumped") as journal:
        summary = backtest.run(
            source,
            config=load(env={}, strategy={"preset": "seed"}, paths={"data": str(tmp_path / "data")}),
            artifact=uniform,
            journal=journal,
            commands=told,
        )
    assert summary["seeks"] == 2
    reports.write_report(tmp_path / "s", tmp_path)
    page = (tmp_path / "jumped.html").read_text()
    assert "2 times: no straight run, figures since the last" in page and "seek 900 before event 400" in page
