"""The order book, ns a level: `orderbook_ext` against a dict with sortedcontainers, on the same updates."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import numpy as np
from sortedcontainers import SortedDict

from benchmarks.measure import Row, per_unit
from benchmarks.streams import Stream, near_touch, recorded, session
from orderbook_ext import OrderBook

DEPTH = 10
CALLS = 50_000  # updates timed where each one is followed by its top-10
PEER = "dict + sortedcontainers"


class SortedBook:
    """The book most Python code has: a sorted dictionary a side, bids by negated price."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.sides = (SortedDict(), SortedDict())

    def apply(self, levels: Iterable[tuple[int, float, float]]) -> None:
        """Set levels given as side, key (price; negated for a bid), quantity."""
        sides = self.sides
        for side, key, quantity in levels:
            if quantity:
                sides[side][key] = quantity
            else:
                sides[side].pop(key, None)

    def top(self, out: np.ndarray) -> np.ndarray:
        """Best ten levels, written as `OrderBook.top` writes them."""
        bids, asks = self.sides
        flat: list[float] = []
        for bid, ask in zip(islice(bids, DEPTH), islice(asks, DEPTH)):
            flat += (-bid, bids[bid], ask, asks[ask])
        if len(flat) == 4 * DEPTH:
            out.reshape(-1)[:] = flat  # one conversion is the fastest way into numpy
            return out
        out.fill(np.nan)
        for i, bid in enumerate(islice(bids, DEPTH)):
            out[i, :2] = -bid, bids[bid]
        for i, ask in enumerate(islice(asks, DEPTH)):
            out[i, 2:] = ask, asks[ask]
        return out


def run(paths: Iterable[str | Path] = ()) -> list[Row]:
    """Measure on the synthetic stream and, where there is one, on a real recording."""
    streams = [near_touch()]
    files = session(paths)
    if files:
        streams.append(recorded(files))
    else:
        print("book: no recording here (set GENESIS_RECORDINGS): only the synthetic stream is run", file=sys.stderr)
    return [row for stream in streams for row in (*throughput(stream), *every_top(stream.head(CALLS)))]


def throughput(stream: Stream) -> list[Row]:
    """Applying all updates of a stream; our top-10 is up to date after each, the peer's is not even asked for."""
    book, peer = new_book(stream), SortedBook()
    levels, messages = peer_levels(stream), stream.messages()
    price = stream.instrument.price(stream.ticks)
    priced = [(sides, price[at : at + len(sides)], quantities) for at, (sides, _, quantities) in messages.items()]

    def peer_work() -> None:
        peer.clear()
        peer.apply(levels)

    def one_batch() -> None:
        book.clear()
        book.apply_ticks(stream.sides, stream.ticks, stream.quantities)

    def by_message() -> None:
        book.clear()
        for message in messages.values():
            book.apply_ticks(*message)

    def by_priced_message() -> None:
        book.clear()
        for message in priced:
            book.apply(*message)

    rows = [Row("book", f"{stream.name}: {PEER}, updates only", per_unit(peer_work, len(stream), 3))]
    for name, work in (
        ("one batch, top-10 kept", one_batch),
        ("a message a call, top-10 kept", by_message),
        ("a message a call, in prices", by_priced_message),
    ):
        rows.append(Row("book", f"{stream.name}: {name}", per_unit(work, len(stream), 15)).against(rows[0]))
        assert_equal(book, peer, name)
    return rows


def every_top(stream: Stream) -> list[Row]:
    """Applying updates with the top-10 of both sides in a numpy array after every single one."""
    book, peer = new_book(stream), SortedBook()
    levels, out, tops = peer_levels(stream), np.empty((DEPTH, 4)), np.empty((len(stream), DEPTH, 4))
    words = [("bid", "ask")[side] for side in stream.sides.tolist()]
    calls = list(zip(words, stream.instrument.price(stream.ticks).tolist(), stream.quantities.tolist()))

    def peer_work() -> None:
        peer.clear()
        for level in levels:
            peer.apply((level,))
            peer.top(out)

    def one_batch() -> None:
        book.clear()
        book.apply_tops(stream.sides, stream.ticks, stream.quantities, tops)

    def by_call() -> None:
        book.clear()
        for side, price, quantity in calls:
            book.update(side, price, quantity)
            book.top(DEPTH, out)

    rows = [Row("book", f"{stream.name}: {PEER}, top-10 to numpy each time", per_unit(peer_work, len(stream), 3))]
    for name, work in (
        ("one batch, top-10 to numpy each time", one_batch),
        ("a level a call, top-10 to numpy each time", by_call),
    ):
        rows.append(Row("book", f"{stream.name}: {name}", per_unit(work, len(stream), 15)).against(rows[0]))
        assert_equal(book, peer, name)
    peer.clear()
    for i, level in enumerate(levels):
        peer.apply((level,))
        if i % 97 == 0 and not np.array_equal(tops[i], peer.top(out), equal_nan=True):
            raise AssertionError(f"{stream.name}: the tops differ after update {i}, the times mean nothing")
    return rows


def new_book(stream: Stream) -> OrderBook:
    return OrderBook(stream.instrument.tick_size, stream.instrument.lot_size, DEPTH)


def peer_levels(stream: Stream) -> list[tuple[int, float, float]]:
    """Side, key and quantity of every update as Python numbers, so that the peer converts nothing while timed."""
    price = stream.instrument.price(stream.ticks)
    keys = np.where(stream.sides == 0, -price, price)
    return list(zip(stream.sides.tolist(), keys.tolist(), stream.quantities.tolist()))


def assert_equal(book: OrderBook, peer: SortedBook, name: str) -> None:
    for word, sign, side in (("bid", -1.0, peer.sides[0]), ("ask", 1.0, peer.sides[1])):
        expected = np.array([(sign * key, quantity) for key, quantity in side.items()]).reshape(-1, 2)
        if not np.array_equal(book.levels(word), expected):
            raise AssertionError(f"{name}: the {word} sides differ, the times mean nothing")
