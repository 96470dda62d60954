"""The paper's DeepLOB, with its LSTM, as the widely used PyTorch implementation has it (143,907 trained values)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from genesis_lib.models.network import Network, NetworkConfig

LENGTH = 4  # rows of a convolution along time
SHORTER = 6 * (LENGTH - 1)  # rows that the six of them, unpadded, take off a window


@dataclass(frozen=True, slots=True)
class PaperDeepLOBConfig(NetworkConfig):
    """Shape of the network.

    Parameters
    ----------
    levels
        Book levels a side; a row has ``4 * levels`` inputs.
    window
        Rows a prediction sees.
    channels
        Feature maps of the convolutions before the inception module.
    branch
        Outputs of each of the three branches of the inception module.
    hidden
        Width of the LSTM's state.
    heads
        Horizons.
    dropout
        Share of the LSTM's last state dropped while training; the paper's network drops none.
    slope
        Slope of the leaky rectifiers below zero.
    """

    KIND: ClassVar[str] = "deeplob-lstm"
    DERIVED: ClassVar[tuple[str, ...]] = ("inputs",)

    levels: int = 10
    window: int = 100
    channels: int = 32
    branch: int = 64
    hidden: int = 64
    heads: int = 1
    dropout: float = 0.0
    slope: float = 0.01

    def __post_init__(self) -> None:
        self.require(levels=1, window=SHORTER + 6, channels=1, branch=1, hidden=1, heads=1)

    @property
    def inputs(self) -> int:
        """Columns of a row."""
        return 4 * self.levels


class Step(nn.Sequential):
    """Convolution with bias, activation, normalisation: in this order, so the normalisation scales what follows it."""

    def __init__(self, inputs: int, outputs: int, size: tuple[int, int], act: nn.Module, same: bool = False) -> None:
        super().__init__()
        stride = (1, size[1])
        self.conv = nn.Conv2d(inputs, outputs, size, stride, padding=(size[0] // 2, 0) if same else 0)
        self.act = act
        self.norm = nn.BatchNorm2d(outputs)


class Block(nn.Sequential):
    """Joins `width` places of a row, then looks along time twice: (B, C, T, P) -> (B, c, T - 6, P / width)."""

    def __init__(self, inputs: int, outputs: int, width: int, act: nn.Module) -> None:
        super().__init__()
        self.level = Step(inputs, outputs, (1, width), act)
        self.early = Step(outputs, outputs, (LENGTH, 1), act)
        self.late = Step(outputs, outputs, (LENGTH, 1), act)


class PaperInception(nn.Module):
    """Three views of the columns, zero padded at both ends, side by side: (B, c, T, 1) -> (B, 3 * branch, T, 1)."""

    def __init__(self, inputs: int, branch: int, slope: float) -> None:
        super().__init__()
        act = nn.LeakyReLU(slope)
        self.reduce3 = Step(inputs, branch, (1, 1), act)
        self.conv3 = Step(branch, branch, (3, 1), act, same=True)
        self.reduce5 = Step(inputs, branch, (1, 1), act)
        self.conv5 = Step(branch, branch, (5, 1), act, same=True)
        self.most = nn.MaxPool2d((3, 1), stride=1, padding=(1, 0))
        self.pool = Step(inputs, branch, (1, 1), act)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.conv3(self.reduce3(x)), self.conv5(self.reduce5(x)), self.pool(self.most(x))], dim=1)


class PaperDeepLOB(Network):
    """Logits from a window of rows of the raw book.

    Notes
    -----
    The convolutions before the inception module are unpadded, so what they give at a row is the same in every window
    that holds it: `windows` computes it once where windows lie in consecutive rows (their normalisations then also
    meet, while training, the few columns that span two stretches of rows; no answer uses them). The padded inception
    and the LSTM, which starts anew with each window, cannot be shared, so the network is not dense. Second block: tanh.

    References
    ----------
    Z. Zhang, S. Zohren, S. Roberts, "DeepLOB: Deep Convolutional Neural Networks for Limit Order Books", IEEE
    Transactions on Signal Processing 67(11), 2019.

    Examples
    --------
    >>> net = PaperDeepLOB(PaperDeepLOBConfig()).eval()
    >>> net.parameter_count, tuple(net(torch.zeros(2, 100, 40)).shape)
    (143907, (2, 1, 3))
    """

    def __init__(self, config: PaperDeepLOBConfig) -> None:
        super().__init__(config)
        c, leaky = config, nn.LeakyReLU(config.slope)
        self.block1 = Block(1, c.channels, 2, leaky)  # (B, 1, T, 4L) -> (B, 32, T - 6, 2L): price with size
        self.block2 = Block(c.channels, c.channels, 2, nn.Tanh())  # -> (B, 32, T - 12, L): ask with bid
        self.block3 = Block(c.channels, c.channels, c.levels, leaky)  # -> (B, 32, T - 18, 1): all levels
        self.inception = PaperInception(c.channels, c.branch, c.slope)  # -> (B, 192, T - 18, 1)
        self.lstm = nn.LSTM(3 * c.branch, c.hidden, batch_first=True)  # (B, T - 18, 192) -> (B, T - 18, 64)
        self.drop = nn.Dropout(c.dropout)
        self.head = nn.Linear(c.hidden, 3 * c.heads)  # (B, 64) -> (B, 3 * heads)

    def columns(self, x: Tensor) -> Tensor:
        """One column a row behind the first 18: (B, T, F) -> (B, channels, T - 18)."""
        return self.block3(self.block2(self.block1(x[:, None]))).squeeze(3)

    def classify(self, columns: Tensor) -> Tensor:
        """Logits of columns: (B, channels, window - 18) -> (B, heads, 3)."""
        x = self.inception(columns.unsqueeze(3)).squeeze(3).transpose(1, 2)
        x = self.lstm(x)[0][:, -1]
        return self.by_head(self.head(self.drop(x)))

    def forward(self, x: Tensor) -> Tensor:
        """Logits of windows: (B, window, F) -> (B, heads, 3)."""
        return self.classify(self.columns(x))

    def windows(self, rows: Tensor, index: Tensor) -> Tensor:
        """Logits of windows given as row numbers: (R, F), (B, window) int64 -> (B, heads, 3)."""
        if not bool((index.diff(dim=1) == 1).all()):
            return self(rows[index])
        columns = self.columns(rows[None])[0]  # (channels, R - 18); column k is of rows k to k + 18
        return self.classify(columns[:, index[:, :-SHORTER]].transpose(0, 1))
