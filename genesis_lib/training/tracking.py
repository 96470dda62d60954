"""Tell an MLflow server or database of a registered model. An option: nothing else here knows of MLflow.

The registry stays what decides; MLflow gets a copy of parameters, scores, learning curves, lineage and files.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from genesis_lib.errors import GenesisError, InputError
from genesis_lib.models.artifact import Artifact

EXPERIMENT = "genesis"
BATCH = 90  # entries a request; MLflow takes 100 parameters and 1,000 metrics
LONGEST = 500  # characters of a parameter's value
LEFT_OUT = {"folds", "unseen"}  # tables: they are in the card
FORBIDDEN = re.compile(r"[^\w\-. /:]")  # in names of parameters and metrics


class Tracker:
    """A connection to a tracking store, made (and found out to work) before anything is trained.

    Parameters
    ----------
    uri
        What MLflow calls a tracking URI: ``sqlite:///runs/mlflow.db``, ``http://host:5000``, ``databricks``.
    experiment
        Name that runs are collected under; made when it does not exist.

    Raises
    ------
    InputError
        When MLflow is not installed, or the store cannot be opened.
    """

    def __init__(self, uri: str, experiment: str = EXPERIMENT) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # a workbench does not call home
        try:
            from mlflow import MlflowClient
        except ImportError as error:
            raise InputError(f"--track needs MLflow: pip install 'genesis-workbench[mlflow]' ({error})") from error
        self.uri = uri
        try:
            where = _files_of(uri)
            self._client = MlflowClient(tracking_uri=uri)
            known = self._client.get_experiment_by_name(experiment)
            self._experiment = (
                self._client.create_experiment(experiment, artifact_location=where)
                if known is None
                else known.experiment_id
            )
        except Exception as error:  # whatever the store's own library raises
            raise InputError(f"tracking store {uri!r} cannot be opened: {_first_line(error)}") from error

    def track(self, artifact: Artifact, result: Any = None) -> str:
        """Make one finished run of a registered model and give its id.

        Parameters
        ----------
        artifact
            What was registered.
        result
            The cross-validation it came from; gives the learning curves of its folds.

        Raises
        ------
        GenesisError
            When the store fails; the model is registered all the same.
        """
        from mlflow.entities import Metric, Param, RunTag

        try:
            run = self._client.create_run(self._experiment, run_name=f"{artifact.name} {artifact.version}")
            start, ident = run.info.start_time, run.info.run_id
            metrics = [Metric(name, value, start, 0) for name, value in _numbers(artifact.metrics)]
            metrics += [Metric(name, value, start, step) for name, value, step in _curves(result)]
            params = [Param(name, text) for name, text in _parameters(artifact)]
            tags = [RunTag(name, text) for name, text in _tags(artifact)]
            for kind, every in {"params": params, "tags": tags, "metrics": metrics}.items():
                for first in range(0, len(every), BATCH):
                    self._client.log_batch(ident, **{kind: every[first : first + BATCH]})
            self._client.log_artifacts(ident, str(artifact.path), "model")
            self._client.set_terminated(ident)
        except Exception as error:
            raise GenesisError(
                f"{artifact.name} {artifact.version} is registered, but was not tracked in {self.uri!r}: "
                f"{_first_line(error)}"
            ) from error
        return ident


def track(uri: str, artifact: Artifact, result: Any = None, experiment: str = EXPERIMENT) -> str:
    """Tell a tracking store of a registered model; see `Tracker`, which can be made before training."""
    return Tracker(uri, experiment).track(artifact, result)


def _files_of(uri: str) -> str | None:
    """Where runs of a database in a file keep their files: beside it, and not wherever the process stands."""
    if not uri.startswith("sqlite:///"):
        return None
    database = Path(uri.removeprefix("sqlite:///")).resolve()
    database.parent.mkdir(parents=True, exist_ok=True)
    return (database.parent / f"{database.stem}-files").as_uri()


def _flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if key in LEFT_OUT:
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield FORBIDDEN.sub("_", f"{before}{key}"), value


def _numbers(table: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in _flat(table):
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
            yield name, float(value)


def _parameters(artifact: Artifact) -> Iterator[tuple[str, str]]:
    told = {
        "architecture": artifact.architecture,
        "label": artifact.label,
        "training": artifact.manifest["training"],
        "inputs": {"columns": len(artifact.columns), "levels": artifact.levels, "window": artifact.window},
    }
    for name, value in _flat(told):
        yield name, str(value)[:LONGEST]


def _tags(artifact: Artifact) -> Iterator[tuple[str, str]]:
    lineage = artifact.lineage
    told = {
        **{"name": artifact.name, "version": artifact.version, "kind": artifact.architecture["kind"]},
        **{"data_hash": artifact.data_hash, "provenance": artifact.provenance, "columns_hash": artifact.columns_hash},
        **{key: lineage.get(key) for key in ("feature_hash", "code_version", "dirty")},
        **{key: ", ".join(map(str, lineage[key])) for key in ("parents", "seeds")},
    }
    for name, value in told.items():
        if value not in (None, ""):
            yield f"genesis.{name}", str(value)
    if lineage.get("commit"):
        yield "mlflow.source.git.commit", lineage["commit"]


def _curves(result: Any) -> Iterator[tuple[str, float, int]]:
    """Learning curves of a cross-validation: name, value, predictions seen."""
    for fold in getattr(result, "folds", ()):
        for member in getattr(fold, "members", ()):
            for entry in member.history:
                for name, value in _numbers({key: x for key, x in entry.items() if key != "predictions"}):
                    yield f"fold {fold.number}/seed {member.seed}/{name}", value, int(entry["predictions"])


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
