"""The true probabilities of each row's label, kept beside a recording whose odds are known."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.recording import hash_files

SUFFIX = ".truth.npz"


@dataclass(frozen=True)
class Truth:
    """Odds of the label of every row.

    Parameters
    ----------
    time
        (n,) exchange time of each row, ns, ascending; every row counts.
    odds
        (n, 3) probabilities of DOWN, NEUTRAL, UP given all that the book has shown up to the row.
    accuracy
        Of the Bayes rule, over all rows, as asked for.
    horizon
        Rows that the label looks ahead: the sign of the mean mid of the next `horizon` rows less the mid now.
    """

    time: np.ndarray
    odds: np.ndarray
    accuracy: float
    horizon: int

    def __post_init__(self) -> None:
        if self.odds.shape != (len(self.time), 3):
            raise InputError(f"odds must have shape ({len(self.time)}, 3), got {self.odds.shape}")
        if np.any(np.diff(self.time) <= 0):
            raise InputError("time must ascend, with one row at a time")
        if np.any(self.odds < 0) or not np.allclose(self.odds.sum(axis=1), 1.0, atol=1e-9):
            raise InputError("odds must be probabilities: at least 0, each row's sum 1")

    def __len__(self) -> int:
        return len(self.time)

    def at(self, time: np.ndarray) -> np.ndarray:
        """Odds (n, 3) of rows at these times; NaN where none is known."""
        result = np.full((len(time), 3), np.nan)
        if len(self):
            near = np.minimum(np.searchsorted(self.time, time), len(self) - 1)
            known = self.time[near] == time
            result[known] = self.odds[near[known]]
        return result

    def write(self, recording: Path) -> Path:
        """Write ``x.truth.npz`` beside a recording ``x.gz``, bound to its bytes."""
        path, digest = truth_path(recording), hash_files([recording])
        temporary = path.with_name(path.name + ".part")
        try:
            with temporary.open("wb") as file:
                numbers = {"accuracy": self.accuracy, "horizon": np.int64(self.horizon)}
                np.savez_compressed(file, time=self.time, odds=self.odds, recording=digest, **numbers)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        return path


def truth_path(recording: Path) -> Path:
    """Name of the truth of a recording: ``x.gz`` has ``x.truth.npz``."""
    return recording.with_name(recording.name.removesuffix(".gz") + SUFFIX)


def read_truth(recording: str | Path) -> Truth | None:
    """Read the truth beside a recording; None where there is none.

    Raises
    ------
    RecordingError
        When it is there and cannot be read, or is that of other data.
    """
    path = truth_path(Path(recording))
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as held:
            accuracy, horizon, digest = float(held["accuracy"]), int(held["horizon"]), str(held["recording"])
            truth = Truth(held["time"].astype(np.int64), held["odds"].astype(np.float64), accuracy, horizon)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise RecordingError(f"not the truth of a recording: {error}", path) from None
    if digest != hash_files([Path(recording)]):
        raise RecordingError(f"the truth of other data than {Path(recording).name} holds; simulate both again", path)
    return truth


def read_truths(paths: Iterable[str | Path]) -> list[Truth]:
    """Read the truths beside recordings, and in folders; what has none is passed over."""
    found = []
    for path in map(Path, paths):
        files = sorted(path.glob("*.gz")) if path.is_dir() else [path]
        found += [truth for truth in map(read_truth, files) if truth is not None]
    return found


def labels_told(horizons: Iterable[int]) -> str:
    """Say which labels a truth of these horizons is of: the only ones that a model can be held against."""
    return f"smoothed, horizon {' or '.join(map(str, horizons))}, threshold 0"


def write_predictable(out: Path, market: Any, *, replace: bool = False) -> dict[str, Any]:
    """Write a market of known odds as a recording with its truth beside it; as `write_labelled`, plus ``truth``.

    ``label`` says what the odds are of, ``bayes`` holds the exact scores of the best possible model over all rows,
    ``linear_accuracy`` those of the best that is linear in what the book shows.
    """
    from genesis_lib.feeds.simulation.labelled import write_labelled

    made = write_labelled(out, market, replace=replace)
    truth = market.truth
    path = truth.write(Path(made["path"]))
    ceiling = market.odds.ceiling
    bayes = {name: getattr(ceiling, name) for name in ("accuracy", "log_loss", "macro_f1")}
    return made | {
        "truth": str(path),
        "rows": len(truth),
        "horizon": truth.horizon,
        "label": labels_told([truth.horizon]),
        "bayes": bayes,
        "linear_accuracy": ceiling.linear_accuracy,
    }
