"""The live feed against a venue that goes wrong: every row that claims to be valid is held against the true one."""

from __future__ import annotations

import math
import random
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from genesis_lib.config import Config, Feeds
from genesis_lib.feeds.binance import synchronize
from genesis_lib.feeds.builder import RowBuilder
from genesis_lib.feeds.recording import BinanceRecording
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.feeds.wire.live.feed import LiveFeed
from genesis_lib.feeds.wire.local.fault_plan import Injected
from genesis_lib.feeds.wire.local.venue import LocalVenue
from genesis_lib.types import BookTicker, DepthSnapshot, DepthUpdate, Event, Gap, Instrument, MarkPrice, Snapshot, Trade

LEVELS = 20  # compared, a side; a snapshot tells a thousand
REMEMBERED = 20_000  # true rows
PATIENCE = 60.0  # s until something must have come of a fault, on a busy machine too
SILENCE = 0.2  # s after which the feed takes a connection for dead
# The ledger's word for each kind of fault that can be noticed: of a diff, and of a trade where it is another.
NOTICED = {
    "drop": ("gap", "missed trades"),
    "outage": ("gap", "missed trades"),
    "duplicate": ("repeat",),
    "reorder": ("gap", "late trade"),
    "delay": ("disconnect",),
    "disconnect": ("disconnect",),
    "halfopen": ("disconnect",),
    "malformed": ("bad message",),
    "clock_skew": ("clock jump",),
    "stale_snapshot": ("stale snapshot",),
    "http429": ("no snapshot",),
    "http418": ("no snapshot",),
}
UNSEEN_AT_FIRST = ("drop", "outage", "reorder", "malformed")


class Truth:
    """The true rows of a source, made from it directly: never through the venue, the wire or the feed."""

    def __init__(self, source: Simulator | BinanceRecording) -> None:
        self.instrument = source.instrument
        self._builder = RowBuilder(source.instrument, LEVELS)
        self._events: Iterator[Event] = synchronize(source)
        self._rows: OrderedDict[int, Snapshot] = OrderedDict()
        self._last = -1

    def row(self, update_id: int) -> Snapshot | None:
        """The row after the diff with this id; None where there is none (or it lies too far back)."""
        while self._last < update_id:
            event = next(self._events, None)
            if event is None:
                break
            row = self._builder.push(event)
            if isinstance(event, (DepthSnapshot, DepthUpdate)):
                self._rows[event.last_id], self._last = row, event.last_id
                if len(self._rows) > REMEMBERED:
                    self._rows.popitem(last=False)
        return self._rows.get(update_id)


class Watched:
    """One symbol as the client sees it."""

    def __init__(self, instrument: Instrument, truth: Truth, *, flow: bool) -> None:
        self.builder = RowBuilder(instrument, LEVELS)
        self.truth, self._flow = truth, flow
        self.last_id = -1
        self.valid = self.traded = False  # `traded`: a trade has come since the last gap
        self.joined_by: set[int] = set()  # ids of the snapshots that were used
        self.compared = self.invalid = 0
        self.misled: list[str] = []  # valid rows whose flow is not the true one

    def push(self, event: Event) -> None:
        """Make the row of an event and compare it."""
        row = self.builder.push(event)
        self.traded = not isinstance(event, Gap) and (self.traded or isinstance(event, Trade))
        if row is None or isinstance(event, (BookTicker, MarkPrice)):
            return
        if isinstance(event, Gap):
            assert not row.valid, "a gap is an invalid row"
        self.valid, self.invalid = row.valid, self.invalid + (not row.valid)
        if isinstance(event, DepthSnapshot):
            self.joined_by.add(event.last_id)
        if isinstance(event, (DepthSnapshot, DepthUpdate)):
            self.last_id = event.last_id
        if row.valid:
            self._compare(row, event)

    def _compare(self, row: Snapshot, event: Event) -> None:
        true = self.truth.row(self.last_id)
        assert true is not None, f"no true book has the id {self.last_id}"
        self.compared += 1
        same = np.array_equal(row.levels, true.levels)
        assert same, f"the book at {self.last_id} ({type(event).__name__}) is not the true one"
        # Trades, what was bought and sold, notional.
        if self._flow and not np.array_equal(row.flow[:4], true.flow[:4]):
            self.misled.append(f"{self.last_id}: flow {row.flow[:4]}, the true one {true.flow[:4]}")


class Siege:
    """A venue, a live feed on it, and one fault after the other."""

    def __init__(self, sources: list, market: str, *, speed: float, seed: int, strict: bool = True, **options) -> None:
        self._strict = strict  # one fault at a time: then it is known whose trades may be missing
        self.market, self._random = market, random.Random(seed)
        self.venue = LocalVenue(_flat(sources), speed=speed, market=market, wait_for=1, **options)
        self._truths = {one.instrument.symbol: Truth(one) for one in sources}
        self.expected: Counter[str] = Counter()
        self.harmless: Counter[str] = Counter()
        self.faults: list[Injected] = []
        self.unused = 0
        self.unseen: Counter[str] = Counter()  # valid rows with incomplete flow, by fault

    def __enter__(self) -> Siege:
        self.venue.start()
        feeds = Feeds(self.venue.rest_url, self.venue.websocket_url, silence_s=SILENCE, longest_wait_s=0.05)
        self.feed = LiveFeed(self.market, list(self._truths), config=Config(feeds=feeds))
        whole = (
            self._strict and self.market != "binance-spot"
        )  # spot tells diffs together: a row has the flow of several
        instruments = self.feed.instruments
        self.watched = {name: Watched(instruments[name], truth, flow=whole) for name, truth in self._truths.items()}
        self.recover()
        return self

    def __exit__(self, *_) -> None:
        began = time.monotonic()
        self.feed.close()
        self.venue.close()
        assert self.feed.stopped
        assert time.monotonic() - began < PATIENCE

    def until(self, condition: Callable[[], bool]) -> None:
        """Work the client's events until a condition holds."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            event = self.feed.poll(0.02)
            if event is not None:
                self.watched[event.symbol].push(event)
            elif time.monotonic() > deadline:
                state = {name: (one.valid, one.last_id) for name, one in self.watched.items()}
                last = self.venue.injected[-2:]
                lines = "\n".join(self.feed.ledger.lines()[-8:])
                raise AssertionError(f"nothing came of it within {PATIENCE} s: {state}, after {last}; ledger:\n{lines}")

    def fault(self) -> None:
        """Draw a fault, let it happen, and wait until the client has noticed it and every book is whole again."""
        draw, done, before = self._random, len(self.venue.injected), Counter(self.feed.ledger.counts)
        kind = draw.choice(list(NOTICED))
        symbol = draw.choice(list(self.watched)).lower()
        stream = draw.choices(["depth*", "trade", "bookTicker"], [5, 3, 1])[0]
        value = {
            "drop": draw.choice([1, 1, 2, 5]),
            "duplicate": draw.choice([0, 1, 3]),
            "reorder": draw.choice([1, 2, 4]),
            "delay": draw.choice([0.02, 0.05, 2.0 * SILENCE]),
            "outage": draw.uniform(0.05, 0.3),
            "clock_skew": draw.choice([-1, 1]) * draw.choice([0.2, 3.0, 60.0]),
            "stale_snapshot": draw.choice([1, 4, 16]),
            "http429": draw.choice([0.05, 0.2]),
            "http418": draw.choice([0.05, 0.2]),
        }.get(kind)
        self.venue.inject(kind, value, streams=f"{symbol}@{stream}")
        if kind in ("stale_snapshot", "http429", "http418"):  # which someone must ask for a snapshot to meet
            self.venue.inject("drop", 1, streams=f"{symbol}@depth*")
        self.until(lambda: any(one.kind == kind for one in self.venue.injected[done:]))
        fault = next(one for one in self.venue.injected[done:] if one.kind == kind)
        word = NOTICED[kind][-1 if fault.stream.endswith("@trade") else 0]

        def noticed() -> bool:
            return self.feed.ledger.counts[word] > before[word]

        if self.is_harmless(fault):
            self.harmless[kind] += 1
        elif kind == "stale_snapshot":  # fresh enough for the diffs at hand it joins them, and harms nothing
            soon = time.monotonic() + 1.0
            self.until(lambda: noticed() or self._joined_by(fault) or (time.monotonic() > soon and self._is_whole()))
            (self.expected if noticed() else self.harmless)[kind] += 1
            self.unused += not (noticed() or self._joined_by(fault))  # it came when it was no longer needed
        else:
            self.until(noticed)
            self.expected[kind] += 1
        self.recover()
        self.faults.append(fault)
        self._excuse(fault)

    def is_harmless(self, fault: Injected) -> bool:
        """Whether the fault changes nothing that the client keeps, or nothing that anyone could see.

        A bookTicker replaces the one before and feeds no book; a delay shorter than the watchdog's patience delays; a
        clock that is off by less than a second is a network that is slow.
        """
        if fault.kind in ("drop", "duplicate", "reorder", "outage"):
            return fault.stream.endswith("@bookTicker")
        if fault.kind == "delay":
            return fault.value < SILENCE
        return fault.kind == "clock_skew" and abs(fault.value) < 1.0

    def _excuse(self, fault: Injected) -> None:
        """Rows with other trades than the true ones: allowed only where nobody could have known it yet.

        That a trade is missing shows in the number of the next one; the rows until then were told as valid.
        """
        for name, one in self.watched.items():
            if one.misled:
                assert fault.kind in UNSEEN_AT_FIRST and fault.stream == f"{name.lower()}@trade", (
                    self.faults[-3:],
                    one.misled,
                )
                self.unseen[fault.kind] += len(one.misled)
                one.misled.clear()

    def recover(self) -> None:
        """Work everything up to what the venue has told by now, and until each book is whole again.

        And until a trade has come: the number of the first one after a connection was lost is taken as it is, so that
        trades which are lost between the snapshot and that one cannot be told from those lost with the connection.
        """
        at = {name: playback.last_id for name, playback in self.venue.playbacks.items()}
        seen = self.watched
        self.until(lambda: all(seen[name].valid and seen[name].traded and seen[name].last_id > at[name] for name in at))

    def settle(self) -> None:
        """Let there be no more faults, and wait until every book is whole."""
        self.venue.clear_faults()
        self.recover()

    def report(self) -> dict:
        """Figures of the siege."""
        took = sorted(one.milliseconds for one in self.feed.recoveries)
        return {
            "faults": dict(Counter(one.kind for one in self.faults)),
            "harmless": dict(self.harmless),
            "recoveries": len(took),
            "p50_ms": round(took[len(took) // 2], 1) if took else math.nan,
            "p99_ms": round(took[int(len(took) * 0.99)], 1) if took else math.nan,
            "ledger": dict(self.feed.ledger.counts),
            "rows_compared": sum(one.compared for one in self.watched.values()),
            "rows_misled": dict(self.unseen),
            "rows_invalid": sum(one.invalid for one in self.watched.values()),
        }

    def _is_whole(self) -> bool:
        return all(one.valid for one in self.watched.values())

    def _joined_by(self, fault: Injected) -> bool:
        return any(fault.last_id in one.joined_by for one in self.watched.values())


def _flat(sources: list) -> list:
    """Simulators as they are, recordings as their files."""
    return [file for one in sources for file in ([one] if isinstance(one, Simulator) else one.paths)]


@pytest.fixture
def siege() -> type[Siege]:
    """A venue, a live feed on it, and one fault after the other."""
    return Siege


@pytest.fixture
def truth() -> type[Truth]:
    """The true rows of a source, made from it directly."""
    return Truth
