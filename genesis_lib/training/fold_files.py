"""A finished fold as one file: arrays and plain numbers, read back to the same fold to the last bit."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from genesis_lib.models.baseline import Baselines
from genesis_lib.models.scaler import Scaler
from genesis_lib.training.labels import Label
from genesis_lib.training.results import FoldResult, Trained

FORMAT = "genesis fold 1"
ARRAYS = ("proba", "validation_proba", "heads_proba")
TOLD = (
    *("seed", "architecture", "temperature", "history", "predictions", "scores", "parameters"),
    *("seconds", "training_seconds"),
)
OUTCOMES = ("rows", "classes", "heads_classes", "validation_rows", "validation_classes")


def write_whole(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, with the folders it is in.

    Raises
    ------
    OSError
        When it cannot be written: a full disk leaves what was there before, and nothing half written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def save_fold(path: Path, key: str, fold: FoldResult) -> None:
    """Write a fold of the cross-validation called `key`, whole or not at all."""
    arrays = {f"fold/{name}": getattr(fold, name) for name in OUTCOMES}
    arrays |= {f"proba/{name}": values for name, values in fold.proba.items()}
    arrays |= {f"predicted/{name}": values for name, values in fold.predicted.items()}
    members = []
    for number, member in enumerate(fold.members):
        arrays |= {f"{number}/weights/{name}": values for name, values in member.weights.items()}
        arrays |= {f"{number}/arrays/{name}": getattr(member, name) for name in ARRAYS}
        told = {name: getattr(member, name) for name in TOLD}
        members.append(told | {"scaler": member.scaler.as_dict(), "weights": list(member.weights)})
    table = {
        **{name: getattr(fold, name) for name in ("number", "sizes", "shares", "seconds")},
        "labels": [asdict(label) for label in fold.labels],
        "baselines": fold.baselines.as_dict(),
        "members": members,
        "proba": list(fold.proba),
    }
    told = {"format": FORMAT, "key": key, "fold": json.dumps(table)}
    data = save({name: np.ascontiguousarray(values) for name, values in arrays.items()}, metadata=told)
    write_whole(path, data)


def load_fold(path: Path, key: str) -> FoldResult | None:
    """Read what `save_fold` wrote for the same `key`; None when there is nothing, or it cannot be used."""
    try:
        with safe_open(path, "np") as file:
            told = file.metadata() or {}
            if told.get("format") != FORMAT or told.get("key") != key:
                return None
            table = json.loads(told["fold"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        labels = tuple(Label(**each) for each in table["labels"])
        return FoldResult(
            **{name: table[name] for name in ("number", "sizes", "shares", "seconds")},
            **{name: arrays[f"fold/{name}"] for name in OUTCOMES},
            label=labels[0],
            labels=labels,
            members=tuple(_member(number, each, arrays) for number, each in enumerate(table["members"])),
            predicted={name: arrays[f"predicted/{name}"] for name in table["proba"]},
            proba={name: arrays[f"proba/{name}"] for name in table["proba"]},
            baselines=Baselines.of(table["baselines"]),
        )
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        return None


def _member(number: int, table: dict, arrays: dict[str, np.ndarray]) -> Trained:
    scaler, names = table.pop("scaler"), table.pop("weights")
    table["temperature"], table["history"] = tuple(table["temperature"]), tuple(table["history"])
    return Trained(
        **table,
        scaler=Scaler(np.array(scaler["mean"]), np.array(scaler["std"]), scaler["clip"]),
        weights={name: arrays[f"{number}/weights/{name}"] for name in names},
        **{name: arrays[f"{number}/arrays/{name}"] for name in ARRAYS},
    )
