"""The book that an audit rebuilds, by the code that makes the rows: what goes wrong is counted and taken down."""

from __future__ import annotations

from collections import Counter

from genesis_lib.feeds.builder import RowBuilder
from genesis_lib.feeds.formats.order_flow import HALTED
from genesis_lib.feeds.instruments import venue_rules
from genesis_lib.feeds.integrity import UNKNOWN_DELETES, Ledger
from genesis_lib.types import DepthSnapshot, DepthUpdate, Event, Gap, Instrument, Snapshot, Trade


class BookWatch:
    """Builds the rows of events that may be applied, and counts.

    Attributes
    ----------
    builder : RowBuilder
    row : Snapshot or None
        The row of the last event that made one.
    best : tuple of int or None
        Ticks of best bid and best ask after the last update, when there are both.
    """

    def __init__(self, instrument: Instrument, ledger: Ledger) -> None:
        self.instrument, self.ledger = instrument, ledger
        self.builder = RowBuilder(instrument, ledger=ledger)
        self.row: Snapshot | None = None
        self.best: tuple[int, int] | None = None
        self._seen: Counter[str] = Counter()
        self._rules = venue_rules(instrument.venue)
        self._deletes = ledger.counts[UNKNOWN_DELETES]
        self._broken = False

    def push(self, event: Event) -> bool:
        """Take an event; True when it is an update after which both sides are there."""
        self.row = self.builder.push(event)
        kind, seen = type(event), self._seen
        if kind is Trade:
            seen["trades"] += 1
            seen["trades_aside"] += not event.market
        elif kind is DepthUpdate:
            return self._look(event.ts_exchange)
        elif kind is DepthSnapshot:
            seen["rebuilt"] += 1
            seen["resyncs"] += self._broken
            self._broken = False
        elif kind is Gap:
            halted = event.cause == HALTED
            seen["halts" if halted else "gaps"] += 1
            self._broken |= not halted
        return False

    def counts(self) -> dict[str, int]:
        """What an audit's finding says of it."""
        seen, built = self._seen, self.builder.counts
        return {
            "applied": built["updates"],
            "trades": seen["trades"],
            "trades_aside": seen["trades_aside"],
            "gaps": seen["gaps"],
            "resyncs": seen["resyncs"],
            "crossed": seen["crossed"],
            "locked": seen["locked"],
            "one_sided": seen["one_sided"],
            "unknown_deletes": self.ledger.counts[UNKNOWN_DELETES] - self._deletes,
            "holes": built["holes"],
            "clock_jumps": built["clock_jumps"],
            "halts": seen["halts"],
            "rows": built["rows"],
            "invalid_rows": built["invalid_rows"],
        }

    @property
    def has_book(self) -> bool:
        """Whether any update or snapshot came."""
        return bool(self._seen["rebuilt"] or self.builder.counts["updates"])

    def _look(self, time: int) -> bool:
        book = self.builder.book
        bid, ask = book.best_bid_tick, book.best_ask_tick
        if bid is None or ask is None:
            self._seen["one_sided"] += 1
            self.best = None
            return False
        self.best = bid, ask
        if bid >= ask and not self._rules.is_pre_open(time):
            self._seen["crossed"] += 1
            self._seen["locked"] += bid == ask
        return True
