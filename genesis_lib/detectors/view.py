"""What all detectors look at: one book row as plain numbers, and what was told since the row before."""

from __future__ import annotations

from collections.abc import Sequence

from genesis_lib.types import DepthUpdate, Snapshot, Trade

Level = tuple[int, float]  # tick, quantity


class View:
    """One valid row, taken apart once for all detectors; nobody changes it.

    Attributes
    ----------
    ts : int
        Exchange time, ns.
    tick_size : float
        Of the instrument, in units of price.
    bids, asks : list of (int, float)
        Tick and quantity of the levels that the row shows, best first, empty ones left out; at least one a side.
    sides : tuple
        ``(bids, asks)``: index 0 is the bid, as in every event.
    mid, spread : float
        In ticks.
    flow : list of float
        Numbers of `FLOW_FIELDS`.
    trades : sequence of Trade
        Market trades since the previous row, in order; none where the source has rows alone.
    updates : sequence of DepthUpdate
        Depth messages since the previous row (most often one); none where the source has rows alone.
    before : View or None
        The row before; None after an invalid one. It has no ``before`` of its own.
    """

    __slots__ = (
        "_changes",
        "_taken",
        "asks",
        "before",
        "bids",
        "flow",
        "mid",
        "sides",
        "spread",
        "tick_size",
        "trades",
        "ts",
        "updates",
    )

    def __init__(
        self,
        row: Snapshot,
        trades: Sequence[Trade] = (),
        updates: Sequence[DepthUpdate] = (),
        before: View | None = None,
    ) -> None:
        tick = row.tick_size
        self.ts, self.tick_size, self.flow = row.ts_exchange, tick, row.flow.tolist()
        self.trades, self.updates = trades, updates
        self.bids: list[Level] = []
        self.asks: list[Level] = []
        for bid, bids, ask, asks in row.levels.tolist():
            if bid == bid:
                self.bids.append((round(bid / tick), bids))
            if ask == ask:
                self.asks.append((round(ask / tick), asks))
        self.sides = self.bids, self.asks
        best_bid, best_ask = self.bids[0][0], self.asks[0][0]
        self.mid, self.spread = (best_bid + best_ask) / 2.0, float(best_ask - best_bid)
        if before is not None:
            before.before = None  # one row back, never a chain of all of them
        self.before = before
        self._changes: list[tuple[int, int, float, float]] | None = None
        self._taken: dict[tuple[int, int], float] | None = None

    def depth(self, side: int) -> float:
        """Quantity of the levels that a side shows (0 bid, 1 ask)."""
        return sum(quantity for _, quantity in self.sides[side])

    @property
    def changes(self) -> list[tuple[int, int, float, float]]:
        """Levels whose quantity is another than in the row before: side, tick, quantity then and now (0: no level).

        Only prices that both rows show: a level that enters or leaves the visible range has not changed.
        """
        if self._changes is None:
            self._changes = self._compare()
        return self._changes

    def _compare(self) -> list[tuple[int, int, float, float]]:
        found: list[tuple[int, int, float, float]] = []
        for side in (0, 1) if self.before is not None else ():
            then, now = self.before.sides[side], self.sides[side]
            if then == now:
                continue
            before, after = set(then), set(now)
            was, is_now = dict(before - after), dict(after - before)
            edge = max(then[-1][0], now[-1][0]) if side == 0 else min(then[-1][0], now[-1][0])
            for tick in sorted(was.keys() | is_now.keys()):
                if (tick >= edge) if side == 0 else (tick <= edge):
                    found.append((side, tick, was.get(tick, 0.0), is_now.get(tick, 0.0)))
        return found

    @property
    def taken(self) -> dict[tuple[int, int], float]:
        """What trades took since the row before, by the side that was hit and the tick.

        Where the source has no single trades, the row's volumes stand for them at the best prices of the row before.
        """
        if self._taken is None:
            self._taken = self._take()
        return self._taken

    def _take(self) -> dict[tuple[int, int], float]:
        found: dict[tuple[int, int], float] = {}
        seen = self if self.before is None else self.before
        for trade in self.trades:
            hit = 1 if trade.side > 0 or (trade.side == 0 and trade.tick > seen.mid) else 0
            found[hit, trade.tick] = found.get((hit, trade.tick), 0.0) + trade.quantity
        if not self.trades:
            for hit, volume in ((1, self.flow[1]), (0, self.flow[2])):
                if volume > 0.0:
                    found[hit, seen.sides[hit][0][0]] = volume
        return found
