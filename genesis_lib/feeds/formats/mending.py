"""What a row that was set aside does to a book of absolute quantities, and when the book is whole again."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from genesis_lib.types import ASK, BID, DepthSnapshot, DepthUpdate, Gap, Instrument
from orderbook_ext import OrderBook


class Lost(NamedTuple):
    """A row that was set aside; `level` is the one it was of, where that could be read."""

    ts_exchange: int
    ts_receive: int
    cause: str
    level: tuple[int, int] | None = None


class Mender:
    """Keeps a reader's book beside it and knows which levels of it are in doubt.

    A level whose update was set aside is in doubt until the venue states it again, all levels are when the update does
    not even tell which one it was; a snapshot settles everything. While there is a doubt, or trades were lost, the
    events lie behind a `Gap`; with the first update after it the whole book comes out as a `DepthSnapshot`.

    Examples
    --------
    >>> mender = Mender(Instrument("v", "X", 1.0, 1.0))
    >>> update = lambda tick: DepthUpdate("X", 5, 5, -1, -1, -1, np.array([0], "i1"), np.array([tick]), np.array([1.0]))
    >>> gap = mender.lose(1, 1, "x.csv:3: negative")
    >>> mender.doubt(0, 7)
    >>> [type(mender.push(update(tick))).__name__ for tick in (6, 7, 8)]
    ['DepthUpdate', 'DepthSnapshot', 'DepthUpdate']
    """

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._book = OrderBook(instrument.tick_size, instrument.lot_size)
        self._broken = self._hopeless = False
        self._doubts: set[tuple[int, int]] = set()

    def lose(self, ts_exchange: int, ts_receive: int, cause: str) -> tuple[Gap, ...]:
        """Note that something of the feed was set aside; gives the `Gap` that tells of it, the first time."""
        told, self._broken = self._broken, True
        return () if told else (Gap(self._instrument.symbol, ts_exchange, ts_receive, cause, -1, -1),)

    def doubt(self, side: int, tick: int) -> None:
        """Doubt one level."""
        self._doubts.add((int(side), int(tick)))

    def doubt_all(self) -> None:
        """Doubt every level, until a snapshot comes."""
        self._hopeless = True

    def push(self, event: DepthUpdate | DepthSnapshot, *, whole: bool = True) -> DepthUpdate | DepthSnapshot:
        """Take an update or a snapshot; gives it, or the whole book where the update settled the last doubt.

        An update that is not `whole` (something of the same message was set aside) settles nothing yet.
        """
        if type(event) is DepthSnapshot:
            self._book.snapshot_ticks(event.sides, event.ticks, event.quantities)
            self._broken = self._hopeless = False
            self._doubts.clear()
            return event
        self._book.apply_ticks(event.sides, event.ticks, event.quantities)
        if not self._broken:
            return event
        self._doubts.difference_update(zip(event.sides.tolist(), event.ticks.tolist()))
        if self._hopeless or self._doubts or not whole:
            return event
        self._broken = False
        sides, ticks, quantities = self._whole()
        return DepthSnapshot(event.symbol, event.ts_exchange, event.ts_receive, -1, sides, ticks, quantities)

    def ticks(self, side: int) -> np.ndarray:
        """Prices of the levels that a side has, in ticks."""
        levels = self._book.levels("bid" if side == BID else "ask")
        return np.rint(levels[:, 0] / self._instrument.tick_size).astype(np.int64)

    def _whole(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        levels = [self._book.levels("bid"), self._book.levels("ask")]
        sides = np.repeat(np.array([BID, ASK], np.int8), [len(side) for side in levels])
        ticks = np.concatenate([self.ticks(BID), self.ticks(ASK)])
        return sides, ticks, np.concatenate(levels)[:, 1].copy()
