from __future__ import annotations

import doctest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.errors import InputError
from genesis_lib.feeds.simulation import matching
from genesis_lib.feeds.simulation.matching import TERMS, MatchingEngine
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
    assert len(engine.book) == 0


def sides_of(engine: MatchingEngine) -> list:
    return [engine.levels(side) for side in (BID, ASK)]


def test_terms_decide_what_becomes_of_the_rest():
    def after(*order, **terms):
        engine = MatchingEngine()
        engine.limit(ASK, 100, 3)
        engine.iceberg(ASK, 101, 4, 1)
        report = engine.submit(*order, **terms)
        assert report.order == engine.last_order == 3
        assert sum(fill[2] for fill in report.fills) + report.resting + report.dropped == order[1]
        return sum(fill[2] for fill in report.fills), report.resting, report.dropped, report.reason

    more = "no more quantity"
    assert after(BID, 9) == (7, 0, 2, more)
    assert after(BID, 5, 100) == (3, 2, 0, "")
    assert after(BID, 5, 100, terms="IOC") == (3, 0, 2, more)
    assert after(BID, 7, 101, terms="FOK") == (7, 0, 0, "")
    assert after(BID, 8, 101, terms="FOK") == after(BID, 8, terms="FOK") == (0, 0, 8, more)
    assert after(BID, 8, 100, terms="GTX") == (0, 0, 8, "would trade")
    assert after(BID, 8, 99, terms="GTX") == (0, 8, 0, "")
    assert after(BID, 2, 99, terms="IOC") == (0, 0, 2, more)


def test_an_iceberg_that_crosses_trades_whole_and_hides_only_what_rests():
    engine = MatchingEngine()
    engine.limit(ASK, 100, 3)
    report = engine.submit(BID, 10, 100, shown=2)
    assert report == (2, [(1, 100, 3)], 7, 0, "")
    assert (engine.total(BID, 100), engine.book.reserve(2), engine.cancel(2)) == (2, 5, 7)


def test_a_changed_order_loses_its_place_or_trades():
    engine = MatchingEngine()
    first, second, ask = engine.limit(BID, 99, 5), engine.limit(BID, 99, 5), engine.limit(ASK, 101, 4)
    assert engine.modify(first, 99, 4).resting == 4 and engine.book.queue_position(first) == (0, 0)
    assert engine.modify(first, 99, 6).resting == 6 and engine.book.queue_position(first) == (1, 5)
    assert engine.modify(second, 101, 5) == (second, [(ask, 101, 4)], 1, 0, "")
    assert sides_of(engine) == [[(101, 1), (99, 6)], []]
    with pytest.raises(InputError, match="lots must be positive, got 0"):
        engine.modify(second, 101, 0)
    with pytest.raises(InputError, match=f"order {ask} does not rest in the book"):
        engine.modify(ask, 102, 1)


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ((BID, -1, 5), "lots must be positive, got -1"),
        ((BID, 2**51, 5), f"lots must be at most {2**50}, got {2**51}"),
        ((BID, 1, 5, "DAY"), "terms must be one of GTC, IOC, FOK, GTX, got 'DAY'"),
        ((BID, 1, None, "GTX"), "terms GTX needs a tick"),
        ((BID, 1, 5, "IOC", 1), "shown must be 0, or positive for an order that may rest, got 1"),
        ((BID, 1, 5, "GTC", -1), "shown must be 0, or positive for an order that may rest, got -1"),
        ((BID, 1, -5), "tick must be 0 to .*, got -5"),
        ((7, 1, 5), r"side must be 0 \(buys\) or 1 \(sells\), got 7"),
    ],
)
def test_what_no_exchange_accepts(order, message):
    engine = MatchingEngine()
    engine.limit(BID, 4, 1)
    before = sides_of(engine), engine.last_order
    with pytest.raises(InputError, match=message):
        engine.submit(*order)
    assert (sides_of(engine), engine.last_order) == before


SIDES, TICKS, LOTS, PICK = st.integers(0, 1), st.integers(1, 60), st.integers(1, 20), st.integers(0, 200)
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), SIDES, LOTS, TICKS | st.none(), st.sampled_from(TERMS), st.integers(0, 4)),
        st.tuples(st.just("modify"), PICK, TICKS, LOTS),
        st.tuples(st.just("cancel"), PICK),
    ),
    max_size=120,
)


@settings(max_examples=150, deadline=None)
@given(ACTIONS)
def test_the_book_is_never_crossed_keeps_its_best_and_loses_no_lot(actions):
    """What came in is traded (counted on both sides), given up, taken back or still there, after every order."""
    engine, orders, came, gone = MatchingEngine(), [], 0, 0
    for kind, *arguments in actions:
        before = {
            order: engine.book.order(order)[2] + engine.book.reserve(order) for order in orders if order in engine.book
        }
        if kind == "submit":
            side, lots, tick, terms, shown = arguments
            if tick is None or terms in ("IOC", "FOK"):
                tick, terms, shown = (None, "IOC", 0) if tick is None else (tick, terms, 0)
            report = engine.submit(side, lots, tick, terms, shown)
            orders.append(report.order)
            traded = sum(fill[2] for fill in report.fills)
            assert lots == traded + report.resting + report.dropped and bool(report.dropped) == bool(report.reason)
            assert terms != "FOK" or report.dropped in (0, lots)
            worse = [
                fill
                for fill in report.fills
                if tick is not None and (fill[1] > tick if side == BID else fill[1] < tick)
            ]
            assert not worse and [f[1] for f in report.fills] == sorted(
                (f[1] for f in report.fills), reverse=side == ASK
            )
            came, gone = came + lots, gone + 2 * traded + report.dropped
            for order, _, filled in report.fills:
                before[order] -= filled
                assert before[order] >= 0, "an order traded more than it had"
        elif orders:
            order = orders[arguments[0] % len(orders)]
            if order not in engine.book:
                assert engine.cancel(order) == 0
            elif kind == "cancel":
                assert engine.cancel(order) == before[order]
                gone += before[order]
            else:
                _, tick, lots = arguments
                hidden = engine.book.reserve(order)
                report = engine.modify(order, tick, lots)
                traded = sum(fill[2] for fill in report.fills)
                assert report.resting + traded == lots + (0 if report.fills else hidden)
                came, gone = came + report.resting + traded, gone + before[order] + 2 * traded
        bids, asks = engine.levels(BID), engine.levels(ASK)
        assert engine.best == [bids[0][0] if bids else None, asks[0][0] if asks else None]
        assert not engine.book.is_crossed and all(total > 0 for _, total in bids + asks)
        assert came == gone + engine.book.available(BID) + engine.book.available(ASK)
