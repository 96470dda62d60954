"""Tardis' level updates, snapshots and trades as typed events, in the order in which they arrived."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import TYPE_CHECKING

from genesis_lib.feeds.formats.mending import Lost, Mender
from genesis_lib.feeds.formats.rows_and_trades import merged
from genesis_lib.feeds.formats.tardis_rows import RowReader
from genesis_lib.feeds.formats.tardis_tables import TardisFile
from genesis_lib.feeds.recording import Recording
from genesis_lib.types import DepthSnapshot, DepthUpdate, Event, Instrument, Trade

if TYPE_CHECKING:
    from genesis_lib.feeds.validation import Quarantine


def read_trades(
    files: list[TardisFile], instrument: Instrument, symbol: str, quarantine: Quarantine | None
) -> Iterator[Trade | Lost]:
    """The trades of one symbol, and in their place those that were set aside."""
    reader, number = RowReader(instrument, symbol, quarantine), count(1)
    for file in files:
        for item in reader.trades(file):
            if type(item) is Lost:
                yield item
                continue
            sent, arrived, tick, quantity, side, market = item
            yield Trade(instrument.symbol, sent, arrived, next(number), tick, quantity, side, market)


class TardisBook(Recording):
    """A session of ``incremental_book_L2`` files of one symbol, and the trades of its time.

    Rows of one ``local_timestamp`` are one message. Rows before the first snapshot were buffered by the recorder and
    are passed over. A snapshot later in a file says that the connection was made anew: a `Gap` stands before it, since
    what happened between is not in the data. A row that is set aside leaves its level in doubt, see `Mender`.
    """

    kind = "tardis"

    def __init__(
        self,
        books: list[TardisFile],
        trades: list[TardisFile],
        instrument: Instrument,
        symbol: str,
        *,
        quarantine: Quarantine | None = None,
    ) -> None:
        super().__init__(tuple(file.path for file in (*books, *trades)), instrument)
        self._books, self._trades, self._symbol, self._quarantine = books, trades, symbol, quarantine

    def events(self) -> Iterator[Event]:
        """The events: they need no joining, snapshots and updates follow each other in the files."""
        return iter(self)

    def __iter__(self) -> Iterator[Event]:
        self.counts.clear()
        self.lines = 0
        mender, reader = Mender(self.instrument), RowReader(self.instrument, self._symbol, self._quarantine)
        symbol, joined, counts = self.instrument.symbol, False, self.counts
        messages = (message for file in self._books for message in reader.messages(file))
        trades = read_trades(self._trades, self.instrument, self._symbol, self._quarantine)
        for item in merged(trades, messages) if self._trades else messages:
            if type(item) is Trade:
                self.lines += 1
                counts["trade"] += 1
                yield item
                continue
            if type(item) is Lost:  # of the trades
                yield from mender.lose(*item[:3])
                continue
            sent, arrived, opens, anew, *levels, lost = item
            if not joined and not opens:
                counts["before the snapshot"] += 1
                continue
            for one in lost:
                yield from mender.lose(*one[:3])
            if opens:
                if anew:
                    yield from mender.lose(sent, arrived, "the recorder connected anew: a snapshot in mid-file")
                counts["snapshot"] += 1
                joined = True
                yield mender.push(DepthSnapshot(symbol, sent, arrived, -1, *levels))
                for one in lost:
                    yield from mender.lose(*one[:3])
            elif len(levels[0]):
                counts["depth"] += 1
                yield mender.push(DepthUpdate(symbol, sent, arrived, -1, -1, -1, *levels), whole=not lost)
            for one in lost:
                mender.doubt_all() if one.level is None else mender.doubt(*one.level)
        self.lines += reader.rows
        if self._quarantine is not None:
            self._quarantine.check_share(reader.rows - reader.bad, reader.bad, self.name)
