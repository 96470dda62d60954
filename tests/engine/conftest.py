"""A market small enough to follow by hand: rows with a given touch, and a model that says what the test wants."""

from __future__ import annotations

import numpy as np
import pytest

from genesis_lib.config import load
from genesis_lib.features import model_inputs
from genesis_lib.types import Instrument, Snapshot

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


class Market:
    """Rows of instrument ``test:X`` (tick 0.5, lot 0.1), each `step_ns` after the last, two levels of 3.0 a side."""

    instrument = Instrument("test", "X", 0.5, 0.1)

    def __init__(self, step_ns: int = SECOND) -> None:
        self.now, self.step_ns = START, step_ns

    def row(self, bid: int, spread: int = 1, *, valid: bool = True, quantity: float = 3.0) -> Snapshot:
        """Next row; prices in ticks."""
        price = self.instrument.price
        levels = [[price(bid - i), quantity, price(bid + spread + i), quantity] for i in range(2)]
        self.now += self.step_ns
        return Snapshot(self.now, self.now, np.array(levels), np.zeros(7), valid, 0.5)


class Scripted:
    """An artifact whose predictor answers from a list, then NaN."""

    name, version, levels, columns = "scripted", "1", 2, model_inputs(2)

    def __init__(self, *script: tuple[float, float, float]) -> None:
        self.script = script

    def exposure(self, instrument, first, last):
        return "unseen"

    def predictor(self):
        """A fresh predictor."""
        return _Player(self.script)


class _Player:
    def __init__(self, script) -> None:
        self._rest = iter(script)

    def step(self, row: np.ndarray) -> np.ndarray:
        return np.array(next(self._rest, (np.nan, np.nan, np.nan)))


@pytest.fixture
def market() -> Market:
    return Market()


@pytest.fixture
def scripted():
    return Scripted


@pytest.fixture
def settings():
    """Settings from keyword sections, free of files and variables."""
    return lambda **sections: load(env={}, **sections)
