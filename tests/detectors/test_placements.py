"""Large orders are followed by price, and told apart from trades and from levels that leave the view."""

import numpy as np
import pytest

from genesis_lib.detectors.placements import MAXIMUM, PlacementTracker
from genesis_lib.detectors.view import View

NS = 1_000_000_000


def large(side, *distances, size=500.0):
    """Edit that puts large orders so many ticks behind the best."""

    def change(levels):
        for distance in distances:
            levels[distance, 1 + 2 * side] += size

    return change


def views(market):
    before = None
    for row, events in zip(market.rows, market.told):
        view = View(row, events, (), before)
        yield view
        before = view


def follow(market, longest=10 * NS):
    tracker = PlacementTracker(10.0, 2.0, longest)
    return [order for view in views(market) for order in tracker.step(view)], tracker


def test_an_order_that_comes_and_goes(market):
    for side in (0, 1):
        came = market.ts
        market.add(10, change=large(side, 4))
        market.add(20)
        order = follow(market)[0][-1]
        assert (order.side, order.distance, order.came) == (side, 4, came + 50_000_000)
        assert order.tick == (market.bid - 4 if side == 0 else market.bid + 5) and 480 < order.size < 520
        assert order.times == pytest.approx(50, rel=0.1) and order.gone == came + 11 * 50_000_000
    assert len(follow(market)[0]) == 2


def test_an_order_at_the_best_price_or_one_that_stays_was_meant(market):
    market.add(10, change=large(0, 0))
    market.add(20)
    market.add(250, change=large(1, 3))  # 12.5 s
    market.add(20)
    assert follow(market)[0] == []


def test_an_order_that_traded_was_meant(market):
    market.add(10, change=large(0, 1))
    market.bid -= 1  # the best bid is gone, the order is the best now
    market.add(2, change=large(0, 0), tape=[(market.bid, 200.0, -1)])
    market.bid -= 1
    market.add(20)
    assert follow(market)[0] == []


def test_an_order_that_fled_from_the_touch_is_found(market):
    market.add(10, change=large(0, 1))
    market.bid -= 1
    market.add(2, change=large(0, 0), buys=0.0, sells=0.0)
    market.bid -= 1
    market.add(20, buys=0.0, sells=0.0)
    assert len(follow(market)[0]) == 1


def test_levels_that_leave_the_view_are_not_withdrawn(market):
    market.add(10, change=large(0, 8))
    market.bid += 5  # the order now lies below the tenth level
    market.add(20)
    orders, tracker = follow(market)
    assert orders == [] and len(tracker.standing) == 1


def test_what_comes_into_view_did_not_just_come(market):
    market.bid -= 5
    market.add(10, change=large(0, 8))
    market.bid += 3
    market.add(10)
    market.rows, market.told = market.rows[:-19], market.told[:-19]
    assert not follow(market)[1].standing


def test_an_order_of_the_same_size_that_comes_as_one_goes_was_moved(market):
    market.add(10, change=large(1, 2))
    came = market.ts - 9 * 50_000_000
    market.add(10, change=large(1, 6))
    market.add(10)
    (order,) = follow(market)[0]
    assert (order.came, order.moves, order.tick) == (came, 1, market.bid + 7)


def test_what_its_pressure_attracts_is_counted_and_how_far_the_mid_went(market):
    market.add(5, change=large(0, 3), buys=2.0, sells=1.0)
    market.bid += 2
    market.add(5, change=large(0, 5), buys=2.0, sells=1.0)
    market.add(1, buys=0.0, sells=0.0)
    (order,) = follow(market)[0]
    assert order.lured == 9 * 2.0 and order.gain == 2.0


def test_memory_is_bounded_and_forgotten(market):
    tracker = PlacementTracker(0.001, 0.001, 10**18)
    for _ in range(2000):
        market.bid += int(market.draw.integers(-9, 10))
        market.add(1, change=lambda levels: np.multiply(levels[:, 1::2], 1e6, out=levels[:, 1::2]))
    for view in views(market):
        tracker.step(view)
    assert 0 < len(tracker.standing) <= MAXIMUM
    tracker.forget()
    assert not tracker.standing
