"""Book rows made on the spot, so that the features are tested without any recording."""

import numpy as np
import pytest

from genesis_lib.types import Instrument, Snapshots


def make_rows(rows=1200, levels=10, seed=0, invalid=0.0, empty=0.0, tick=0.1) -> Snapshots:
    """Draw rows whose mid walks, with trades in two of five of them."""
    draw = np.random.default_rng(seed)
    grid = Instrument("made", "UP", tick, 0.001)
    mid = 20_000 + np.cumsum(draw.integers(-1, 2, rows))
    steps = np.concatenate([np.zeros((rows, 1), int), draw.integers(1, 4, (rows, levels - 1))], axis=1).cumsum(axis=1)
    book = np.empty((rows, levels, 4))
    book[:, :, 0] = grid.price(mid[:, None] - steps)
    book[:, :, 2] = grid.price(mid[:, None] + draw.choice([1, 1, 1, 2, 4], (rows, 1)) + steps[::-1])
    book[:, :, 1::2] = draw.integers(1, 5000, (rows, levels, 2)) / 1000
    if empty:
        cut = np.where(draw.random(rows) < empty, draw.integers(1, levels, rows), levels)
        book[np.arange(levels)[None, :] >= cut[:, None]] = np.nan
    traded = draw.random(rows) < 0.4
    buy, sell = (draw.integers(0, 3000, rows) / 1000 * traded for _ in range(2))
    price = (book[:, 0, 0] + book[:, 0, 2]) / 2
    signed, volume = buy - sell, buy + sell
    flow = np.stack([2.0 * traded, buy, sell, volume * price, signed, signed * price, volume * tick], axis=1)
    times = 1_700_000_000_000_000_000 + np.cumsum(draw.integers(0, 100_000_000, rows))
    return Snapshots(grid, times, times + 1_000_000, book, flow, draw.random(rows) >= invalid, "simulated")


@pytest.fixture(scope="session")
def rows() -> Snapshots:
    return make_rows()


@pytest.fixture(scope="session")
def make():
    return make_rows
