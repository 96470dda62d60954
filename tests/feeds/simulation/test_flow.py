from __future__ import annotations

import pytest

from genesis_lib.feeds.simulation.flow import OrderFlow
from genesis_lib.feeds.simulation.flow_parameters import MARKETS
from genesis_lib.types import ASK, BID, BookTicker, DepthUpdate, Trade


@pytest.mark.parametrize("symbol", list(MARKETS))
def test_what_is_published_rebuilds_the_true_book_to_the_last_level(symbol):
    flow = OrderFlow(5, *MARKETS[symbol])
    start = flow.snapshot()
    book = ({}, {})
    for side, tick, quantity in zip(start.sides, start.ticks, start.quantities):
        book[side][int(tick)] = quantity
    last_id, last_ts, last_receive, trade_id = start.last_id, start.ts_exchange, start.ts_receive, 0
    for step in range(3000):
        for event in flow.step():
            assert event.ts_exchange >= last_ts
            assert event.ts_receive > max(last_receive, event.ts_exchange)
            last_ts, last_receive = event.ts_exchange, event.ts_receive
            if isinstance(event, DepthUpdate):
                assert (event.prev_id, event.first_id) == (last_id, last_id + 1)
                last_id = event.last_id
                for side, tick, quantity in zip(event.sides, event.ticks, event.quantities):
                    book[side][int(tick)] = quantity
                    if not quantity:
                        del book[side][int(tick)]
            elif isinstance(event, Trade):
                trade_id += 1
                assert event.trade_id == trade_id
                assert event.side in (1, -1)
        if step % 100 == 0:
            for side in (BID, ASK):
                assert book[side] == {tick: flow.quantity(lots) for tick, lots in flow.engine.levels(side)}
            assert max(book[BID]) < min(book[ASK])


def test_the_touch_told_last_is_the_touch_of_the_book():
    flow = OrderFlow(6, *MARKETS["SIMBTC"])
    flow.snapshot()
    told = None
    for _ in range(1500):
        for event in flow.step():
            if isinstance(event, BookTicker):
                told = event
        bid, ask = flow.engine.levels(BID, 1)[0], flow.engine.levels(ASK, 1)[0]
        assert (told.bid_tick, told.bid_quantity) == (bid[0], flow.quantity(bid[1]))
        assert (told.ask_tick, told.ask_quantity) == (ask[0], flow.quantity(ask[1]))


def test_informed_flow_moves_the_price_its_way():
    ends = []
    for push in (1.5, -1.5):
        flow = OrderFlow(7, *MARKETS["SIMBTC"])
        flow.push = push
        start = flow.engine.best[BID]
        for _ in range(1500):
            flow.step()
        ends.append(flow.engine.best[BID] - start)
    assert ends[0] > 100
    assert ends[1] < -100


def test_a_spread_stays_open_while_both_sides_are_withheld():
    widths = []
    for withheld in ({}, {BID: (1, 20), ASK: (1, 20)}):
        flow = OrderFlow(8, *MARKETS["SIMBTC"])
        flow.withheld = withheld
        for side in (BID, ASK):
            for tick, _ in flow.engine.levels(side, 8):
                flow.engine.cancel_level(side, tick)
        for _ in range(20):
            flow.step()
        widths.append(flow.engine.best[ASK] - flow.engine.best[BID])
    assert widths[0] == 1
    assert widths[1] >= 10
