"""A matching engine: orders that cross trade against the order-level book, what is left rests in it."""

from __future__ import annotations

from typing import NamedTuple, NoReturn

from genesis_lib.errors import InputError
from genesis_lib.types import ASK, BID
from orderbook_ext import OrderLevelBook

Fill = tuple[int, int, int]  # order id of the resting order, tick, lots
TERMS = ("GTC", "IOC", "FOK", "GTX")
LARGEST = 2**50  # lots of one order, and the highest tick, as in the book
SIDES = (BID, ASK)


class Report(NamedTuple):
    """What became of an order when it arrived.

    `resting` counts what an iceberg does not show, too; `dropped` lots were given up for `reason`: ``"no more
    quantity"`` (a market order, IOC or FOK), ``"would trade"`` (GTX).
    """

    order: int
    fills: list[Fill]
    resting: int = 0
    dropped: int = 0
    reason: str = ""


class MatchingEngine:
    """An exchange for one instrument: price-time priority, whole lots, never crossed.

    Attributes
    ----------
    book : OrderLevelBook
        Every resting order. What only reads, and `OrderLevelBook.cancel`, may be called on it directly; it is tolerant,
        so cancelling an order that is gone does nothing. Its `changes` are what a level-2 feed publishes.
    last_order : int
        Id of the order that came last; ids count up from 1.

    Examples
    --------
    >>> engine = MatchingEngine()
    >>> a, b = engine.limit(1, 101, 5), engine.limit(1, 101, 7)
    >>> engine.market(0, 6) == [(a, 101, 5), (b, 101, 1)]
    True
    >>> engine.submit(0, 10, 101)
    Report(order=3, fills=[(2, 101, 6)], resting=4, dropped=0, reason='')
    """

    def __init__(self) -> None:
        self.book = OrderLevelBook(strict=False)
        self.last_order = 0

    @property
    def best(self) -> list[int | None]:
        """Ticks of the best bid and the best ask, None where there is none."""
        return [self.book.best_bid_tick, self.book.best_ask_tick]

    def total(self, side: int, tick: int) -> int:
        """Lots shown at a level, 0 where there is none."""
        return self.book.level(side, tick)[0]

    def open_lots(self, order: int) -> int:
        """Lots that an order shows, 0 once it is filled or cancelled."""
        held = self.book.order(order)
        return held[2] if held else 0

    def rest(self, side: int, tick: int, lots: int) -> int:
        """Add an order that is known not to cross; returns its id."""
        self.last_order = order = self.last_order + 1
        self.book.add(order, side, tick, lots)
        return order

    def submit(self, side: int, lots: int, tick: int | None = None, terms: str = "GTC", shown: int = 0) -> Report:
        """Let an order arrive.

        Parameters
        ----------
        side
            0 buys, 1 sells.
        lots
            At least 1.
        tick
            The worst price it accepts; None for a market order.
        terms
            ``"GTC"`` rests until it is filled or cancelled; ``"IOC"`` gives up what does not trade at once, as a market
            order always does; ``"FOK"`` trades whole or not at all; ``"GTX"`` only rests (post-only).
        shown
            Lots shown at a time of an iceberg; 0 shows all.

        Raises
        ------
        InputError
            For lots, a tick or terms that cannot be; the book is then as it was.
        """
        if side not in SIDES or not 0 < lots <= LARGEST or (tick is not None and not 0 <= tick <= LARGEST):
            refuse(side, lots, tick)
        if terms != "GTC" or shown:
            check_terms(tick, terms, shown)
        self.last_order = order = self.last_order + 1
        if terms == "GTX" and self.crosses(side, tick):
            return Report(order, [], 0, lots, "would trade")
        if terms == "FOK" and self.book.available(1 - side, tick) < lots:
            return Report(order, [], 0, lots, "no more quantity")
        fills, left = self.book.take(1 - side, lots, tick), lots
        for fill in fills:
            left -= fill[2]
        if left and (tick is None or terms in ("IOC", "FOK")):
            return Report(order, fills, 0, left, "no more quantity")
        if left and shown:
            self.book.add_iceberg(order, side, tick, left, shown)
        elif left:
            self.book.add(order, side, tick, left)
        return Report(order, fills, left)

    def limit(self, side: int, tick: int, lots: int) -> int:
        """Add a limit order; what crosses trades first. Returns its id (in `book` only if some of it rests)."""
        return self.submit(side, lots, tick).order

    def iceberg(self, side: int, tick: int, lots: int, shown: int) -> int:
        """Add an order of which only `shown` lots are visible at a time; each refill queues up anew."""
        return self.submit(side, lots, tick, shown=shown).order

    def market(self, side: int, lots: int, worst: int | None = None) -> list[Fill]:
        """Take `lots` from the other side, best price and oldest order first, no further than tick `worst`."""
        return self.book.take(1 - side, lots, worst)

    def crosses(self, side: int, tick: int) -> bool:
        """Whether an order at this tick would trade."""
        if side == BID:
            return self.book.best_ask_tick is not None and tick >= self.book.best_ask_tick
        return self.book.best_bid_tick is not None and tick <= self.book.best_bid_tick

    def modify(self, order: int, tick: int, lots: int) -> Report:
        """Change an order's price or quantity; a new price or more lots lose its place, and it trades if it crosses.

        Raises
        ------
        InputError
            When the order no longer rests, or for lots or a tick that cannot be.
        """
        held = self.book.order(order)
        if held is None:
            raise InputError(f"order {order} does not rest in the book")
        if not 0 < lots <= LARGEST or not 0 <= tick <= LARGEST:
            refuse(held[0], lots, tick)
        if not self.crosses(held[0], tick):
            self.book.modify(order, tick, lots)
            return Report(order, [], lots + self.book.reserve(order))
        self.book.cancel(order)
        fills = self.market(held[0], lots, tick)
        left = lots - sum(fill[2] for fill in fills)
        if left:
            self.book.add(order, held[0], tick, left)
        return Report(order, fills, left)

    def cancel(self, order: int) -> int:
        """Remove an order; returns the lots it still had, 0 when it no longer rests."""
        return self.book.cancel(order)

    def cancel_level(self, side: int, tick: int) -> int:
        """Remove every order of a level; returns how many there were."""
        queue = self.book.queue(side, tick)
        for order, _ in queue:
            self.book.cancel(order)
        return len(queue)

    def levels(self, side: int, n: int | None = None) -> list[tuple[int, int]]:
        """(tick, lots) of the best `n` levels, best first."""
        return [(tick, lots) for tick, lots, _ in self.book.levels(side, n).tolist()]


def check_terms(tick: int | None, terms: str, shown: int) -> None:
    """Raise for terms that an order cannot have."""
    if terms not in TERMS:
        raise InputError(f"terms must be one of {', '.join(TERMS)}, got {terms!r}")
    if tick is None and terms == "GTX":
        raise InputError("terms GTX needs a tick: a market order cannot wait")
    if shown < 0 or (shown and (tick is None or terms not in ("GTC", "GTX"))):
        raise InputError(f"shown must be 0, or positive for an order that may rest, got {shown}")


def refuse(side: int, lots: int, tick: int | None) -> NoReturn:
    """Raise for an order that no book can hold."""
    if side not in SIDES:
        raise InputError(f"side must be 0 (buys) or 1 (sells), got {side!r}")
    if lots <= 0:
        raise InputError(f"lots must be positive, got {lots}")
    if lots > LARGEST:
        raise InputError(f"lots must be at most {LARGEST}, got {lots}")
    raise InputError(f"tick must be 0 to {LARGEST}, got {tick}")
