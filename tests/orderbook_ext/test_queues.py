"""Queues in plain Python, where the book above them does not show them: reserves, and what counts as touched."""

from __future__ import annotations

from orderbook_ext._queues_py import Queues


def held(queues: Queues, side: int, tick: int) -> list[tuple[int, int]]:
    return list(queues.levels[side].get(tick, {}).items())


def test_levels_come_and_go_with_their_orders():
    queues = Queues()
    for order, tick in ((1, 100), (2, 99), (3, 100)):
        queues.rest(order, 0, tick, 10 * order)
    assert (queues.best(0), queues.best(1), queues.ticks[0]) == (100, None, [99, 100])
    assert (queues.total(0, 100), queues.total(0, 98)) == (40, 0)
    assert queues.lift(1) == 10 and queues.lift(3) == 30
    assert (queues.best(0), queues.ticks[0], list(queues.orders)) == (99, [99], [2])


def test_an_iceberg_goes_to_the_end_with_each_refill_until_nothing_is_left():
    queues = Queues()
    queues.rest(1, 1, 50, 4)
    queues.reserves[1] = (6, 4)
    queues.rest(2, 1, 50, 5)
    assert queues.available(1, 50) == 15
    assert queues.fill_level(1, 50, 6) == [(1, 50, 4), (2, 50, 2)]
    assert held(queues, 1, 50) == [(2, 3), (1, 4)] and queues.reserves == {1: (2, 4)}
    assert queues.fill_level(1, 50, 100) == [(2, 50, 3), (1, 50, 4), (1, 50, 2)]
    assert not queues.orders and not queues.reserves and queues.best(1) is None


def test_what_changed_is_noted_once_and_clearing_touches_everything():
    queues = Queues()
    queues.rest(1, 0, 7, 1)
    queues.resize(1, 3)
    queues.rest(2, 1, 9, 1)
    queues.touched.discard((0, 7))
    queues.clear()
    assert queues.touched == {(0, 7), (1, 9)} and queues.ticks == ([], [])
