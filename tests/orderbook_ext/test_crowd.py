from __future__ import annotations

import numpy as np
import pytest

from genesis_lib.feeds.simulation.flow import EPOCH, OrderFlow
from genesis_lib.feeds.simulation.flow_parameters import MARKETS
from genesis_lib.types import BookTicker, DepthUpdate, Trade

SECONDS = 300


def run(symbol: str, seed: int = 31, seconds: int = SECONDS) -> tuple[OrderFlow, np.ndarray, list]:
    """A market, its mid (ticks) at the end of each second, and its trades."""
    flow, mids, trades = OrderFlow(seed, *MARKETS[symbol]), [], []
    while len(mids) < seconds:
        before = flow.crowd.mid
        trades += [event for event in flow.step() if type(event) is Trade]
        while len(mids) < min(seconds, (flow.now - EPOCH) // 1000):
            mids.append(before)
    return flow, np.array(mids), trades


@pytest.fixture(scope="module")
def markets():
    return {symbol: run(symbol) for symbol in MARKETS}


def test_markets_that_are_made_apart_move_together(markets):
    returns = {symbol: np.diff(np.log(mids)) for symbol, (_, mids, _) in markets.items()}
    for one, other in (("SIMBTC", "SIMETH"), ("SIMBTC", "SIMSOL"), ("SIMETH", "SIMSOL")):
        assert np.corrcoef(returns[one], returns[other])[0, 1] > 0.45
        assert np.corrcoef(np.abs(returns[one]), np.abs(returns[other]))[0, 1] > 0.3
    _, elsewhere, _ = run("SIMETH", seed=32)
    assert abs(np.corrcoef(returns["SIMBTC"], np.diff(np.log(elsewhere)))[0, 1]) < 0.25


def test_orders_come_in_bursts_and_remember_their_side(markets):
    _, _, trades = markets["SIMBTC"]
    orders = [
        t for t, before in zip(trades[1:], trades) if (t.ts_exchange, t.side) != (before.ts_exchange, before.side)
    ]
    times, signs = np.array([t.ts_exchange for t in orders]) / 1e9, np.array([float(t.side) for t in orders])
    gaps = np.diff(times)
    assert gaps.std() > 1.3 * gaps.mean()  # 1 for a Poisson process
    counts = np.bincount((times - times[0]).astype(int))
    assert counts.var() > 2.0 * counts.mean()
    signs -= signs.mean()
    memory = [(signs[k:] * signs[:-k]).mean() / signs.var() for k in (1, 2, 5, 10)]
    assert memory[0] > 0.1 and min(memory) > 0.02


def test_messages_are_many_levels_in_bursts_at_a_steady_pace():
    flow = OrderFlow(5, *MARKETS["SIMBTC"])
    times, levels, tickers = [], [], 0
    for _ in range(2000):
        for event in flow.step():
            if type(event) is DepthUpdate:
                times.append(event.ts_exchange / 1e6)
                levels.append(len(event.ticks))
            tickers += type(event) is BookTicker
    gaps, levels = np.diff(times), np.array(levels)
    assert 25 < np.median(gaps) < 45 and gaps.std() < 0.7 * gaps.mean()
    assert 12 < np.median(levels) < 35
    assert np.quantile(levels, 0.95) > 2.5 * np.median(levels)
    assert np.corrcoef(levels[1:], levels[:-1])[0, 1] > 0.4
    assert 2000 < tickers < 12_000


def test_the_hour_of_the_day_makes_a_market_busier():
    counts = []
    for start in (0, 16 * 3_600_000):
        flow = OrderFlow(6, *MARKETS["SIMBTC"])
        flow.crowd.now += start
        flow.crowd.start += start  # the hidden factors are those of the first minute
        made = [type(event) for _ in range(1500) for event in flow.step()]
        counts.append(made.count(Trade) / (flow.now - EPOCH - start))
    assert counts[1] > 1.15 * counts[0]
