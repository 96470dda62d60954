"""BiN-CTABL: a window normalised along both its axes, then three bilinear layers, the last with temporal attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from genesis_lib.models.layers import BilinearNorm
from genesis_lib.models.network import Network, NetworkConfig


@dataclass(frozen=True, slots=True)
class TABLConfig(NetworkConfig):
    """Shape of the network.

    Parameters
    ----------
    inputs
        Columns of a row.
    window
        Rows a prediction sees; the papers take 10.
    features, times
        Rows and columns of what the two bilinear layers give.
    heads
        Horizons.
    dropout
        Share of the bilinear layers' values dropped while training.
    """

    KIND: ClassVar[str] = "tabl"

    inputs: int = 40
    window: int = 100
    features: tuple[int, int] = (60, 120)
    times: tuple[int, int] = (10, 5)
    heads: int = 1
    dropout: float = 0.1

    def __post_init__(self) -> None:
        self.require(inputs=1, window=2, heads=1)
        self.require_sizes("features", "times", count=2)


class Bilinear(nn.Module):
    """``W1 X W2 + B``: one matrix mixes the features, one the times. (B, D, T) -> (B, features, times)."""

    def __init__(self, inputs: int, window: int, features: int, times: int) -> None:
        super().__init__()
        self.left = nn.Parameter(torch.empty(features, inputs))
        self.right = nn.Parameter(torch.empty(window, times))
        self.bias = nn.Parameter(torch.zeros(features, times))
        nn.init.xavier_uniform_(self.left)
        nn.init.xavier_uniform_(self.right)

    def forward(self, x: Tensor) -> Tensor:
        return self.left @ x @ self.right + self.bias


class AttendingBilinear(Bilinear):
    """The bilinear layer, with each feature's times weighted before the right matrix.

    ``Y = W1 X``, attention ``A = softmax(Y W)`` along time, ``Y' = a (Y * A) + (1 - a) Y``, answer ``Y' W2 + B``;
    W has 1 / T on its diagonal, a lies in [0, 1].
    """

    def __init__(self, inputs: int, window: int, features: int, times: int) -> None:
        super().__init__(inputs, window, features, times)
        self.attention = nn.Parameter(torch.full((window, window), 1.0 / window))
        self.share = nn.Parameter(torch.tensor([0.5]))
        self.register_buffer("diagonal", torch.eye(window), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.left @ x
        weights = self.attention * (1.0 - self.diagonal) + self.diagonal / len(self.diagonal)
        share = self.share.clamp(0.0, 1.0)
        y = share * y * torch.softmax(y @ weights, dim=2) + (1.0 - share) * y
        return y @ self.right + self.bias


class TABL(Network):
    """Logits from a window of rows of any columns.

    Notes
    -----
    11,446 trained values with the papers' 40 columns and 10 rows, 12,526 with 100 rows. The normalisation is over the
    window, so overlapping windows share nothing: the network is not dense. The papers also bound the norm of each
    matrix, and keep the shares of the normalisation above zero; neither is done here.

    References
    ----------
    D. T. Tran, A. Iosifidis, J. Kanniainen, M. Gabbouj, "Temporal Attention-Augmented Bilinear Network for Financial
    Time-Series Data Analysis", IEEE Transactions on Neural Networks and Learning Systems 30(5), 2019.
    D. T. Tran, J. Kanniainen, M. Gabbouj, A. Iosifidis, "Data Normalization for Bilinear Structures in High-Frequency
    Financial Time-series", ICPR 2020.

    Examples
    --------
    >>> net = TABL(TABLConfig(window=10)).eval()
    >>> net.parameter_count, tuple(net(torch.zeros(2, 10, 40)).shape)
    (11446, (2, 1, 3))
    """

    def __init__(self, config: TABLConfig) -> None:
        super().__init__(config)
        c = config
        self.normal = BilinearNorm(c.inputs, c.window)  # (B, F, T) -> (B, F, T)
        self.mix1 = Bilinear(c.inputs, c.window, c.features[0], c.times[0])  # -> (B, 60, 10)
        self.mix2 = Bilinear(c.features[0], c.times[0], c.features[1], c.times[1])  # -> (B, 120, 5)
        self.head = AttendingBilinear(c.features[1], c.times[1], 3 * c.heads, 1)  # -> (B, 3 * heads, 1)
        self.drop = nn.Dropout(c.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of windows: (B, window, F) -> (B, heads, 3)."""
        x = self.normal(x.transpose(1, 2))
        x = self.drop(functional.relu(self.mix1(x)))
        x = self.drop(functional.relu(self.mix2(x)))
        return self.by_head(self.head(x).squeeze(2))
