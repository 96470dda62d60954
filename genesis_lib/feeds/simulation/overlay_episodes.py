"""Agents in a market that was recorded: they add to its book, thin it, and never stand in its way."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from genesis_lib.feeds.simulation import order_scripts
from genesis_lib.feeds.simulation.planted import LEVELS, MS, Planted
from genesis_lib.types import ASK, BID

if TYPE_CHECKING:
    from genesis_lib.feeds.simulation.overlay import Told, Window
    from genesis_lib.feeds.simulation.overlay_book import OverlaidBook

MEMORY = 30_000 * MS  # over which the usual queue at the touch is learnt
PATIENCE = 10  # messages that an agent waits for a touch that holds what it wants to trade
REACH, LEAST_REACH = 4.0, 30  # times the usual distance of the tenth level, and ticks at least, that a shock reaches


class Order(NamedTuple):
    """An order laid over the book; `lots` are those that have not traded, `stands` whether they are shown."""

    side: int
    tick: int
    lots: int
    stands: bool


class OverlayEpisode(Planted):
    """One episode over a recording: runs its script from an exchange time (ns) on.

    Its orders rest behind the recorded touch. When the price comes to one of them it is pulled; when the recorded other
    side has passed it in one stroke it counts as filled. Either way the overlaid book is never crossed.
    """

    def __init__(self, kind: str, start: int, rng: random.Random) -> None:
        super().__init__(kind, rng)
        self.start = start
        self.usual, self.reach = 0.0, float(LEAST_REACH)  # lots at the touch; ticks to the tenth level
        self._seen = self._waited = 0
        self._thinned = [0, 0]  # the touch when a side was thinned
        self._orders: dict[int, Order] = {}
        self._count_orders = 0
        self._script: Iterator[None] | None = None
        self._told: Told
        self._book: OverlaidBook
        self._window: Window | None = None

    def follow(self, previous: OverlayEpisode) -> None:
        """Take over what the episode before has learnt."""
        self.usual, self.reach, self._seen = previous.usual, previous.reach, previous._seen

    def watch(self, book: OverlaidBook, ts: int, bid: int, ask: int) -> None:
        """Learn what is usual from the recorded book, and pull what the price has come to."""
        self._book, self.instrument = book, book.instrument
        weight = 1.0 - math.exp(-max(0, ts - self._seen) / MEMORY)
        if weight > 1e-4:
            top = book.base.top(LEVELS)
            queue = 0.5 * (top[0, 1] + top[0, 3])
            if queue == queue:
                self.usual += weight * (book.lots(queue) - self.usual)
            deep = 0.5 * (top[0, 0] - top[-1, 0] + top[-1, 2] - top[0, 2]) / book.instrument.tick_size
            if deep == deep:
                self.reach += weight * (deep - self.reach)
            self._seen = max(self._seen, ts)
        for number, order in self._orders.items():
            near, other = (bid, ask) if order.side == BID else (ask, bid)
            sign = 1 if order.side == BID else -1
            if order.stands and (order.tick - near) * sign >= 0:
                self.time, self.now = ts, ts // MS
                passed = (order.tick - other) * sign >= 0
                self._book.add(order.side, order.tick, -order.lots)
                self.record("fill" if passed else "cancel", order.side, order.tick, order.lots)
                self._orders[number] = order._replace(stands=False, lots=0 if passed else order.lots)

    def act(self, told: Told, ts: int, window: Window | None) -> None:
        """Act after a recorded diff of this exchange time: in that message, or between it and what comes next."""
        if self.done or ts < self.start:
            return
        if self._script is None:
            self._script = SCRIPTS[self.kind][0](self)
            self.begin()
        self._told, self._window = told, window
        self.time, self.now = ts, ts // MS
        if window is not None and self.random.random() < 0.5:
            told.tell()
            self.time = self.random.randrange(window.first, window.last + 1, MS)
        try:
            next(self._script)
        except StopIteration:
            for number in list(self._orders):
                self.cancel(number)
            self.finish()
            self.label["end"] = self.time
        told.tell(self.time)

    @property
    def shown(self) -> int:
        """Exchange time (ns) of the message that shows what is done now: it is told at once."""
        return self.time

    def touch(self, side: int | None = None) -> int:
        """Best recorded tick of a side."""
        return self._book.touch[self.side if side is None else side]

    def lots(self, targets: float) -> int:
        """A quantity in multiples of the queue that was usual at the touch until now, as lots."""
        return max(1, round(self.usual * targets))

    def quantity(self, lots: int) -> float:
        """Quantity of a number of lots."""
        return self._book.quantity(lots)

    def rest(self, side: int, tick: int, lots: int) -> int:
        """Rest an order behind the touch; returns its id."""
        touch = self.touch(side)
        tick = min(tick, touch - 1) if side == BID else max(tick, touch + 1)
        self._count_orders += 1
        number = self._count_orders
        self._orders[number] = Order(side, tick, lots, True)
        self._book.add(side, tick, lots)
        self.record("place", side, tick, lots)
        return number

    def cancel(self, order: int) -> int:
        """Take an order back; returns the lots it still had."""
        held = self._orders.pop(order)
        if held.stands:
            self._book.add(held.side, held.tick, -held.lots)
            self.record("cancel", held.side, held.tick, held.lots)
        return held.lots

    def tick_of(self, order: int) -> int | None:
        """Where an order stands, None when it was pulled."""
        held = self._orders[order]
        return held.tick if held.stands else None

    def open_lots(self, order: int) -> int:
        """Lots of an order that have not traded."""
        return self._orders[order].lots

    def trade(self, side: int, lots: int, worst: int | None = None) -> int:
        """Trade at the touch with somebody who is replaced at once: the recorded book stays as it was.

        Where the touch holds less, wait `PATIENCE` messages (trade nothing) before taking what there is.
        """
        tick = self.touch(1 - side)
        held = self._book.lots(self._book.held(1 - side, tick))
        if held < lots and self._waited < PATIENCE:
            self._waited += 1
            return 0
        lots = min(lots, held)
        self._told.trade(self.time, tick, self.quantity(lots), 1 if side == BID else -1)
        self.record("trade", side, tick, lots)
        return lots

    def slots(self, count: int) -> Iterator[None]:
        """Act at so many times at most from this message until what comes next, each shown by a message of its own."""
        yield
        window = self._window
        if window is None or count < 2:
            return
        first = max(window.first, self.time + MS)
        if first <= window.last:
            for ts in sorted({self.random.randrange(first, window.last + 1, MS) for _ in range(count - 1)}):
                self._told.tell(self.time)
                self.time = ts
                yield

    def attract(self) -> None:
        """Nobody takes notice: what was recorded goes on as it did."""

    def thin(self, side: int, share: float) -> None:
        """Leave a share of what rests near the touch of a side; 1 puts all of it back."""
        reach = round(max(LEAST_REACH, REACH * self.reach))
        touch = self._thinned[side] = self.touch(side)
        self._told.thin(side, touch - reach if side == BID else touch + reach, share)
        self.record("release" if share >= 1.0 else "withdraw", side, touch, 0)

    def strayed(self, side: int) -> bool:
        """Whether the price has gone a part of the way to where the thinning of a side ends."""
        return abs(self.touch(side) - self._thinned[side]) * 4 > max(LEAST_REACH, REACH * self.reach)


def depth_shock(e: OverlayEpisode) -> Iterator[None]:
    """Four fifths and more of what rests near the touch goes at once, on one side or both, and stays away."""
    share = e.draw("share", 0.80, 0.98)
    sides = (BID, ASK) if e.chance("both_sides", 0.5) else (e.side,)
    seconds = e.draw("seconds", 0.5, 3.0, log=True)
    e.note(e.touch(sides[0]), share=share)
    for side in sides:
        e.thin(side, 1.0 - share)
    if len(sides) == 2:
        e.side = None
    until = e.now + seconds * 1000
    while e.now < until:
        for side in filter(e.strayed, sides):
            e.thin(side, 1.0 - share)
        yield
    for side in sides:
        e.thin(side, 1.0)


# kind -> script, longest duration in ms that the plan keeps free for it
SCRIPTS: dict[str, tuple[Callable[[OverlayEpisode], Iterator[None]], int]] = {
    "spoofing": (order_scripts.spoofing, 11_500),
    "layering": (order_scripts.layering, 11_500),
    "quote_stuffing": (order_scripts.quote_stuffing, 5_000),
    "depth_shock": (depth_shock, 4_000),
}
