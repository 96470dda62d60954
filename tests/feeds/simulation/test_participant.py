from __future__ import annotations

import doctest
import random
from itertools import islice

import pytest

from genesis_lib.errors import InputError, StateError
from genesis_lib.feeds.simulation import participant
from genesis_lib.feeds.simulation.flow import OrderFlow
from genesis_lib.feeds.simulation.flow_parameters import MARKETS
from genesis_lib.feeds.simulation.participant import Participant
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.types import ASK, BID, BookTicker, DepthSnapshot, DepthUpdate, Trade
from orderbook_ext import OrderBook


@pytest.fixture
def flow():
    return OrderFlow(4, *MARKETS["SIMBTC"])


def test_example():
    assert doctest.testmod(participant).failed == 0


def test_a_market_order_trades_at_once_and_all_are_told(flow):
    trader, best = Participant(flow), flow.engine.book.touch
    report = trader.submit(BID, best[3] + 5)
    fills = trader.take_fills()
    assert report.fills[0][1] == best[2] and sum(fill.lots for fill in fills) == best[3] + 5
    assert [(fill.tick, fill.lots) for fill in fills] == [fill[1:] for fill in report.fills]
    assert not any(fill.maker for fill in fills) and trader.orders == {} and trader.take_fills() == []
    events = flow.step()
    own = events[: len(fills)]
    assert [(e.trade_id, e.tick, e.quantity, e.side) for e in own] == [
        (fill.trade_id, fill.tick, flow.quantity(fill.lots), 1) for fill in fills
    ]
    assert isinstance(events[len(fills)], BookTicker) and events[len(fills)].ask_tick == fills[-1].tick
    assert best[2] in events[-1].ticks.tolist() and isinstance(events[-1], DepthUpdate)


def test_a_resting_order_waits_its_turn_and_only_takers_remove_it(flow):
    trader = Participant(flow)
    bid, lots = flow.engine.book.touch[:2]
    order = trader.submit(BID, 300, bid).order
    assert trader.orders == {order: (BID, 300)} and trader.queue(order)[1] == lots
    flow.push = -2.0  # sellers come
    fills, ahead = [], lots
    while trader.orders:
        assert trader.queue(order)[1] <= ahead, "the crowd joined before an order that was there"
        ahead = trader.queue(order)[1]
        flow.step()
        fills += trader.take_fills()
    assert sum(fill.lots for fill in fills) == 300 and all(fill.maker and fill.tick == bid for fill in fills)
    assert order not in flow.owned and order not in flow.watchers


def test_an_iceberg_taken_at_one_stroke_is_filled_part_by_part(flow):
    trader, touch = Participant(flow), flow.engine.book.touch
    order = trader.submit(ASK, 10, touch[2], shown=4).order
    trader.submit(BID, touch[3] + 10)
    fills = trader.take_fills()
    assert [(fill.order == order, fill.lots) for fill in fills if fill.maker] == [(True, 4), (True, 4), (True, 2)]
    assert trader.orders == {} and not flow.watchers


def test_orders_are_changed_and_taken_back_by_their_owner_alone(flow):
    trader, other = Participant(flow), Participant(flow)
    bid = flow.engine.best[BID]
    order = trader.submit(BID, 30, bid - 3).order
    assert trader.modify(order, bid - 2, 40).resting == 40 and trader.orders[order] == (BID, 40)
    with pytest.raises(InputError, match=f"order {order} is not open; open are: none"):
        other.cancel(order)
    assert trader.cancel(order) == 40 and order not in flow.engine.book
    with pytest.raises(InputError, match=f"order {order} is not open"):
        trader.modify(order, bid, 1)
    crossing = trader.submit(BID, 5, bid - 1).order
    assert trader.modify(crossing, flow.engine.best[ASK], 5).resting == 0
    assert trader.orders == {} and flow.owned == set() == set(flow.watchers)


def test_what_is_published_rebuilds_the_book_with_outsiders_in_it():
    """Random orders between the steps: ids continue, times rise, and the diffs give the true book to the last level."""
    rng = random.Random(9)
    simulator = Simulator(9)
    book, last, stamp, trade_id, sent, made = OrderBook(0.1, 0.001), 0, 0, 0, 0, 0
    trader, events = None, iter(simulator)
    for event in islice(events, 15_000):
        assert event.ts_exchange >= stamp
        stamp = event.ts_exchange
        if isinstance(event, DepthSnapshot):
            book.snapshot_ticks(event.sides, event.ticks, event.quantities)
            last, trader = event.last_id, simulator.participant()
        elif isinstance(event, Trade):
            assert event.trade_id == trade_id + 1
            trade_id = event.trade_id
        elif isinstance(event, DepthUpdate):
            assert event.prev_id == last
            last = event.last_id
            book.apply_ticks(event.sides, event.ticks, event.quantities)
            engine = trader.flow.engine
            for side, word in ((BID, "bid"), (ASK, "ask")):
                lots = engine.book.levels(side)
                assert book.levels(word)[:, 1].tolist() == [trader.flow.quantity(n) for n in lots[:, 1].tolist()]
            assert not engine.book.is_crossed
            made += sum(fill.maker for fill in trader.take_fills())
            for order in [*trader.orders][:-5]:
                trader.cancel(order)
            if None not in engine.best and rng.random() < 0.5:
                side = rng.randrange(2)
                tick = engine.best[side] + rng.randrange(-3, 4)
                trader.submit(side, rng.randrange(1, 400), rng.choice([tick, None]))
                sent += 1
    assert sent > 500 and made > 50


def test_there_is_no_market_before_the_first_event():
    with pytest.raises(StateError, match="nobody takes the simulator's events yet"):
        Simulator(1).participant()
