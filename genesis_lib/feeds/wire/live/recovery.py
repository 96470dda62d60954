"""How long a book was stale: from a gap to the snapshot that healed it."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np

KEPT = 10_000  # of a symbol


class Recovery(NamedTuple):
    """A gap that was healed."""

    symbol: str
    ts_exchange: int  # of the gap, ns
    cause: str
    milliseconds: float


def percentiles(recoveries: Collection[Recovery]) -> dict[str, float] | None:
    """Median, 99th percentile and longest of the times to recover, ms; None where nothing had to.

    >>> percentiles([Recovery("BTCUSDT", 0, "cut", 120.0), Recovery("BTCUSDT", 0, "cut", 80.0)])
    {'p50': 100.0, 'p99': 119.6, 'max': 120.0}
    """
    if not recoveries:
        return None
    times = [one.milliseconds for one in recoveries]
    p50, p99 = np.percentile(times, (50, 99))
    return {"p50": round(float(p50), 3), "p99": round(float(p99), 3), "max": round(max(times), 3)}
