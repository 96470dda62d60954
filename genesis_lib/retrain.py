"""Retraining: one notebook executed by papermill, then a gate that a challenger must pass to become champion.

A run is a folder ``reports/runs/<id>/``: the executed notebook and ``run.json`` (parameters, status, verdict, seconds).
papermill only warns of a parameter the notebook does not know; here it is an error.
"""

from __future__ import annotations

import atexit
import contextlib
import difflib
import fcntl
import json
import os
import re
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from genesis_lib.config import Config, load, root
from genesis_lib.errors import GenesisError, InputError, StateError
from genesis_lib.models import registry
from genesis_lib.models.artifact import Artifact
from genesis_lib.training.gate import Verdict

NOTEBOOK = "06_retraining.ipynb"
EARNEST = {"folds": 5, "epochs": 12, "windows": 16_384, "stride": 3}  # the notebook's own defaults are for a look
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")  # as cron counts them


@dataclass(frozen=True, slots=True)
class Run:
    """One retraining, as ``run.json`` holds it."""

    run: str
    status: str  # "running", "done" or "failed"
    parameters: dict[str, Any]
    seconds: float = 0.0
    champion: str | None = None  # version that was champion before
    challenger: str | None = None
    promoted: bool = False
    reason: str = ""
    notebook: str = ""


def throwaway_registry(root: str | Path) -> str:
    """Copy a registry into a temporary folder: a notebook run by hand meets the champion and changes nothing."""
    scratch = tempfile.mkdtemp(prefix="genesis-models-")
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    folder = Path(scratch) / "models"
    if Path(root).is_dir():
        shutil.copytree(root, folder)
    return str(folder)


def parameters_of(notebook: Path) -> dict[str, Any]:
    """Names and defaults (as source text) of a notebook's parameters cell."""
    import papermill

    return {name: entry["default"] for name, entry in papermill.inspect_notebook(str(notebook)).items()}


def check_parameters(notebook: Path, given: Mapping[str, Any]) -> None:
    """Refuse a parameter that the notebook does not know, naming the nearest it does."""
    known = parameters_of(notebook)
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, 0.0)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InputError(f"{notebook.name} has no parameter {name!r}{hint} It knows: {', '.join(known)}")


def run_once(
    parameters: Mapping[str, Any] | None = None,
    *,
    config: Config | None = None,
    notebook: str | Path | None = None,
    progress: bool = True,
) -> Run:
    """Execute the retraining notebook once, under a lock, and record what came of it.

    Parameters
    ----------
    parameters
        Of the notebook. What it knows of `EARNEST` is taken from there where it is not given.
    config
        ``paths.models`` is the registry, ``paths.reports`` takes the runs.
    notebook
        Another one than 06.

    Raises
    ------
    InputError
        For a parameter the notebook does not know.
    StateError
        When another retraining is under way in the same reports folder.
    GenesisError
        When the notebook failed; the executed notebook and ``run.json`` keep the traceback.
    """
    import papermill

    config = load() if config is None else config
    notebook = Path(notebook) if notebook is not None else Path(os.path.relpath(root() / "notebooks" / NOTEBOOK))
    given = dict(parameters or {})
    if not notebook.exists():
        raise InputError(f"notebook {notebook} does not exist")
    check_parameters(notebook, given)
    given = {name: value for name, value in EARNEST.items() if name in parameters_of(notebook)} | given
    folder = Path(config.paths.reports) / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        run = Run(f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}", "running", given)
        target = folder / run.run
        target.mkdir()
        executed, verdict = target / notebook.name, target / "verdict.json"
        _write(target / "run.json", asdict(run))
        started = time.monotonic()
        try:
            papermill.execute_notebook(
                str(notebook),
                str(executed),
                parameters={"models_dir": config.paths.models} | given | {"verdict_file": os.path.relpath(verdict)},
                kernel_name="python3",  # the interpreter that runs this, whatever kernels are installed
                progress_bar=progress,
                log_output=False,
            )
            result = json.loads(verdict.read_text(encoding="utf-8"))
        except Exception as error:
            seconds = round(time.monotonic() - started, 1)
            cause = getattr(error, "evalue", "") or str(error) or type(error).__name__
            run = replace(run, status="failed", seconds=seconds, reason=cause, notebook=str(executed))
            _write(target / "run.json", asdict(run) | {"traceback": traceback.format_exc()})
            raise GenesisError(f"retraining {run.run} failed: {cause} (see {executed})") from error
        run = replace(
            run, status="done", seconds=round(time.monotonic() - started, 1), notebook=str(executed), **result
        )
        _write(target / "run.json", asdict(run))
    return run


def history(reports: str | Path) -> list[Run]:
    """Every run recorded under a reports folder, oldest first."""
    runs = []
    for file in sorted(Path(reports).glob("runs/*/run.json")):
        fields = json.loads(file.read_text(encoding="utf-8"))
        fields.pop("traceback", None)
        runs.append(Run(**fields))
    return runs


def conclude(
    verdict: Verdict, challenger: Artifact, champion: Artifact | None, root: str | Path, file: str | Path = ""
) -> Verdict:
    """Promote the challenger when the verdict says so, and hand the verdict to `run_once` through `file`.

    An empty `file` (the notebook run by hand) writes nothing.
    """
    if verdict.promote:
        registry.promote(f"{challenger.name}/{challenger.version}", root, by="genesis retrain", why=verdict.reason)
    if str(file):
        names = {"champion": champion.version if champion else None, "challenger": challenger.version}
        _write(Path(file), names | {"promoted": verdict.promote, "reason": verdict.reason})
    return verdict


def serve(cron: str, job: Callable[[], object]) -> None:
    """Run `job` by a cron schedule (five fields, UTC) until interrupted; one due while another runs is skipped."""
    from apscheduler.schedulers.blocking import BlockingScheduler
    from apscheduler.triggers.cron import CronTrigger

    fields = cron.split()  # APScheduler's day 0 is Monday, cron's is Sunday: only the names mean the same
    fields[4:] = [re.sub(r"^\*/([1-7])$", lambda n: ",".join(DAYS[: 7 : int(n[1])]), field) for field in fields[4:]]
    fields[4:] = [re.sub(r"(?<![/\d])[0-7](?!\d)", lambda day: DAYS[int(day[0])], field) for field in fields[4:]]
    try:
        trigger = CronTrigger.from_crontab(" ".join(fields), timezone=UTC)
    except ValueError as error:
        raise InputError(f"schedule must be five cron fields such as '0 3 * * *', got {cron!r}: {error}") from error
    scheduler = BlockingScheduler(timezone=UTC)
    scheduler.add_job(job, trigger, max_instances=1, coalesce=True, misfire_grace_time=None)
    with contextlib.suppress(KeyboardInterrupt, SystemExit):
        scheduler.start()


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / ".lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StateError(f"another retraining is running in {folder}; wait for it or stop it") from None
        yield


def _write(file: Path, content: Mapping[str, Any]) -> None:
    staged = file.with_suffix(".tmp")
    with staged.open("w", encoding="utf-8") as handle:
        json.dump(content, handle, indent=1, default=str)
        handle.flush()
        os.fsync(handle.fileno())
    staged.replace(file)
