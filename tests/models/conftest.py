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
    "tcn-32": {"window": 64, "channels": 3},
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


def answers_of_torch(net: Network, rows: np.ndarray, every: int = 1) -> np.ndarray:
    """Probabilities (n, heads, 3) of each window of scaled rows by itself, or of every so many, in float64."""
    windows = np.lib.stride_tricks.sliding_window_view(rows, net.config.window, axis=0).transpose(0, 2, 1)[::every]
    net = net.double()
    with torch.inference_mode():
        if net.is_dense and every == 1:
            return torch.softmax(net.dense(torch.tensor(rows[None].astype(np.float64)))[0], 2).numpy()
        parts = [torch.tensor(windows[i : i + 64].astype(np.float64)) for i in range(0, len(windows), 64)]
        return torch.cat([torch.softmax(net(part), 2) for part in parts]).numpy()


@pytest.fixture(scope="session")
def torch_answers():
    return answers_of_torch


@pytest.fixture(scope="session")
def recorded_rows(usdm_2024) -> np.ndarray:
    """Raw book inputs of ten levels at each row of a real recording; NaN where they are not known."""
    from genesis_lib.features import FeatureSet
    from genesis_lib.feeds import read_snapshots

    return FeatureSet(model_inputs(10)).batch(read_snapshots(usdm_2024))


def walk_through(net: Network, scaler: Scaler, rows: np.ndarray, every: int = 1, count: int | None = None) -> float:
    """Let the served network go over raw rows three ways, and give how far it is from torch at most.

    A step a row, with and without working ahead, must give the batch's answers to the last bit where the network runs
    compiled, and nearly so where it looks at whole windows.
    """
    from genesis_lib.models.predictor import Predictor, folded, predict_heads

    served = folded(net.arrays(), net.config.as_dict())
    batch = predict_heads(served, scaler, rows)
    walkers = [Predictor(served, scaler, None, net.config.heads - 1) for _ in range(2)]
    for number, row in enumerate(rows[:count]):
        steps = [walker.step(row) for walker in walkers]
        walkers[1].ahead()
        for walker, step in zip(walkers, steps):
            assert np.array_equal(step, walker.heads[-1], equal_nan=True)
            assert np.isnan(step).all() == (walker.remaining > 0)
            if hasattr(served, "plan"):
                assert np.array_equal(walker.heads, batch[number], equal_nan=True)
            else:
                assert np.allclose(walker.heads, batch[number], rtol=0, atol=1e-9, equal_nan=True)
    usable = np.isfinite(rows).all(axis=1)
    first = np.flatnonzero(~usable)[-1] + 1 if not usable.all() else 0
    expected = answers_of_torch(net, scaler.transform(rows[first:]), every)
    got = batch[first + net.config.window - 1 :: every]
    assert expected.std(axis=0).min() > 1e-4, "answers must differ, or equality proves nothing"
    return float(np.abs(got - expected).max())


@pytest.fixture(scope="session")
def walk():
    return walk_through
