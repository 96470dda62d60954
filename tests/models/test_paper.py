import pytest
import torch
from torch import nn

from genesis_lib.errors import ModelError
from genesis_lib.models.paper import PaperDeepLOBConfig


def as_published() -> nn.ModuleDict:
    """The widely used PyTorch implementation, written down from its description, layer by layer."""

    def block(inputs, width, act):
        sizes = [(inputs, (1, width), (1, width)), (32, (4, 1), 1), (32, (4, 1), 1)]
        return [m for i, size, step in sizes for m in (nn.Conv2d(i, 32, size, step), act, nn.BatchNorm2d(32))]

    def branch(*sizes):
        layers, inputs = [], 32
        for size in sizes:
            layers += [nn.Conv2d(inputs, 64, size, padding="same"), nn.LeakyReLU(0.01), nn.BatchNorm2d(64)]
            inputs = 64
        return layers

    leaky = nn.LeakyReLU(0.01)
    return nn.ModuleDict(
        {
            "trunk": nn.Sequential(*block(1, 2, leaky), *block(32, 2, nn.Tanh()), *block(32, 10, leaky)),
            "three": nn.Sequential(*branch((1, 1), (3, 1))),
            "five": nn.Sequential(*branch((1, 1), (5, 1))),
            "most": nn.Sequential(nn.MaxPool2d((3, 1), 1, (1, 0)), *branch((1, 1))),
            "lstm": nn.LSTM(192, 64, batch_first=True),
            "last": nn.Linear(64, 3),
        }
    )


def test_it_is_the_published_network(make_lived_in):
    net, published = make_lived_in(PaperDeepLOBConfig()), as_published().eval()
    mine, theirs = net.state_dict(), published.state_dict()
    assert [t.shape for t in mine.values()] == [t.shape for t in theirs.values()]
    published.load_state_dict(dict(zip(theirs, mine.values())))
    assert net.parameter_count == sum(p.numel() for p in published.parameters()) == 143_907
    x = torch.randn(2, 100, 40)
    with torch.inference_mode():
        y = published["trunk"](x[:, None])
        y = torch.cat([published[name](y) for name in ("three", "five", "most")], dim=1)
        y = published["last"](published["lstm"](y.squeeze(3).transpose(1, 2))[0][:, -1])
        assert torch.allclose(net(x)[:, 0], y, atol=1e-5) and y.std(dim=0).min() > 1e-3


def test_windows_share_what_they_can(make_lived_in):
    net = make_lived_in(PaperDeepLOBConfig(levels=2, window=24, channels=3, branch=2, hidden=4, heads=2)).double()
    rows = torch.randn(90, 8, dtype=torch.float64)
    index = torch.stack([torch.arange(24) + first for first in (0, 1, 7, 60)])
    assert (net.windows(rows, index) - net(rows[index])).abs().max() < 1e-12
    mine, theirs = (
        torch.autograd.grad(y.square().sum(), list(net.parameters()))
        for y in (net.windows(rows, index), net(rows[index]))
    )
    assert all(torch.allclose(a, b, atol=1e-9) for a, b in zip(mine, theirs))
    scattered = torch.randint(90, (3, 24))
    assert (net.windows(rows, scattered) - net(rows[scattered])).abs().max() < 1e-12


def test_config_refusals():
    for bad in ({"levels": 0}, {"window": 23}, {"hidden": 0}, {"heads": 0}, {"dropout": 1}):
        with pytest.raises(ModelError, match=next(iter(bad))):
            PaperDeepLOBConfig(**bad)
