import pytest
import torch
from torch import nn

from genesis_lib.errors import ModelError
from genesis_lib.models.deeplob import DeepLOB, DeepLOBConfig


@pytest.mark.parametrize("levels", [1, 5, 10])
def test_shapes_layer_by_layer(levels):
    net = DeepLOB(DeepLOBConfig(levels=levels)).eval()
    x = torch.randn(3, 100, 4 * levels)
    with torch.inference_mode():
        one = net.level1(x[:, None])
        two = net.level2(one)
        three = net.level3(two)
        assert one.shape == (3, 32, 100, 2 * levels)
        assert two.shape == (3, 32, 100, levels)
        assert three.shape == (3, 32, 100, 1)
        mixed = net.inception1(three.squeeze(3))
        assert mixed.shape == net.inception2(mixed).shape == (3, 64, 100)
        assert net(x).shape == (3, 1, 3)


def test_it_is_the_documented_network():
    net = DeepLOB(DeepLOBConfig())
    assert net.parameter_count == 433_027
    kinds = [type(module) for module in net.modules()]
    assert kinds.count(nn.Conv2d) == 3 and kinds.count(nn.Linear) == 2 and nn.Dropout in kinds
    assert net.dense.in_features == 64 * 100 and net.dense.out_features == 64


def test_shared_rows_give_the_logits_of_whole_windows():
    torch.manual_seed(0)
    net = DeepLOB(DeepLOBConfig(levels=3, window=20, channels=8, branch=4, hidden=16)).eval()
    rows = torch.randn(60, 12)
    index = torch.stack([torch.arange(20) + first for first in (0, 3, 40)])
    whole = net(rows[index])
    assert torch.allclose(net.windows(rows, index), whole, atol=1e-6)
    loss, other = (net.windows(rows, index) ** 2).sum(), (whole**2).sum()
    mine = torch.autograd.grad(loss, list(net.parameters()))
    theirs = torch.autograd.grad(other, list(net.parameters()))
    assert all(torch.allclose(a, b, rtol=1e-3, atol=1e-5) for a, b in zip(mine, theirs))


def test_a_window_holds_its_own_rows_only():
    net = DeepLOB(DeepLOBConfig(levels=2, window=12)).eval()
    x = torch.randn(2, 12, 8)
    before = net(x)[0].detach()
    x[1] = 99.0
    assert torch.allclose(net(x)[0], before, atol=1e-6)


def test_config_round_trip_and_refusals():
    config = DeepLOBConfig(levels=5, dropout=0.5)
    assert DeepLOBConfig.of(config.as_dict()) == config
    with pytest.raises(ModelError, match="unknown architecture keys depth"):
        DeepLOBConfig.of({"kind": "deeplob", "depth": 3})
    for bad in ({"levels": 0}, {"window": 8}, {"hidden": 2.5}, {"dropout": 1.0}):
        with pytest.raises(ModelError, match=next(iter(bad))):
            DeepLOBConfig(**bad)
