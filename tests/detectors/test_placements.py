"""Large orders are followed by price, and told apart from trades and from levels that leave the view."""

import numpy as np

from genesis_lib.detectors.placements import MAXIMUM, PlacementTracker
from genesis_lib.detectors.view import View

NS = 1_000_000_000


def large(side, distance, size=500.0):
    """Edit that puts a large order so many ticks behind the best."""

    def change(levels):
        levels[distance, 1 + 2 * side] += size

    return change


def withdrawn(market):
    tracker = PlacementTracker(10.0, 2.0, 10 * NS)
    return [order for view in market.views() for order in tracker.step(view)]


def test_an_order_that_comes_and_goes(market):
    for side in (0, 1):
        came = market.ts
        market.add(10, change=large(side, 4))
        market.add(20)
        order = withdrawn(market)[-1]
        assert (order.side, order.distance, order.came) == (side, 4, came + 50_000_000)
        assert order.tick == (market.bid - 4 if side == 0 else market.bid + 5) and 480 < order.size < 520
    assert len(withdrawn(market)) == 2


def test_an_order_at_the_best_price_or_one_that_stays_was_meant(market):
    market.add(10, change=large(0, 0))
    market.add(20)
    market.add(250, change=large(1, 3))  # 12.5 s
    market.add(20)
    assert withdrawn(market) == []


def test_an_order_that_traded_was_meant(market):
    market.add(10, change=large(0, 1))
    market.bid -= 1  # the best bid is gone, the order is the best now
    market.add(2, change=large(0, 0), buys=0.0, sells=200.0)
    market.bid -= 1
    market.add(20)
    assert withdrawn(market) == []


def test_an_order_that_fled_from_the_touch_is_found(market):
    market.add(10, change=large(0, 1))
    market.bid -= 1
    market.add(2, change=large(0, 0), buys=0.0, sells=0.0)
    market.add(20, buys=0.0, sells=0.0)
    assert len(withdrawn(market)) == 1


def test_levels_that_leave_the_view_are_not_withdrawn(market):
    market.add(10, change=large(0, 8))
    market.bid += 5  # the order now lies below the tenth level
    market.add(20)
    assert withdrawn(market) == []


def test_what_comes_into_view_did_not_just_come(market):
    market.bid -= 5
    market.add(10, change=large(0, 8))
    market.add(10)
    tracker = PlacementTracker(10.0, 2.0, 10 * NS)
    for view in market.views()[:-19]:
        tracker.step(view)
    assert not tracker.standing


def test_pressure_counts_the_trades_the_order_attracts(market):
    market.add(10, change=large(0, 3), buys=2.0, sells=1.0)
    market.add(1, buys=0.0, sells=0.0)
    assert withdrawn(market)[0].against == 9 * 2.0


def test_memory_is_bounded_and_forgotten(market):
    tracker = PlacementTracker(0.001, 0.001, 10**18)
    for view in market.views():
        tracker.step(view)
    for _ in range(2000):
        market.bid += int(market.draw.integers(-9, 10))
        market.add(1, change=lambda levels: np.multiply(levels[:, 1::2], 1e6, out=levels[:, 1::2]))
        tracker.step(View(market.rows[-1]))
    assert 0 < len(tracker.standing) <= MAXIMUM
    tracker.forget()
    assert not tracker.standing
