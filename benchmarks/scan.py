"""From the wire's bytes to the book, ns a level: the scanner against a JSON library with the books people use."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from pathlib import Path

import numpy as np
import orjson
from sortedcontainers import SortedDict

from benchmarks.measure import Row, per_unit
from benchmarks.streams import near_touch, session
from genesis_lib.feeds.binance import BinanceParser, decode
from genesis_lib.feeds.raw_lines import raw_lines
from genesis_lib.feeds.recording import read_recording
from genesis_lib.feeds.wire.binance_wire import BinanceWriter
from genesis_lib.types import DepthSnapshot, DepthUpdate, Instrument
from orderbook_ext import OrderBook, Scanner

STAMP = 1_700_000_000_000_000_000
DEPTH = 10
LEVELS = 400_000  # of the synthetic stream
RUNS = 15  # of ours; a peer's is long enough in 3


@dataclass(frozen=True, slots=True)
class Wire:
    """Depth diffs as they came, each the successor of the one before, and all lines of their recording."""

    name: str
    instrument: Instrument
    diffs: list[bytes]
    levels: int
    first_id: int  # what the first diff continues
    lines: list[tuple[int, bytes]]  # receive time and message, diffs and all others


def run(paths: Iterable[str | Path] = ()) -> list[Row]:
    """Measure on the synthetic stream and, where there is one, on a real recording."""
    wires = [synthetic()]
    files = session(paths)
    if files:
        wires.append(recorded(files))
    else:
        print("scan: no recording here (set GENESIS_RECORDINGS): only the synthetic stream is run", file=sys.stderr)
    return [row for wire in wires for row in (*to_book(wire), *to_events(wire))]


def recorded(files: list[Path]) -> Wire:
    """The diffs of a recording that its snapshot lets in, and all its lines."""
    recording = read_recording(files)
    events = list(recording.events())
    joined = next(i for i, event in enumerate(events) if isinstance(event, DepthSnapshot))
    applied = [event for event in events[joined:] if isinstance(event, DepthUpdate)]
    wanted = {event.last_id for event in applied}
    lines = [(line.ts_receive, line.payload) for line in raw_lines(files)]
    parser, diffs = BinanceParser(recording.instrument), []
    for ts_receive, payload in lines:
        event = parser.parse_bytes(payload, ts_receive)
        if isinstance(event, DepthUpdate) and event.last_id in wanted:
            diffs.append(payload)
    name, levels = f"recorded {recording.instrument.symbol}", sum(len(event.ticks) for event in applied)
    first_id = applied[0].prev_id if applied[0].prev_id >= 0 else applied[0].first_id - 1
    return Wire(name, recording.instrument, diffs, levels, first_id, lines)


def synthetic() -> Wire:
    """The stream near the touch, written as Binance writes."""
    stream = near_touch(LEVELS)
    writer, diffs = BinanceWriter(stream.instrument), []
    for number, columns in enumerate(stream.messages().values(), 1):
        ts = STAMP + 1_000_000 * number
        event = DepthUpdate(stream.instrument.symbol, ts, ts, number, number, number - 1, *columns)
        name, data = writer.message(event)
        diffs.append(f'{{"stream":"{name}","data":{data}}}'.encode())
    lines = [(STAMP + 1_000_000 * i, diff) for i, diff in enumerate(diffs)]
    return Wire(stream.name, stream.instrument, diffs, len(stream), 0, lines)


class SortedBook:
    """A sorted dictionary a side, keyed by the price as float; best bids last."""

    name = "orjson + sortedcontainers"

    def reset(self) -> None:
        self.sides = (SortedDict(), SortedDict())

    def apply(self, payload: bytes) -> None:
        data = orjson.loads(payload)["data"]
        for side, levels in zip(self.sides, (data["b"], data["a"])):
            for price, quantity in levels:
                amount = float(quantity)
                if amount:
                    side[float(price)] = amount
                else:
                    side.pop(float(price), None)

    def levels(self) -> tuple[dict[float, float], dict[float, float]]:
        return dict(self.sides[0]), dict(self.sides[1])


class SortedTopBook(SortedBook):
    """The same with its best ten levels in numpy after each diff, as our block has them."""

    name = "orjson + sortedcontainers, top-10 after each diff"

    def __init__(self) -> None:
        self.out = np.empty((DEPTH, 4))

    def apply(self, payload: bytes) -> None:
        super().apply(payload)
        bids, asks = self.sides
        self.out.fill(np.nan)
        for i, price in enumerate(islice(reversed(bids), DEPTH)):
            self.out[i, :2] = price, bids[price]
        for i, price in enumerate(islice(asks, DEPTH)):
            self.out[i, 2:] = price, asks[price]


class DecimalBook:
    """The C book of PyPI's order-book, keyed by Decimal as its users do."""

    name = "orjson + Decimal + order-book"

    def reset(self) -> None:
        from order_book import OrderBook as TheirBook

        self.book = TheirBook()

    def apply(self, payload: bytes) -> None:
        data = orjson.loads(payload)["data"]
        for side, levels in ((self.book.bids, data["b"]), (self.book.asks, data["a"])):
            for price, quantity in levels:
                key, amount = Decimal(price), Decimal(quantity)
                if amount:
                    side[key] = amount
                elif key in side:
                    del side[key]

    def levels(self) -> tuple[dict[float, float], dict[float, float]]:
        bids, asks = ({float(k): float(v) for k, v in s.to_dict().items()} for s in (self.book.bids, self.book.asks))
        return bids, asks


class OurBookByJson:
    """Our own book, fed by orjson and numpy."""

    name = "orjson + our book"

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument

    def reset(self) -> None:
        self.book = OrderBook(self.instrument.tick_size, self.instrument.lot_size)

    def apply(self, payload: bytes) -> None:
        data = orjson.loads(payload)["data"]
        bids, asks = data["b"], data["a"]
        flat = [float(text) for ladder in (bids, asks) for level in ladder for text in level]
        table = np.array(flat).reshape(-1, 2)
        sides = np.ones(len(table), np.int8)
        sides[: len(bids)] = 0
        self.book.apply(sides, np.ascontiguousarray(table[:, 0]), np.ascontiguousarray(table[:, 1]))

    def levels(self) -> tuple[dict[float, float], dict[float, float]]:
        return levels_of(self.book)


def to_book(wire: Wire) -> list[Row]:
    """Bytes of diffs into books; ours keeps its top-10 after every level."""
    ours = OurBookByJson(wire.instrument)
    peers = [SortedBook(), SortedTopBook(), ours, *([DecimalBook()] if has_order_book() else [])]
    tick, lot = wire.instrument.tick_size, wire.instrument.lot_size
    scanner, book, result = Scanner(wire.instrument.symbol, tick), OrderBook(tick, lot), {}
    block = b"".join(b"%d %s\n" % (STAMP, payload.strip()) for payload in wire.diffs)
    tops = np.empty((len(wire.diffs), book.depth, 4))
    parser = BinanceParser(wire.instrument)

    def work_of(peer) -> Callable[[], None]:
        def work() -> None:
            peer.reset()
            for payload in wire.diffs:
                peer.apply(payload)

        return work

    def by_event() -> None:
        book.clear()
        for payload in wire.diffs:
            event = parser.parse_bytes(payload, STAMP)
            book.apply_ticks(event.sides, event.ticks, event.quantities)

    def by_message() -> None:
        book.clear()
        feed = scanner.feed
        for payload in wire.diffs:
            feed(payload, book)

    def by_block() -> None:
        book.clear()
        result["progress"] = scanner.follow(block, book, wire.first_id, tops=tops)

    told = []
    for peer in peers:
        told.append(Row("scan", f"{wire.name}: {peer.name}", per_unit(work_of(peer), wire.levels, 3)))
        assert_equal(peer.levels(), peers[0].levels(), peer.name)
    if not np.array_equal(peers[1].out, ours.book.top(), equal_nan=True):
        raise AssertionError(f"{peers[1].name}: the tops differ, the times mean nothing")
    rows = [told[0], *(row.against(told[0]) for row in told[1:])]
    for name, work in (
        ("bytes to an event, its columns to the book", by_event),
        ("bytes to the book, a message a call", by_message),
        ("bytes to the book, one block, ids checked, top-10 after each diff", by_block),
    ):
        row = Row("scan", f"{wire.name}: {name}", per_unit(work, wire.levels, RUNS))
        rows += [row.against(peer) for peer in told]
        assert_equal(levels_of(book), peers[0].levels(), name)
    if (progress := result["progress"]).applied != len(wire.diffs) or not np.array_equal(tops[-1], book.top()):
        raise AssertionError(f"the block stopped at {progress}: the time means nothing")
    return rows


def to_events(wire: Wire) -> list[Row]:
    """Messages of every kind to typed events."""
    slow, fast = BinanceParser(wire.instrument), BinanceParser(wire.instrument)

    def by_json() -> None:
        for ts_receive, payload in wire.lines:
            slow.parse(decode(payload), ts_receive)

    def by_scanner() -> None:
        for ts_receive, payload in wire.lines:
            fast.parse_bytes(payload, ts_receive)

    peer = Row(
        "scan", f"{wire.name}: a message to an event, by orjson and numpy", per_unit(by_json, len(wire.lines), 3)
    )
    ours = Row("scan", f"{wire.name}: a message to an event", per_unit(by_scanner, len(wire.lines), 3))
    if slow.counts != fast.counts:
        raise AssertionError(f"the two ways count differently: {slow.counts} and {fast.counts}")
    return [peer, ours.against(peer)]


def has_order_book() -> bool:
    """Whether PyPI's order-book is installed; says so where it is not."""
    try:
        import order_book  # noqa: F401
    except ImportError:
        print("scan: order-book is not installed (extra bench): its row is left out", file=sys.stderr)
        return False
    return True


def levels_of(book: OrderBook) -> tuple[dict[float, float], dict[float, float]]:
    bids, asks = (dict(book.levels(side).tolist()) for side in ("bid", "ask"))
    return bids, asks


def assert_equal(one: tuple[dict, dict], other: tuple[dict, dict], name: str) -> None:
    if one != other:
        raise AssertionError(f"{name}: the books differ, the times mean nothing")
