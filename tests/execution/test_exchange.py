import numpy as np
import pytest

from genesis_lib.errors import InputError
from genesis_lib.execution import Money, Order, SimulatedExchange
from genesis_lib.types import Instrument, Snapshot

X = Instrument("test", "X", 0.5, 0.1)


def book(bid, ask, quantities=(1.0, 2.0), valid=True, ts=0):
    levels = [[X.price(bid - i), quantity, X.price(ask + i), quantity] for i, quantity in enumerate(quantities)]
    return Snapshot(ts, ts, np.array(levels), np.zeros(7), valid, 0.5)


def order(type="ENTRY", direction=1, lots=10, decided=0, arrival=0):
    return Order(1, type, direction, lots, decided, arrival, 0.5, "")


def exchange(*orders, **options):
    made = SimulatedExchange(Money(X), **options)
    for one in orders:
        made.submit(one)
    return made


def test_nothing_fills_before_it_arrives():
    market = exchange(order(arrival=100))
    assert market.match(99, book(200, 201), 0) == []
    (done,) = market.match(100, book(200, 201), 0)
    assert done.parcels == ((201, 10),) and done.timestamp == 100 and not market.pending


def test_a_large_order_walks_the_levels_and_a_touch_order_does_not():
    (walked,) = exchange(order(lots=25)).match(0, book(200, 201), 0)
    assert walked.parcels == ((201, 10), (202, 15)) and walked.cancelled == ""
    (touched,) = exchange(order(lots=25), fill="touch").match(0, book(200, 201), 0)
    assert touched.parcels == ((201, 10),) and touched.cancelled == "no more quantity"


def test_a_sale_takes_the_bids_downwards():
    (sold,) = exchange(order(direction=-1, lots=12)).match(0, book(200, 201), 0)
    assert sold.parcels == ((200, 10), (199, 2))


def test_an_entry_gives_up_its_rest_and_an_exit_waits_for_it():
    (entered,) = exchange(order(lots=40)).match(0, book(200, 201), 0)
    assert sum(lots for _, lots in entered.parcels) == 30 and entered.cancelled == "no more quantity"
    market = exchange(order("EXIT", -1, lots=40))
    (left,) = market.match(0, book(200, 201), 0)
    assert sum(lots for _, lots in left.parcels) == 30 and left.cancelled == ""
    assert market.pending[0].lots == 10
    (rest,) = market.match(5, book(190, 191, ts=3), 3)
    assert rest.parcels == ((190, 10),) and rest.timestamp == 3 and not market.pending


@pytest.mark.parametrize("fill", ["walk", "touch"])
def test_what_a_row_showed_is_taken_once(fill):
    market = exchange(order("EXIT", -1, lots=40), fill=fill)
    row = book(200, 201)
    (left,) = market.match(0, row, 0)
    assert market.match(1, row, 0) == [], "a trade came, the book is the same"
    (more,) = market.match(2, book(200, 201), 1)
    assert market.match(3, None, 1) == []
    taken = sum(lots for _, lots in left.parcels + more.parcels)
    assert taken + sum(one.lots for one in market.pending) == 40 and taken == (40 if fill == "walk" else 20)


@pytest.mark.parametrize("fill", ["walk", "touch"])
def test_two_orders_never_take_the_same_quantity(fill):
    """A position is closed and reversed at one moment: the second order finds what the first one left."""
    orders = order("EXIT", -1, lots=12), order(direction=-1, lots=12)._replace(id=2)
    row, market = book(200, 201), exchange(*orders, fill=fill)
    done = market.match(0, row, 0)
    if fill == "walk":
        assert [one.parcels for one in done] == [((200, 10), (199, 2)), ((199, 12),)]
    else:
        assert [one.parcels for one in done] == [((200, 10),), ()] and done[1].cancelled == "no more quantity"
    market.submit(order(direction=1, lots=12)._replace(id=3))
    (bought,) = market.match(1, row, 0)
    assert bought.parcels[0] == (201, 10), "the other side is untouched"


@pytest.mark.parametrize("bad", [{"book": None}, {"book": book(200, 201, valid=False)}, {"trusted": False}])
def test_nothing_fills_on_a_book_that_may_be_wrong(bad):
    market = exchange(order(), order("EXIT", -1)._replace(id=2))
    (done,) = market.match(10, bad.get("book", book(200, 201)), 0, bad.get("trusted", True))
    assert (done.parcels, done.cancelled) == ((), "invalid book")
    assert [one.type for one in market.pending] == ["EXIT"]
    (late,) = market.match(30, book(210, 211), 20)
    assert late.parcels == ((210, 10),) and late.timestamp == 20


def test_an_entry_is_not_filled_on_a_book_nobody_heard_of_for_long():
    (done,) = exchange(order(arrival=1_000), max_age_ns=500).match(1_000, book(200, 201), 0)
    assert (done.parcels, done.cancelled) == ((), "stale book")


def test_empty_levels_hold_nothing():
    row = book(200, 201)
    row.levels[1] = np.nan
    (done,) = exchange(order(lots=25)).match(0, row, 0)
    assert done.parcels == ((201, 10),)


def test_orders_are_called_back_by_type():
    market = exchange(order(), order("EXIT", -1)._replace(id=2))
    assert [one.id for one in market.cancel("ENTRY")] == [1]
    assert [one.id for one in market.cancel()] == [2]
    assert market.pending == []


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(InputError, match="fill must be one of walk, touch"):
        exchange(fill="mid")
    with pytest.raises(InputError, match="latency_ns"):
        exchange(latency_ns=-1)
