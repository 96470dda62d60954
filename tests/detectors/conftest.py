"""A quiet market made by hand, to plant single events in."""

import numpy as np
import pytest

from genesis_lib.detectors.view import View
from genesis_lib.detectors.watch import Watch
from genesis_lib.types import Snapshot, Trade

START = 1_700_000_000_000_000_000
MS = 1_000_000
STEP = 50 * MS
TICK = 0.5


class Market:
    """A list of rows, 20 a second: spread of one tick, levels of about 10, a small trade in every third row."""

    def __init__(self, seconds: float = 60.0, seed: int = 1) -> None:
        self.draw = np.random.default_rng(seed)
        self.rows: list[Snapshot] = []
        self.told: list[list] = []  # events before each row
        self.ts, self.bid = START, 2000
        self.add(int(seconds * 1e9) // STEP)

    def levels(self) -> np.ndarray:
        """Ten levels a side, a tick apart."""
        away = np.arange(10)
        sizes = self.draw.uniform(8, 12, (2, 10))
        return np.stack([(self.bid - away) * TICK, sizes[0], (self.bid + 1 + away) * TICK, sizes[1]], axis=1)

    def add(
        self, rows: int = 1, *, change=None, buys=None, sells=None, trades=None, step=STEP, valid=True, tape=()
    ) -> None:
        """Append rows; `change` edits the levels in place, volumes and counts stand for each row.

        `tape` holds the trades before each row: (tick, quantity, side of the aggressor).
        """
        for _ in range(rows):
            self.ts += step
            if tape:
                buys, sells = (sum(quantity for _, quantity, side in tape if side == way) for way in (1, -1))
                trades = float(len(tape))
            self.told.append([Trade("X", self.ts, self.ts, n, *trade) for n, trade in enumerate(tape)])
            levels = self.levels()
            if change is not None:
                change(levels)
            usual = float(self.draw.uniform(0.5, 1.5)) if len(self.rows) % 3 == 0 else 0.0
            up = bool(self.draw.random() < 0.5)
            buy = usual * up if buys is None else buys
            sell = usual * (not up) if sells is None else sells
            count = float(buy + sell > 0) if trades is None else trades
            mid = (levels[0, 0] + levels[0, 2]) / 2
            flow = np.array([count, buy, sell, (buy + sell) * mid, buy - sell, (buy - sell) * mid, (buy + sell) * TICK])
            self.rows.append(Snapshot(self.ts, self.ts, levels, flow, valid, TICK))

    def views(self):
        """The rows as detectors see them."""
        return [View(row) for row in self.rows]

    def alarms(self, item):
        """What a detector says of the rows, in order."""
        watch = Watch([item])
        found = []
        for row, events in zip(self.rows, self.told):
            for event in events:
                watch.observe(event)
            found += watch.step(row)
        return found


@pytest.fixture
def market():
    return Market()


@pytest.fixture(scope="session")
def make_market():
    return Market
