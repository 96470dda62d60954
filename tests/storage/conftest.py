"""Rows to store."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from genesis_lib.types import Instrument, Snapshots

DAY = 86_400_000_000_000
BTC = Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001)


@pytest.fixture
def rows() -> Callable[..., Snapshots]:
    """Make `count` rows of random numbers, a second apart, with NaN and invalid rows among them."""

    def make(count: int, start: int = 19_000 * DAY, depth: int = 3, seed: int = 0) -> Snapshots:
        random = np.random.default_rng(seed)
        ts = start + np.arange(count) * 1_000_000_000
        levels = random.normal(size=(count, depth, 4))
        levels[::7, -1] = np.nan
        flow, valid = random.normal(size=(count, 7)), random.random(count) < 0.9
        return Snapshots(BTC, ts, ts + 5, levels, flow, valid)

    return make
