"""The models that predictor and pipeline are measured with."""

from __future__ import annotations

import sys
import tempfile
from functools import cache

import numpy as np

from genesis_lib.config import load
from genesis_lib.errors import ModelError
from genesis_lib.features import model_inputs
from genesis_lib.models import registry
from genesis_lib.models.artifact import Artifact
from genesis_lib.models.kinds import KINDS, kind
from genesis_lib.models.scaler import Scaler

LEVELS = 10
PASSES = 10  # batches that an untrained network's normalisations have seen
NETS = {item.architecture for item in KINDS.values() if item.torch}


def champion() -> Artifact | None:
    """The model in use; None, and a note, where there is none."""
    try:
        return registry.load("champion", root=load().paths.models)
    except ModelError as error:
        print(f"no champion ({error}): only untrained networks are measured", file=sys.stderr)
        return None


def measured_model() -> Artifact:
    """The champion when it is a network on the raw book of ten levels, else an untrained one, which takes the time."""
    found = champion()
    if found is not None:
        if found.columns == model_inputs(LEVELS) and found.architecture["kind"] in NETS:
            return found
        print(f"the champion {found.name} is no network on the raw book: an untrained one is measured", file=sys.stderr)
    return untrained("deeplob")


@cache
def untrained(name: str) -> Artifact:
    """A registered network of random weights, seeded, whose normalisations have seen some rows; it says so."""
    import torch

    from genesis_lib.models.kinds import build

    torch.set_num_threads(1)
    columns = model_inputs(LEVELS)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = build(kind(name).configure(columns))
        net.train()
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.mul_(1.3)  # answers that differ from row to row
            for _ in range(PASSES):
                net(torch.randn(8, net.config.window, len(columns)))
    with tempfile.TemporaryDirectory(prefix="genesis-bench-") as root:
        return registry.register(
            "untrained",
            weights=net.eval().arrays(),
            scaler=Scaler(np.zeros(len(columns)), np.ones(len(columns))),
            baselines={},
            architecture=net.config.as_dict(),
            columns=columns,
            label={},
            metrics={},
            data_hash="",
            provenance="simulated",
            data=[],
            training={"epochs": 0},
            seed=0,
            root=root,
        )
