"""The audit of Databento's orders (MBO) by its ten levels (MBP-10): prices, sizes and numbers of orders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest
from typing import NamedTuple, TypeAlias

import numpy as np

from genesis_lib.feeds.audits.events import audit_events
from genesis_lib.feeds.formats.databento import DatabentoOrders, Found
from genesis_lib.feeds.formats.databento_files import LEVELS, PRICE_UNIT, UNDEF_PRICE
from genesis_lib.feeds.integrity import Ledger
from genesis_lib.types import ASK, BID
from orderbook_ext import OrderAction, OrderLevelBook

LISTED = 1000  # differences that are taken down; the rest is only counted


State: TypeAlias = tuple[bytes, bytes]  # of both sides: tick, size and number of orders of each level, int64


class _Told(NamedTuple):
    """A record of ten levels."""

    received: int
    key: tuple[int, int]  # time of the event and sequence number
    levels: State


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
        self.unit = round(session.instrument.tick_size * PRICE_UNIT)
        self.book: OrderLevelBook = session.book()
        self.state = self._look()
        self._told = _told(session.levels, self.unit)
        self._next = next(self._told, None)

    def run(self) -> Iterator[None]:
        """Go through the orders, event by event."""
        started = False
        last = 0
        for records, block in self.session.parts():
            self.session.find_unknown(self.book, block, True)
            times, sequences = records["ts_event"].tolist(), records["sequence"].tolist()
            received = records["ts_recv"].tolist()
            rows = dict(zip(zip(times, sequences), range(len(times))))  # the last of each event in this part
            messages = list(zip(*(column.tolist() for column in block.rows())))
            ends = self.session.ends(records, whole=True).tolist()
            begin = row = 0
            for end, stop in zip(ends, block.ends.tolist()):
                if not started:
                    self._outside(received[begin], rows)
                    started = True
                if self._next is not None and self._next.received < received[begin]:
                    self._without_event(received[begin], rows, begin)
                keys = set(zip(times[begin:end], sequences[begin:end]))
                if self._next is not None and self._next.key in keys:
                    follows = (times[end], sequences[end]) if end < len(times) else self._next.key
                    self._event(keys, messages[row:stop], follows)
                elif stop > row:
                    for message in messages[row:stop]:
                        self._follow(*message)
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

    def _event(self, keys: set, messages: list[tuple], follows: tuple[int, int]) -> None:
        states = [self._now()]
        for message in messages:
            self._follow(*message)
            states.append(self._look())
        self.state = states[-1]
        place = 0
        while self._next is not None and self._next.key in keys:
            # A packet may hold several events of one time and number: what is none of this one's is the next one's.
            if self._next.key == follows and self._next.levels not in states[place:]:
                return
            place = self._hold(states, place)

    def _follow(self, action: int, number: int, side: int, tick: int, quantity: int) -> None:
        """One message; by the verbs of the book, since a batch of one costs ten times as much."""
        if action == OrderAction.ADD:
            self.book.add(number, side, tick, quantity)
        elif action == OrderAction.REDUCE:
            self.book.reduce(number, quantity)
        elif action == OrderAction.MODIFY:
            self.book.modify(number, tick, quantity)
        elif action == OrderAction.CANCEL:
            self.book.cancel(number)
        else:
            self.book.clear()

    def _hold(self, states: list[State], place: int, kind: str = "") -> int:
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

    def _outside(self, received: int, rows: dict[tuple[int, int], int]) -> None:
        while self._next is not None and self._next.received < received and self._next.key not in rows:
            self.counts["outside"] += 1
            self._next = next(self._told, None)

    def _without_event(self, received: int, rows: dict[tuple[int, int], int], row: int) -> None:
        # A receive time may be far ahead or undefined: what has its event among the records to come waits for it.
        while self._next is not None and self._next.received < received and rows.get(self._next.key, -1) < row:
            self._hold([self._now()], 0, "without event")

    def _now(self) -> State:
        if self.state is None:
            self.state = self._look()
        return self.state

    def _look(self) -> State:
        return self.book.levels(BID, LEVELS).tobytes(), self.book.levels(ASK, LEVELS).tobytes()


def _told(what: Found, unit: int) -> Iterator[_Told]:
    """Records of levels as the book tells its own: tick, size and orders of each level that is there."""
    for _, part in what.records():
        levels = part["levels"]
        state = np.empty((2, len(part), LEVELS, 3), np.int64)
        for side, name in ((BID, "bid"), (ASK, "ask")):
            price = levels[f"{name}_px"]
            state[side, :, :, 0] = np.where(price % unit == 0, price // unit, -price)  # none of the book's is negative
            state[side, :, :, 1], state[side, :, :, 2] = levels[f"{name}_sz"], levels[f"{name}_ct"]
        counts = [(levels[name] != UNDEF_PRICE).sum(axis=1).tolist() for name in ("bid_px", "ask_px")]
        columns = (part[name].tolist() for name in ("ts_recv", "ts_event", "sequence"))
        for bids, asks, n, m, received, time, sequence in zip(*state, *counts, *columns):
            yield _Told(received, (time, sequence), (bids[:n].tobytes(), asks[:m].tobytes()))


def _difference(own: State, told: State, unit: int) -> str:
    """Say where two states differ first."""
    for side, parts in enumerate(zip(own, told)):
        mine, theirs = (np.frombuffer(part, np.int64).reshape(-1, 3).tolist() for part in parts)
        for level, pair in enumerate(zip_longest(mine, theirs), 1):
            if pair[0] != pair[1]:
                here, there = (_words(words, unit) for words in pair)
                return f"{('bid', 'ask')[side]} {level} is {here} in the book, {there} in the levels"
    return "the same levels, but at another place of the event"


def _words(level: list[int] | None, unit: int) -> str:
    if level is None:
        return "nothing"
    tick, size, orders = level
    return f"{size} in {orders} orders at {(tick * unit if tick >= 0 else -tick) / PRICE_UNIT}"
