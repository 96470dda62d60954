"""Retraining: one notebook executed by papermill, then a gate that a challenger must pass to become champion.

A run is a folder ``reports/runs/<id>/``: the executed notebook and ``run.json`` (parameters, status, verdict, seconds).
papermill only warns of a parameter the notebook does not know; here it is an error.
"""

from __future__ import annotations

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
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from genesis_lib.config import Config, load, root
from genesis_lib.errors import GenesisError, InputError, StateError
from genesis_lib.models import registry
from genesis_lib.models.artifact import Artifact
from genesis_lib.types import Snapshots

NOTEBOOK = "06_retraining.ipynb"
EARNEST = {"folds": 5, "epochs": 12, "windows": 16_384, "stride": 3}  # the notebook's own defaults are for a look
BOOTSTRAP_DRAWS = 1000
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")  # as cron counts them


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says of a challenger; `gain` is the champion's log-loss minus the challenger's, in nats a row."""

    promote: bool
    reason: str
    gain: float
    low: float  # 5th percentile of the gain, moving-block bootstrap
    high: float  # 95th
    rows: int


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


def judge(
    champion: np.ndarray | None, challenger: np.ndarray, labels: np.ndarray, *, block: int = 200, seed: int = 0
) -> Verdict:
    """Decide whether a challenger beats the champion on rows that neither was trained on.

    Parameters
    ----------
    champion, challenger
        (n, 3) probabilities of the same rows; `champion` None when there is none yet.
    labels
        (n,) classes 0, 1, 2.
    block
        Rows a bootstrap block; neighbouring rows share their label's horizon and are no independent witnesses.

    Notes
    -----
    The statistic is the mean difference of log-loss; its interval comes from the moving-block bootstrap.
    The challenger is promoted only when the whole 90 % interval lies above 0.

    References
    ----------
    H. R. Kuensch, The jackknife and the bootstrap for general stationary observations, Annals of Statistics 17, 1989.
    """
    rows = len(labels)
    if rows == 0:
        raise InputError("labels is empty: the gate needs held-out rows to judge on")
    if champion is None:
        return Verdict(True, "there was no champion", float("nan"), float("nan"), float("nan"), rows)
    if champion.shape != challenger.shape or champion.shape != (rows, 3):
        raise InputError(f"probabilities must be ({rows}, 3), got {champion.shape} and {challenger.shape}")
    index = np.arange(rows)
    gains = np.log(np.clip(challenger[index, labels], 1e-12, 1)) - np.log(np.clip(champion[index, labels], 1e-12, 1))
    block = max(1, min(block, rows // 4))
    starts = np.random.default_rng(seed).integers(0, rows - block + 1, (BOOTSTRAP_DRAWS, max(1, rows // block)))
    sums = np.concatenate([[0.0], np.cumsum(gains)])
    means = (sums[starts + block] - sums[starts]).sum(1) / (starts.shape[1] * block)
    low, high = np.quantile(means, [0.05, 0.95])
    promote = bool(low > 0)
    reason = (
        f"log-loss gain {gains.mean():+.4f} nats a row, 90 % interval [{low:+.4f}, {high:+.4f}] on {rows} held-out rows"
    )
    reason += ": wholly above 0" if promote else ": not wholly above 0, the champion stays"
    return Verdict(promote, reason, float(gains.mean()), float(low), float(high), rows)


def hold_out(sessions: Sequence[Snapshots], share: float = 0.2) -> tuple[list[Snapshots], list[Snapshots]]:
    """Split off the newest rows: what to learn from, and what only the gate may see.

    Both parts are sessions of their own, so no window and no label reaches from one into the other. Sessions recorded
    at once are cut at one moment: markets move together, and one may not tell what the other is about to do.
    """
    from genesis_lib.training.splits import spans

    if not 0 < share < 1:
        raise InputError(f"share must lie between 0 and 1, got {share!r}")
    first, last = (np.array([session.ts_exchange[end] for session in sessions]) for end in (0, -1))
    group = spans(first, last, np.arange(len(sessions)))
    pooled = {g: np.sort(np.concatenate([s.ts_exchange for s, at in zip(sessions, group) if at == g])) for g in group}
    moments = {g: times[min(round(len(times) * (1 - share)), len(times) - 1)] for g, times in pooled.items()}
    cuts = [int(np.searchsorted(s.ts_exchange, moments[g])) for s, g in zip(sessions, group)]
    return [s[:cut] for s, cut in zip(sessions, cuts)], [s[cut:] for s, cut in zip(sessions, cuts)]


def throwaway_registry(root: str | Path) -> str:
    """Copy a registry into a temporary folder: a notebook run by hand meets the champion and changes nothing."""
    folder = Path(tempfile.mkdtemp(prefix="genesis-models-")) / "models"
    if Path(root).is_dir():
        shutil.copytree(root, folder)
    return str(folder)


def challenge(challenger: Artifact, champion: Artifact | None, held: Sequence[Snapshots]) -> Verdict:
    """Hold two models against each other on sessions that the challenger was not trained on.

    Both answer the challenger's question: its label, with its threshold. Where the champion is still warming up it
    counts as saying 1/3 each.
    """
    from genesis_lib.training import Rows, answers, evaluate

    result = evaluate(challenger, held)
    if champion is None:
        return judge(None, result.probabilities, result.classes)
    every = answers(champion, Rows.of(held, champion.levels))[result.samples.row]
    verdict = judge(np.where(np.isfinite(every), every, 1 / 3), result.probabilities, result.classes)
    spans = ((s.instrument.name, int(s.ts_exchange[0]), int(s.ts_exchange[-1])) for s in held if len(s))
    if any(champion.exposure(*span) == "seen" for span in spans):
        return replace(verdict, reason=f"{verdict.reason}; the champion was trained on these rows, which favours it")
    return verdict


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
        registry.promote(f"{challenger.name}/{challenger.version}", root)
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
