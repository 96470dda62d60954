"""How long decisions take, over the last few thousand of them."""

from __future__ import annotations

import numpy as np

WINDOW = 8192


class LatencyWindow:
    """Percentiles of the newest durations; memory is bounded, the oldest fall out.

    Examples
    --------
    >>> window = LatencyWindow()
    >>> for nanoseconds in (1_000, 2_000, 3_000):
    ...     window.add(nanoseconds)
    >>> window.percentiles()
    {'p50': 2.0, 'p99': 3.0}
    """

    def __init__(self, size: int = WINDOW) -> None:
        self._ring = np.zeros(size, np.int64)
        self.count = 0

    def add(self, nanoseconds: int) -> None:
        """Take in one duration."""
        self._ring[self.count % len(self._ring)] = nanoseconds
        self.count += 1

    def percentiles(self) -> dict[str, float | None]:
        """p50 and p99 in microseconds, each a duration that was seen; None before the first."""
        seen = self._ring[: min(self.count, len(self._ring))]
        if not len(seen):
            return {"p50": None, "p99": None}
        p50, p99 = np.percentile(seen, (50, 99), method="nearest") / 1000
        return {"p50": float(p50), "p99": float(p99)}
