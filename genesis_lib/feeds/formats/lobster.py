"""LOBSTER: order-level messages of a NASDAQ stock, alone or with the levels after each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np

from genesis_lib.errors import InputError, RecordingError
from genesis_lib.feeds.formats.lobster_files import (
    CROSS,
    DELETE,
    EXECUTE,
    HALT,
    HIDDEN,
    PRICE_UNIT,
    REDUCE,
    SUBMIT,
    looks_like,
    name_of,
    read_messages,
    read_rows,
    sides_of,
)
from genesis_lib.feeds.formats.order_flow import GROUPS, HALTED, FlowBlock, OrderFlowRecording
from genesis_lib.feeds.recording import Recording
from genesis_lib.types import ASK, BID, DepthSnapshot, DepthUpdate, Event, Gap, Instrument, Trade
from orderbook_ext import OrderAction

NAME = "lobster"
VENUE = "nasdaq"
ACTIONS = {
    SUBMIT: OrderAction.ADD,
    REDUCE: OrderAction.REDUCE,
    DELETE: OrderAction.CANCEL,
    EXECUTE: OrderAction.EXECUTE,
}
KINDS = {1: "submission", 2: "reduction", 3: "deletion", 4: "execution", 5: "hidden", 6: "cross", 7: "halt"}


def recognises(path: Path, head: bytes) -> bool:
    """Whether name and first line are those of a LOBSTER file."""
    return looks_like(path, head) is not None


def open_files(paths, *, tick_size=None, symbol=None, venue=None, quarantine=None) -> list[Recording]:
    """Open each message file as a session, with the orderbook file of the same stock, day and levels when it is given.

    Raises
    ------
    RecordingError
        When an orderbook file has no message file, or one with another number of rows.
    """
    messages, books = split(paths)
    sessions: list[Recording] = []
    options = {"tick_size": tick_size, "symbol": symbol, "venue": venue or VENUE, "quarantine": quarantine}
    for path in messages:
        session: Recording = LobsterMessages(path, **options)
        book = next((book for book in books if name_of(book) == _beside(path)), None)
        if book is not None:
            books.remove(book)
            session = LobsterPair(session, book)
        sessions.append(session)
    if books:
        raise RecordingError(
            "levels without the messages of that stock, day and number of levels (verify holds other messages against "
            "them)",
            books[0],
        )
    return sessions


def split(paths) -> tuple[list[Path], list[Path]]:
    """Message files and orderbook files, each in order of name."""
    ordered = sorted(map(Path, paths), key=lambda path: path.name)
    parts = {"message": [], "orderbook": []}
    for path in ordered:
        parts[name_of(path).what].append(path)
    return parts["message"], parts["orderbook"]


def _beside(path: Path):
    name = name_of(path)
    return type(name)(name.symbol, name.day, "orderbook", name.levels)


class LobsterMessages(OrderFlowRecording):
    """A message file alone: its book is never whole, since orders from before its first message are not in it.

    Hidden executions are trades that change no level; one at a price between ticks goes to the nearest tick and has
    ``market`` False, as crosses have. A trade's side is the opposite of the order's that rested. From the beginning of
    a trading halt to the end of it there is a gap.
    """

    kind = NAME
    starts_empty = "the orders that rested before the first message are not in a message file"

    def __init__(self, path: Path, *, tick_size=None, symbol=None, venue: str = VENUE, quarantine=None) -> None:
        self._name, self._quarantine = name_of(path), quarantine
        self.messages = read_messages(path, quarantine)
        shown = ~self.messages["bad"] & (self.messages["type"] <= EXECUTE)
        prices = np.unique(self.messages["price"][shown])
        self.unit = int(np.gcd.reduce(prices)) if len(prices) else 1
        if tick_size is not None:
            self.unit = round(tick_size * PRICE_UNIT)
            if self.unit < 1 or (prices % max(self.unit, 1)).any():
                raise InputError(f"tick_size {tick_size!r} is not the grid of {path.name}, whose unit is 1e-4 dollars")
        super().__init__((path,), Instrument(venue, symbol or self._name.symbol, self.unit / PRICE_UNIT, 1.0))

    @property
    def span(self) -> tuple[int, int]:
        """Exchange time of the first and the last message, ns."""
        return int(self.messages["time"][0]), int(self.messages["time"][-1])

    def count(self) -> None:
        """Count messages by kind."""
        self.counts = Counter()
        for kind, number in zip(*np.unique(self.messages["type"][~self.messages["bad"]], return_counts=True)):
            self.counts[KINDS[int(kind)]] += int(number)
        self.lines = len(self.messages["type"])

    def blocks(self) -> Iterator[FlowBlock]:
        """Read the messages, an event each."""
        self.count()
        m = self.messages
        for start in range(0, len(m["type"]), GROUPS):
            part = slice(start, start + GROUPS)
            kinds, bad = m["type"][part], m["bad"][part]
            rows = np.flatnonzero((kinds <= EXECUTE) & ~bad)
            actions = np.array([0, *(ACTIONS[kind] for kind in range(SUBMIT, EXECUTE + 1))], np.int8)[kinds[rows]]
            sides = np.where(m["direction"][part][rows] > 0, BID, ASK).astype(np.int8)
            times = m["time"][part]
            columns = (m[name][part][rows] for name in ("price", "size"))
            ticks, sizes = next(columns) // self.unit, next(columns)
            ends = np.searchsorted(rows, np.arange(len(kinds)), side="right")
            block = FlowBlock(actions, m["id"][part][rows], sides, ticks, sizes, ends, times, times)
            block.trades += self.trades(start, start + len(kinds))
            for row in np.flatnonzero(bad | ((kinds == HALT) & (m["price"][part] == -1))).tolist():
                block.gaps[row] = "a message that cannot be right" if bad[row] else HALTED
            yield block

    def trades(self, start: int, stop: int) -> list[tuple[int, Trade]]:
        """Trades among some messages, each with its place among them."""
        m, found = self.messages, []
        part = slice(start, stop)
        traded = np.isin(m["type"][part], (EXECUTE, HIDDEN, CROSS)) & ~m["bad"][part]
        for row in np.flatnonzero(traded).tolist():
            at = start + row
            price, kind, time = int(m["price"][at]), int(m["type"][at]), int(m["time"][at])
            market = kind != CROSS and price % self.unit == 0
            side = -int(m["direction"][at]) if kind != CROSS else 0
            size = float(m["size"][at])
            trade = Trade(self.instrument.symbol, time, time, at + 1, round(price / self.unit), size, side, market)
            found.append((row, trade))
        return found


class LobsterPair(Recording):
    """Messages with the levels after each: every event is what changed from one row of levels to the next.

    The book does not start empty: the first row is the book after the first message. Each later row is held against the
    row before it and the message between (`follows`); where they disagree there is a gap, and the row begins anew.
    """

    kind = NAME

    def __init__(self, messages: LobsterMessages, book: Path) -> None:
        self.part, self.rows_path = messages, book
        prices: set[int] = {messages.unit}
        number = 0
        for rows in read_rows(book):
            number += len(rows)
            for column, size in ((0, 1), (2, 3)):
                prices.add(int(np.gcd.reduce(np.unique(rows[:, :, column][rows[:, :, size] > 0])) or messages.unit))
        if number != len(messages.messages["type"]):
            raise RecordingError(
                f"{number} rows of levels for the {len(messages.messages['type'])} messages of "
                f"{messages.paths[0].name}; they must be of one session (verify holds others against each other)",
                book,
            )
        messages.unit = int(np.gcd.reduce(list(prices)))
        old = messages.instrument
        instrument = Instrument(old.venue, old.symbol, messages.unit / PRICE_UNIT, 1.0)
        super().__init__((*messages.paths, book), instrument)

    @cached_property
    def span(self) -> tuple[int, int]:
        """Exchange time of the first and the last message, ns."""
        return self.part.span

    def __iter__(self) -> Iterator[Event]:
        self.part.count()
        self.counts, self.lines = self.part.counts, self.part.lines
        m, symbol, unit = self.part.messages, self.instrument.symbol, self.part.unit
        kinds, times, prices = (m[name].tolist() for name in ("type", "time", "price"))
        held: tuple[dict[int, int], dict[int, int]] | None = None
        halted, at = False, 0
        for rows in read_rows(self.rows_path):
            trades = dict(self.part.trades(at, at + len(rows)))
            for row, levels in enumerate(rows):
                now, time, kind = sides_of(levels), times[at], kinds[at]
                if row in trades:
                    yield trades[row]
                cause = None
                if held is not None and not follows(held, now, m, at, levels.shape[0] - 1):
                    cause = "the message does not lead from the levels before to the levels after"
                    self.counts["transition differs"] += 1
                if cause or (kind == HALT and prices[at] == -1 and not halted):
                    yield Gap(symbol, time, time, cause or HALTED, -1, -1)
                halted = prices[at] != 1 if kind == HALT else halted
                if held is None or (not halted and (cause or kind == HALT)):
                    yield DepthSnapshot(symbol, time, time, -1, *_columns(({}, {}), now, unit))
                elif now != held:
                    yield DepthUpdate(symbol, time, time, -1, -1, -1, *_columns(held, now, unit))
                held = now
                at += 1

    def events(self) -> Iterator[Event]:
        """The same: nothing has to be joined."""
        return iter(self)


def follows(before, after, messages: dict[str, np.ndarray], at: int, levels: int) -> bool:
    """Whether a message leads from the book before to the book after, in so many levels a side.

    One level fewer than the rows have: when a level goes, the row before does not know what comes up from below.
    """
    if messages["bad"][at]:
        return False
    kind = int(messages["type"][at])
    if kind <= EXECUTE:
        side = BID if messages["direction"][at] > 0 else ASK
        price, size = int(messages["price"][at]), int(messages["size"][at])
        book = dict(before[side])
        left = book.get(price, 0) + (size if kind == SUBMIT else -size)
        book[price] = left
        if not left:
            del book[price]
        before = (book, before[ASK]) if side == BID else (before[BID], book)
    for side in (BID, ASK):
        expected = sorted(before[side].items(), reverse=side == BID)[:levels]
        if expected != list(after[side].items())[:levels]:
            return False
    return True


def _columns(before, after, unit: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What must be set to come from one book to another."""
    changes = [
        (side, price // unit, after[side].get(price, 0))
        for side in (BID, ASK)
        for price in sorted(before[side].keys() | after[side].keys())
        if before[side].get(price) != after[side].get(price)
    ]
    sides = np.array([side for side, _, _ in changes], np.int8)
    ticks = np.array([tick for _, tick, _ in changes], np.int64)
    return sides, ticks, np.array([size for _, _, size in changes], np.float64)
