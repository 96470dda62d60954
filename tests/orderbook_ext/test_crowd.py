from __future__ import annotations

from dataclasses import fields, replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.feeds.simulation.flow import EPOCH, OrderFlow
from genesis_lib.feeds.simulation.flow_parameters import MARKETS, day_profile, distance_table, size_table
from genesis_lib.types import BookTicker, DepthUpdate
from genesis_lib.types import Trade as TradeEvent
from orderbook_ext import COMPILED, Crowd, OrderLevelBook
from orderbook_ext._crowd_orders_py import TRADE
from orderbook_ext._crowd_py import Crowd as PlainCrowd
from orderbook_ext._orders_py import OrderLevelBook as PlainBook

SECONDS = 300
CROWDS = [PlainCrowd, Crowd] if COMPILED else [PlainCrowd]


def run(symbol: str, seed: int = 31, seconds: int = SECONDS) -> tuple[OrderFlow, np.ndarray, list]:
    """A market, its mid (ticks) at the end of each second, and its trades."""
    flow, mids, trades = OrderFlow(seed, *MARKETS[symbol]), [], []
    while len(mids) < seconds:
        before = flow.crowd.mid
        trades += [event for event in flow.step() if type(event) is TradeEvent]
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


def test_a_busy_hour_has_more_orders_and_longer_queues():
    counts = []
    for busy in (1.0, 1.6):
        crowd = made(CROWDS[-1], busy=busy)[0]
        rows = crowd.run(2000)[0]
        counts.append((rows[:, 0] == TRADE).sum() / (crowd.now - EPOCH))
    assert counts[1] > 1.25 * counts[0]


def made(kind, symbol="SIMBTC", seed=1, busy=None, book=OrderLevelBook, **more):
    """A crowd of a class, and its book."""
    instrument, p = MARKETS[symbol]
    p, lot, mid = replace(p, **more), instrument.lot_size, round(p.price / instrument.tick_size)
    medians = (p.trade_size, p.touch_size, p.near_size, p.far_size)
    tables = [size_table(median, 1.9, lot) for median in medians] + [distance_table(0.8 * mid)]
    day = day_profile() if busy is None else [busy] * 1441
    crowd = kind(held := book(strict=False), range(seed, seed + 4), p, p.target / lot, tables, day, EPOCH)
    crowd.populate(mid)
    return crowd, held


@pytest.mark.skipif(not COMPILED, reason="there is no compiled crowd to hold the twin against")
@pytest.mark.parametrize("symbol", list(MARKETS))
def test_the_twin_equals_the_compiled_crowd_to_the_last_bit(symbol):
    (twin, twins), (fast, held) = made(PlainCrowd, symbol), made(Crowd, symbol)
    for steps in (0, 1, 400):
        for one, other in zip(twin.run(steps), fast.run(steps), strict=True):
            assert one.dtype == other.dtype and np.array_equal(one, other)
    for name in ("now", "fair", "mid", "informed", "activity", "trade_id", "update_id"):
        assert getattr(twin, name) == getattr(fast, name), name
    assert twins.unknown_orders == held.unknown_orders and len(twins) == len(held)


@pytest.mark.skipif(not COMPILED, reason="there is no compiled crowd to hold the twin against")
@settings(max_examples=12, deadline=None)
@given(st.data())
def test_the_twin_equals_the_compiled_crowd_whatever_agents_do(data):
    """Agents push, withhold, take, rest and clear between the steps; one of the twins has the plain book too."""
    pairs = [made(PlainCrowd, book=PlainBook, far_orders=300), made(Crowd, far_orders=300)]
    acts = st.sampled_from(["take", "rest", "clear", "none"])
    acting = st.tuples(acts, st.integers(0, 1), st.integers(-30, 30), st.integers(1, 50_000))
    for step in range(25):
        pace, push = data.draw(st.sampled_from([0.1, 1.0, 3.0])), data.draw(st.floats(-3, 3))
        apart = tuple(data.draw(st.sampled_from([(1, 0), (1, 15), (2, 60)])) for _ in range(2))
        what, at, away, lots = data.draw(acting)
        told = []
        for crowd, book in pairs:
            early = crowd.begin(pace)
            bid, _, ask, _ = book.touch
            fills = []
            if what == "take":
                fills = [(*fill, crowd.next_trade(), crowd.receive(early)) for fill in book.take(at, lots)]
            elif what == "rest" and None not in (bid, ask):
                book.add(step + 1, at, min(bid, ask + away) if at == 0 else max(ask, bid + away), lots)
            elif what == "clear" and None not in (bid, ask):
                crowd.clear_level(at, ask if at else bid)
            first = crowd.tell_touch(early)
            rows = crowd.finish(push, apart, early)
            changes, ids = crowd.depth(crowd.now)
            told.append((early, fills, first, rows, [column.tolist() for column in changes], ids, crowd.fair))
        assert told[0] == told[1]
        assert not pairs[1][1].is_crossed


def test_orders_do_not_pile_up():
    crowd, book = made(CROWDS[-1])
    before = len(book)
    crowd.run(3000)
    assert len(book) < 1.1 * before


def test_tables_of_another_length_are_refused():
    _, p = MARKETS["SIMBTC"]
    for kind in CROWDS:
        with pytest.raises(ValueError, match="tables must be 5 of 4096 numbers, and day 1441 numbers"):
            kind(OrderLevelBook(strict=False), range(4), p, 1.0, [[1]] * 5, day_profile(), EPOCH)


@pytest.mark.parametrize("kind", CROWDS)
@pytest.mark.parametrize("name", ["near_orders", "far_orders", "metaorders"])
def test_a_crowd_of_nobody_is_refused(kind, name):
    """There would be no place to look at: the compiled crowd would read what is not its own."""
    _, p = MARKETS["SIMBTC"]
    numbers = SimpleNamespace(**{field.name: getattr(p, field.name) for field in fields(p)} | {name: 0})
    with pytest.raises(ValueError, match="near_orders, far_orders and metaorders must be at least 1"):
        kind(OrderLevelBook(strict=False), range(4), numbers, 1.0, [[1] * 4096] * 5, day_profile(), EPOCH)


@pytest.mark.parametrize("kind", CROWDS)
def test_a_side_that_is_none_is_refused(kind):
    crowd, book = made(kind, far_orders=10)
    before = len(book)
    for side in (-1, 2, 7):
        with pytest.raises(ValueError, match=f"side must be 0 .* got {side}"):
            crowd.clear_level(side, 300_000)
    assert len(book) == before


@pytest.mark.skipif(not COMPILED, reason="there is no compiled crowd")
def test_a_crowd_that_was_not_made_does_nothing():
    crowd = Crowd.__new__(Crowd)
    calls = [("begin", 1.0), ("finish", 0.0, ((1, 0), (1, 0)), 0), ("populate", 300_000), ("depth", 1), ("run", 1)]
    for name, *arguments in [*calls, ("tell_touch", 1), ("receive", 1), ("clear_level", 0, 300_000)]:
        with pytest.raises(TypeError, match="a crowd needs its arguments"):
            getattr(crowd, name)(*arguments)
    with pytest.raises(ValueError, match="tables must be 5"):
        crowd.__init__(OrderLevelBook(strict=False), range(4), MARKETS["SIMBTC"][1], 1.0, [[1]] * 5, day_profile(), 0)
    with pytest.raises(TypeError, match="a crowd needs its arguments"):
        crowd.begin(1.0)
