"""Symbol-days times settings: every combination cross-validated on its own day, on this machine or on a cluster."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from itertools import product
from pathlib import Path
from typing import Any

import joblib
import pandas as pd

from genesis_lib.clock import iso
from genesis_lib.errors import InputError
from genesis_lib.models.kinds import kind
from genesis_lib.training.config import TrainingConfig, recipe
from genesis_lib.training.labels import Label
from genesis_lib.training.parallel import in_order
from genesis_lib.training.sessions import gather_sessions
from genesis_lib.training.splits import splitter
from genesis_lib.types import Snapshots

LABEL = ("label", "horizon", "threshold", "span", "width", "fee_bps", "width_down")
SPLIT = ("split", "folds", "embargo", "validation", "unit", "tested", "rolling")
DATA = ("model", "inputs", "levels", "stride")
TRAINING = tuple(field.name for field in fields(TrainingConfig))
INNER = {"check", "clip", "quiet", "sequences", "stretch", "together", "average", "linear_start"}  # not told
FIGURES = ("accuracy", "macro_f1", "mcc", "log_loss", "ece")
FROM_DATA = {"inputs", "heads", "levels", "extra"}  # of a network's shape, what the rows and labels decide


def sweep(
    sessions: Sequence[Snapshots] | str | Path | Sequence[str | Path],
    grid: Mapping[str, Sequence[Any]],
    *,
    jobs: int = 1,
    **reading: Any,
) -> pd.DataFrame:
    """Cross-validate every combination of settings on every symbol-day by itself.

    Parameters
    ----------
    sessions
        Book rows, or paths as `gather_sessions` takes them. Sessions of one instrument that begin on one UTC day are
        one symbol-day.
    grid
        Values of each setting to combine; one value for what is the same everywhere. ``model``, ``inputs``, ``levels``,
        ``stride``; ``label`` (its kind), ``horizon`` (as `Label.parse` reads it), ``threshold``, ``span``, ``width``,
        ``width_down``, ``fee_bps``; ``split``, ``folds``, ``embargo``, ``validation``, ``unit``, ``tested``,
        ``rolling``; fields of `TrainingConfig`; and fields of the models' own configurations.
    jobs
        Cells at a time; see `genesis_lib.training.parallel.in_order`. One cell uses one process.
    reading
        What `gather_sessions` takes beside paths.

    Returns
    -------
    pandas.DataFrame
        A row a cell, days first and then settings in the order of `grid`, whoever computed it: ``instrument``, ``day``,
        ``rows``, the settings, scores over the test samples of all folds, ``..._log_loss`` of the baselines,
        ``seconds``, and ``error``: empty, or what kept the cell from an answer.

    Raises
    ------
    InputError
        When the grid is empty or names a setting that none of its models has, or there is nothing to read.

    Examples
    --------
    >>> sweep("data/2024-07-18", {"model": ["logistic"], "horizon": ["50", "5m"]})  # doctest: +SKIP
    """
    check_grid(grid)
    if isinstance(sessions, (str, Path)) or not all(isinstance(one, Snapshots) for one in sessions):
        sessions = gather_sessions(sessions, **reading)
    days = symbol_days(sessions)
    if not days:
        raise InputError("sweep: no session has any rows")
    cells = [(name, day, own, setting) for (name, day), own in days.items() for setting in _combinations(grid)]
    done = in_order([joblib.delayed(run_cell)(own, setting) for _, _, own, setting in cells], jobs)
    table = []
    for (name, day, own, setting), found in zip(cells, done):
        table.append({"instrument": name, "day": day, "rows": sum(map(len, own)), **setting, **found})
    return pd.DataFrame(table)


def symbol_days(sessions: Sequence[Snapshots]) -> dict[tuple[str, str], list[Snapshots]]:
    """Sessions by instrument and UTC day of their first row, in order of their first appearance."""
    found: dict[tuple[str, str], list[Snapshots]] = {}
    for session in sessions:
        if len(session):
            key = session.instrument.name, iso(int(session.ts_exchange[0]))[:10]
            found.setdefault(key, []).append(session)
    return found


def run_cell(sessions: Sequence[Snapshots], setting: Mapping[str, Any]) -> dict[str, object]:
    """Cross-validate one cell in this process: its scores, or in ``error`` why there are none."""
    began = time.perf_counter()
    scored: dict[str, object] = dict.fromkeys(FIGURES, float("nan"))
    try:
        # The cell is the unit of work: its folds stay in the process (or worker) that it was given to.
        with joblib.parallel_config(backend="sequential"):
            scored |= _cross_validated(sessions, setting)
        error = ""
    except Exception as failure:  # whatever it is, the other cells go on and the table says so
        error = f"{type(failure).__name__}: {failure}"
    return {**scored, "seconds": round(time.perf_counter() - began, 3), "error": error}


def _cross_validated(sessions: Sequence[Snapshots], setting: Mapping[str, Any]) -> dict[str, object]:
    from genesis_lib.models.baseline import NAMES
    from genesis_lib.training.crossval import DEFAULT, cross_validate
    from genesis_lib.training.dataset import Rows
    from genesis_lib.training.estimators import configure_estimator

    model = str(setting.get("model", DEFAULT))
    chosen = kind(model)
    levels = int(setting.get("levels", min(10, *(session.depth for session in sessions))))
    rows = Rows.of(sessions, levels, setting.get("inputs", chosen.inputs))
    shape = {k: v for k, v in setting.items() if k not in (*LABEL, *SPLIT, *DATA, *TRAINING)}
    configured = chosen.configure(rows.columns, 1, **shape) if chosen.torch else None
    training = {name: setting[name] for name in TRAINING if name in setting}
    result = cross_validate(
        rows,
        _label(setting),
        model=model,
        config=configured or configure_estimator(model, rows.columns, 1, shape),
        training=recipe(model, **{"threads": 1, "quiet": True, **training}),
        splitter=_splitter(setting),
        stride=setting.get("stride"),
    )
    baselines = {f"{name}_log_loss": result.scores(name)["log_loss"] for name in NAMES}
    return {**{name: result.scores()[name] for name in FIGURES}, **baselines}


def _label(setting: Mapping[str, Any]) -> Label:
    parts = {name: setting[name] for name in LABEL if name in setting and name not in ("label", "horizon")}
    if "label" in setting:
        parts["kind"] = setting["label"]
    return Label.parse(str(setting["horizon"]), **parts) if "horizon" in setting else Label(**parts)


def _splitter(setting: Mapping[str, Any]):
    parts = {name: setting[name] for name in SPLIT if name in setting and name != "split"}
    return splitter(str(setting.get("split", "kfold")), **parts)


def _combinations(grid: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    for values in product(*grid.values()):
        yield dict(zip(grid, values))


def check_grid(grid: Mapping[str, Sequence[Any]]) -> None:
    """Refuse what no cell could use before hours of the others, not after.

    Raises
    ------
    GenesisError
        For an empty grid, an unknown setting (naming the nearest that there is), an unknown model, or a horizon that is
        none.
    """
    if not grid:
        raise InputError("grid names no setting to combine")
    for name, values in grid.items():
        if isinstance(values, str) or not isinstance(values, Sequence) or not values:
            raise InputError(f"grid {name!r} must be a list of values, got {values!r}")
    known = {*LABEL, *SPLIT, *DATA, *TRAINING}
    for model in grid.get("model", ("causal-16",)):
        known |= _shape_of(str(model))
    if unknown := sorted(set(grid) - known):
        listed = sorted(known - INNER)
        near = get_close_matches(unknown[0], listed, 1, 0.0)[0]
        raise InputError(f"grid has no setting {unknown[0]!r}; did you mean {near!r}? It has {', '.join(listed)}")
    for horizon in grid.get("horizon", ()):
        Label.parse(str(horizon))


def _shape_of(model: str) -> set[str]:
    from genesis_lib.training.estimators import ESTIMATORS

    chosen = kind(model)
    if not chosen.torch and model not in ESTIMATORS:
        raise InputError(f"sweep: {model} is no kind of its own to train")
    config = chosen.config_class() if chosen.torch else ESTIMATORS[model][0]
    return {field.name for field in fields(config)} - FROM_DATA
