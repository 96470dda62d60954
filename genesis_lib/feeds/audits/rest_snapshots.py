"""The audit by further REST snapshots: the book that diffs carried on against what the venue tells anew."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from genesis_lib.feeds.integrity import Ledger
from genesis_lib.types import DepthSnapshot, DepthUpdate
from orderbook_ext import OrderBook

Place = tuple[int, int]  # side, tick


class _Pending(NamedTuple):
    """A snapshot under comparison, while the diff that covers its id is applied."""

    snapshot: DepthSnapshot
    differing: dict[Place, float]


class RestSnapshots:
    """Holds each snapshot that comes while the book is whole against the book at the snapshot's id.

    A diff may cover more than the id (``U <= lastUpdateId < u``): a level that it changes may be told as before or as
    after it. Every other level inside the prices that the book's own snapshot told must be equal; what lay outside, the
    book cannot know.

    Attributes
    ----------
    snapshots, equal : int
        Compared, and without a level that differs so.
    levels, levels_equal : int
        Levels of these snapshots, and those that the book has as before or as after the diff.
    """

    def __init__(self, ledger: Ledger, tick_size: float) -> None:
        self.ledger, self._tick = ledger, tick_size
        self.snapshots = self.equal = self.levels = self.levels_equal = 0
        self._range = (0, 0)
        self._waiting: list[DepthSnapshot] = []
        self._open: list[_Pending] = []

    def joined(self, snapshot: DepthSnapshot) -> None:
        """Note the prices that the book's own snapshot told."""
        bids, asks = (snapshot.ticks[snapshot.sides == side] for side in (0, 1))
        if len(bids) and len(asks):
            self._range = int(bids.min()), int(asks.max())

    def offer(self, snapshot: DepthSnapshot, last_id: int) -> None:
        """Take another snapshot, unless the book (up to `last_id`) is beyond it."""
        if snapshot.last_id >= last_id:
            self._waiting.append(snapshot)

    def before(self, diff: DepthUpdate, book: OrderBook) -> None:
        """Look at the book before a diff is applied."""
        for snapshot in self._waiting:
            if snapshot.last_id < diff.last_id:
                touched = (
                    set(zip(diff.sides.tolist(), diff.ticks.tolist())) if diff.first_id <= snapshot.last_id else set()
                )
                self._compare(snapshot, book, touched)
        self._waiting = [snapshot for snapshot in self._waiting if snapshot.last_id >= diff.last_id]

    def after(self, diff: DepthUpdate, book: OrderBook) -> None:
        """Look at the book after it."""
        for pending in self._open:
            held = self._book(book)
            self.levels_equal += sum(held.get(place) == quantity for place, quantity in pending.differing.items())
        self._open.clear()
        for snapshot in [snapshot for snapshot in self._waiting if snapshot.last_id == diff.last_id]:
            self._compare(snapshot, book, set())
            self._waiting.remove(snapshot)
            self._open.clear()

    def _compare(self, snapshot: DepthSnapshot, book: OrderBook, touched: set[Place]) -> None:
        told = dict(zip(zip(snapshot.sides.tolist(), snapshot.ticks.tolist()), snapshot.quantities.tolist()))
        held = self._book(book)
        low, high = self._range
        bids, asks = ([tick for side, tick in told if side == code] for code in (0, 1))
        ends = max(low, min(bids, default=low)), min(high, max(asks, default=high))
        differing = {place: quantity for place, quantity in told.items() if held.get(place) != quantity}
        wrong = [place for place in differing if place not in touched and low <= place[1] <= high]
        wrong += [p for p in held if p not in told and p not in touched and ends[0] <= p[1] <= ends[1]]
        self.snapshots += 1
        self.levels += len(told)
        self.levels_equal += len(told) - len(differing)
        self.equal += not wrong
        if wrong:
            side, tick = wrong[0]
            which = f"{('bid', 'ask')[side]} at tick {tick}"
            cause = f"{len(wrong)} levels of the REST snapshot {snapshot.last_id} differ, one of them the {which}"
            self.ledger.note(snapshot.ts_exchange, "snapshot differs", cause, snapshot.symbol)
        self._open.append(_Pending(snapshot, differing))

    def _book(self, book: OrderBook) -> dict[Place, float]:
        held: dict[Place, float] = {}
        for code, side in enumerate(("bid", "ask")):
            levels = book.levels(side)
            ticks = np.rint(levels[:, 0] / self._tick).astype(np.int64).tolist()
            held.update(zip(((code, tick) for tick in ticks), levels[:, 1].tolist()))
        return held
