"""A small causal net for columns that know the past already: residual dilated convolutions and a memory.

The causal DeepLOB has to find order flow in the book; where order flow and the like are inputs, this is enough, at a
sixth of the work. No layer is padded and none is normalised, so it streams exactly and trains on long stretches in one
pass. "act" is a leaky rectifier of slope `slope`. With c channels and F columns, a step (one new row) does, in order:

======================  ===================  ==========================================================  ============
weights                 shape                does                                                        looks back
======================  ===================  ==========================================================  ============
front                   (c, F, 1), (c,)      act of the newest row's columns                             0
residual.0 .. 4         (c, c, 3), (c,)      x + act(convolution of x, dilation 1, 2, 4, 8, 16)          2 .. 32
memory                  (c, 1, window - 62)  depthwise along time, no act                                window - 63
head                    (3 heads, 2 c), ...  logits of [x, memory], head by head                         0
======================  ===================  ==========================================================  ============

A kernel's last entry along time meets the newest row; each layer has a bias. The rows looked back add up to
window - 1: the receptive field is exactly `window`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from genesis_lib.errors import ModelError
from genesis_lib.models.network import Network, NetworkConfig

LENGTH = 3
DILATIONS = (1, 2, 4, 8, 16)
BEFORE_MEMORY = (LENGTH - 1) * sum(DILATIONS)  # rows back that all but the memory see


@dataclass(frozen=True, slots=True)
class TCNConfig(NetworkConfig):
    """Shape of the network.

    Parameters
    ----------
    inputs
        Columns of a row.
    window
        Rows a prediction sees, exactly.
    channels
        Feature maps.
    heads
        Horizons.
    dropout
        Share of activations dropped while training, behind each convolution.
    slope
        Slope of the leaky rectifiers below zero.
    """

    KIND: ClassVar[str] = "tcn"

    inputs: int = 61
    window: int = 100
    channels: int = 32
    heads: int = 1
    dropout: float = 0.2
    slope: float = 0.01

    def __post_init__(self) -> None:
        self.require(inputs=1, window=BEFORE_MEMORY + 2, channels=1, heads=1)


class TCN(Network):
    """Logits from a window of rows, or from every window of a long stretch at once.

    References
    ----------
    S. Bai, J. Z. Kolter, V. Koltun, "An Empirical Evaluation of Generic Convolutional and Recurrent Networks for
    Sequence Modeling", arXiv:1803.01271, 2018.

    Examples
    --------
    >>> net = TCN(TCNConfig()).eval()
    >>> tuple(net(torch.zeros(2, 100, 61)).shape), tuple(net.dense(torch.zeros(2, 150, 61)).shape)
    ((2, 1, 3), (2, 51, 1, 3))
    """

    is_dense = True

    def __init__(self, config: TCNConfig) -> None:
        super().__init__(config)
        n, length = config.channels, config.window - BEFORE_MEMORY
        self.front = nn.Conv1d(config.inputs, n, 1)
        self.residual = nn.ModuleList(nn.Conv1d(n, n, LENGTH, dilation=dilation) for dilation in DILATIONS)
        self.memory = nn.Conv1d(n, n, length, groups=n)
        self.drop = nn.Dropout(config.dropout)
        self.head = nn.Linear(2 * n, 3 * config.heads)
        nn.init.constant_(self.memory.weight, 1.0 / length)  # begins as a plain mean
        nn.init.zeros_(self.memory.bias)

    def dense(self, x: Tensor) -> Tensor:
        """Logits of every window of stretches of rows: (B, T, F) -> (B, T - window + 1, heads, 3)."""
        window = self.config.window
        if x.shape[1] < window:
            raise ModelError(f"a stretch must have at least {window} rows, got {x.shape[1]}")
        y = self._bent(self.front(x.transpose(1, 2)))  # (B, c, T)
        for layer, dilation in zip(self.residual, DILATIONS):
            y = y[:, :, (LENGTH - 1) * dilation :] + self._bent(layer(y))  # -> (B, c, T - 62)
        memory = self.memory(y)  # (B, c, T - window + 1)
        both = torch.cat([y[:, :, -memory.shape[2] :], memory], dim=1)
        return self.by_head(self.head(both.transpose(1, 2)))

    def forward(self, x: Tensor) -> Tensor:
        """Logits of windows: (B, window, F) -> (B, heads, 3)."""
        return self.dense(x)[:, 0]

    def _bent(self, x: Tensor) -> Tensor:
        return self.drop(functional.leaky_relu(x, self.config.slope))
