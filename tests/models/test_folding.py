import numpy as np
import pytest
import torch
from torch import nn

from genesis_lib.errors import ModelError
from genesis_lib.models.folding import Layer, Tensors, across, beside, number, sizes


def lived(norm):
    """A normalisation that has seen data."""
    with torch.no_grad():
        for tensor, (low, high) in zip(
            (norm.weight, norm.bias, norm.running_mean, norm.running_var), ((-2, 2), (-1, 1), (-1, 1), (0.1, 3))
        ):
            tensor.uniform_(low, high)
    return norm


def tensors(**modules):
    return Tensors({f"{a}.{k}": v.detach().numpy() for a, m in modules.items() for k, v in m.state_dict().items()})


def run(layer, x):
    """A valid convolution along the first axis of (T, inputs), in numpy."""
    n = len(x) - layer.taps + 1
    y = np.array([sum(x[t + k] @ layer.weight[k] for k in range(layer.taps)) for t in range(n)]) + layer.bias
    y = np.where(y > 0, y, layer.slope * y)
    y = np.tanh(y) if layer.tanh else y
    return y if layer.gain is None else y * layer.gain + layer.shift


def test_a_normalisation_folds_into_the_convolution_before_it():
    net = nn.Sequential(nn.Conv1d(5, 7, 3, bias=False), lived(nn.BatchNorm1d(7)), nn.LeakyReLU(0.1)).double().eval()
    x = torch.randn(1, 5, 12, dtype=torch.float64)
    layer = tensors(**{"a.conv": net[0], "a.norm": net[1]}).normed("a", (7, 5, 3), 0.1)
    assert (layer.taps, layer.inputs, layer.outputs) == (3, 5, 7)
    assert np.abs(run(layer, x[0].T.numpy()) - net(x)[0].T.detach().numpy()).max() < 1e-12


@pytest.mark.parametrize("tanh", [False, True])
def test_a_normalisation_behind_the_activation_stays_behind_it(tanh):
    act = nn.Tanh() if tanh else nn.LeakyReLU(0.1)
    net = nn.Sequential(nn.Conv2d(5, 7, (3, 1)), act, lived(nn.BatchNorm2d(7))).double().eval()
    x = torch.randn(1, 5, 12, 1, dtype=torch.float64)
    found = tensors(**{"a.conv": net[0], "a.norm": net[2]})
    layer = found.then_normed("a", (7, 5, 3, 1), 1.0 if tanh else 0.1, tanh)
    assert np.abs(run(layer, x[0, :, :, 0].T.numpy()) - net(x)[0, :, :, 0].T.detach().numpy()).max() < 1e-12
    both = beside(layer, layer)
    assert np.array_equal(run(both, x[0, :, :, 0].T.numpy())[:, 7:], run(layer, x[0, :, :, 0].T.numpy()))


def test_a_kernel_across_the_row_is_one_tap():
    net = nn.Conv2d(4, 6, (1, 3), (1, 3), bias=False).double()
    kernel = Tensors({"a.weight": net.weight.detach().numpy()}).kernel("a", (6, 4, 1, 3))
    layer = across(Layer(kernel, np.zeros(6)), 3)
    x = torch.randn(1, 4, 1, 9, dtype=torch.float64)  # nine places of four channels
    places = x[0, :, 0].T.reshape(3, 12).numpy()
    assert np.abs(places @ layer.weight[0] - net(x)[0, :, 0].T.detach().numpy()).max() < 1e-12


def test_what_does_not_fit_is_named():
    found = Tensors({"a.weight": np.zeros((3, 4)), "b": np.array([np.nan]), "n.running_var": np.array([-1.0])})
    with pytest.raises(ModelError, match=r"a\.weight must have shape \(3, 5\), got \(3, 4\)"):
        found.linear("a", 5, 3)
    with pytest.raises(ModelError, match=r"a\.bias must have shape \(3,\), got nothing"):
        found.linear("a", 4, 3)
    with pytest.raises(ModelError, match="b must be finite"):
        found.get("b", 1)
    zeros = {f"n.{part}": np.zeros(1) for part in ("running_mean", "weight", "bias")}
    with pytest.raises(ModelError, match="running_var must not be negative"):
        Tensors({**zeros, "n.running_var": np.array([-1.0])}).norm("n", 1)
    for value in (None, 2.5, "9", True, -1):
        with pytest.raises(ModelError, match="window must be a whole number"):
            sizes({"window": value}, "window")
    for value in (None, "0.1", True, 1.5):
        with pytest.raises(ModelError, match="slope must be a number from 0 to 1"):
            number({"slope": value}, "slope")
