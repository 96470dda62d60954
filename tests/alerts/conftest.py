from __future__ import annotations

import numpy as np
import pytest

from genesis_lib.detectors import Alert
from genesis_lib.types import Snapshot

S = 1_000_000_000
START = 1_700_000_000 * S


@pytest.fixture
def alert():
    """An alarm so many seconds after the start."""

    def make(second, severity="info", score=50.0, kind="layering", **evidence):
        return Alert(kind, severity, score, START + round(second * S), f"{kind}.", evidence)

    return make


@pytest.fixture
def row():
    """A book row of ten levels so many seconds after the start."""

    def make(second, *, spread=1, valid=True, late_ms=0.0, tick=1.0):
        away = np.arange(10.0)
        levels = np.stack([100 - away, np.full(10, 5.0), 100 + spread + away, np.full(10, 5.0)], axis=1)
        ts = START + round(second * S)
        return Snapshot(ts, ts + round(late_ms * 1e6), levels, np.zeros(7), valid, tick)

    return make
