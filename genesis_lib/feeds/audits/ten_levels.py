"""The audit of Databento's orders (MBO) by its ten levels (MBP-10): prices, sizes and numbers of orders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from genesis_lib.feeds.audits.events import audit_events
from genesis_lib.feeds.formats.databento import DatabentoOrders, Found
from genesis_lib.feeds.formats.databento_files import LEVELS, UNDEF_PRICE
from genesis_lib.feeds.integrity import Ledger
from genesis_lib.types import ASK, BID
from orderbook_ext import OrderLevelBook

LISTED = 1000  # differences that are taken down; the rest is only counted


class _Told(NamedTuple):
    """A record of ten levels."""

    received: int
    key: tuple[int, int]  # time of the event and sequence number
    levels: bytes


def audit_levels(session: DatabentoOrders, ledger: Ledger) -> dict:
    """Rebuild the book order by order and hold every record of levels against it, at the same event.

    A record of levels belongs to the event that has a record of its time (``ts_event``) and sequence number. It is
    equal when its ten levels on both sides are those of the book before the event or after one of the event's records,
    none before the one that the record before it was equal to: a trade is told with the book that it met, what it took
    from the book after it. Records outside the time of the orders are not compared (``snapshots_outside``); those
    within it that belong to no event are held against the book as it stood.
    """
    found = audit_events(session, ledger)
    if session.levels is None:
        return found
    compared = _Comparison(session, ledger)
    for _ in compared.run():
        pass
    counts = compared.counts
    return found | {
        "snapshots": counts["compared"],
        "snapshots_equal": counts["equal"],
        "snapshots_outside": counts["outside"],
        "snapshots_without_event": counts["without event"],
        "compared": f"{LEVELS} levels of MBP-10, with prices, sizes and numbers of orders",
    }


class _Comparison:
    """One pass over orders and levels together."""

    def __init__(self, session: DatabentoOrders, ledger: Ledger) -> None:
        self.session, self.ledger = session, ledger
        self.counts: Counter[str] = Counter()
        self.unit = round(session.instrument.tick_size * 1e9)
        self.book: OrderLevelBook = session.book()
        self.state = self._look()
        self._told = _told(session.levels)
        self._next = next(self._told, None)

    def run(self) -> Iterator[None]:
        """Go through the orders, event by event."""
        started = False
        last = 0
        for records, block in self.session.parts():
            self.session._find_unknown(self.book, block, True)
            codes = block.rows()
            times, sequences = records["ts_event"].tolist(), records["sequence"].tolist()
            received = records["ts_recv"].tolist()
            ends = self.session.ends(records, whole=True).tolist()
            begin = row = 0
            for group, end in enumerate(ends):
                stop = int(block.ends[group])
                if not started:
                    self._outside(received[begin])
                    started = True
                self._without_event(received[begin])
                keys = set(zip(times[begin:end], sequences[begin:end]))
                if self._next is not None and self._next.key in keys:
                    self._event(keys, [tuple(column[row:stop] for column in codes), stop - row])
                elif stop > row:
                    self.book.apply(*(column[row:stop] for column in codes))
                    self.state = None
                last = received[end - 1]
                begin, row = end, stop
            yield
        while self._next is not None:
            if self._next.received > last:
                self.counts["outside"] += 1
                self._next = next(self._told, None)
            else:
                self._hold([self._now()], 0, "without event")

    def _event(self, keys: set, messages: list) -> None:
        columns, number = messages
        states = [self._now()]
        for at in range(number):
            self.book.apply(*(column[at : at + 1] for column in columns))
            states.append(self._look())
        self.state = states[-1]
        place = 0
        while self._next is not None and self._next.key in keys:
            place = self._hold(states, place)

    def _hold(self, states: list[bytes], place: int, kind: str = "") -> int:
        told = self._next
        self.counts["compared"] += 1
        if kind:
            self.counts[kind] += 1
        for at in range(place, len(states)):
            if states[at] == told.levels:
                self.counts["equal"] += 1
                place = at
                break
        else:
            self.counts["differ"] += 1
            if self.counts["differ"] <= LISTED:
                cause = _difference(states[-1], told.levels, self.unit)
                symbol = self.session.instrument.symbol
                self.ledger.note(told.key[0], "snapshot differs", f"sequence {told.key[1]}: {cause}", symbol)
        self._next = next(self._told, None)
        return place

    def _outside(self, received: int) -> None:
        while self._next is not None and self._next.received < received:
            self.counts["outside"] += 1
            self._next = next(self._told, None)

    def _without_event(self, received: int) -> None:
        while self._next is not None and self._next.received < received:
            self._hold([self._now()], 0, "without event")

    def _now(self) -> bytes:
        if self.state is None:
            self.state = self._look()
        return self.state

    def _look(self) -> bytes:
        state = np.zeros((2, LEVELS, 3), np.int64)
        for side in (BID, ASK):
            levels = self.book.levels(side, LEVELS)
            state[side, : len(levels)] = levels
        state[:, :, 0] *= self.unit
        return state.tobytes()


def _told(what: Found) -> Iterator[_Told]:
    """Records of levels: price (billionths), size and orders of each level, bids then asks, 0 where empty."""
    for _, part in what.records():
        levels = part["levels"]
        state = np.empty((len(part), 2, LEVELS, 3), np.int64)
        for side, name in ((BID, "bid"), (ASK, "ask")):
            for column, field in enumerate(("px", "sz", "ct")):
                state[:, side, :, column] = levels[f"{name}_{field}"]
        state[state[..., 0] == UNDEF_PRICE] = 0
        for row, received, time, sequence in zip(
            state, part["ts_recv"].tolist(), part["ts_event"].tolist(), part["sequence"].tolist()
        ):
            yield _Told(received, (time, sequence), row.tobytes())


def _difference(own: bytes, told: bytes, unit: int) -> str:
    """Say where two states differ first."""
    shape = (2, LEVELS, 3)
    own, told = (np.frombuffer(state, np.int64).reshape(shape) for state in (own, told))
    side, level, _ = np.argwhere(own != told)[0] if (own != told).any() else (0, 0, 0)

    def words(state: np.ndarray) -> str:
        price, size, orders = state[side, level].tolist()
        return f"{size} in {orders} orders at {price / 1e9}" if price else "nothing"

    return f"{('bid', 'ask')[side]} {level + 1} is {words(own)} in the book, {words(told)} in the levels"
