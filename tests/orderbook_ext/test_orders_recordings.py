"""The order-level book on what exchanges sent: equal to the books that they published beside it."""

from __future__ import annotations

import numpy as np
import pytest

from orderbook_ext import OrderAction, _orders_py

_orders = pytest.importorskip("orderbook_ext._orders", reason="the compiled book is not built")
parquet = pytest.importorskip("pyarrow.parquet")


def rows(path, *names):
    table = parquet.read_table(path)
    return [table[name].to_numpy() for name in names]


@pytest.fixture(scope="module")
def shanghai(recordings):
    """Columns of the SSE's orders, the number of rows after each of its messages, their times; the snapshots' path.

    A trade is two rows, one a side; it names orders that never rested, so the book has to be tolerant.
    """
    orders = recordings / "sse" / "600519_20230207_orders.parquet"
    names = ("time", "kind", "side", "order_id", "counter_order_id", "price", "qty")
    times, kind, side, order, counter, price, quantity = rows(orders, *names)
    action = np.select(
        [kind == "add", kind == "cancel"], [OrderAction.ADD, OrderAction.CANCEL], OrderAction.EXECUTE
    ).astype(np.int8)
    trade = kind == "trade"
    repeat = np.where(trade, 2, 1)
    ends = np.cumsum(repeat)
    ids = np.repeat(order, repeat)
    ids[ends[trade] - 1] = counter[trade]
    sides = (side == "ask").astype(np.int8)
    columns = (np.repeat(action, repeat), ids, *(np.repeat(column, repeat) for column in (sides, price, quantity)))
    return columns, ends, times, recordings / "sse" / "600519_20230207_snapshots.parquet"


def test_every_snapshot_of_the_sse_occurs_among_the_books_states(shanghai):
    columns, ends, times, snapshots = shanghai
    book = _orders.OrderLevelBook(strict=False)
    tops = np.nan_to_num(book.apply_tops(*columns)[ends - 1])
    session = (times >= 9_30_00_00) & (times < 14_57_00_00)
    states = {top.tobytes() for top in tops[session]}
    cells = [f"{side}_{what}_{i}" for i in range(1, 11) for side in ("bid", "ask") for what in ("price", "qty")]
    time, *want = rows(snapshots, "time", *cells)
    want = np.stack(want, 1).astype(float)[(time >= 9_30_00) & (time < 14_57_00)]
    assert (session.sum(), len(want)) == (62_012, 4_858)
    assert sum(row.tobytes() in states for row in want) == 4_858
    assert (book.duplicate_orders, book.excess_quantities) == (0, 0)


def test_twins_agree_on_a_whole_day(shanghai):
    columns, *_ = shanghai
    compiled, twin = _orders.OrderLevelBook(strict=False), _orders_py.OrderLevelBook(strict=False)
    assert compiled.apply(*columns) == twin.apply(*columns) == compiled.unknown_orders > 0
    for side in (0, 1):
        np.testing.assert_array_equal(compiled.levels(side), twin.levels(side))
        for tick, _, _ in twin.levels(side).tolist():
            queue = twin.queue(side, tick)
            assert compiled.queue(side, tick) == queue
            ahead = np.cumsum([0, *(quantity for _, quantity in queue)]).tolist()
            assert [compiled.queue_position(order) for order, _ in queue] == list(enumerate(ahead[:-1]))


def test_priority_is_what_the_sse_fills_by(shanghai):
    """The order that a trade names stands first in the queue of its price: nobody is overtaken."""
    columns, *_ = shanghai
    actions, ids, sides, ticks, quantities = (column.tolist() for column in columns)
    book, first, others = _orders.OrderLevelBook(strict=False), 0, 0
    for action, order, side, tick, quantity in zip(actions, ids, sides, ticks, quantities):
        if action == OrderAction.EXECUTE and order in book:
            first += book.queue_position(order) == (0, 0)
            others += book.queue_position(order) != (0, 0)
            book.execute(order, quantity)
        elif action == OrderAction.CANCEL:
            book.cancel(order)
        elif action == OrderAction.ADD:
            book.add(order, side, tick, quantity)
    assert first > 15_000 and others == 0
