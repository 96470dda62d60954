"""The simulator, ns an event (a trade, a change of the touch, a level of a depth message), and a simulated hour.

The crowd in plain Python gives the same events to the last bit, which is asserted. The other peer is no such market:
zero intelligence, orders that arrive evenly and know nothing of each other, sent to a package that matches them.
"""

from __future__ import annotations

import random
import sys
from collections import deque
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path

import numpy as np

from benchmarks.measure import Row, per_unit
from genesis_lib.feeds.simulation import flow as flow_module
from genesis_lib.feeds.simulation.blocks import next_block
from genesis_lib.feeds.simulation.flow import EPOCH, OrderFlow
from genesis_lib.feeds.simulation.flow_parameters import MARKETS
from genesis_lib.types import DepthUpdate
from orderbook_ext import Crowd
from orderbook_ext._crowd_py import Crowd as PlainCrowd

MESSAGES = 2_000
HOUR_MS = 3_600_000
ORDERS = 60_000
SYMBOL = "X"


def run(paths: Iterable[str | Path] = ()) -> list[Row]:
    """Measure on SIMBTC (`paths` are not used)."""
    check()
    market = opened(Crowd)
    events = sum(count(market.step()) for _ in range(MESSAGES))
    typed = Row("simulator", "typed events", steps(opened(Crowd), events))
    plain = Row("simulator", "the crowd in plain Python: typed events", steps(opened(PlainCrowd), events, 3))
    market = opened(Crowd)
    arrays = Row("simulator", "arrays", per_unit(lambda: next_block(market, MESSAGES), events, 5))
    rows = [plain, typed.against(plain), arrays.against(plain)]
    naive = zero_intelligence()
    if naive is not None:
        ours = Row("simulator", "arrays, against less of a market", arrays.ns)
        rows += [naive, ours.against(naive)]
    return [*rows, Row("simulator", "a simulated hour of SIMBTC, arrays", per_unit(hour, 1, 1))]


def opened(crowd: type) -> OrderFlow:
    """A market whose crowd is of this class, some messages old."""
    kept, flow_module.Crowd = flow_module.Crowd, crowd
    try:
        flow = OrderFlow(1, *MARKETS["SIMBTC"])
    finally:
        flow_module.Crowd = kept
    for _ in range(100):
        flow.step()
    return flow


def count(events: list) -> int:
    """Trades, changes of the touch and levels among the events of a step."""
    return sum(len(event.ticks) if type(event) is DepthUpdate else 1 for event in events)


def steps(flow: OrderFlow, events: int, repeats: int = 5) -> float:
    """Time of an event when so many steps give so many of them (on average: the market goes on)."""

    def work() -> None:
        for _ in range(MESSAGES):
            flow.step()

    return per_unit(work, events, repeats)


def hour() -> None:
    """A simulated hour, in blocks that are thrown away."""
    flow = OrderFlow(2, *MARKETS["SIMBTC"])
    while flow.now < EPOCH + HOUR_MS:
        next_block(flow, 4096)


def check() -> None:
    """Raise unless compiled, plain and block-wise markets give the same."""
    one, other, blocks = opened(Crowd), opened(PlainCrowd), opened(Crowd)
    told = [plain(event) for event in next_block(blocks, 50).events()]
    first, second = ([plain(event) for _ in range(50) for event in flow.step()] for flow in (one, other))
    if not first == second == told:
        raise AssertionError("simulator: the events differ, the times mean nothing")


def plain(event) -> tuple:
    """An event that can be compared."""
    return tuple(value.tolist() if isinstance(value, np.ndarray) else value for value in event)


def zero_intelligence() -> Row | None:
    """Orders without a memory on `lightmatchingengine`, ns for a trade or an order that came or went."""
    try:
        module = import_module("lightmatchingengine.lightmatchingengine")
    except ImportError as error:
        print(f"simulator: lightmatchingengine is left out: {error}", file=sys.stderr)
        return None
    told: list[int] = []
    work = _zero_intelligence(module, told)
    work()
    return Row("simulator", "lightmatchingengine: zero intelligence", per_unit(work, told[0], 3))


def _zero_intelligence(module, told: list[int]) -> Callable[[], None]:
    def work() -> None:
        engine, draw, standing, events = module.LightMatchingEngine(), random.Random(1).random, deque(), 0
        for _ in range(ORDERS):
            side, away = 1 + (draw() < 0.5), int(-12.0 * np.log(1.0 - draw())) - 1
            tick = 50_000 - away if side == 1 else 50_000 + away
            order, trades = engine.add_order(SYMBOL, tick, 1 + int(100 * draw()), side)
            events += 1 + len(trades) // 2
            standing.append(order)
            if len(standing) > 2_000 and standing[0].leaves_qty > 0:
                events += engine.cancel_order(standing[0].order_id, SYMBOL) is not None
            if len(standing) > 2_000:
                standing.popleft()
        told[:] = [events]

    return work
