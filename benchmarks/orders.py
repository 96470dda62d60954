"""The order-level book, ns a message: `orderbook_ext.OrderLevelBook` against what people use, on the same messages."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from benchmarks.measure import Row, per_unit
from benchmarks.order_peers import DEPTH, Nautilus, PythonOrders, installed
from benchmarks.order_streams import OrderStream, near_touch, shanghai
from orderbook_ext import OrderAction, OrderLevelBook

CALLS = 50_000  # messages timed where each is followed by its top-10
POSITIONS = 20_000  # orders asked for their place


def run(paths: Iterable[str | Path] = ()) -> list[Row]:
    """Measure on the synthetic stream and, where it is, on a day of the Shanghai exchange (`paths` are not used)."""
    streams = [near_touch()]
    day = shanghai()
    if day is None:
        print("orders: no recording here (set GENESIS_RECORDINGS): only the synthetic stream is run", file=sys.stderr)
    else:
        streams.append(day)
    return [row for stream in streams for row in (*updates(stream), *tops(stream.head(CALLS)), *positions(stream))]


def calls_of(book: OrderLevelBook, stream: OrderStream) -> list:
    """A bound method and its arguments for each message."""
    calls = []
    for action, order, side, tick, quantity in zip(*(column.tolist() for column in stream.columns)):
        if action == OrderAction.ADD:
            calls.append((book.add, (order, side, tick, quantity)))
        elif action == OrderAction.CANCEL:
            calls.append((book.cancel, (order,)))
        else:
            calls.append((book.execute if action == OrderAction.EXECUTE else book.reduce, (order, quantity)))
    return calls


def updates(stream: OrderStream) -> list[Row]:
    """Following all messages; levels, queues and the order of prices are up to date after each."""
    book, peers = OrderLevelBook(depth=DEPTH, strict=False), installed(stream)
    calls = calls_of(book, stream)

    def one_batch() -> None:
        book.clear()
        book.apply(*stream.columns)

    def with_changes() -> None:
        book.clear()
        book.apply_changes(*stream.columns, stream.ends)

    def by_call() -> None:
        book.clear()
        for method, arguments in calls:
            method(*arguments)

    rows = []
    for peer in peers:
        rows.append(Row("orders", f"{stream.name}: {peer.name}", per_unit(fresh(peer, peer.updates), len(stream), 3)))
    for name, work in (
        ("one batch", one_batch),
        ("one batch, level changes of each message", with_changes),
        ("a message a call", by_call),
    ):
        rows.append(Row("orders", f"{stream.name}: {name}", per_unit(work, len(stream), 9)).against(rows[0]))
        assert_equal(book, peers, name)
    return rows


def tops(stream: OrderStream) -> list[Row]:
    """Following messages with the top-10 of both sides in a numpy array after every single one."""
    book, peers, out = OrderLevelBook(depth=DEPTH, strict=False), installed(stream), np.empty((DEPTH, 4))
    calls, taken = calls_of(book, stream), np.empty((len(stream), DEPTH, 4))

    def one_batch() -> None:
        book.clear()
        book.apply_tops(*stream.columns, taken)

    def by_call() -> None:
        book.clear()
        for method, arguments in calls:
            method(*arguments)
            book.top(DEPTH, out)

    rows = []
    for peer in peers:
        name = f"{stream.name}: {peer.name}, top-10 to numpy each time"
        rows.append(Row("orders", name, per_unit(fresh(peer, peer.tops), len(stream), 3)))
    for name, work in (
        ("one batch, top-10 to numpy each time", one_batch),
        ("a message a call, top-10 to numpy each time", by_call),
    ):
        rows.append(Row("orders", f"{stream.name}: {name}", per_unit(work, len(stream), 9)).against(rows[0]))
        assert_equal(book, peers, name)
    peers[0].reset()
    for i, message in enumerate(peers[0].messages):
        peers[0].follow(*message)
        if i % 97 == 0 and not np.array_equal(taken[i], peers[0].top(), equal_nan=True):
            raise AssertionError(f"{stream.name}: the tops differ after message {i}, the times mean nothing")
    return rows


def positions(stream: OrderStream) -> list[Row]:
    """Asking orders that rest half-way through for their place in the queue."""
    book, peer = OrderLevelBook(strict=False), PythonOrders(stream.head(len(stream) // 2))
    peer.updates()
    book.apply(*(column[: len(stream) // 2] for column in stream.columns))
    orders = list(peer.orders)
    orders = (orders * (POSITIONS // len(orders) + 1))[:POSITIONS]
    if [book.queue_position(order) for order in orders] != [peer.position(order) for order in orders]:
        raise AssertionError(f"{stream.name}: the places in the queues differ, the times mean nothing")

    def ours() -> None:
        for order in orders:
            book.queue_position(order)

    def theirs() -> None:
        for order in orders:
            peer.position(order)

    first = Row("orders", f"{stream.name}: {peer.name}, place in the queue", per_unit(theirs, len(orders), 5))
    row = Row("orders", f"{stream.name}: place in the queue", per_unit(ours, len(orders), 9))
    return [first, row.against(first)]


def fresh(peer: PythonOrders | Nautilus, work):
    """`work` on an empty book."""

    def run() -> None:
        peer.reset()
        work()

    return run


def assert_equal(book: OrderLevelBook, peers: list, name: str) -> None:
    """Every level and every queue of the first peer, the best ten levels of the others."""
    for peer in peers[1:]:
        if not np.array_equal(book.top(DEPTH), peer.top(), equal_nan=True):
            raise AssertionError(f"{name}: {peer.name} has another top, the times mean nothing")
    for side, levels in enumerate(peers[0].sides):
        expected = [(abs(key), total, list(queue.items())) for key, (total, queue) in levels.items()]
        held = [(tick, total, book.queue(side, tick)) for tick, total, _ in book.levels(side).tolist()]
        if held != expected:
            raise AssertionError(f"{name}: the queues differ, the times mean nothing")
