"""What happens when liquidity goes: gaps, shocks of depth and of the spread, crashes.

One generator a kind: each ``yield`` waits for the next depth message.

References
----------
Kirilenko, Kyle, Samadi and Tuzun (2017), The flash crash: high-frequency trading in an electronic market.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from genesis_lib.feeds.simulation.planted import LEVELS
from genesis_lib.feeds.simulation.trade_scripts import drive
from genesis_lib.types import ASK, BID

if TYPE_CHECKING:
    from genesis_lib.feeds.simulation.episodes import Episode

REACH = 150  # ticks from the touch within which a depth shock hits


def liquidity_gap(e: Episode) -> Iterator[None]:
    """Everyone behind the touch of one side withdraws; only the touch stays."""
    flow, side = e.flow, e.side
    ticks = [tick for tick, _ in flow.engine.levels(side, LEVELS)]
    usual = max((abs(b - a) for a, b in pairwise(ticks)), default=1)
    width = max(e.whole("ticks", 20, 80), min(80, 2 * usual))
    e.note(e.touch(), ticks=width)
    until = flow.now + e.draw("seconds", 0.5, 4.0, log=True) * 1000
    while flow.now < until:
        flow.withheld = {side: (2, width)}
        e.thin(side, e.touch() + e.away, e.touch() + e.away * (width - 1), 0.0, set())
        yield
    e.record("release", side, e.touch(), 0)


def depth_shock(e: Episode) -> Iterator[None]:
    """Four fifths and more of what rests near the touch goes at once, on one side or both, and stays away."""
    flow = e.flow
    share, e.side = e.draw("share", 0.80, 0.98), None if e.chance("both_sides", 0.5) else e.side
    until = flow.now + e.draw("seconds", 0.5, 3.0, log=True) * 1000
    sides = (BID, ASK) if e.side is None else (e.side,)
    e.note(e.touch(sides[0]), share=share)
    flow.withheld = dict.fromkeys(sides, (1, 3))
    done: set[int] = set()
    left: dict[int, int] = {}
    target = [(1.0 - share) * min(e.usual_depth(side), e.depth(side)) for side in (BID, ASK)]
    while flow.now < until:
        for side in sides:
            away = -1 if side == BID else 1
            e.thin(side, e.touch(side), e.touch(side) + away * REACH, 1.0 - share, done)
            if (depth := e.depth(side)) > target[side]:
                edge = flow.engine.levels(side, LEVELS)[-1][0]
                e.thin(side, e.touch(side), edge, target[side] / depth, set())
        for side in sides:  # a little stays at the touch, so that the price keeps its place
            tick = e.touch(1 - side) + (-1 if side == BID else 1)
            if not flow.engine.total(side, tick):
                if side in left:
                    e.cancel(left[side])
                left[side] = e.rest(side, tick, e.lots((1.0 - share) * e.random.uniform(0.3, 1.0)))
        yield
    e.record("release", e.side, e.touch(sides[0]), 0)


def spread_shock(e: Episode) -> Iterator[None]:
    """Makers of one side or both step back from the touch, stay away, and come back."""
    flow = e.flow
    width, e.side = e.whole("ticks", 5, 30), None if e.chance("both_sides", 0.5) else e.side
    until = flow.now + e.draw("seconds", 0.5, 4.0, log=True) * 1000
    size = e.draw("touch_queues", 0.1, 1.0, log=True)
    bid, ask = e.touch(BID), e.touch(ASK)
    back = width // 2 if e.side is None else width - 1 if e.side == BID else 0
    low = min(bid, ask - 1 - back)
    high = max(ask, low + width)
    e.note(bid, ticks=width)
    flow.withheld = dict.fromkeys((BID, ASK), (1, width - 1))
    walls: dict[int, int] = {}
    while flow.now < until:
        for side, near, edge in ((BID, high - 1, low), (ASK, low + 1, high)):
            e.thin(side, near, edge + (1 if side == BID else -1), 0.0, set())
            if not flow.engine.total(side, edge) and not e.rests(walls.get(side, 0)):
                walls[side] = e.rest(side, edge, e.lots(size))
        yield
    flow.withheld = {}
    bid, ask = _inside(low, high, bid, ask)
    for side, tick in ((BID, bid), (ASK, ask)):  # those who left come back to where they were
        e.cancel(walls.get(side, 0))
        walls[side] = e.rest(side, tick, e.lots(size))
    yield from e.hold(400)
    for order in walls.values():
        e.cancel(order)


def _inside(low: int, high: int, bid: int, ask: int) -> tuple[int, int]:
    """The old best prices, moved as little as puts them between the new."""
    bid = min(max(bid, low), high - 1)
    return bid, bid + 1


def flash_crash(e: Episode) -> Iterator[None]:
    """A seller who takes whatever there is while bids fade, then the recovery of most of the fall."""
    e.side, flow = BID, e.flow
    start = e.touch(BID)
    fall = round(start * e.draw("fall", 0.0015, 0.006, log=True))
    falling, rising = e.draw("fall_seconds", 2.0, 10.0, log=True), e.draw("rise_seconds", 3.0, 20.0, log=True)
    back, lean = e.draw("recovers", 0.5, 0.95), e.draw("push", 0.5, 1.5)
    e.note(start)
    flow.push = -lean
    yield from drive(e, ASK, start, start - fall, falling * 1000)
    low = e.touch(BID)
    e.label["low"] = flow.instrument.price(low)
    flow.push = lean / 2
    yield from e.hold(e.draw("hold_ms", 100.0, 1500.0))
    low = min(low, e.touch(BID))
    yield from drive(e, BID, e.touch(ASK), max(e.touch(ASK) + 1, low + round(back * (start - low))), rising * 1000)
