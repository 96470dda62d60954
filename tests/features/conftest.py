"""Book rows made on the spot, so that the features are tested without any recording."""

import numpy as np
import pytest

from genesis_lib.features import FeatureSet
from genesis_lib.feeds import RowBuilder, read_snapshots
from genesis_lib.feeds.simulation.simulator import Simulator
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


@pytest.fixture(scope="session")
def simulated() -> Snapshots:
    """A minute of simulated flow, ten levels."""
    simulator = Simulator(seed=5, minutes=1)
    builder = RowBuilder(simulator.instrument)
    return Snapshots.of(filter(None, map(builder.push, simulator)), simulator.instrument, "simulated")


@pytest.fixture(scope="session")
def recorded(usdm_2024) -> Snapshots:
    """Eight minutes of a real market, with the row of its snapshot that is not valid."""
    return read_snapshots(usdm_2024)


class Plain:
    """The rows between two invalid ones, as a slow reader wants them; no window may reach beyond."""

    def __init__(self, rows: Snapshots) -> None:
        tick = rows.instrument.tick_size
        self.rows, self.levels, self.tick = len(rows), rows.depth, tick
        self.seconds = rows.ts_exchange / 1e9 - rows.ts_exchange[0] / 1e9
        self.elapsed = np.concatenate([[np.nan], np.maximum(np.diff(rows.ts_exchange), 0) / 1e9])
        self.ts = rows.ts_exchange
        self.bid, self.ask = (np.round(rows.levels[:, :, k] / tick) for k in (0, 2))
        self.bid_size, self.ask_size = rows.levels[:, :, 1], rows.levels[:, :, 3]
        self.mid = (self.bid[:, 0] + self.ask[:, 0]) / 2
        self.spread = self.ask[:, 0] - self.bid[:, 0]
        self.count, self.buys, self.sells, self.notional, self.signed, *rest = rows.flow.T
        self.signed_notional, self.effective = rest
        self.volume = self.buys + self.sells

    def events(self, side: str) -> tuple[np.ndarray, np.ndarray]:
        """Arrived and cancelled quantity of a best queue, row by row, case by case."""
        bid = side == "bid"
        ticks, sizes, traded = (
            (self.bid[:, 0], self.bid_size[:, 0], self.sells)
            if bid
            else (-self.ask[:, 0], self.ask_size[:, 0], self.buys)
        )
        arrived, cancelled = np.full((2, self.rows), np.nan)
        for i in range(1, self.rows):
            if ticks[i] == ticks[i - 1]:
                net = sizes[i] - (sizes[i - 1] - traded[i])
                net = 0.0 if abs(net) < 1e-9 * (sizes[i] + sizes[i - 1]) else net
                arrived[i], cancelled[i] = max(net, 0.0), max(-net, 0.0)
            elif ticks[i] > ticks[i - 1]:
                arrived[i], cancelled[i] = sizes[i], 0.0
            else:
                arrived[i], cancelled[i] = 0.0, max(sizes[i - 1] - traded[i], 0.0)
        return arrived, cancelled


@pytest.fixture(scope="session")
def agree():
    """Compare columns with a plain reading `read(Plain) -> {name: column}` of the same rows."""

    def check(rows: Snapshots, read, rtol=1e-7, atol=1e-7):
        cuts = np.flatnonzero(np.diff(np.concatenate([[0], rows.valid.astype(int), [0]])))
        runs = list(zip(cuts[::2], cuts[1::2]))
        names, got = None, None
        for start, end in runs:
            want = read(Plain(rows[start:end]))
            if names is None:
                names = list(want)
                got = FeatureSet(names).batch(rows)
                assert np.isnan(got[~rows.valid]).all()
            for name, column in zip(names, got[start:end].T):
                np.testing.assert_allclose(column, want[name], rtol, atol, err_msg=f"{name}, rows {start} to {end}")
        return dict(zip(names, got.T))

    return check
