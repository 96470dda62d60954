"""A simulated exchange: orders reach it after a latency and take what the book held when they arrived.

What a row showed is laid out as anonymous orders in an order-level book, and matched there, best price first.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from genesis_lib.errors import InputError
from genesis_lib.execution.costs import Money
from genesis_lib.types import ASK, BID, Snapshot
from orderbook_ext import OrderLevelBook

FILL_MODELS = ("walk", "touch")


class Order(NamedTuple):
    """An order to take liquidity; entries cancel what is not filled at once, exits wait for the rest."""

    id: int
    type: str  # "ENTRY" or "EXIT"
    direction: int  # +1 buy, -1 sell
    lots: int
    decided: int  # ns
    arrival: int  # ns
    confidence: float
    reason: str


class Execution(NamedTuple):
    """What became of an order: parcels that were filled, or why (some of) it was given up."""

    order: Order
    timestamp: int  # ns
    parcels: tuple[tuple[int, int], ...]  # (tick, lots)
    cancelled: str  # "" or the reason why the rest is given up


class SimulatedExchange:
    """Holds orders on their way and fills them against the book in force at their arrival.

    Parameters
    ----------
    money
        Turns the book's quantities into lots.
    latency_ns
        From decision to arrival; with 0 an order takes the very book it was decided on.
    fill
        ``"walk"`` takes level after level, best first (slippage); ``"touch"`` takes the best level alone.
    max_age_ns
        An entry that arrives at a book older than this is cancelled.

    Notes
    -----
    An order decided at ``t`` arrives at ``a = t + latency`` and is filled on the newest row with time <= ``a``: the
    caller hands over the book *before* the event that moved the clock to or past ``a``, never the one after it.
    On an invalid book nothing fills: entries are cancelled, exits wait until it is valid again. What an exit could not
    get from a row it gets from a later one: no quantity that a row shows is taken twice, by whatever orders.
    """

    def __init__(self, money: Money, latency_ns: int = 0, fill: str = "walk", max_age_ns: int = 5_000_000_000) -> None:
        if fill not in FILL_MODELS:
            raise InputError(f"fill must be one of {', '.join(FILL_MODELS)}, got {fill!r}")
        if latency_ns < 0:
            raise InputError(f"latency_ns must be >= 0, got {latency_ns!r}")
        self._money, self.latency_ns, self._fill, self._max_age = money, int(latency_ns), fill, int(max_age_ns)
        self.pending: list[Order] = []
        self._shown = OrderLevelBook(), OrderLevelBook()  # what the rows below still have, a side each
        self._rows: list[Snapshot | None] = [None, None]
        self._touch: list[int | None] = [None, None]  # the best tick that row showed

    def submit(self, order: Order) -> None:
        """Send an order on its way."""
        self.pending.append(order)

    def cancel(self, type: str | None = None) -> list[Order]:
        """Take back the orders of a type (all when left out) that were not filled yet, and return them."""
        gone = [order for order in self.pending if type in (None, order.type)]
        self.pending = [order for order in self.pending if order not in gone]
        return gone

    def match(self, now: int, book: Snapshot | None, book_time: int, trusted: bool = True) -> list[Execution]:
        """Fill the orders that arrived by `now` against `book`.

        Parameters
        ----------
        now
            Time of the event about to be applied, ns.
        book
            The row in force before that event; None before the first row.
        book_time
            When the row became known, ns.
        trusted
            False where the event says that the book before it may have been wrong (a gap).
        """
        executions: list[Execution] = []
        waiting: list[Order] = []
        for order in self.pending:
            if order.arrival > now:
                waiting.append(order)
                continue
            stamp = max(order.arrival, book_time)
            sound = trusted and book is not None and book.valid
            stale = order.arrival - book_time > self._max_age
            if order.type == "ENTRY" and (not sound or stale):
                executions.append(Execution(order, stamp, (), "stale book" if sound else "invalid book"))
                continue
            parcels = self._take(order, book) if sound else ()
            left = order.lots - sum(lots for _, lots in parcels)
            if left and order.type == "EXIT":
                waiting.append(order._replace(lots=left))
            if parcels or order.type == "ENTRY":
                gone = "no more quantity" if left and order.type == "ENTRY" else ""
                executions.append(Execution(order, stamp, parcels, gone))
        self.pending = waiting
        return executions

    def _take(self, order: Order, book: Snapshot) -> tuple[tuple[int, int], ...]:
        side = ASK if order.direction > 0 else BID
        if book is not self._rows[side]:
            self._lay_out(side, book)
        worst = self._touch[side] if self._fill == "touch" else None
        return tuple((tick, lots) for _, tick, lots in self._shown[side].take(side, order.lots, worst))

    def _lay_out(self, side: int, book: Snapshot) -> None:
        """Show what a row has on one side, one order a level."""
        self._shown[side].clear()
        self._rows[side], self._touch[side] = book, None
        for rank, level in enumerate(book.levels):
            price, quantity = float(level[2 * side]), float(level[2 * side + 1])
            if not (math.isfinite(price) and math.isfinite(quantity) and quantity > 0):
                break
            tick, lots = self._money.instrument.ticks(price), self._money.lots(quantity)
            if rank == 0:
                self._touch[side] = tick
            if lots:
                self._shown[side].add(rank, side, tick, lots)
