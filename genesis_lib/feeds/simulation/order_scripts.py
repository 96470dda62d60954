"""What planted agents do who place orders that are not meant to trade: spoofing, layering, quote stuffing.

One generator a kind: each ``yield`` waits for the next depth message.

References
----------
Lee, Eom and Park (2013), Microstructure-based manipulation: strategic behavior and performance of spoofing traders.
Egginton, Van Ness and Van Ness (2016), Quote stuffing, Financial Management 45.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from genesis_lib.types import BID

if TYPE_CHECKING:
    from genesis_lib.feeds.simulation.episodes import Episode

STANDS_MS = 300  # the last placement stands at least this long before it is pulled for good
FARTHER = 8  # ticks by which the market may run away before the orders follow
OVERTIME_MS = 2_500  # for a last placement that the market keeps coming close to
HASTE_MS = 150  # between two placements of the same agent, at least
FILLED = 0.1  # an agent of whom more than this was filled goes on, at least once more


def spoofing(e: Episode) -> Iterator[None]:
    """One order of 3 to 15 times the touch, behind it, pulled before it trades; a real trade on the other side."""
    queues = e.draw("touch_queues", 3.0, 15.0, log=True)
    yield from _false_depth(e, [e.whole("distance", 1, 8)], [e.lots(queues)], 0)


def layering(e: Episode) -> Iterator[None]:
    """Three to seven large orders on neighbouring ticks, one by one or at once, pulled at one stroke."""
    count, first = e.whole("layers", 3, 7), e.whole("distance", 1, 4)
    step = e.whole("step", 1, 2 if count <= 5 else 1)
    queues, spread = e.draw("touch_queues", 0.6, 2.5, log=True), e.draw("uneven", 0.0, 0.3)
    lots = [e.lots(queues * e.random.uniform(1.0 - spread, 1.0 + spread)) for _ in range(count)]
    yield from _false_depth(e, [first + step * i for i in range(count)], lots, e.whole("apart_ms", 0, 120))


def _false_depth(e: Episode, distances: list[int], lots: list[int], apart: int) -> Iterator[None]:
    flow, side = e.flow, e.side
    until = flow.now + e.draw("seconds", 0.5, 8.0, log=True) * 1000
    lean = 0.0 if e.chance("ignored", 0.3) else e.draw("push", 0.1, 0.6)
    delay, wanted = e.draw("trade_after_ms", 0.0, 250.0), e.draw("trade_queues", 0.05, 0.4, log=True)
    flow.push = lean if side == BID else -lean  # the crowd leans the way the depth points
    e.note(e.touch() + e.away * distances[0], quantity=flow.quantity(sum(lots)))
    orders: dict[int, int] = {}  # order -> its lots
    sent = filled = coming = 0
    placed = next_at = flow.now
    while True:
        if orders and _in_danger(e, orders, distances[0]):
            filled += _pull(e, orders)
            coming, next_at = 0, flow.now + HASTE_MS
        elif coming < len(lots) and flow.now >= next_at:
            for i in range(coming, coming + 1 if apart else len(lots)):
                orders[e.rest(side, e.touch() + e.away * distances[i], lots[i])] = lots[i]
                coming, sent = i + 1, sent + lots[i]
            placed, next_at = flow.now, flow.now + apart
        stood = coming == len(lots) and flow.now - placed >= STANDS_MS
        if flow.now >= until and (stood or flow.now >= until + OVERTIME_MS):
            if filled + _filled(e, orders) <= FILLED * sent:
                break
            if stood:
                filled += _pull(e, orders)
                coming = 0
        yield
    filled += _pull(e, orders)
    yield from e.hold(delay)
    while not (sold := e.trade(1 - side, e.lots(wanted), e.touch(side))):
        yield
    e.label |= {"placed": flow.quantity(sent), "filled": flow.quantity(filled), "traded": flow.quantity(sold)}


def _in_danger(e: Episode, orders: dict[int, int], distance: int) -> bool:
    """Whether one was hit, the market came to the nearest of them, or ran away."""
    if _filled(e, orders):
        return True
    nearest = min((e.flow.engine.book.order(order)[1] - e.touch()) * e.away for order in orders)
    return not 1 <= nearest <= distance + FARTHER


def _filled(e: Episode, orders: dict[int, int]) -> int:
    """Lots of orders that have traded."""
    return sum(size - e.flow.engine.open_lots(order) for order, size in orders.items())


def _pull(e: Episode, orders: dict[int, int]) -> int:
    """Cancel orders; returns the lots that had traded."""
    filled = sum(size - e.cancel(order) for order, size in orders.items())
    orders.clear()
    return filled


def quote_stuffing(e: Episode) -> Iterator[None]:
    """Fifty to six hundred orders a second, each cancelled within milliseconds; the crowd goes on as ever."""
    flow, side = e.flow, e.side
    rate, life = e.draw("orders_per_second", 50.0, 600.0, log=True), e.draw("life_ms", 5.0, 80.0, log=True)
    deep, size = e.whole("ticks", 8, 60), e.draw("touch_queues", 0.003, 0.05, log=True)
    extra = e.draw("message_ms", 4.0, 25.0, log=True) if e.chance("more_messages", 0.5) else 0.0
    begin, before = flow.now, flow.now
    until = begin + e.draw("seconds", 0.5, 4.0, log=True) * 1000
    e.note(e.touch())
    standing: list[tuple[float, int]] = []  # exchange time (ns) at which it goes, order
    sent, debt = 0, 0.0
    while flow.now < until:
        debt += rate * (flow.now - before) / 1000.0
        share = max(1, round((flow.now - before) / extra)) if extra else 1
        before = flow.now
        times = [*e.moments(share - 1), e.time]
        for i, e.time in enumerate(times):
            for _ in range(int(debt / (len(times) - i))):
                debt -= 1.0
                order = e.rest(side, e.touch() + e.away * e.random.randint(1, deep), e.lots(size))
                standing.append((e.time + 1e6 * e.random.expovariate(1.0 / life), order))
                sent += 1
            for _, order in (gone := [entry for entry in standing if entry[0] <= e.time]):
                e.cancel(order)
            standing = [entry for entry in standing if entry not in gone]
            if i < len(times) - 1:
                e.tell()
        yield
    for _, order in standing:
        e.cancel(order)
    e.label["placed"] = sent
