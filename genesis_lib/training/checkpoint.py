"""Training that was interrupted goes on from one file: tensors and plain numbers, nothing that runs when it is read."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from genesis_lib.training.fold_files import write_whole

FORMAT = "genesis training 1"


def save_training(path: Path, key: str, tensors: dict[str, dict[str, Tensor]], state: dict[str, object]) -> None:
    """Write groups of tensors and a state (JSON) for the training called `key`, whole or not at all."""
    flat = {
        f"{group}/{name}": value.detach().contiguous().cpu().clone()
        for group, each in tensors.items()
        for name, value in each.items()
    }
    data = save(flat, metadata={"format": FORMAT, "key": key, "state": json.dumps(state)})
    write_whole(path, data)


def load_training(path: Path, key: str) -> tuple[dict[str, dict[str, Tensor]], dict[str, object]] | None:
    """Read what `save_training` wrote for the same `key`; None when there is nothing, or it cannot be used."""
    groups: dict[str, dict[str, Tensor]] = {"net": {}, "best": {}, "mean": {}, "optimizer": {}}
    try:
        with safe_open(path, "pt") as file:
            told = file.metadata() or {}
            if told.get("format") != FORMAT or told.get("key") != key:
                return None
            for name in file.keys():  # noqa: SIM118 - not a mapping
                group, _, own = name.partition("/")
                groups[group][own] = file.get_tensor(name).clone()
            return groups, json.loads(told["state"])
    except (OSError, SafetensorError, KeyError, ValueError):
        return None
