import pytest
import torch

from genesis_lib.models.layers import BilinearNorm, Column, Level, Time


def test_a_level_joins_places_and_never_rows():
    layer = Level(1, 3, 2, 0.01).eval()
    x = torch.randn(2, 1, 7, 8)
    y = layer(x)
    assert y.shape == (2, 3, 7, 4)
    x[:, :, 3] += 1.0
    changed = (layer(x) != y).any(dim=(0, 1, 3))
    assert changed.tolist() == [False] * 3 + [True] + [False] * 3


def test_a_column_joins_rows_and_never_places():
    layer = Column(2, 3, 4, 0.01).eval()
    x = torch.randn(2, 2, 9, 5)
    y = layer(x)
    assert y.shape == (2, 3, 6, 5)
    x[:, :, 4, 2] += 1.0
    changed = (layer(x) != y).any(dim=1).any(dim=0)
    assert changed.nonzero()[:, 1].unique().tolist() == [2]
    assert changed[:, 2].tolist() == [False, True, True, True, True, False]


@pytest.mark.parametrize(("dilation", "padding", "length"), [(1, 0, 8), (4, 0, 2), (1, 1, 10)])
def test_time_looks_as_far_as_it_says(dilation, padding, length):
    layer = Time(2, 3, 3, 0.01, dilation, padding).eval()
    x = torch.randn(1, 2, 10)
    y = layer(x)
    assert y.shape == (1, 3, length)
    x[:, :, 5] += 1.0
    changed = (layer(x) != y).any(dim=1)[0].nonzero()[:, 0].tolist()
    assert changed == [at for at in (5 + padding - k * dilation for k in (2, 1, 0)) if 0 <= at < length]


def test_bilinear_normalisation_is_the_papers_formula():
    layer = BilinearNorm(3, 5)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn_like(parameter))
    x = 4.0 * torch.randn(2, 3, 5) + 1.0
    along = (x - x.mean(2, keepdim=True)) / x.std(2, correction=0, keepdim=True)
    across = (x - x.mean(1, keepdim=True)) / x.std(1, correction=0, keepdim=True)
    along = along * layer.feature_gain + layer.feature_shift
    across = across * layer.time_gain + layer.time_shift
    assert torch.allclose(layer(x), layer.along_time * along + layer.across_features * across, atol=1e-3)


def test_a_column_that_stands_still_harms_nothing():
    layer = BilinearNorm(3, 5)
    x = torch.zeros(1, 3, 5, requires_grad=True)
    y = layer(x)
    y.sum().backward()
    assert (y == 0).all() and torch.isfinite(x.grad).all()
