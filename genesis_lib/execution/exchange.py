"""A simulated exchange: orders reach it after a latency and take what the book held when they arrived."""

from __future__ import annotations

import math
from typing import NamedTuple

from genesis_lib.errors import InputError
from genesis_lib.execution.costs import Money
from genesis_lib.types import Snapshot

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
    get from a row it gets from a later one: no quantity is taken twice.
    """

    def __init__(self, money: Money, latency_ns: int = 0, fill: str = "walk", max_age_ns: int = 5_000_000_000) -> None:
        if fill not in FILL_MODELS:
            raise InputError(f"fill must be one of {', '.join(FILL_MODELS)}, got {fill!r}")
        if latency_ns < 0:
            raise InputError(f"latency_ns must be >= 0, got {latency_ns!r}")
        self._money, self.latency_ns, self._fill, self._max_age = money, int(latency_ns), fill, int(max_age_ns)
        self.pending: list[Order] = []
        self._drained: Snapshot | None = None  # the row that has no more for the exit that waits

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
            parcels = self._take(order, book) if sound and book is not self._drained else ()
            left = order.lots - sum(lots for _, lots in parcels)
            if left and order.type == "EXIT":
                waiting.append(order._replace(lots=left))
                self._drained = book
            if parcels or order.type == "ENTRY":
                gone = "no more quantity" if left and order.type == "ENTRY" else ""
                executions.append(Execution(order, stamp, parcels, gone))
        self.pending = waiting
        return executions

    def _take(self, order: Order, book: Snapshot) -> tuple[tuple[int, int], ...]:
        column = 2 if order.direction > 0 else 0
        left, parcels = order.lots, []
        for level in book.levels[: 1 if self._fill == "touch" else None]:
            price, quantity = float(level[column]), float(level[column + 1])
            if left == 0 or not (math.isfinite(price) and math.isfinite(quantity) and quantity > 0):
                break
            lots = min(left, self._money.lots(quantity))
            if lots:
                parcels.append((self._money.instrument.ticks(price), lots))
                left -= lots
        return tuple(parcels)
