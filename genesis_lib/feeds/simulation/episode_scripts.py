"""What the planted agents do, one generator a kind: each ``yield`` waits for the next depth message.

References
----------
Lee, Eom and Park (2013), Microstructure-based manipulation: strategic behavior and performance of spoofing traders.
Kirilenko, Kyle, Samadi and Tuzun (2017), The flash crash: high-frequency trading in an electronic market. Cumming,
Johan and Li (2011), Exchange trading rules and stock market liquidity (the catalogue of manipulations).
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from typing import TYPE_CHECKING

from genesis_lib.types import ASK, BID

if TYPE_CHECKING:
    from genesis_lib.feeds.simulation.episodes import Episode


def spoofing(e: Episode) -> Iterator[None]:
    """One order of many times the touch, a few ticks behind it, pulled before it trades; a small real trade follows."""
    yield from _false_depth(e, [e.random.randint(2, 5)], e.random.uniform(6.0, 10.0))


def layering(e: Episode) -> Iterator[None]:
    """Five large orders on neighbouring ticks, pulled at one stroke."""
    yield from _false_depth(e, [3, 4, 5, 6, 7], e.random.uniform(1.5, 2.5))


def _false_depth(e: Episode, distances: list[int], targets: float) -> Iterator[None]:
    flow, side, lots = e.flow, e.side, e.lots(targets)
    orders: list[int] = []
    sent = filled = 0
    e.note(e.touch() + e.away * distances[0], quantity=flow.quantity(lots * len(distances)))
    flow.push = 0.5 if side == BID else -0.5  # the crowd leans the way the depth points
    until = flow.now + e.random.randint(1_200, 2_500)
    while flow.now < until:
        near = min((abs(flow.engine.book.order(order)[1] - e.touch()) for order in orders if e.rests(order)), default=0)
        if near <= 1:  # the market came close: away with them, before they trade, and up again farther back
            filled += _pull(e, orders, lots)
            orders = [e.rest(e.touch() + e.away * distance, lots) for distance in distances]
            sent += len(orders)
        yield
    filled += _pull(e, orders, lots)
    e.label |= {"orders": sent, "filled": flow.quantity(filled)}
    e.trade(1 - side, e.lots(0.05), e.touch(side))


def _pull(e: Episode, orders: list[int], lots: int) -> int:
    """Cancel orders of `lots` each; returns the lots that had traded."""
    engine = e.flow.engine
    filled = sum(lots - engine.open_lots(order) for order in orders)
    for order in orders:
        engine.cancel(order)
    return filled


def quote_stuffing(e: Episode) -> Iterator[None]:
    """Hundreds of orders a second, each cancelled a message later."""
    flow, flow.pace = e.flow, 0.04
    e.note(e.touch())
    until, sent, standing = flow.now + e.random.randint(900, 1_500), 0, []
    while flow.now < until:
        for order in standing:
            flow.engine.cancel(order)
        touch = e.touch()
        standing = [flow.engine.limit(e.side, touch + e.away * e.random.randint(1, 12), e.lots(0.02)) for _ in range(4)]
        sent += len(standing)
        yield
    for order in standing:
        flow.engine.cancel(order)
    e.label["orders"] = sent


def momentum_ignition(e: Episode) -> Iterator[None]:
    """A burst of takers one way until the crowd follows, then the unwinding against it."""
    flow, hit = e.flow, e.side
    start = e.touch()
    taker = ASK if hit == BID else BID
    e.note(start)
    flow.push = 1.5 if taker == BID else -1.5
    until, bought = flow.now + e.random.randint(1_200, 2_000), 0
    while flow.now < until:
        bought += e.trade(taker, e.lots(0.35), e.touch(hit) + e.away * 8)
        yield
    e.label["peak"] = flow.instrument.price(e.touch())
    yield from e.hold(600)
    flow.push = -1.0 if taker == BID else 1.0
    part = max(1, bought // 20)
    until = flow.now + 2_000
    while bought > 0 and flow.now < until:
        bought -= max(1, e.trade(hit, min(part, bought), e.touch(1 - hit) - e.away * 5))
        yield


def wash_trading(e: Episode) -> Iterator[None]:
    """An agent clears a level, rests there alone and takes from itself: equal trades at one price."""
    flow, engine, rest = e.flow, e.flow.engine, e.side
    lots, wanted, done = e.lots(e.random.uniform(0.08, 0.2)), e.random.randint(10, 18), 0
    until = flow.now + 8_000
    while done < wanted and flow.now < until:
        tick = e.touch()
        e.trade(1 - rest, engine.total(rest, tick), tick)
        order = e.rest(tick, lots * (wanted + 6))
        e.note(tick, quantity=flow.quantity(lots))
        while done < wanted and flow.now < until and engine.open_lots(order) >= lots and e.touch() == tick:
            e.trade(1 - rest, lots, tick)
            done += 1
            yield from e.hold(90)
        engine.cancel(order)
        yield
    e.label["trades"] = done


def iceberg(e: Episode) -> Iterator[None]:
    """A resting order of many times what it shows, that takers run into."""
    flow, engine = e.flow, e.flow.engine
    tick, shown = e.touch(), e.lots(0.3)
    total = shown * e.random.randint(10, 16)
    order = e.rest(tick, total, shown)
    e.note(tick, quantity=flow.quantity(total), shown=flow.quantity(shown))
    flow.push = -0.8 if e.side == BID else 0.8
    until = flow.now + 15_000
    while order in engine.book and flow.now < until:
        e.trade(1 - e.side, e.lots(0.1), tick)
        yield from e.hold(120)
    e.label["filled"] = flow.quantity(total - engine.cancel(order))


def liquidity_gap(e: Episode) -> Iterator[None]:
    """Everyone behind the touch of one side withdraws; only the touch stays."""
    flow, width = e.flow, e.random.randint(40, 70)
    e.note(e.touch(), ticks=width)
    flow.withheld = {e.side: (2, width)}
    until = flow.now + e.random.randint(2_000, 3_500)
    while flow.now < until:
        e.withdraw(e.side, 1, width)
        yield


def depth_shock(e: Episode) -> Iterator[None]:
    """Nine tenths of what rests near the touch goes at once, on both sides, and stays away for a second."""
    e.side, flow = None, e.flow
    e.note(e.touch(BID))
    left = {side: flow.engine.total(side, e.touch(side)) // 10 for side in (BID, ASK)}
    flow.withheld = {BID: (1, 200), ASK: (1, 200)}
    until = flow.now + e.random.randint(800, 1_500)
    while flow.now < until:
        for side in (BID, ASK):
            e.withdraw(side, 1, 60)
            queue = flow.engine.book.queue(side, e.touch(side))
            for order, _ in sorted(queue, key=itemgetter(1), reverse=True)[:-1]:
                if flow.engine.total(side, e.touch(side)) > left[side]:
                    flow.engine.cancel(order)
        yield


def spread_shock(e: Episode) -> Iterator[None]:
    """Both sides step back from the touch and stay away."""
    flow, width = e.flow, e.random.randint(12, 25)
    e.side = None
    e.note(e.touch(BID), ticks=2 * width)
    for side in (BID, ASK):
        e.withdraw(side, 0, width)
    flow.withheld = {BID: (1, 2 * width), ASK: (1, 2 * width)}
    yield from e.hold(e.random.randint(1_500, 3_000))


def flash_crash(e: Episode) -> Iterator[None]:
    """A seller who takes whatever there is while bids withdraw, then the recovery of most of the fall."""
    e.side, flow = BID, e.flow
    start = e.touch(BID)
    fall = int(start * e.random.uniform(0.003, 0.005))
    e.note(start)
    flow.push = -1.5
    until = flow.now + 8_000
    while e.touch(BID) > start - fall and flow.now < until:
        e.trade(ASK, e.lots(1.0), e.touch(BID) - 16)
        yield from e.hold(50)
    low = e.touch(BID)
    e.label["low"] = flow.instrument.price(low)
    flow.push = 0.7
    until = flow.now + 20_000
    while e.touch(BID) < low + 0.6 * (start - low) and flow.now < until:
        e.trade(BID, e.lots(0.6), e.touch(ASK) + 6)
        yield from e.hold(150)


# kind -> script, longest duration in ms
SCRIPTS = {
    "spoofing": (spoofing, 3_000),
    "layering": (layering, 3_000),
    "quote_stuffing": (quote_stuffing, 2_000),
    "momentum_ignition": (momentum_ignition, 6_000),
    "wash_trading": (wash_trading, 9_000),
    "iceberg": (iceberg, 16_000),
    "liquidity_gap": (liquidity_gap, 5_000),
    "depth_shock": (depth_shock, 3_000),
    "spread_shock": (spread_shock, 5_000),
    "flash_crash": (flash_crash, 30_000),
}
