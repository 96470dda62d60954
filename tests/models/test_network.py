import numpy as np
import pytest
import torch
from torch import nn

from genesis_lib.errors import ModelError
from genesis_lib.models.causal import CausalConfig
from genesis_lib.models.deeplob import DeepLOB, DeepLOBConfig
from genesis_lib.models.kinds import build
from genesis_lib.models.network import Network
from genesis_lib.models.tcn import TCNConfig


class Sum(Network):
    """Logits that are sums over the window, horizon by horizon."""

    def __init__(self, config):
        super().__init__(config)
        self.scale = nn.Parameter(torch.arange(3.0 * config.heads))

    def forward(self, x):
        return self.by_head(x.sum(dim=(1, 2))[:, None] * self.scale)


def test_windows_are_rows_looked_up():
    net = Sum(DeepLOBConfig(levels=1, window=9, heads=2))
    rows = torch.randn(30, 4)
    index = torch.stack([torch.arange(9) + first for first in (0, 2, 21)])
    assert torch.equal(net.windows(rows, index), net(rows[index]))
    assert net.windows(rows, index).shape == (3, 2, 3) and net.parameter_count == 6
    assert torch.equal(net.by_head(torch.arange(6))[1], torch.tensor([3, 4, 5]))


def test_a_base_answers_nothing():
    with pytest.raises(TypeError, match="Network must say how it answers"):
        Network(DeepLOBConfig())(torch.zeros(1, 100, 40))


def test_arrays_are_all_that_serving_needs():
    net = DeepLOB(DeepLOBConfig(levels=1, window=9, channels=2, branch=2, hidden=3))
    arrays = net.arrays()
    assert not any("tracked" in name for name in arrays) and "level1.norm.running_var" in arrays
    assert sum(a.size for name, a in arrays.items() if "running" not in name) == net.parameter_count
    assert all(isinstance(a, np.ndarray) for a in arrays.values())


def test_configurations_of_old_manifests_read_as_they_did():
    old = {"kind": "deeplob", "levels": 10, "window": 100, "channels": 32, "branch": 16, "hidden": 64}
    config = DeepLOBConfig.of(old | {"dropout": 0.5, "slope": 0.01})
    assert config == DeepLOBConfig(dropout=0.5) and config.heads == 1 and config.inputs == 40


def test_what_follows_from_the_fields_must_agree():
    stored = CausalConfig(levels=2, extra=5).as_dict()
    assert stored["kind"] == "causal" and stored["inputs"] == 13
    with pytest.raises(ModelError, match="inputs must be 13 as the other keys have it, got 12"):
        CausalConfig.of(stored | {"inputs": 12})
    with pytest.raises(ModelError, match="allowed: branch, channels, dropout, heads, hidden, inputs, levels"):
        DeepLOBConfig.of({"kind": "deeplob", "depth": 3})
    for bad in (None, "a", 1.0, -0.1, False, float("nan")):
        for name in ("dropout", "slope"):
            with pytest.raises(ModelError, match=rf"{name} must lie in \[0, 1\), got"):
                CausalConfig(**{name: bad})


def test_in_training_only_how_often_a_row_is_counted_differs():
    """A normalisation sees a row once where it is computed once, and once a window where windows are computed apart."""
    rows = torch.randn(1, 60, 4)
    net = build(CausalConfig(levels=1, channels=2, hidden=3, window=54, dropout=0.0)).train()
    windows = rows[0].unfold(0, 54, 1).transpose(1, 2)
    assert (net.dense(rows)[0] - net(windows)).abs().max() > 1e-3
    free = build(TCNConfig(inputs=4, channels=2, window=64, dropout=0.0)).train()  # has no normalisation
    rows = torch.randn(1, 70, 4)
    assert torch.allclose(free.dense(rows)[0], free(rows[0].unfold(0, 64, 1).transpose(1, 2)), atol=1e-6)
