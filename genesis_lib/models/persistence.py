"""The newest move that is known comes again: read off a column of one-row returns, served with numpy alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from genesis_lib.errors import ModelError
from genesis_lib.models.folding import Tensors
from genesis_lib.models.linear import RowConfig, RowNet

COLUMN = "log_return_1"
KINDS = ("smoothed", "smoothed-past", "volatility")
NOISE = 1e-11  # of the price: what float32 returns leave of a mid that came back to where it was; half a tick is more
LONGEST = 1_000_000  # rows of a horizon or a span: what a file may ask memory for
CHUNK = 1 << 20  # numbers in flight


@dataclass(frozen=True)
class PersistenceConfig(RowConfig):
    """The class of the newest known move, and how often each class followed it in training.

    Parameters
    ----------
    column
        Position of ``log_return_1`` among the inputs; no other is read.
    """

    kind: ClassVar[str] = "persistence"
    column: int = 0


def transitions(known: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Shares of the classes that followed each newest known class: (3, 3), known down, following across.

    A class that was hardly ever known falls back on the shares of all samples, which count as one sample more.
    """
    count = np.zeros((3, 3))
    np.add.at(count, (known, classes), 1.0)
    count += (np.bincount(classes, minlength=3) + 1e-3) / (len(classes) + 3e-3)
    return count / count.sum(axis=1, keepdims=True)


class Move:
    """The move of the newest row whose label is known, from the log prices of the rows up to now.

    Parameters
    ----------
    label
        Definition as a manifest stores it, its threshold a number, its horizon in rows.

    Notes
    -----
    The definitions are those of `genesis_lib.training.labels.Label`. A horizon in seconds and the spread are not in
    the columns, and a triple barrier is not known after a fixed number of rows.

    Raises
    ------
    ModelError
        For a label that the returns of rows do not tell.
    """

    def __init__(self, label: Mapping[str, Any]) -> None:
        self.kind, self.span = label.get("kind"), label.get("span", 100)
        self.horizon, self.threshold = label.get("horizon"), label.get("threshold")
        number = isinstance(self.threshold, (int, float)) and np.isfinite(self.threshold)
        rows = all(isinstance(n, int) and 1 <= n <= LONGEST for n in (self.horizon, self.span))
        if self.kind not in KINDS or not number or not rows or label.get("seconds"):
            raise ModelError(
                f"persistence: a label must be of kind {', '.join(KINDS)}, with a horizon in rows and a threshold that "
                f"is a number, to be told by the returns of rows; got {dict(label)}"
            )
        k = self.horizon
        self.rows = {"smoothed": k + 1, "smoothed-past": 2 * k, "volatility": self.span + k + 1}[self.kind]

    def classes(self, prices: np.ndarray) -> np.ndarray:
        """Class known at the end of each stretch of `rows` log prices: (n, rows) -> (n,)."""
        k, span = self.horizon, self.span
        if self.kind == "smoothed":
            move, noise = np.expm1(prices[:, 1:] - prices[:, :1]).mean(axis=1), NOISE
        elif self.kind == "smoothed-past":
            change = np.expm1(prices - prices[:, k - 1 : k])
            back = change[:, :k].mean(axis=1)
            move, noise = (change[:, k:].mean(axis=1) - back) / (1.0 + back), NOISE
        else:
            change = np.expm1(prices[:, span + k] - prices[:, span])
            scale = np.sqrt(np.square(np.expm1(np.diff(prices[:, : span + 1]))).mean(axis=1) * k)
            with np.errstate(divide="ignore", invalid="ignore"):
                move, noise = np.where(np.abs(change) < NOISE, 0.0, change / scale), 1e-6
        limit = self.threshold + noise
        return np.where(move > limit, 2, np.where(move < -limit, 0, 1))


class PersistenceNet(RowNet):
    """Weights ``transitions`` (heads, 3, 3); architecture ``column`` and ``labels``, one a head.

    Before any label is known the newest known class counts as NEUTRAL.
    """

    def __init__(self, weights: Mapping[str, np.ndarray], architecture: Mapping[str, Any]) -> None:
        super().__init__(architecture)
        labels, self.column = architecture.get("labels"), architecture.get("column")
        if not isinstance(labels, list) or len(labels) != self.heads or not all(isinstance(x, Mapping) for x in labels):
            raise ModelError(f"architecture: labels must hold one label for each of {self.heads} heads")
        if not isinstance(self.column, int) or not 0 <= self.column < self.width:
            raise ModelError(f"architecture: column must lie in [0, {self.width}), got {self.column!r}")
        self.moves = tuple(map(Move, labels))
        shares = Tensors(weights).get("transitions", self.heads, 3, 3)
        if not ((shares > 0).all() and np.allclose(shares.sum(axis=2), 1.0, atol=1e-6)):
            raise ModelError("weights: transitions must hold positive shares that add up to 1")
        self.table = np.log(shares)
        self.longest = max(move.rows for move in self.moves)

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """Logits at every row of one unbroken streak: (n, width) -> (n, heads, 3), NaN at the first `window` - 1."""
        n = len(rows)
        prices = np.cumsum(rows[:, self.column], dtype=np.float64)
        result = np.empty((n, self.heads, 3))
        for head, move in enumerate(self.moves):
            known = np.ones(n, np.int64)
            if n >= move.rows:
                stretches = sliding_window_view(prices, move.rows)
                step = max(CHUNK // move.rows, 1)
                for first in range(0, len(stretches), step):
                    at = slice(first + move.rows - 1, first + move.rows - 1 + step)
                    known[at] = move.classes(stretches[first : first + step])
            result[:, head] = self.table[head, known]
        result[: self.window - 1] = np.nan
        return result

    def stream(self) -> PersistenceStream:
        """A fresh stream of rows."""
        return PersistenceStream(self)


class PersistenceStream:
    """One answer a row; holds the prices of as many rows as the longest label takes to be known."""

    def __init__(self, net: PersistenceNet) -> None:
        self._net = net
        self._prices = np.zeros(2 * net.longest)  # written twice, a length apart, so the newest lie side by side
        self.reset()

    def reset(self) -> None:
        """Forget every row."""
        self._seen, self._price = 0, 0.0

    def ahead(self) -> None:
        """Nothing can be computed before the next row comes."""

    def step(self, row: np.ndarray) -> np.ndarray | None:
        """Take one row (width,), give logits (heads, 3), or None while waiting."""
        net, size = self._net, self._net.longest
        self._price += float(row[net.column])
        at = self._seen % size
        self._prices[at] = self._prices[at + size] = self._price
        self._seen += 1
        if self._seen < net.window:
            return None
        end = at + size + 1
        answer = np.empty((net.heads, 3))
        for head, move in enumerate(net.moves):
            known = int(move.classes(self._prices[None, end - move.rows : end])[0]) if self._seen >= move.rows else 1
            answer[head] = net.table[head, known]
        return answer
