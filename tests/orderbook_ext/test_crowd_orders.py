from __future__ import annotations

import pytest

from genesis_lib.feeds.simulation.flow import OrderFlow
from genesis_lib.feeds.simulation.flow_parameters import MARKETS
from genesis_lib.types import ASK, BID


@pytest.fixture
def flow():
    return OrderFlow(3, *MARKETS["SIMBTC"])


def test_nobody_cancels_an_order_of_somebody_else(flow):
    bid, ask = flow.engine.best
    orders = [
        flow.engine.limit(side, tick, 10**6) for side, tick in ((BID, bid), (BID, bid - 2), (ASK, ask), (ASK, ask + 9))
    ]
    for _ in range(400):
        flow.step()
    for order in orders:
        left = flow.engine.open_lots(order)
        assert left > 0, "an order so large is not used up"
    for side, tick in ((BID, bid), (ASK, ask)):
        flow.clear_level(side, tick)
        assert [order for order, _ in flow.engine.book.queue(side, tick)] == [orders[0] if side == BID else orders[2]]


def test_nobody_places_where_it_is_withheld(flow):
    flow.withheld = {BID: (1, 40)}
    for side in (BID,):
        for tick, _ in flow.engine.levels(side, 40):
            flow.clear_level(side, tick)
    ask = flow.engine.best[ASK]
    flow.step()
    assert flow.engine.best[BID] < ask - 40


def test_ids_of_the_crowd_lie_above_all_others(flow):
    own = flow.engine.limit(BID, 5, 1)
    assert own < 2**40
    assert all(
        order > 2**48
        for side in (BID, ASK)
        for tick, _ in flow.engine.levels(side, 5)
        for order, _ in flow.engine.book.queue(side, tick)
    )
