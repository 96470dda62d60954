"""The model that predictor and pipeline are measured with."""

from __future__ import annotations

import sys
import tempfile

import numpy as np

from genesis_lib.config import load
from genesis_lib.errors import ModelError
from genesis_lib.features import model_inputs
from genesis_lib.models import registry
from genesis_lib.models.artifact import Artifact
from genesis_lib.models.scaler import Scaler

LEVELS = 10


def measured_model() -> Artifact:
    """The champion when it reads the raw book of ten levels, else an untrained network, which takes the same time."""
    try:
        champion = registry.load("champion", root=load().paths.models)
        if champion.columns == model_inputs(LEVELS) and champion.architecture["kind"] == "deeplob":
            return champion
        print(f"the champion {champion.name} reads other columns: an untrained network is measured", file=sys.stderr)
    except ModelError as error:
        print(f"no champion ({error}): an untrained network of the same shape is measured", file=sys.stderr)
    return untrained()


def untrained() -> Artifact:
    """A registered network of random weights, seeded; it says so."""
    import torch

    from genesis_lib.models.deeplob import DeepLOB, DeepLOBConfig

    torch.manual_seed(0)
    config = DeepLOBConfig(levels=LEVELS)
    columns = model_inputs(LEVELS)
    state = DeepLOB(config).eval().state_dict()
    with tempfile.TemporaryDirectory(prefix="genesis-bench-") as root:
        return registry.register(
            "untrained",
            weights={k: v.numpy() for k, v in state.items() if not k.endswith("num_batches_tracked")},
            scaler=Scaler(np.zeros(len(columns)), np.ones(len(columns))),
            baselines={},
            architecture=config.as_dict(),
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
