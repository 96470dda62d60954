"""Order by order: what venues tell of single orders becomes the levels of the order-level book, an event at a time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from genesis_lib.errors import RecordingError
from genesis_lib.feeds.recording import Recording
from genesis_lib.types import DepthSnapshot, DepthUpdate, Event, Gap, Instrument, Trade
from orderbook_ext import OrderAction, OrderLevelBook

GROUPS = 8192  # events of a block: what a reader holds in memory
HALTED = "trading is halted"  # cause of a gap that is nobody's fault
_NEEDS_ORDER = np.zeros(len(OrderAction), bool)
_NEEDS_ORDER[
    [OrderAction.MODIFY, OrderAction.MODIFY_KEEP, OrderAction.REDUCE, OrderAction.CANCEL, OrderAction.EXECUTE]
] = True


@dataclass(slots=True)
class FlowBlock:
    """Events of a venue, each made of some messages about orders: those of event g end before ``ends[g]``.

    Messages: `actions` (n,) int8, codes of `orderbook_ext.OrderAction`; `ids` (n,) int64; `sides` (n,) int8, `ticks`,
    `quantities` (n,) int64 (lots). Events: `ends`, `ts_exchange`, `ts_receive` (g,) int64. `trades` are (event, trade),
    told before the event's levels; `gaps` and `fresh` hold events before which something was lost, and events that
    begin with a clear of the book and tell all of it.
    """

    actions: np.ndarray
    ids: np.ndarray
    sides: np.ndarray
    ticks: np.ndarray
    quantities: np.ndarray
    ends: np.ndarray
    ts_exchange: np.ndarray
    ts_receive: np.ndarray
    trades: list[tuple[int, Trade]] = field(default_factory=list)
    gaps: dict[int, str] = field(default_factory=dict)
    fresh: set[int] = field(default_factory=set)

    def rows(self) -> tuple[np.ndarray, ...]:
        """The five columns that `OrderLevelBook.apply` takes."""
        return self.actions, self.ids, self.sides, self.ticks, self.quantities


class OrderFlowRecording(Recording):
    """A recording that tells single orders; its events are the levels they add up to.

    Attributes
    ----------
    starts_empty : str or None
        None when the book is known to be empty at the start, else why it is not: then the rows are not valid before the
        book is told whole.
    counts : Counter
        Of the last pass; ``unknown order``: messages about an order that the book does not hold though it should;
        ``contradiction``: others that cannot be (an order added twice, gone twice, or of which more goes than is left).
    """

    starts_empty: str | None = None
    adds_by_modify = False  # whether a change of an order that was never told adds it

    def __init__(self, paths: tuple[Path, ...], instrument: Instrument) -> None:
        super().__init__(paths, instrument)

    @abstractmethod
    def blocks(self) -> Iterator[FlowBlock]:
        """Read the files a block at a time, resetting `counts` and `lines`."""

    def book(self) -> OrderLevelBook:
        """An empty book that counts what cannot be right and goes on; prices and quantities of its top are whole."""
        return OrderLevelBook(1.0, 1.0, strict=False)

    def __iter__(self) -> Iterator[Event]:
        book, symbol, lot = self.book(), self.instrument.symbol, self.instrument.lot_size
        known = self.starts_empty is None
        broken = False
        first = True
        for block in self.blocks():
            if first and not known and len(block.ends) and 0 not in block.fresh:
                block.gaps.setdefault(0, self.starts_empty)
            first = False
            told = _not_followed(book) + self.find_unknown(book, block, known)
            try:
                offsets, sides, ticks, lots = book.apply_changes(*block.rows(), block.ends)
            except ValueError as error:
                raise RecordingError(f"no book can be made of it: {error}", self.name) from None
            if refused := _not_followed(book) - told:
                self.counts["contradiction"] += refused
                if known:  # which of the events it was the book does not tell: none from the block's first on is sure
                    for group in (0, *block.fresh):
                        block.gaps.setdefault(group, f"{refused} messages contradict the orders that the book holds")
            quantities = lots * lot if lot >= 1 else lots / round(1 / lot)
            for column in (sides, ticks, quantities):
                column.flags.writeable = False
            trades, at = block.trades, 0
            times, received = block.ts_exchange.tolist(), block.ts_receive.tolist()
            starts = offsets.tolist()
            for group, (time, local) in enumerate(zip(times, received)):
                while at < len(trades) and trades[at][0] <= group:
                    yield trades[at][1]
                    at += 1
                begin, end = starts[group], starts[group + 1]
                if group in block.fresh:
                    known, broken = True, group in block.gaps
                    part = np.arange(begin, end)[lots[begin:end] > 0]
                    if not broken:
                        yield DepthSnapshot(symbol, time, local, -1, sides[part], ticks[part], quantities[part])
                        continue
                if group in block.gaps and (not broken or group in block.fresh):
                    broken = True
                    yield Gap(symbol, time, local, block.gaps[group], -1, -1)
                if end > begin:
                    part = slice(begin, end)
                    yield DepthUpdate(symbol, time, local, -1, -1, -1, sides[part], ticks[part], quantities[part])
            for _, trade in trades[at:]:
                yield trade

    def events(self) -> Iterator[Event]:
        """The same: nothing has to be joined."""
        return iter(self)

    def find_unknown(self, book: OrderLevelBook, block: FlowBlock, known: bool) -> int:
        """Note messages about orders that neither the book holds nor the block adds before them; gives how many."""
        needs = np.flatnonzero(_NEEDS_ORDER[block.actions])
        ids = block.ids[needs].tolist()
        missing = [at for at, number in zip(needs.tolist(), ids) if number not in book]
        if not missing:
            return 0
        unknown = 0
        adds = np.flatnonzero(block.actions == OrderAction.ADD)
        added = dict(zip(block.ids[adds][::-1].tolist(), adds[::-1].tolist()))  # of equal ids the first
        for at in missing:
            number = int(block.ids[at])
            if added.get(number, at) >= at:
                if block.actions[at] == OrderAction.MODIFY and self.adds_by_modify:
                    block.actions[at], added[number] = OrderAction.ADD, at
                    self.counts["added by a change"] += 1
                    continue
                unknown += 1
                if known or block.fresh:
                    group = int(np.searchsorted(block.ends, at, side="right"))
                    block.gaps.setdefault(group, f"order {number} was never told, so something was lost")
        if unknown:
            self.counts["unknown order"] += unknown
        return unknown


def _not_followed(book: OrderLevelBook) -> int:
    """Messages that a tolerant book could not follow so far."""
    return book.unknown_orders + book.duplicate_orders + book.excess_quantities
