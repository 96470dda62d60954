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

    __slots__ = ("asks", "before", "bids", "flow", "mid", "sides", "spread", "tick_size", "trades", "ts", "updates")

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

    def depth(self, side: int) -> float:
        """Quantity of the levels that a side shows (0 bid, 1 ask)."""
        return sum(quantity for _, quantity in self.sides[side])
