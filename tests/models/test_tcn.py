import numpy as np
import pytest
import torch

from genesis_lib.errors import ModelError
from genesis_lib.models.tcn import TCN, TCNConfig

SHAPES = {
    "one": {"inputs": 7, "channels": 3},
    "heads": {"inputs": 4, "channels": 2, "heads": 3, "slope": 0.1},
    "short": {"inputs": 5, "channels": 4, "window": 64},
}
each_shape = pytest.mark.parametrize("config", [TCNConfig(**s) for s in SHAPES.values()], ids=SHAPES)


def test_it_is_the_documented_network():
    assert TCN(TCNConfig()).parameter_count == 18_947
    assert TCN(TCNConfig(inputs=120, heads=2)).parameter_count == 21_030


@each_shape
def test_the_receptive_field_is_the_window(config, make_lived_in):
    net = make_lived_in(config).double()
    x = torch.randn(1, 2 * config.window, config.inputs, dtype=torch.float64, requires_grad=True)
    for at in (0, 31, config.window):  # the answers behind `window - 1 + at` rows
        (gradient,) = torch.autograd.grad(net.dense(x)[0, at].square().sum(), x)
        felt = gradient[0].abs().sum(dim=1).nonzero()[:, 0]
        assert felt.min() == at and felt.max() == at + config.window - 1


@each_shape
def test_dense_is_forward_on_every_window(config, make_lived_in):
    net = make_lived_in(config).double()
    x = torch.randn(2, config.window + 40, config.inputs, dtype=torch.float64)
    windows = x.unfold(1, config.window, 1).transpose(2, 3)  # (2, 41, window, F)
    dense, plain = net.dense(x), torch.stack([net(each) for each in windows])
    assert dense.shape == plain.shape == (2, 41, config.heads, 3) and plain.std(dim=1).min() > 1e-4
    assert (dense - plain).abs().max() < 1e-9
    weigh = torch.randn_like(plain)
    mine, theirs = (torch.autograd.grad((y * weigh).sum(), list(net.parameters())) for y in (dense, plain))
    for (name, _), a, b in zip(net.named_parameters(), mine, theirs):
        assert a.abs().max() > 0, name
        assert (a - b).abs().max() <= 1e-6 * max(1.0, float(b.abs().max())), name


def test_the_memory_begins_as_a_mean():
    net = TCN(TCNConfig(inputs=3, channels=2, window=70))
    y = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 2, 8)).astype(np.float32))
    assert torch.allclose(net.memory(y)[..., 0], y.mean(dim=2))


def test_config_round_trip_and_refusals():
    for given in SHAPES.values():
        config = TCNConfig(**given)
        assert TCNConfig.of(config.as_dict()) == config
    for bad in ({"inputs": 0}, {"window": 63}, {"channels": 0}, {"heads": 1.5}, {"dropout": 1.0}):
        with pytest.raises(ModelError, match=next(iter(bad))):
            TCNConfig(**bad)


def test_a_stretch_shorter_than_the_window_is_refused():
    with pytest.raises(ModelError, match="at least 100 rows, got 99"):
        TCN(TCNConfig(inputs=4)).dense(torch.zeros(1, 99, 4))
