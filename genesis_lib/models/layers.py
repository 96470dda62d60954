"""Layers that several networks are made of."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Level(nn.Sequential):
    """Convolution across one row of the book (never across time), normalisation, leaky rectifier.

    (B, inputs, T, P) -> (B, outputs, T, P / width)
    """

    def __init__(self, inputs: int, outputs: int, width: int, slope: float) -> None:
        super().__init__()
        # A bias in front of a normalisation would only be subtracted again.
        self.conv = nn.Conv2d(inputs, outputs, (1, width), (1, width), bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.act = nn.LeakyReLU(slope)


class Column(nn.Sequential):
    """Valid convolution along time at every place of a row alike, normalisation, leaky rectifier.

    (B, inputs, T, P) -> (B, outputs, T - length + 1, P)
    """

    def __init__(self, inputs: int, outputs: int, length: int, slope: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, (length, 1), bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.act = nn.LeakyReLU(slope)


class Time(nn.Sequential):
    """Convolution along time, normalisation, leaky rectifier.

    (B, inputs, T) -> (B, outputs, T + 2 * padding - (length - 1) * dilation)
    """

    def __init__(
        self, inputs: int, outputs: int, length: int, slope: float, dilation: int = 1, padding: int = 0
    ) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, length, dilation=dilation, padding=padding, bias=False)
        self.norm = nn.BatchNorm1d(outputs)
        self.act = nn.LeakyReLU(slope)


class BilinearNorm(nn.Module):
    """Weighted sum of a window normalised along time and the same window normalised across features.

    (B, F, T) -> (B, F, T)

    Notes
    -----
    ``a (g1 (x - mean_T) / deviation_T + b1) + c (g2 (x - mean_F) / deviation_F + b2)``, with g1, b1 a value a feature,
    g2, b2 a value a time; a and c start at a half.

    References
    ----------
    D. T. Tran, J. Kanniainen, M. Gabbouj, A. Iosifidis, "Data Normalization for Bilinear Structures in High-Frequency
    Financial Time-series", ICPR 2020.
    """

    def __init__(self, inputs: int, window: int) -> None:
        super().__init__()
        self.feature_gain = nn.Parameter(torch.ones(inputs, 1))
        self.feature_shift = nn.Parameter(torch.zeros(inputs, 1))
        self.time_gain = nn.Parameter(torch.ones(1, window))
        self.time_shift = nn.Parameter(torch.zeros(1, window))
        self.along_time = nn.Parameter(torch.tensor([0.5]))
        self.across_features = nn.Parameter(torch.tensor([0.5]))

    def forward(self, x: Tensor) -> Tensor:
        along = _standard(x, 2) * self.feature_gain + self.feature_shift
        across = _standard(x, 1) * self.time_gain + self.time_shift
        return self.along_time * along + self.across_features * across


def _standard(x: Tensor, dim: int) -> Tensor:
    """Mean 0 and deviation 1 along an axis; 0 where nothing varies, with a gradient that stays finite."""
    centred = x - x.mean(dim=dim, keepdim=True)
    return centred / torch.sqrt(centred.square().mean(dim=dim, keepdim=True) + 1e-5)
