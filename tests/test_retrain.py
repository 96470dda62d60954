from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import pytest

from genesis_lib import retrain
from genesis_lib.config import load
from genesis_lib.errors import GenesisError, InputError, StateError
from genesis_lib.models import registry, stages
from genesis_lib.training.gate import Verdict


def notebook(folder: Path, body: str) -> Path:
    """A real notebook with a parameters cell and one cell more."""
    cells = [
        nbformat.v4.new_code_cell(
            "epochs = 3\nmodels_dir = ''\nverdict_file = ''", metadata={"tags": ["parameters"]}, id="parameters"
        ),
        nbformat.v4.new_code_cell(body, id="body"),
    ]
    document = nbformat.v4.new_notebook(cells=cells)
    document.metadata["kernelspec"] = {"name": "genesis", "display_name": "Genesis", "language": "python"}
    path = folder / "nightly.ipynb"
    nbformat.write(document, path)
    return path


PASSES = """\
import json, pathlib
verdict = {"champion": "old", "challenger": f"new-{epochs}", "promoted": True, "reason": "better"}
pathlib.Path(verdict_file).write_text(json.dumps(verdict))"""


@pytest.fixture
def config(tmp_path):
    return load(env={}, paths={"reports": str(tmp_path / "reports")})


def test_a_run_is_executed_recorded_and_listed(tmp_path, config) -> None:
    run = retrain.run_once({"epochs": 7}, config=config, notebook=notebook(tmp_path, PASSES), progress=False)
    assert (run.status, run.champion, run.challenger, run.promoted, run.reason) == (
        "done",
        "old",
        "new-7",
        True,
        "better",
    )
    assert json.loads(Path(run.notebook).read_text())["cells"][-1]["execution_count"] is not None
    assert retrain.history(config.paths.reports) == [run]


def test_a_scheduled_run_trains_in_earnest_unless_told_otherwise(tmp_path, config) -> None:
    run = retrain.run_once(config=config, notebook=notebook(tmp_path, PASSES), progress=False)
    assert run.parameters == {"epochs": retrain.EARNEST["epochs"]}
    assert run.challenger == f"new-{retrain.EARNEST['epochs']}"


def test_a_throwaway_registry_is_a_copy(tmp_path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "champion.json").write_text("{}")
    copy = Path(retrain.throwaway_registry(tmp_path / "models"))
    (copy / "champion.json").write_text("changed")
    assert (tmp_path / "models" / "champion.json").read_text() == "{}"
    assert not Path(retrain.throwaway_registry(tmp_path / "none")).exists()


def test_a_promotion_says_why_in_the_history(tmp_path, root) -> None:
    folder = tmp_path / "models"
    shutil.copytree(root / "models", folder)
    (folder / "champion.json").unlink()
    challenger = registry.load("deeplob-10", folder)
    verdict = Verdict(True, "better by 0.01", 0.01, 0.005, 0.015, 1000)
    retrain.conclude(verdict, challenger, None, folder, tmp_path / "verdict.json")
    (change,) = stages.read(folder).history
    assert (change.key, change.by, change.why) == (
        (challenger.name, challenger.version),
        "genesis retrain",
        "better by 0.01",
    )
    told = json.loads((tmp_path / "verdict.json").read_text())
    assert told == {"champion": None, "challenger": challenger.version, "promoted": True, "reason": "better by 0.01"}
    retrain.conclude(replace(verdict, promote=False), challenger, challenger, folder)
    assert len(stages.read(folder).history) == 1


def test_a_failure_keeps_its_traceback(tmp_path, config) -> None:
    with pytest.raises(GenesisError, match="no rows today"):
        retrain.run_once(
            config=config, notebook=notebook(tmp_path, "raise ValueError('no rows today')"), progress=False
        )
    (run,) = retrain.history(config.paths.reports)
    assert run.status == "failed"
    assert "no rows today" in run.reason
    record = json.loads((tmp_path / "reports" / "runs" / run.run / "run.json").read_text())
    assert "Traceback" in record["traceback"]


def test_an_unknown_parameter_is_refused_before_anything_is_written(tmp_path, config) -> None:
    with pytest.raises(InputError, match="no parameter 'epoch'; did you mean 'epochs'"):
        retrain.run_once({"epoch": 7}, config=config, notebook=notebook(tmp_path, PASSES), progress=False)
    assert not (tmp_path / "reports").exists()


def test_a_missing_notebook_is_named(tmp_path, config) -> None:
    with pytest.raises(InputError, match=r"none\.ipynb does not exist"):
        retrain.run_once(config=config, notebook=tmp_path / "none.ipynb")


def test_two_runs_never_overlap(tmp_path, config) -> None:
    folder = tmp_path / "reports" / "runs"
    folder.mkdir(parents=True)
    with retrain._alone(folder), pytest.raises(StateError, match="another retraining is running"):
        retrain.run_once(config=config, notebook=notebook(tmp_path, PASSES), progress=False)


def test_a_wrong_schedule_is_named() -> None:
    with pytest.raises(InputError, match="five cron fields"):
        retrain.serve("whenever", lambda: None)


def test_the_service_ends_when_asked() -> None:
    code = "from genesis_lib.retrain import serve; print('up', flush=True); serve('0 3 * * *', lambda: None)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout.readline() == "up\n"
        time.sleep(1.0)
        service.send_signal(signal.SIGINT)
        assert service.wait(10) == 0


@pytest.mark.slow
def test_the_service_runs_its_job_by_the_clock(tmp_path) -> None:
    mark = tmp_path / "mark"
    job = "pathlib.Path(sys.argv[1]).touch"
    code = f"import sys, pathlib; from genesis_lib.retrain import serve; serve('* * * * *', {job})"
    service = subprocess.Popen([sys.executable, "-c", code, str(mark)])
    try:
        deadline = time.monotonic() + 90
        while not mark.exists() and time.monotonic() < deadline:
            time.sleep(0.5)
        assert mark.exists()
    finally:
        service.send_signal(signal.SIGINT)
        service.wait(10)


@pytest.mark.parametrize(
    ("cron", "days"),
    [("0 3 * * 0", "Sun"), ("0 3 * * 7", "Sun"), ("0 3 * * 1-5", "Mon Tue Wed Thu Fri"), ("0 3 * * 6,0", "Sun Sat"),
     ("0 3 * * */3", "Sun Wed Sat"), ("0 3 * * sat", "Sat")],
)  # fmt: skip
def test_the_days_of_a_schedule_are_cron_s(monkeypatch, cron, days) -> None:
    from apscheduler.schedulers.blocking import BlockingScheduler

    triggers = []
    monkeypatch.setattr(BlockingScheduler, "start", lambda self: None)
    monkeypatch.setattr(BlockingScheduler, "add_job", lambda self, job, trigger, **options: triggers.append(trigger))
    retrain.serve(cron, lambda: None)
    week = [datetime(2026, 11, 22 + day, tzinfo=UTC) for day in range(7)]  # from a Sunday on
    assert {d.strftime("%a") for d in week if triggers[0].get_next_fire_time(None, d).date() == d.date()} == set(
        days.split()
    )
