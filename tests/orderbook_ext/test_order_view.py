"""What can be read of an order-level book, of both kinds of it."""

from __future__ import annotations

import numpy as np
import pytest

from orderbook_ext import _orders_py

_orders = pytest.importorskip("orderbook_ext._orders", reason="the compiled book is not built")


@pytest.fixture(params=[_orders.OrderLevelBook, _orders_py.OrderLevelBook], ids=["compiled", "twin"])
def book(request):
    """Three bid levels, two asks, prices in cents and quantities in thousandths."""
    book = request.param(tick_size=0.01, lot_size=0.001, depth=2)
    for order, side, tick, quantity in (
        (1, 0, 10_000, 500), (2, 0, 9_999, 200), (3, 0, 10_000, 250), (4, 0, 9_000, 1), (5, 1, 10_001, 40),
        (2**64 - 1, 1, 10_005, 2**50), (7, 0, 10_000, 125),
    ):  # fmt: skip
        book.add(order, side, tick, quantity)
    return book


def test_top_is_in_prices_and_units(book):
    nan = np.nan
    expected = [[100.0, 0.875, 100.01, 0.04], [99.99, 0.2, 100.05, 2**50 / 1000], [90.0, 0.001, nan, nan], [nan] * 4]
    np.testing.assert_array_equal(book.top(4), expected)
    out = np.empty((1, 4))
    assert book.top(1, out) is out and out.tolist() == expected[:1]
    with pytest.raises(ValueError, match=r"out must be a writeable C-contiguous float64 array of shape \(2, 4\)"):
        book.top(2, out)
    with pytest.raises(ValueError, match="n must be 1 or more, got 0"):
        book.top(0)


def test_levels_count_their_orders(book):
    assert book.level(0, 10_000) == (875, 3)
    assert book.level(0, 9_998) == book.level(1, 10_000) == (0, 0)
    assert book.levels(0).tolist() == [[10_000, 875, 3], [9_999, 200, 1], [9_000, 1, 1]]
    assert book.levels(1, 1).tolist() == [[10_001, 40, 1]]
    assert (book.size(0), book.size(1), len(book)) == (3, 2, 7)


def test_an_order_knows_its_place(book):
    assert book.queue(0, 10_000) == [(1, 500), (3, 250), (7, 125)]
    assert book.queue(1, 10_000) == []
    assert [book.queue_position(order) for order in (1, 3, 7)] == [(0, 0), (1, 500), (2, 750)]
    assert book.order(3) == (0, 10_000, 250) and book.order(2**64 - 1) == (1, 10_005, 2**50)
    assert book.order(99) is None and 99 not in book and np.int64(3) in book
    assert book.reserve(3) == book.reserve(99) == 0
    with pytest.raises(ValueError, match="queue_position: order_id 99 is not in the book"):
        book.queue_position(99)


def test_positions_in_a_long_queue_are_the_same_from_both_ends(book):
    quantities = np.random.default_rng(5).integers(1, 100, 301).tolist()
    for i, quantity in enumerate(quantities):
        book.add(100 + i, 1, 20_000, quantity)
    ahead = np.cumsum([0, *quantities])
    assert [book.queue_position(100 + i) for i in range(301)] == [(i, ahead[i]) for i in range(301)]


def test_what_could_be_taken(book):
    assert book.available(0) == 500 + 250 + 125 + 200 + 1 and book.available(0, 9_999) == 1_075
    assert book.available(0, 10_001) == 0 and book.available(1, 10_001) == 40 and book.available(1, 2**70) == 2**50 + 40
    assert book.available(0, -(2**70)) == book.available(0)
    book.add_iceberg(8, 1, 10_001, 100, 10)
    assert book.available(1, 10_001) == 140 and book.level(1, 10_001) == (50, 2)
    assert book.take(1, 1_000, 10_001) == [(5, 10_001, 40)] + [(8, 10_001, 10)] * 10
    assert book.available(1, 10_001) == 0


def test_best_ticks_and_crossing(book):
    assert book.touch == (10_000, 875, 10_001, 40)
    assert (book.youngest(0, 10_000), book.youngest(0, 9_998)) == (7, None)
    assert (book.best_bid_tick, book.best_ask_tick, book.is_crossed) == (10_000, 10_001, False)
    book.add(50, 0, 10_001, 1)
    assert book.is_crossed and book.best_bid_tick == 10_001, "an auction's book is told, not matched"
    book.clear()
    assert (book.best_bid_tick, book.best_ask_tick, book.is_crossed, len(book)) == (None, None, False, 0)
    assert book.touch == (None, 0, None, 0)
    assert repr(book) == "<OrderLevelBook orders=0 bids=0 asks=0 best=None/None>"


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("level", (2, 5), r"side_code must be 0 \(bid\) or 1 \(ask\), got 2"),
        ("levels", (-1,), r"side_code must be 0 \(bid\) or 1 \(ask\), got -1"),
        ("queue", (0, -5), "tick must be 0 to 1125899906842624, got -5"),
        ("order", (-1,), "order_id must be 0 to 18446744073709551615, got -1"),
        ("queue_position", (2**64,), "order_id must be 0 to 18446744073709551615, got 18446744073709551616"),
    ],
)
def test_questions_that_make_no_sense(book, name, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(book, name)(*arguments)


def test_a_fraction_is_never_cut_off(book):
    for call in (lambda: book.level(0, 1.5), lambda: book.order(1.0), lambda: book.queue(0.0, 5)):
        with pytest.raises(TypeError):
            call()


def test_parameters_of_a_book(book):
    assert (book.tick_size, book.lot_size, book.depth, book.strict) == (0.01, 0.001, 2, True)
    with pytest.raises(ValueError, match="depth must be 1 to 1000, got 0"):
        type(book)(depth=0)
    with pytest.raises(ValueError, match="tick_size must be a finite number greater than 0, got 0"):
        type(book)(tick_size=0)
