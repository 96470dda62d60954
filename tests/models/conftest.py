"""A small network with lived-in weights, registered in a folder of its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genesis_lib.features import OFI_INPUTS, model_inputs
from genesis_lib.models import registry
from genesis_lib.models.baseline import Baselines
from genesis_lib.models.deeplob import DeepLOBConfig
from genesis_lib.models.kinds import build, kind
from genesis_lib.models.network import Network, NetworkConfig
from genesis_lib.models.scaler import Scaler

torch.set_num_threads(1)

TINY = {
    "deeplob": {"window": 12, "channels": 3, "branch": 2, "hidden": 5},
    "causal-16": {"window": 56, "channels": 2, "hidden": 4, "skip": True},
    "causal-32": {"window": 54, "channels": 3, "hidden": 4},
    "deeplob-lstm": {"window": 26, "channels": 3, "branch": 2, "hidden": 4},
    "tabl": {"window": 7, "features": [6, 8], "times": [4, 3]},
    "attention": {"window": 9, "width": 4, "layers": 2, "pooled": 2},
}


def tiny_columns(name: str) -> tuple[str, ...]:
    """The book of two levels, and columns beside it where the kind takes them."""
    return model_inputs(2) if kind(name).book else model_inputs(2) + OFI_INPUTS(2)[:3]


def tiny(name: str, heads: int = 2) -> NetworkConfig:
    """A configuration of the kind that takes no time."""
    return kind(name).configure(tiny_columns(name), heads=heads, **TINY[name])


def lived_in(config: NetworkConfig, seed: int = 0) -> Network:
    """A network whose normalisations have seen data, so that folding them is not a no-op."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = build(config)
        net.train()
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.mul_(1.3).add_(0.02 * torch.randn_like(parameter))
            for _ in range(10):
                net(1.5 * torch.randn(16, config.window, config.inputs) + 0.3)
    return net.eval()


def arrays(net: Network) -> dict[str, np.ndarray]:
    return net.arrays()


def registered(root, name="small", seed=0, **changes):
    """Register a small network; gives (net, artifact)."""
    config = DeepLOBConfig(levels=2, window=20, channels=8, branch=4, hidden=16)
    net = lived_in(config, seed)
    rng = np.random.default_rng(seed)
    flow = rng.normal(size=(300, len(OFI_INPUTS(2))))
    classes = rng.integers(0, 3, 300)
    given = {
        "weights": arrays(net),
        "scaler": Scaler.fit(rng.normal(size=(100, 8))),
        "baselines": Baselines.fit(flow, classes, classes, OFI_INPUTS(2), Scaler.fit(flow)).as_dict(),
        "architecture": config.as_dict(),
        "columns": model_inputs(2),
        "label": {"kind": "smoothed", "horizon": 5, "threshold": 1e-4, "span": 100, "width": 1.0},
        "metrics": {"accuracy": 0.5},
        "data_hash": "0" * 64,
        "provenance": "simulated",
        "data": [],
        "training": {},
        "seed": seed,
        "card": "# {name} {version}\n",
    }
    return net, registry.register(name, root=root, **(given | changes))


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def make_tiny():
    return tiny


@pytest.fixture(scope="session")
def make_lived_in():
    return lived_in


@pytest.fixture(scope="session")
def to_arrays():
    return arrays


@pytest.fixture(scope="session")
def make_registered():
    return registered
