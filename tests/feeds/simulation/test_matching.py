from __future__ import annotations

import doctest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.errors import InputError
from genesis_lib.feeds.simulation import matching
from genesis_lib.feeds.simulation.matching import MatchingEngine
from genesis_lib.types import ASK, BID


def test_example():
    assert doctest.testmod(matching).failed == 0


def test_older_orders_of_a_level_trade_first_and_better_prices_before_them():
    engine = MatchingEngine()
    first, second = engine.limit(ASK, 101, 5), engine.limit(ASK, 101, 7)
    better = engine.limit(ASK, 100, 1)
    assert engine.market(BID, 8) == [(better, 100, 1), (first, 101, 5), (second, 101, 2)]
    assert engine.open_lots(second) == 5
    assert engine.open_lots(first) == 0
    assert engine.best == [None, 101]


def test_a_taker_goes_no_further_than_its_worst_price():
    engine = MatchingEngine()
    engine.limit(BID, 99, 1)
    engine.limit(BID, 90, 1)
    assert [fill[1:] for fill in engine.market(ASK, 5, 95)] == [(99, 1)]
    assert engine.best[BID] == 90


def test_a_crossing_limit_order_trades_and_rests_the_remainder():
    engine = MatchingEngine()
    engine.limit(ASK, 100, 3)
    order = engine.limit(BID, 102, 5)
    assert engine.best == [102, None]
    assert engine.open_lots(order) == 2


def test_an_order_without_lots_is_refused():
    with pytest.raises(InputError, match="lots must be positive, got 0"):
        MatchingEngine().limit(BID, 1, 0)


def test_an_iceberg_shows_a_part_at_a_time_and_queues_up_anew():
    engine = MatchingEngine()
    iceberg = engine.iceberg(ASK, 100, 10, 4)
    other = engine.limit(ASK, 100, 3)
    assert engine.total(ASK, 100) == 7
    assert engine.market(BID, 9) == [(iceberg, 100, 4), (other, 100, 3), (iceberg, 100, 2)]
    assert engine.market(BID, 9) == [(iceberg, 100, 2), (iceberg, 100, 2)]
    assert engine.best[ASK] is None
    assert not engine.orders


ACTIONS = st.lists(
    st.tuples(st.sampled_from("lmc"), st.integers(0, 1), st.integers(1, 200), st.integers(1, 20)), max_size=120
)


@settings(max_examples=150, deadline=None)
@given(ACTIONS)
def test_the_book_is_never_crossed_keeps_its_best_and_loses_no_lot(actions):
    engine, orders, placed, traded, cancelled = MatchingEngine(), [], 0, 0, 0
    for kind, side, tick, lots in actions:
        if kind == "l":
            before = engine.last_order
            resting = sum(total for s in (BID, ASK) for _, total in engine.levels(s))
            orders.append(engine.limit(side, tick, lots))
            after = sum(total for s in (BID, ASK) for _, total in engine.levels(s))
            placed += lots
            traded += resting + lots - after
            assert engine.last_order == before + 1
        elif kind == "m":
            filled = sum(fill[2] for fill in engine.market(side, lots))
            placed, traded = placed + filled, traded + 2 * filled
        elif orders:
            order = orders[tick % len(orders)]
            cancelled += engine.open_lots(order)
            engine.cancel(order)
        bids, asks = engine.levels(BID), engine.levels(ASK)
        assert engine.best == [bids[0][0] if bids else None, asks[0][0] if asks else None]
        assert not (bids and asks) or bids[0][0] < asks[0][0]
        assert all(total > 0 for _, total in bids + asks)
        assert placed == traded + cancelled + sum(total for _, total in bids + asks)
