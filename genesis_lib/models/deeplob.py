"""DeepLOB with flattened inception columns: the network and its configuration.

Needs torch; `genesis_lib.models.streaming` computes the same numbers from the same weights with numpy alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

import torch
from torch import Tensor, nn
from torch.nn import functional

from genesis_lib.errors import ModelError


@dataclass(frozen=True, slots=True)
class DeepLOBConfig:
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
    """

    levels: int = 10
    window: int = 100
    channels: int = 32
    branch: int = 16
    hidden: int = 64
    dropout: float = 0.3
    slope: float = 0.01

    def __post_init__(self) -> None:
        for name, least in (("levels", 1), ("window", 9), ("channels", 1), ("branch", 1), ("hidden", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ModelError(f"{name} must be a whole number of at least {least}, got {value!r}")
        if not 0.0 <= self.dropout < 1.0:
            raise ModelError(f"dropout must lie in [0, 1), got {self.dropout!r}")

    @classmethod
    def of(cls, architecture: Mapping[str, object]) -> DeepLOBConfig:
        """Read a configuration back from an artifact's manifest."""
        known = {f.name for f in fields(cls)}
        given = {key: value for key, value in architecture.items() if key != "kind"}
        if unknown := sorted(set(given) - known):
            raise ModelError(f"unknown architecture keys {', '.join(unknown)}; allowed: {', '.join(sorted(known))}")
        return cls(**given)

    def as_dict(self) -> dict[str, object]:
        """What the manifest stores."""
        return {"kind": "deeplob", **asdict(self)}


class _Level(nn.Sequential):
    """Convolution across one row of the book (never across time), normalisation, leaky rectifier."""

    def __init__(self, inputs: int, outputs: int, width: int, slope: float) -> None:
        super().__init__()
        # A bias in front of a normalisation would only be subtracted again.
        self.conv = nn.Conv2d(inputs, outputs, (1, width), (1, width), bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.act = nn.LeakyReLU(slope)


class _Time(nn.Sequential):
    """Convolution along time with 'same' zero padding, normalisation, leaky rectifier."""

    def __init__(self, inputs: int, outputs: int, length: int, slope: float) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, length, padding=length // 2, bias=False)
        self.norm = nn.BatchNorm1d(outputs)
        self.act = nn.LeakyReLU(slope)


class Inception(nn.Module):
    """Four views of the columns at time scales 1, 3, 5 and a maximum over 3, side by side.

    (batch, inputs, T) -> (batch, 4 * branch, T)
    """

    def __init__(self, inputs: int, branch: int, slope: float) -> None:
        super().__init__()
        self.point = _Time(inputs, branch, 1, slope)
        self.reduce3 = _Time(inputs, branch, 1, slope)
        self.conv3 = _Time(branch, branch, 3, slope)
        self.reduce5 = _Time(inputs, branch, 1, slope)
        self.conv5 = _Time(branch, branch, 5, slope)
        self.pool = _Time(inputs, branch, 1, slope)

    def forward(self, x: Tensor) -> Tensor:
        most = functional.max_pool1d(x, 3, stride=1, padding=1)
        return torch.cat(
            [self.point(x), self.conv3(self.reduce3(x)), self.conv5(self.reduce5(x)), self.pool(most)], dim=1
        )


class DeepLOB(nn.Module):
    """Logits of DOWN, NEUTRAL, UP from a window of book rows.

    Notes
    -----
    Level convolutions of width 2, 2 and `levels` join price with size, bid with ask, and all levels; two inception
    modules look along time; flattened columns, not an LSTM, feed the dense layer. A softmax of the output gives the
    probabilities; it is left to the loss while training. The level convolutions see one row at a time, so windows
    that overlap share them: `shared` computes each row once and gives what `forward` gives.

    References
    ----------
    Z. Zhang, S. Zohren, S. Roberts, "DeepLOB: Deep Convolutional Neural Networks for Limit Order Books", IEEE
    Transactions on Signal Processing 67(11), 2019.

    Examples
    --------
    >>> net = DeepLOB(DeepLOBConfig()).eval()
    >>> tuple(net(torch.zeros(2, 1, 100, 40)).shape)
    (2, 3)
    """

    def __init__(self, config: DeepLOBConfig) -> None:
        super().__init__()
        self.config = c = config
        self.level1 = _Level(1, c.channels, 2, c.slope)  # (B, 1, T, 4L) -> (B, 32, T, 2L): price with size
        self.level2 = _Level(c.channels, c.channels, 2, c.slope)  # -> (B, 32, T, L): ask with bid
        self.level3 = _Level(c.channels, c.channels, c.levels, c.slope)  # -> (B, 32, T, 1): all levels
        self.inception1 = Inception(c.channels, c.branch, c.slope)  # (B, 32, T) -> (B, 64, T)
        self.inception2 = Inception(4 * c.branch, c.branch, c.slope)  # (B, 64, T) -> (B, 64, T)
        self.dense = nn.Linear(4 * c.branch * c.window, c.hidden)  # (B, 64 * T) -> (B, 64)
        self.drop = nn.Dropout(c.dropout)
        self.head = nn.Linear(c.hidden, 3)  # (B, 64) -> (B, 3)

    def columns(self, x: Tensor) -> Tensor:
        """One column a row: (batch, 1, T, 4 * levels) -> (batch, channels, T)."""
        return self.level3(self.level2(self.level1(x))).squeeze(3)

    def classify(self, columns: Tensor) -> Tensor:
        """Logits of columns: (batch, channels, window) -> (batch, 3)."""
        x = self.inception2(self.inception1(columns)).flatten(1)
        x = functional.leaky_relu(self.dense(x), self.config.slope)
        return self.head(self.drop(x))

    def forward(self, x: Tensor) -> Tensor:
        """Logits of windows: (batch, 1, window, 4 * levels) -> (batch, 3)."""
        return self.classify(self.columns(x))

    def shared(self, rows: Tensor, index: Tensor) -> Tensor:
        """Logits of windows given as row numbers: (R, 4 * levels), (batch, window) int64 -> (batch, 3)."""
        columns = self.columns(rows[None, None])[0]  # (channels, R)
        return self.classify(columns[:, index].transpose(0, 1))

    @property
    def parameter_count(self) -> int:
        """Number of trained values."""
        return sum(p.numel() for p in self.parameters())
