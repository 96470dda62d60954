"""A trailing quantile of a bounded statistic: thresholds that follow the model instead of being guessed."""

from __future__ import annotations

import numpy as np

from genesis_lib.errors import InputError


class TrailingQuantiles:
    """Quantiles of the last `window` values in [low, high], from a sliding histogram.

    Parameters
    ----------
    levels
        Wanted quantiles, each in (0, 1).
    low, high
        Range; values outside count as its ends.
    window, bins
        Values kept, and cells of the histogram: a quantile is exact to ``(high - low) / bins``.
    warmup
        `values` is None until so many values were seen.
    every
        Values between two readings of the histogram.

    Notes
    -----
    Ask for `values` before `push`: then a threshold never contains the value it is held against.

    Examples
    --------
    >>> trailing = TrailingQuantiles((0.5,), 0.0, 1.0, window=100, bins=10, warmup=4, every=1)
    >>> for x in (0.12, 0.25, 0.31, 0.98):
    ...     trailing.push(x)
    >>> trailing.values
    (0.3,)
    """

    def __init__(
        self,
        levels: tuple[float, ...],
        low: float,
        high: float,
        *,
        window: int = 4096,
        bins: int = 512,
        warmup: int = 256,
        every: int = 16,
    ) -> None:
        if not all(0 < level < 1 for level in levels):
            raise InputError(f"levels must lie between 0 and 1, got {levels!r}")
        if not (high > low and 1 <= warmup <= window and bins > 1 and every >= 1):
            raise InputError(f"need high > low and 1 <= warmup <= window, got {(low, high, warmup, window)!r}")
        self._levels = np.asarray(levels)
        self._low, self._scale, self._bins = low, bins / (high - low), bins
        self._window, self._warmup, self._every = window, warmup, every
        self._ring = [0] * window
        self._counts = np.zeros(bins, np.int64)
        self._edges = low + (high - low) * np.arange(1, bins + 1) / bins
        self._seen = 0
        self.values: tuple[float, ...] | None = None

    def push(self, value: float) -> None:
        """Take in one finite value."""
        cell = min(max(int((value - self._low) * self._scale), 0), self._bins - 1)
        slot = self._seen % self._window
        if self._seen >= self._window:
            self._counts[self._ring[slot]] -= 1
        self._ring[slot] = cell
        self._counts[cell] += 1
        self._seen += 1
        if self._seen >= self._warmup and (self.values is None or self._seen % self._every == 0):
            total = np.cumsum(self._counts)
            self.values = tuple(self._edges[np.searchsorted(total, self._levels * total[-1])].tolist())
