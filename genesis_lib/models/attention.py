"""A compact network of attention along time and across features by turns, each followed by a perceptron."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from genesis_lib.errors import ModelError
from genesis_lib.models.layers import BilinearNorm
from genesis_lib.models.network import Network, NetworkConfig


@dataclass(frozen=True, slots=True)
class AttentionConfig(NetworkConfig):
    """Shape of the network.

    Parameters
    ----------
    inputs
        Columns of a row.
    window
        Rows a prediction sees.
    width
        Features a row is embedded in; also the width of queries and keys.
    layers
        Pairs of attention along time and across features.
    pooled
        Weighted sums over time that the logits are made from.
    heads
        Horizons.
    dropout
        Share of what each half layer adds that is dropped while training.
    """

    KIND: ClassVar[str] = "attention"

    inputs: int = 40
    window: int = 100
    width: int = 32
    layers: int = 2
    pooled: int = 4
    heads: int = 1
    dropout: float = 0.1

    def __post_init__(self) -> None:
        self.require(inputs=1, window=2, width=2, layers=1, pooled=1, heads=1)
        if self.width % 2:
            raise ModelError(f"width must be even (a sine and a cosine a frequency), got {self.width!r}")


class Mixer(nn.Module):
    """Attention among tokens, then a perceptron on each: (B, tokens, size) -> (B, tokens, size), both residual."""

    def __init__(self, size: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.inner = inner
        self.before = nn.LayerNorm(size)
        self.ask = nn.Linear(size, 3 * inner)  # queries, keys, values
        self.answer = nn.Linear(inner, size)
        self.between = nn.LayerNorm(size)
        self.up = nn.Linear(size, 2 * inner)
        self.down = nn.Linear(2 * inner, size)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        queries, keys, values = self.ask(self.before(x)).split(self.inner, dim=2)
        weights = torch.softmax(queries @ keys.transpose(1, 2) / math.sqrt(self.inner), dim=2)
        x = x + self.drop(self.answer(weights @ values))
        return x + self.drop(self.down(functional.gelu(self.up(self.between(x)))))


class Attention(Network):
    """Logits from a window of rows of any columns.

    Notes
    -----
    In the direction of TLOB: bilinear normalisation, an embedding with sinusoidal positions, then layers that attend
    along time (tokens are rows) and across features (tokens are features, as long as the window). Smaller than the
    paper's (72,000 trained values, not a million): one attention head, queries as wide as the embedding, and weighted
    sums over time before the last layer. The normalisation is over the window, so the network is not dense.

    References
    ----------
    L. Berti, G. Kasneci, "TLOB: A Novel Transformer Model with Dual Attention for Price Trend Prediction with Limit
    Order Book Data", 2025.
    A. Vaswani et al., "Attention Is All You Need", NeurIPS 2017 (positions).

    Examples
    --------
    >>> net = Attention(AttentionConfig()).eval()
    >>> tuple(net(torch.zeros(2, 100, 40)).shape)
    (2, 1, 3)
    """

    def __init__(self, config: AttentionConfig) -> None:
        super().__init__(config)
        c = config
        self.normal = BilinearNorm(c.inputs, c.window)  # (B, F, T) -> (B, F, T)
        self.embed = nn.Linear(c.inputs, c.width)  # (B, T, F) -> (B, T, d)
        self.register_buffer("positions", positions(c.window, c.width), persistent=False)
        self.times = nn.ModuleList(Mixer(c.width, c.width, c.dropout) for _ in range(c.layers))  # (B, T, d)
        self.features = nn.ModuleList(Mixer(c.window, c.width, c.dropout) for _ in range(c.layers))  # (B, d, T)
        self.normal_last = nn.LayerNorm(c.width)
        self.pool = nn.Linear(c.window, c.pooled)  # (B, d, T) -> (B, d, pooled)
        self.head = nn.Linear(c.width * c.pooled, 3 * c.heads)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of windows: (B, window, F) -> (B, heads, 3)."""
        x = self.normal(x.transpose(1, 2)).transpose(1, 2)
        x = self.embed(x) + self.positions
        for along, across in zip(self.times, self.features):
            x = across(along(x).transpose(1, 2)).transpose(1, 2)
        x = self.pool(self.normal_last(x).transpose(1, 2))
        return self.by_head(self.head(x.flatten(1)))


def positions(window: int, width: int) -> Tensor:
    """Sines and cosines of each row's place, at falling frequencies: (window, width)."""
    place = torch.arange(window, dtype=torch.float64)[:, None]
    pace = torch.exp(-math.log(10_000.0) * torch.arange(0, width, 2, dtype=torch.float64) / width)
    return torch.stack([torch.sin(place * pace), torch.cos(place * pace)], dim=2).flatten(1).float()
