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

if TYPE_CHECKING:
    from genesis_lib.feeds.simulation.planted import Planted

STANDS_MS = 300  # one placement stands at least this long, the last one if it can
FARTHER = 8  # ticks by which the market may run away before the orders follow
OVERTIME_MS = 2_500  # for a last placement that the market keeps coming close to
HASTE_MS = 150  # between two placements of the same agent, at least
FILLED = 0.1  # an agent of whose orders more than this part was filled goes on for a while


def spoofing(e: Planted) -> Iterator[None]:
    """One order of 3 to 15 times the touch, behind it, pulled before it trades; a real trade on the other side."""
    queues = e.draw("touch_queues", 3.0, 15.0, log=True)
    yield from _false_depth(e, [e.whole("distance", 1, 8)], [e.lots(queues)], 0)


def layering(e: Planted) -> Iterator[None]:
    """Three to seven large orders on neighbouring ticks, one by one or at once, pulled at one stroke."""
    count, first = e.whole("layers", 3, 7), e.whole("distance", 1, 4)
    step = e.whole("step", 1, 2 if count <= 5 else 1)
    queues, spread = e.draw("touch_queues", 0.6, 2.5, log=True), e.draw("uneven", 0.0, 0.3)
    lots = [e.lots(queues * e.random.uniform(1.0 - spread, 1.0 + spread)) for _ in range(count)]
    yield from _false_depth(e, [first + step * i for i in range(count)], lots, e.whole("apart_ms", 0, 120))


def _false_depth(e: Planted, distances: list[int], lots: list[int], apart: int) -> Iterator[None]:
    until = e.now + e.draw("seconds", 0.5, 8.0, log=True) * 1000
    delay, wanted = e.draw("trade_after_ms", 0.0, 250.0), e.draw("trade_queues", 0.05, 0.4, log=True)
    e.attract()
    e.note(e.touch() + e.away * distances[0], quantity=e.quantity(sum(lots)))
    orders: dict[int, int] = {}  # order -> its lots
    sent = filled = coming = 0
    stood = False
    placed = next_at = e.now
    while True:
        if orders and _in_danger(e, orders, distances[0]):
            filled += _pull(e, orders)
            coming, next_at = 0, e.now + HASTE_MS
        elif coming < len(lots) and e.now >= next_at:
            for i in range(coming, coming + 1 if apart else len(lots)):
                orders[e.rest(e.side, e.touch() + e.away * distances[i], lots[i])] = lots[i]
                coming, sent = i + 1, sent + lots[i]
            placed, next_at = e.now, e.now + apart
        stands = coming == len(lots) and e.now - placed >= STANDS_MS
        stood = stood or stands
        late = e.now >= until + OVERTIME_MS
        if e.now >= until and (stands or late) and stood:
            if late or filled + _filled(e, orders) <= FILLED * sent:
                break
            filled += _pull(e, orders)
            coming = 0
        yield
    filled += _pull(e, orders)
    yield from e.hold(delay)
    while not (sold := e.trade(1 - e.side, e.lots(wanted), e.touch())):
        yield
    e.label |= {"placed": e.quantity(sent), "filled": e.quantity(filled), "traded": e.quantity(sold)}


def _in_danger(e: Planted, orders: dict[int, int], distance: int) -> bool:
    """Whether one was hit, the market came to the nearest of them, or ran away."""
    ticks = [e.tick_of(order) for order in orders]
    if _filled(e, orders) or None in ticks:
        return True
    return not 1 <= min((tick - e.touch()) * e.away for tick in ticks) <= distance + FARTHER


def _filled(e: Planted, orders: dict[int, int]) -> int:
    """Lots of orders that have traded."""
    return sum(size - e.open_lots(order) for order, size in orders.items())


def _pull(e: Planted, orders: dict[int, int]) -> int:
    """Cancel orders; returns the lots that had traded."""
    filled = sum(size - e.cancel(order) for order, size in orders.items())
    orders.clear()
    return filled


def quote_stuffing(e: Planted) -> Iterator[None]:
    """150 to 600 orders a second, each cancelled within milliseconds, while the crowd goes on as ever."""
    rate, life = e.draw("orders_per_second", 150.0, 600.0, log=True), e.draw("life_ms", 5.0, 80.0, log=True)
    deep, size = e.whole("ticks", 15, 60), e.draw("touch_queues", 0.003, 0.05, log=True)
    every = e.draw("message_ms", 4.0, 25.0, log=True) if e.chance("more_messages", 0.5) else 0.0
    before = e.now
    until = before + e.draw("seconds", 0.5, 4.0, log=True) * 1000
    e.note(e.touch())
    lots = e.lots(size)
    standing: list[tuple[float, int]] = []  # exchange time (ns) at which it goes, order
    sent, debt = 0, 0.0
    while e.now < until:
        debt += rate * (e.now - before) / 1000.0
        count = max(1, round((e.now - before) / every)) if every else 1
        before = e.now
        for i, _ in enumerate(e.slots(count)):
            for _ in range(int(debt / max(1, count - i))):
                debt -= 1.0
                order = e.rest(e.side, e.touch() + e.away * e.random.randint(1, deep), lots)
                standing.append((e.time + 1e6 * e.random.expovariate(1.0 / life), order))
                sent += 1
            for _, order in (gone := [entry for entry in standing if entry[0] <= e.time]):
                e.cancel(order)
            standing = [entry for entry in standing if entry not in gone]
        yield
    for _, order in standing:
        e.cancel(order)
    e.label["placed"] = sent
