"""Somebody from outside who trades in the simulated market: his orders meet the crowd's, and all see what he does."""

from __future__ import annotations

from typing import NamedTuple

from genesis_lib.errors import InputError
from genesis_lib.feeds.simulation.flow import MS, OrderFlow
from genesis_lib.feeds.simulation.matching import Report


class OwnFill(NamedTuple):
    """One trade of a participant's order; `maker` tells whether it rested, `side` is the order's (0 buys)."""

    order: int
    side: int
    tick: int
    lots: int
    maker: bool
    trade_id: int
    ts_exchange: int  # ns


class Participant:
    """An outside participant of a running simulation.

    An order arrives when it is sent, between two steps of the crowd: it trades or rests in the same book by the same
    priority. Its trades and the new touch come first among the events of the next step, the levels it changed are in
    that step's depth message. The crowd never cancels it, trades with it, and reacts to it as to any other order.

    Parameters
    ----------
    flow
        The market; `Simulator.participant` gives the one that is running. To be used from the thread that steps it.

    Attributes
    ----------
    orders : dict
        Id of each order that rests -> its side and the lots it has open, those an iceberg does not show too.

    Examples
    --------
    >>> from genesis_lib.feeds.simulation.flow_parameters import MARKETS
    >>> flow = OrderFlow(1, *MARKETS["SIMBTC"])
    >>> trader = Participant(flow)
    >>> bid, ask = flow.engine.best
    >>> order = trader.submit(0, 5, bid).order
    >>> trader.orders[order]
    (0, 5)
    """

    def __init__(self, flow: OrderFlow) -> None:
        self.flow = flow
        self.orders: dict[int, tuple[int, int]] = {}
        self._fills: list[OwnFill] = []

    def submit(self, side: int, lots: int, tick: int | None = None, terms: str = "GTC", shown: int = 0) -> Report:
        """Send an order, as `MatchingEngine.submit`; the report tells what traded at once and what rests."""
        report = self.flow.engine.submit(side, lots, tick, terms, shown)
        self._arrived(side, report)
        return report

    def modify(self, order: int, tick: int, lots: int) -> Report:
        """Change price and open lots of an own order, as `MatchingEngine.modify`.

        Raises
        ------
        InputError
            When the order is not this participant's, or no longer rests.
        """
        side = self._own(order)
        report = self.flow.engine.modify(order, tick, lots)
        self._arrived(side, report)
        return report

    def cancel(self, order: int) -> int:
        """Take an own order back; returns the lots it still had. Raises as `modify` does."""
        self._own(order)
        left = self.flow.engine.cancel(order)
        self._forget(order)
        self._tell_touch()
        return left

    def queue(self, order: int) -> tuple[int, int]:
        """Orders and lots that stand before an own order at its price. Raises as `modify` does."""
        self._own(order)
        return self.flow.engine.book.queue_position(order)

    def take_fills(self) -> list[OwnFill]:
        """Every fill since the last call, taken and made, in order."""
        fills, self._fills = self._fills, []
        return fills

    def _own(self, order: int) -> int:
        if order not in self.orders:
            raise InputError(f"order {order} is not open; open are: {', '.join(map(str, self.orders)) or 'none'}")
        return self.orders[order][0]

    def _arrived(self, side: int, report: Report) -> None:
        flow, order, first = self.flow, report.order, self.flow.trade_id + 1
        ts = flow.now * MS
        flow.tell_trades(side, report.fills, ts, flow.told)  # own resting orders among them are told by `_filled`
        taken = [
            OwnFill(order, side, tick, lots, False, first + i, ts) for i, (_, tick, lots) in enumerate(report.fills)
        ]
        self._fills += taken
        if report.resting:
            self.orders[order] = (side, report.resting)
            flow.owned.add(order)
            flow.watchers[order] = self._filled
        elif order in self.orders:
            self._forget(order)
        self._tell_touch()

    def _filled(self, order: int, tick: int, lots: int, trade_id: int, ts: int) -> None:
        side, left = self.orders[order]
        self._fills.append(OwnFill(order, side, tick, lots, True, trade_id, ts))
        self.orders[order] = (side, left - lots)
        if left == lots:
            self._forget(order)

    def _forget(self, order: int) -> None:
        del self.orders[order], self.flow.watchers[order]
        self.flow.owned.discard(order)

    def _tell_touch(self) -> None:
        self.flow.tell_touch(self.flow.told, self.flow.now * MS)
