"""A causal DeepLOB: every layer looks back only, so it streams exactly and trains on long stretches in one pass.

All convolutions are valid (no padding) and aligned at the newest row. At inference each normalisation folds into the
convolution before it: ``scale = norm.weight / sqrt(norm.running_var + 1e-5)``, weight times scale, bias
``norm.bias - scale * norm.running_mean``; convolutions have no bias of their own. "act" is a leaky rectifier of slope
`slope`. With c channels, L levels, E further columns, d = 4 c, H hidden, a step (one new row) does, in order:

======================  ===================  ==========================================================  ============
weights                 shape                does                                                        looks back
======================  ===================  ==========================================================  ============
level1.conv, norm       (c, 1, 1, 2)         act of pairs of the 4 L book inputs -> (2 L, c)             0
time1, time2            (c, c, 4, 1) each    act along time, at each of the 2 L places alike             3 + 3
level2.conv, norm       (c, c, 1, 2)         act of pairs of places -> (L, c)                            0
time3, time4            (c, c, 4, 1) each    act along time, at each of the L places alike               3 + 3
level3.conv, norm       (c, c, 1, L)         act of all places -> (c,)                                   0
extra.conv, norm        (c, E, 1)            act of the newest row's E further columns -> (c,)           0
time5                   (c, c or 2 c, 4, 1)  act along time of [level3, extra], levels first             3
time6                   (c, c, 4, 1)         act along time                                              3
inception.point         (c, c, 1)            act                                                         0
inception.reduce3       (c, c, 1)            act                                                         0
inception.conv3         (c, c, 3)            act along time of reduce3                                   2
inception.reduce5       (c, c, 1)            act                                                         0
inception.conv5         (c, c, 5)            act along time of reduce5                                   4
inception.pool          (c, c, 1)            act of the maximum of time6 over 3 rows                     2
residual.0 .. 3         (d, d, 3) each       x + act(convolution of x, dilation 1, 2, 4, 8), where x     2, 4, 8, 16
                                             starts as [point, conv3, conv5, pool]
memory.conv, norm       (d, 1, window - 52)  depthwise along time, normalised, no act                    window - 53
hidden                  (H, 2 d), (H,)       act of [x, memory]                                          0
head                    (3 heads, H), ...    logits, head by head                                        0
skip                    (3 heads, 4 L + E)   of the newest row's inputs, added to the logits (no bias)   0
======================  ===================  ==========================================================  ============

A kernel's last entry along time meets the newest row. Without a book (L = 0) level1 to level3 are absent and time1 to
time6 run at one place, on ``extra``; with a book and no further columns ``extra`` is absent. With both, the further
columns join after level3, so they pass time5 and time6 only. The rows looked back add up: 18 + 4 + 30 + (window - 53)
is window - 1, so the receptive field is exactly `window`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from genesis_lib.errors import ModelError
from genesis_lib.models.layers import Column, Level, Time
from genesis_lib.models.network import Network, NetworkConfig

LENGTH = 4  # rows of a convolution along time before the inception
DILATIONS = (1, 2, 4, 8)
BEFORE_MEMORY = 6 * (LENGTH - 1) + 4 + 2 * sum(DILATIONS)  # rows back that all but the memory see


@dataclass(frozen=True, slots=True)
class CausalConfig(NetworkConfig):
    """Shape of the network.

    Parameters
    ----------
    levels
        Book levels a side; 0 for no book.
    extra
        Columns beside the book, behind it in a row.
    window
        Rows a prediction sees, exactly.
    channels
        Feature maps of the convolutions; the inception gives four times as many.
    hidden
        Width of the layer before the last.
    heads
        Horizons.
    dropout
        Share of hidden activations dropped while training.
    slope
        Slope of the leaky rectifiers below zero.
    skip
        Add a linear function of the newest row to the logits.
    """

    KIND: ClassVar[str] = "causal"
    DERIVED: ClassVar[tuple[str, ...]] = ("inputs",)

    levels: int = 10
    extra: int = 0
    window: int = 100
    channels: int = 16
    hidden: int = 64
    heads: int = 1
    dropout: float = 0.3
    slope: float = 0.01
    skip: bool = False

    def __post_init__(self) -> None:
        self.require(levels=0, extra=0, window=BEFORE_MEMORY + 2, channels=1, hidden=1, heads=1)
        if self.inputs == 0:
            raise ModelError("levels and extra must not both be 0: there would be nothing to read")
        if not isinstance(self.skip, bool):
            raise ModelError(f"skip must be true or false, got {self.skip!r}")

    @property
    def inputs(self) -> int:
        """Columns of a row."""
        return 4 * self.levels + self.extra

    @classmethod
    def of(cls, architecture: Mapping[str, Any]) -> Self:
        """Read a configuration back; `inputs` without `extra` counts the columns beside the book."""
        given = dict(architecture)
        if isinstance(given.get("inputs"), int) and "extra" not in given:
            given["extra"] = given["inputs"] - 4 * given.get("levels", cls().levels)
        return super(CausalConfig, cls).of(given)


class Inception(nn.Module):
    """Four views of the columns, looking back 1, 3 and 5 rows and at the maximum over 3, side by side.

    (B, c, T) -> (B, 4 c, T - 4)
    """

    def __init__(self, channels: int, slope: float) -> None:
        super().__init__()
        self.point = Time(channels, channels, 1, slope)
        self.reduce3 = Time(channels, channels, 1, slope)
        self.conv3 = Time(channels, channels, 3, slope)
        self.reduce5 = Time(channels, channels, 1, slope)
        self.conv5 = Time(channels, channels, 5, slope)
        self.pool = Time(channels, channels, 1, slope)

    def forward(self, x: Tensor) -> Tensor:
        recent = x[:, :, 2:]
        most = functional.max_pool1d(recent, 3, stride=1)
        three, five = self.conv3(self.reduce3(recent)), self.conv5(self.reduce5(x))
        return torch.cat([self.point(x[:, :, 4:]), three, five, self.pool(most)], dim=1)


class Memory(nn.Sequential):
    """Weighted mean of each channel over the rows behind, normalised: (B, d, T) -> (B, d, T - length + 1)."""

    def __init__(self, channels: int, length: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, channels, length, groups=channels, bias=False)
        self.norm = nn.BatchNorm1d(channels)


class Causal(Network):
    """Logits from a window of rows, or from every window of a long stretch at once.

    Notes
    -----
    The layers are the paper's, as far as they can be without padding and without a recurrence; the LSTM gives way to
    residual dilated convolutions and a depthwise memory. `skip` lets the network start as the logistic regression and
    learn what that one leaves.

    References
    ----------
    Z. Zhang, S. Zohren, S. Roberts, "DeepLOB: Deep Convolutional Neural Networks for Limit Order Books", IEEE
    Transactions on Signal Processing 67(11), 2019.
    S. Bai, J. Z. Kolter, V. Koltun, "An Empirical Evaluation of Generic Convolutional and Recurrent Networks for
    Sequence Modeling", 2018.

    Examples
    --------
    >>> net = Causal(CausalConfig()).eval()
    >>> tuple(net(torch.zeros(2, 100, 40)).shape), tuple(net.dense(torch.zeros(2, 150, 40)).shape)
    ((2, 1, 3), (2, 51, 1, 3))
    """

    is_dense = True

    def __init__(self, config: CausalConfig) -> None:
        super().__init__(config)
        c, wide = config, 4 * config.channels
        n, slope = config.channels, config.slope
        if c.levels:
            self.level1 = Level(1, n, 2, slope)  # (B, 1, T, 4L) -> (B, c, T, 2L): price with size
            self.level2 = Level(n, n, 2, slope)  # -> (B, c, T - 6, L): ask with bid
            self.level3 = Level(n, n, c.levels, slope)  # -> (B, c, T - 12, 1): all levels
        if c.extra:
            self.extra = Time(c.extra, n, 1, slope)  # (B, E, T) -> (B, c, T)
        joined = 2 * n if c.levels and c.extra else n
        for number in range(1, 7):  # each 3 rows shorter
            self.add_module(f"time{number}", Column(joined if number == 5 else n, n, LENGTH, slope))
        self.inception = Inception(n, slope)  # (B, c, T - 18) -> (B, 4c, T - 22)
        self.residual = nn.ModuleList(Time(wide, wide, 3, slope, dilation) for dilation in DILATIONS)  # -> T - 52
        self.memory = Memory(wide, c.window - BEFORE_MEMORY)  # -> (B, 4c, T - window + 1)
        self.hidden = nn.Linear(2 * wide, c.hidden)
        self.drop = nn.Dropout(c.dropout)
        self.head = nn.Linear(c.hidden, 3 * c.heads)
        if c.skip:
            self.skip = nn.Linear(c.inputs, 3 * c.heads, bias=False)
            nn.init.zeros_(self.skip.weight)

    def columns(self, x: Tensor) -> Tensor:
        """One column a row: (B, T, F) -> (B, channels, T - 18)."""
        book = 4 * self.config.levels
        beside = self.extra(x[:, :, book:].transpose(1, 2)).unsqueeze(3) if self.config.extra else None
        if not book:
            y = self.time4(self.time3(self.time2(self.time1(beside))))
        else:
            y = self.time2(self.time1(self.level1(x[:, None, :, :book])))
            y = self.level3(self.time4(self.time3(self.level2(y))))
            if beside is not None:
                y = torch.cat([y, beside[:, :, 4 * (LENGTH - 1) :]], dim=1)
        return self.time6(self.time5(y)).squeeze(3)

    def dense(self, x: Tensor) -> Tensor:
        """Logits of every window of stretches of rows: (B, T, F) -> (B, T - window + 1, heads, 3)."""
        window = self.config.window
        if x.shape[1] < window:
            raise ModelError(f"a stretch must have at least {window} rows, got {x.shape[1]}")
        y = self.inception(self.columns(x))
        for layer, dilation in zip(self.residual, DILATIONS):
            y = y[:, :, 2 * dilation :] + layer(y)
        memory = self.memory(y)
        y = torch.cat([y[:, :, -memory.shape[2] :], memory], dim=1).transpose(1, 2)  # (B, T - window + 1, 8c)
        y = functional.leaky_relu(self.hidden(y), self.config.slope)
        logits = self.head(self.drop(y))
        if self.config.skip:
            logits = logits + self.skip(x[:, window - 1 :])
        return self.by_head(logits)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of windows: (B, window, F) -> (B, heads, 3)."""
        return self.dense(x)[:, 0]

    @torch.no_grad()
    def start_from(
        self, coefficients: np.ndarray, intercepts: np.ndarray, positions: Sequence[int], head: int = 0
    ) -> None:
        """Make one head answer as a logistic regression does, before any training.

        Its part of the last layer starts at zero, so the first steps teach the last layer what the linear answer
        leaves, and the layers below follow.

        Parameters
        ----------
        coefficients, intercepts
            (3, G) and (3,), for inputs scaled as the network's.
        positions
            (G,) the input column each coefficient belongs to.
        head
            Which horizon.

        Raises
        ------
        ModelError
            When the network has no skip, or a shape, position or head does not fit.
        """
        if not self.config.skip:
            raise ModelError("skip must be true for a network that starts from a linear answer")
        at = np.asarray(positions, np.int64)
        if coefficients.shape != (3, len(at)) or intercepts.shape != (3,):
            raise ModelError(
                f"coefficients must have shape (3, {len(at)}) and intercepts (3,), "
                f"got {coefficients.shape} and {intercepts.shape}"
            )
        if len(np.unique(at)) != len(at) or (len(at) and not (at.min() >= 0 and at.max() < self.config.inputs)):
            raise ModelError(f"positions must be different columns from 0 to {self.config.inputs - 1}, got {at}")
        if not 0 <= head < self.config.heads:
            raise ModelError(f"head must be from 0 to {self.config.heads - 1}, got {head!r}")
        mine = slice(3 * head, 3 * head + 3)
        self.skip.weight[mine] = 0.0
        self.skip.weight[mine, at] = torch.as_tensor(coefficients, dtype=self.skip.weight.dtype)
        self.head.weight[mine] = 0.0
        self.head.bias[mine] = torch.as_tensor(intercepts, dtype=self.head.bias.dtype)
