import numpy as np
import pytest
import torch

from genesis_lib.errors import ModelError
from genesis_lib.models.streaming_tabl import ServedTABL
from genesis_lib.models.tabl import TABL, TABLConfig


def test_it_is_as_large_as_published():
    assert TABL(TABLConfig(window=10)).parameter_count == 11_446
    assert TABL(TABLConfig()).parameter_count == 12_526


def test_the_bilinear_layers_are_the_papers_formulas(make_lived_in):
    net = make_lived_in(TABLConfig(inputs=4, window=6, features=(5, 7), times=(3, 2), heads=2)).double()
    with torch.no_grad():
        net.head.share.fill_(0.3)
    x = torch.randn(1, 6, 4, dtype=torch.float64)
    w = {name: p.detach().numpy() for name, p in net.named_parameters()}
    y = net.normal(x.transpose(1, 2))[0].detach().numpy()
    for name in ("mix1", "mix2"):
        y = np.maximum(w[f"{name}.left"] @ y @ w[f"{name}.right"] + w[f"{name}.bias"], 0.0)
    y = w["head.left"] @ y
    attention = w["head.attention"].copy()
    np.fill_diagonal(attention, 1 / 2)
    weights = np.exp(y @ attention)
    y = 0.3 * y * weights / weights.sum(axis=1, keepdims=True) + 0.7 * y
    expected = (y @ w["head.right"] + w["head.bias"]).reshape(2, 3)
    assert np.abs(net(x)[0].detach().numpy() - expected).max() < 1e-12


def test_sizes_read_back_from_json_and_are_checked():
    config = TABLConfig(features=(8, 9), times=(4, 3))
    stored = config.as_dict()
    assert stored["features"] == [8, 9] and TABLConfig.of(stored) == config
    for bad in ((8,), (8, 0), "ab", 7, (8, 2.0)):
        with pytest.raises(ModelError, match="features must be 2 whole numbers of at least 1"):
            TABLConfig(features=bad)
    for bad in ({"inputs": 0}, {"window": 1}, {"heads": 0}, {"dropout": -1}):
        with pytest.raises(ModelError, match=next(iter(bad))):
            TABLConfig(**bad)


def test_the_share_of_attention_is_held_between_none_and_all(make_lived_in):
    net = make_lived_in(TABLConfig(inputs=4, window=6, features=(5, 7), times=(3, 2)))
    x, answers = torch.randn(3, 6, 4), {}
    for share in (-0.2, 0.0, 1.0, 1.4):
        net.head.share.data.fill_(share)
        answers[share] = net(x).detach().numpy()
        served = ServedTABL(net.arrays(), net.config.as_dict()).score(x.numpy())
        assert np.abs(served - answers[share]).max() < 1e-5
    assert np.array_equal(answers[-0.2], answers[0.0]) and np.array_equal(answers[1.4], answers[1.0])
    assert np.abs(answers[1.0] - answers[0.0]).max() > 1e-3
