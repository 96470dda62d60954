from __future__ import annotations

import numpy as np
import pytest

from genesis_lib.errors import InputError, StateError
from genesis_lib.feeds.simulation.blocks import next_block
from genesis_lib.feeds.simulation.flow import OrderFlow
from genesis_lib.feeds.simulation.flow_parameters import MARKETS
from genesis_lib.feeds.simulation.simulator import Simulator


def plain(event) -> tuple:
    return type(event), *(value.tolist() if isinstance(value, np.ndarray) else value for value in event)


@pytest.mark.parametrize("symbol", list(MARKETS))
def test_blocks_hold_the_events_of_the_iteration(symbol):
    simulator = Simulator(5, symbol, minutes=0.3)
    told = [plain(event) for block in simulator.blocks(messages=100) for event in block.events()]
    wanted = [plain(event) for event in simulator]
    assert len(told) == len(wanted) > 500
    assert told == wanted
    assert [type(value) for value in told[-1]] == [type(value) for value in wanted[-1]]


def test_a_block_ends_with_the_first_message_behind_its_end():
    flow = OrderFlow(3, *MARKETS["SIMBTC"])
    start = flow.now
    block = next_block(flow, 200, start + 1000)
    assert block.ts_exchange[-1] >= (start + 1000) * 10**6
    assert (block.ts_exchange[block.kind == 0][:-1] < (start + 1000) * 10**6).all()
    assert block.ends[-1] == len(block.ticks) == len(block.quantities)


def test_blocks_go_on_where_steps_left_off():
    one, other = (OrderFlow(4, *MARKETS["SIMBTC"]) for _ in range(2))
    for flow in (one, other):
        for _ in range(50):
            flow.step()
    told = [plain(event) for event in next_block(one, 50).events()]
    assert told == [plain(event) for _ in range(50) for event in other.step()]
    assert one.now == other.now
    assert [plain(event) for event in one.step()] == [plain(event) for event in other.step()]


def test_what_blocks_cannot_be():
    with pytest.raises(InputError, match="no room for planted episodes"):
        next(Simulator(1, minutes=5, plant={"spoofing": 1}).blocks())
    with pytest.raises(InputError, match="messages must be at least 1, got 0"):
        next_block(OrderFlow(1, *MARKETS["SIMBTC"]), 0)


@pytest.mark.parametrize("act", ["trade", "rest", "push", "pace"])
def test_blocks_do_not_swallow_what_others_do(act):
    """Trades of an outsider, and fills of his orders, have no row in a block: they would be told to nobody."""
    simulator = Simulator(1, minutes=1.0)
    blocks = simulator.blocks(messages=10)
    next(blocks), next(blocks)
    flow, trader = simulator._flow, simulator.participant()
    bid = flow.engine.best[0]
    {
        "trade": lambda: trader.submit(0, 50),
        "rest": lambda: trader.submit(0, 50, bid - 20),
        "push": lambda: setattr(flow, "push", 0.5),
        "pace": lambda: setattr(flow, "pace", 2.0),
    }[act]()
    with pytest.raises(StateError, match="blocks have no room for what outsiders and agents do"):
        next(blocks)
    assert flow.step()
