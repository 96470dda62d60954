"""Rows to store."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from genesis_lib.types import (
    BookTicker,
    DepthSnapshot,
    DepthUpdate,
    Gap,
    Instrument,
    MarkPrice,
    Snapshots,
    Trade,
)

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


def same(one, other) -> bool:
    """Whether two events are the same to the last bit: kind, types, array dtypes, NaN as NaN."""
    if type(one) is not type(other):
        return False
    for a, b in zip(one, other, strict=True):
        if type(a) is not type(b):
            return False
        if isinstance(a, np.ndarray):
            if a.dtype != b.dtype or a.tobytes() != b.tobytes():
                return False
        elif a != b and (a == a or b == b):
            return False
    return True


@pytest.fixture
def same_events() -> Callable[..., bool]:
    """Say whether two streams of events are the same to the last bit."""
    return lambda ours, theirs: all(same(a, b) for a, b in zip(ours, theirs, strict=True))


@pytest.fixture
def market() -> Callable[..., list]:
    """Make `count` events of every kind, a second apart, with a gap among them."""

    def make(count: int, start: int = 19_000 * DAY, seed: int = 0) -> list:
        random = np.random.default_rng(seed)
        events: list = []
        last = 10**12
        for number in range(count):
            ts = start + number * 10**9
            times = "BTCUSDT", ts, ts + int(random.integers(10**6, 10**8))
            n = int(random.integers(0, 40))
            levels = (
                np.sort(random.integers(0, 2, n)).astype(np.int8),
                300_000 + random.integers(-50_000, 50_000, n),
                random.integers(0, 10_000, n) / 1000,
            )
            tick, quantity = int(300_000 + random.integers(-9, 9)), float(random.integers(1, 999) / 1000)
            kind = number % 7
            if number % 50 == 0:
                events.append(DepthSnapshot(*times, last, *levels))
            elif number % 50 == 37:
                events.append(Gap(*times, "pu is 7 where 5 must follow — „ü“", last, last + 9))
            elif kind == 3:
                events.append(Trade(*times, number, tick, quantity, int(random.integers(-1, 2)), bool(number % 3)))
            elif kind == 4:
                events.append(BookTicker(*times, last, tick, quantity, tick + 1, quantity))
            elif kind == 5:
                events.append(MarkPrice(*times, 30_000.1, float("nan"), 1e-4, ts + DAY))
            else:
                events.append(DepthUpdate(*times, last + 1, last + 9, last - 1 if number % 2 else -1, *levels))
                last += 9
        return events

    return make
