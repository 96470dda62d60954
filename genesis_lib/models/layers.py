"""Layers that several networks are made of."""

from __future__ import annotations

from torch import nn


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
