"""DeepLOB with flattened inception columns: the network and its configuration.

Needs torch; `genesis_lib.models.streaming` computes the same numbers from the same weights with numpy alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from genesis_lib.models.layers import Level, Time
from genesis_lib.models.network import Network, NetworkConfig


@dataclass(frozen=True, slots=True)
class DeepLOBConfig(NetworkConfig):
    """Shape of the network.

    Parameters
    ----------
    levels
        Book levels a side; a row has ``4 * levels`` inputs.
    window
        Rows a prediction sees.
    channels
        Feature maps of the three convolutions over the levels.
    branch
        Outputs of each of the four branches of an inception module (the module gives ``4 * branch``).
    hidden
        Width of the dense layer.
    dropout
        Share of dense activations dropped while training.
    slope
        Slope of the leaky rectifiers below zero.
    heads
        Horizons.
    """

    KIND: ClassVar[str] = "deeplob"
    DERIVED: ClassVar[tuple[str, ...]] = ("inputs",)

    levels: int = 10
    window: int = 100
    channels: int = 32
    branch: int = 16
    hidden: int = 64
    dropout: float = 0.3
    slope: float = 0.01
    heads: int = 1

    def __post_init__(self) -> None:
        self.require(levels=1, window=9, channels=1, branch=1, hidden=1, heads=1)

    @property
    def inputs(self) -> int:
        """Columns of a row."""
        return 4 * self.levels


class Inception(nn.Module):
    """Four views of the columns at time scales 1, 3, 5 and a maximum over 3, side by side.

    (batch, inputs, T) -> (batch, 4 * branch, T)
    """

    def __init__(self, inputs: int, branch: int, slope: float) -> None:
        super().__init__()
        self.point = Time(inputs, branch, 1, slope)
        self.reduce3 = Time(inputs, branch, 1, slope)
        self.conv3 = Time(branch, branch, 3, slope, padding=1)
        self.reduce5 = Time(inputs, branch, 1, slope)
        self.conv5 = Time(branch, branch, 5, slope, padding=2)
        self.pool = Time(inputs, branch, 1, slope)

    def forward(self, x: Tensor) -> Tensor:
        most = functional.max_pool1d(x, 3, stride=1, padding=1)
        return torch.cat(
            [self.point(x), self.conv3(self.reduce3(x)), self.conv5(self.reduce5(x)), self.pool(most)], dim=1
        )


class DeepLOB(Network):
    """Logits from a window of rows of the raw book.

    Notes
    -----
    Level convolutions of width 2, 2 and `levels` join price with size, bid with ask, and all levels; two inception
    modules look along time; flattened columns, not an LSTM, feed the dense layer. The level convolutions see one row
    at a time, so windows that overlap share them: `windows` computes each row once and gives what `forward` gives.

    References
    ----------
    Z. Zhang, S. Zohren, S. Roberts, "DeepLOB: Deep Convolutional Neural Networks for Limit Order Books", IEEE
    Transactions on Signal Processing 67(11), 2019.

    Examples
    --------
    >>> net = DeepLOB(DeepLOBConfig()).eval()
    >>> tuple(net(torch.zeros(2, 100, 40)).shape)
    (2, 1, 3)
    """

    def __init__(self, config: DeepLOBConfig) -> None:
        super().__init__(config)
        c = config
        self.level1 = Level(1, c.channels, 2, c.slope)  # (B, 1, T, 4L) -> (B, 32, T, 2L): price with size
        self.level2 = Level(c.channels, c.channels, 2, c.slope)  # -> (B, 32, T, L): ask with bid
        self.level3 = Level(c.channels, c.channels, c.levels, c.slope)  # -> (B, 32, T, 1): all levels
        self.inception1 = Inception(c.channels, c.branch, c.slope)  # (B, 32, T) -> (B, 64, T)
        self.inception2 = Inception(4 * c.branch, c.branch, c.slope)  # (B, 64, T) -> (B, 64, T)
        self.dense = nn.Linear(4 * c.branch * c.window, c.hidden)  # (B, 64 * T) -> (B, 64)
        self.drop = nn.Dropout(c.dropout)
        self.head = nn.Linear(c.hidden, 3 * c.heads)  # (B, 64) -> (B, 3 * heads)

    def columns(self, x: Tensor) -> Tensor:
        """One column a row: (batch, 1, T, 4 * levels) -> (batch, channels, T)."""
        return self.level3(self.level2(self.level1(x))).squeeze(3)

    def classify(self, columns: Tensor) -> Tensor:
        """Logits of columns: (batch, channels, window) -> (batch, heads, 3)."""
        x = self.inception2(self.inception1(columns)).flatten(1)
        x = functional.leaky_relu(self.dense(x), self.config.slope)
        return self.by_head(self.head(self.drop(x)))

    def forward(self, x: Tensor) -> Tensor:
        """Logits of windows: (batch, window, 4 * levels) -> (batch, heads, 3)."""
        return self.classify(self.columns(x[:, None]))

    def windows(self, rows: Tensor, index: Tensor) -> Tensor:
        """Logits of windows given as row numbers: (R, 4 * levels), (batch, window) int64 -> (batch, heads, 3)."""
        columns = self.columns(rows[None, None])[0]  # (channels, R)
        return self.classify(columns[:, index].transpose(0, 1))
