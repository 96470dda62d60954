"""The order book, ns a level: `orderbook_ext` against the books people use, on the same updates in one run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from benchmarks.book_peers import DEPTH, LrvxBatch, Peer, SortedBook, installed
from benchmarks.measure import Row, per_unit
from benchmarks.streams import Stream, near_touch, recorded, session
from orderbook_ext import OrderBook

CALLS = 50_000  # updates timed where each one is followed by its top-10
PEER = SortedBook.name
RUNS = 15  # of ours; a peer's is long enough in 3


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
    """Applying all updates of a stream; our top-10 is up to date after each, the peers' is not even asked for."""
    book, best, messages = new_book(stream), new_book(stream, 1), stream.messages()
    price = stream.instrument.price(stream.ticks)
    priced = [(sides, price[at : at + len(sides)], quantities) for at, (sides, _, quantities) in messages.items()]

    def one_batch() -> None:
        book.apply_ticks(stream.sides, stream.ticks, stream.quantities)

    def one_batch_best() -> None:
        best.clear()
        best.apply_ticks(stream.sides, stream.ticks, stream.quantities)

    def by_message() -> None:
        for message in messages.values():
            book.apply_ticks(*message)

    def by_priced_message() -> None:
        for message in priced:
            book.apply(*message)

    peers = installed(stream)
    name = f"{stream.name}: {{}}, updates only"
    spans = {peer.name: timed(peer, peer.updates, stream) for peer in peers}
    told = [Row("book", name.format(peer.name), spans[peer.name]) for peer in peers if is_equal(stream, peer)]
    ours = Row("book", f"{stream.name}: one batch, best bid and ask kept", per_unit(one_batch_best, len(stream), RUNS))
    rows = [ours.against(row) for row in told]
    assert_equal(best, peers[0], ours.name)
    for name, work in (
        ("one batch, top-10 kept", one_batch),
        ("a message a call, top-10 kept", by_message),
        ("a message a call, in prices", by_priced_message),
    ):
        ours = Row("book", f"{stream.name}: {name}", fresh(book, work, stream))
        rows += [ours.against(row) for row in told if work is one_batch or "lrvx," in row.name or PEER in row.name]
        assert_equal(book, peers[0], name)
    return [*told, *rows]


def every_top(stream: Stream) -> list[Row]:
    """Applying updates with the top-10 of both sides in a numpy array after every single one."""
    book, out, tops = new_book(stream), np.empty((DEPTH, 4)), np.empty((len(stream), DEPTH, 4))
    words = [("bid", "ask")[side] for side in stream.sides.tolist()]
    calls = list(zip(words, stream.instrument.price(stream.ticks).tolist(), stream.quantities.tolist()))

    def kept() -> None:
        book.apply_ticks(stream.sides, stream.ticks, stream.quantities)

    def one_batch() -> None:
        book.apply_tops(stream.sides, stream.ticks, stream.quantities, tops)

    def by_call() -> None:
        for side, price, quantity in calls:
            book.update(side, price, quantity)
            book.top(DEPTH, out)

    peers = [peer for peer in installed(stream, lambda text: None) if type(peer) is not LrvxBatch]
    name = "top-10 to numpy each time"
    told = [Row("book", f"{stream.name}: {peer.name}, {name}", timed(peer, peer.tops, stream)) for peer in peers]
    rows = []
    for kind, work in (
        ("one batch, top-10 kept", kept),
        (f"one batch, {name}", one_batch),
        (f"a level a call, {name}", by_call),
    ):
        ours = Row("book", f"{stream.name}: {kind}", fresh(book, work, stream))
        rows += [ours.against(row) for row in told]
        assert_equal(book, peers[0], kind)
    check_tops(stream, tops)
    return [*told, *rows]


def new_book(stream: Stream, depth: int = DEPTH) -> OrderBook:
    return OrderBook(stream.instrument.tick_size, stream.instrument.lot_size, depth)


def fresh(book: OrderBook, work: Callable[[], None], stream: Stream) -> float:
    """Time of a level from an empty book on; emptying it is part of the time, as it is none of the peers'."""

    def whole() -> None:
        book.clear()
        work()

    return per_unit(whole, len(stream), RUNS)


def timed(peer: Peer, work: Callable[[], None], stream: Stream) -> float:
    """Time of a level from an empty book on; emptying the peer's is not counted."""
    return per_unit(work, len(stream), 3, before=peer.reset)


def is_equal(stream: Stream, peer: Peer) -> bool:
    """Hold a peer's last top against ours: what differs has not done the same work, and its time is not shown."""
    expected = new_book(stream)
    expected.apply_ticks(stream.sides, stream.ticks, stream.quantities)
    equal = np.allclose(peer.top(), expected.top(DEPTH), rtol=1e-9, atol=0, equal_nan=True)
    if not equal:
        print(f"book: {stream.name}: {peer.name} left out: its book differs from all the others'", file=sys.stderr)
    return equal


def check_tops(stream: Stream, tops: np.ndarray) -> None:
    peer = SortedBook(stream)
    for i, level in enumerate(peer.stream_levels):
        peer.apply((level,))
        if i % 97 == 0 and not np.array_equal(tops[i], peer.top(), equal_nan=True):
            raise AssertionError(f"{stream.name}: the tops differ after update {i}, the times mean nothing")


def assert_equal(book: OrderBook, peer: SortedBook, name: str) -> None:
    for word, sign, side in (("bid", -1.0, peer.sides[0]), ("ask", 1.0, peer.sides[1])):
        expected = np.array([(sign * key, quantity) for key, quantity in side.items()]).reshape(-1, 2)
        if not np.array_equal(book.levels(word), expected):
            raise AssertionError(f"{name}: the {word} sides differ, the times mean nothing")
