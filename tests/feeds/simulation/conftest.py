from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.types import BookTicker, DepthSnapshot, DepthUpdate, Trade
from orderbook_ext import OrderBook

LEVELS = 40


class Published:
    """What is told of a simulation with episodes of one kind: rows of an independent book, trades, level changes."""

    def __init__(self, kind: str, seed: int, count: int) -> None:
        simulator = Simulator(seed, minutes=0.4 + 0.8 * count, plant={kind: count})
        self.instrument = simulator.instrument
        self.book = OrderBook(0.1, 0.001, depth=LEVELS)
        self.events = list(simulator)
        self.labels = simulator.labels
        self.trades = [event for event in self.events if isinstance(event, Trade)]
        self.tickers = [event for event in self.events if isinstance(event, BookTicker)]
        ts, tops, changes, self.updates = [], [], [], []
        for event in self.events:
            if isinstance(event, (DepthSnapshot, DepthUpdate)):
                self.book.apply_ticks(event.sides, event.ticks, event.quantities)
                ts.append(event.ts_exchange)
                tops.append(self.book.top(LEVELS))
                changes.append(len(event.ticks))
                self.updates.append((event, self.book.best_bid_tick, self.book.best_ask_tick))
        self.ts, self.tops, self.changes = np.array(ts), np.array(tops), np.array(changes)
        self.prices = np.rint(self.tops[:, :, 0::2] * 10)  # (rows, levels, side) ticks
        self.quantities = np.nan_to_num(self.tops[:, :, 1::2])
        self.spread = self.prices[:, 0, 1] - self.prices[:, 0, 0]
        self.mid = self.prices[:, 0].mean(axis=1)
        self.depth = self.quantities[:, :10].sum(axis=1)  # (rows, side)

    def inside(self, label) -> np.ndarray:
        """Rows of an episode."""
        return (self.ts >= label["start"]) & (self.ts < label["end"])

    def before(self, label) -> np.ndarray:
        """Rows of the 5 s before it."""
        return (self.ts < label["start"]) & (self.ts >= label["start"] - 5_000_000_000)

    def after(self, label) -> np.ndarray:
        """Rows of the second that begins with its end."""
        return (self.ts >= label["end"]) & (self.ts < label["end"] + 1_000_000_000)

    def traded(self, label) -> list[Trade]:
        """Trades of an episode."""
        return [trade for trade in self.trades if label["start"] <= trade.ts_exchange <= label["end"]]

    def near(self, side: int, start: float, end: float, ticks: int) -> int:
        """Level changes told of a side between two times, within so many ticks of its best price."""
        told = [one for one in self.updates[1:] if start <= one[0].ts_exchange <= end]
        return sum(((e.sides == side) & (abs(e.ticks - best[side]) <= ticks)).sum() for e, *best in told)

    def at(self, side: int, price: float) -> np.ndarray:
        """(rows,) quantity at a price."""
        found = self.prices[:, :, side] == round(price * 10)
        return (self.quantities[:, :, side] * found).sum(axis=1)


@pytest.fixture(scope="session")
def published():
    """Published(kind, seed, count), each made once."""
    return cache(lambda kind, seed=17, count=2: Published(kind, seed, count))


@pytest.fixture(scope="session")
def side_of():
    """Indices of the book's sides by a label's name."""
    return {"bid": [0], "ask": [1], "both": [0, 1]}
