"""Planted episodes: agents who send real orders into the simulated market, and the label of what they did.

Each script is a generator that acts once per depth message. It has no access to anything but the matching engine and
the few knobs of `OrderFlow`, so what it leaves in the data is what such an agent would leave. What it draws at random
and what it did stands in its label.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from statistics import median

from genesis_lib.errors import InputError
from genesis_lib.feeds.simulation.episode_scripts import SCRIPTS
from genesis_lib.feeds.simulation.flow import EPOCH, MS, OrderFlow
from genesis_lib.feeds.simulation.planted import LEVELS, Planted
from genesis_lib.types import ASK, BID, Event

PAUSE_MS = 6_000  # of ordinary market between two episodes
WARM_UP_MS = 10_000
CALM_TICKS = 3  # an episode begins at a spread no wider than this ...
LOOK_MS, LOOKS = 3_000, 64  # before its start it looks at the book: the last so many messages of this span
PATIENCE_MS = 5_000  # ... unless the market has had none for so long


class Episode(Planted):
    """One episode in simulated flow: runs its script from `start` (ms since 1970) on.

    Parameters
    ----------
    kind
        Key of `SCRIPTS`.
    start
        Not before this; it also waits for a book with two sides and for the episode before.
    rng
        Draws its side, sizes, distances and times.
    previous
        The episode that must have ended `PAUSE_MS` earlier.
    """

    flow: OrderFlow

    def __init__(self, kind: str, start: int, rng: random.Random, previous: Episode | None = None) -> None:
        super().__init__(kind, rng)
        self.start, self.previous = start, previous
        self.ended = 0  # ms
        self._script: Iterator[None] | None = None
        self._standing: set[int] = set()
        self._events: list[Event] = []
        self._depths: tuple[deque[int], deque[int]] = (deque(maxlen=LOOKS), deque(maxlen=LOOKS))
        self._since = 0  # exchange time (ns) of the message before

    def act(self, flow: OrderFlow, events: list[Event], early: int) -> bool:
        """Act between two depth messages, at the exchange time `early` (ns); whether it did."""
        if self.done or early < (self.start - LOOK_MS) * MS:
            return False
        if self._script is None:
            self.flow = flow
            for side in (BID, ASK):
                self._depths[side].append(self.depth(side))
            if early < self.start * MS or not self._may_begin(flow):
                return False
            self._script = SCRIPTS[self.kind][0](self)
            self.instrument = flow.instrument
            self.begin()
        self.flow, self.now, self.time, self._events = flow, flow.now, early, events
        actions = self._count
        try:
            next(self._script)
        except StopIteration:
            for order in list(self._standing):
                self.cancel(order)
            flow.push, flow.withheld = 0.0, {}
            self.ended = flow.now
            self.finish()
        self._since = flow.now * MS
        return self._count > actions

    def _may_begin(self, flow: OrderFlow) -> bool:
        bid, _, ask, _ = flow.engine.book.touch
        if bid is None or ask is None:
            return False
        if self.previous is not None and not (self.previous.done and flow.now >= self.previous.ended + PAUSE_MS):
            return False
        return ask - bid <= CALM_TICKS or flow.now >= self.start + PATIENCE_MS

    def touch(self, side: int | None = None) -> int:
        """Best tick of a side (the episode's own when left out); the other side's neighbour where it is empty."""
        side = self.side if side is None else side
        best = self.flow.engine.best
        if best[side] is not None:
            return best[side]
        return (best[1 - side] or 0) + (-1 if side == BID else 1)

    def depth(self, side: int) -> int:
        """Lots on the first `LEVELS` levels of a side."""
        return sum(lots for _, lots in self.flow.engine.levels(side, LEVELS))

    def usual_depth(self, side: int) -> float:
        """Median of `depth` over the last `LOOKS` messages before the episode."""
        return median(self._depths[side])

    def lots(self, targets: float) -> int:
        """A quantity in multiples of the usual queue at the touch, as lots."""
        return self.flow.lots(self.flow.p.touch_target * targets)

    def quantity(self, lots: int) -> float:
        """Quantity of a number of lots."""
        return self.flow.quantity(lots)

    def rest(self, side: int, tick: int, lots: int, shown: int = 0) -> int:
        """Rest an order that the crowd does not cancel, of which `shown` lots are visible if given; returns its id.

        One that would trade rests next to the other side instead.
        """
        engine = self.flow.engine
        if engine.crosses(side, tick):
            tick = self.touch(1 - side) + (-1 if side == BID else 1)
        order = engine.iceberg(side, tick, lots, shown) if shown else engine.limit(side, tick, lots)
        self._standing.add(order)
        self.flow.owned.add(order)
        self.record("place", side, tick, lots)
        return order

    def tick_of(self, order: int) -> int | None:
        """Where an order stands, None when it is gone."""
        held = self.flow.engine.book.order(order)
        return None if held is None else held[1]

    def open_lots(self, order: int) -> int:
        """Lots that an order shows."""
        return self.flow.engine.open_lots(order)

    def rests(self, order: int) -> bool:
        """Whether some of an order still rests."""
        return order in self.flow.engine.book

    def cancel(self, order: int) -> int:
        """Take an order back; returns the lots it still had, 0 when it was filled."""
        held = self.flow.engine.book.order(order)
        self._standing.discard(order)
        self.flow.owned.discard(order)
        left = self.flow.engine.cancel(order)
        if held is not None:
            self.record("cancel", held[0], held[1], left)
        return left

    def trade(self, side: int, lots: int, worst: int | None = None) -> int:
        """Send a market order; returns the lots traded."""
        done = self.flow.trade(side, lots, self.time, self._events, worst)
        if done:
            self.record("trade", side, self._events[-1].tick, done)
        return done

    def sweep(self, side: int, tick: int, resting: int) -> tuple[int, int]:
        """Take all that stands up to a tick, and rest this much there; returns the lots taken and the order's id."""
        flow = self.flow
        report = flow.engine.submit(side, flow.engine.book.available(1 - side, tick) + resting, tick)
        taken = flow.tell_trades(side, report.fills, self.time, self._events)
        if taken:
            self.record("trade", side, self._events[-1].tick, taken)
        self._standing.add(report.order)
        flow.owned.add(report.order)
        self.record("place", side, tick, report.resting)
        return taken, report.order

    def cross(self, aggressor: int, tick: int, lots: int) -> None:
        """Trade with oneself: an own order at a tick is met by another of the same hand, and nobody else's."""
        flow, rest = self.flow, 1 - aggressor
        order = flow.engine.rest(rest, tick, lots)
        flow.tell_trades(aggressor, [(order, tick, lots)], self.time, self._events)
        flow.engine.cancel(order)
        self.record("trade", aggressor, tick, lots)

    def thin(self, side: int, nearest: int, farthest: int, keep: float, done: set[int]) -> None:
        """Reduce what the crowd has at these ticks to a share, each order once (`done` remembers which)."""
        engine, gone = self.flow.engine, 0
        for tick, _ in engine.levels(side, abs(farthest - self.touch(side)) + 1):
            if not min(nearest, farthest) <= tick <= max(nearest, farthest):
                continue
            for order, lots in engine.book.queue(side, tick):
                if order in done or order in self.flow.owned:
                    continue
                left = int(lots * keep + self.random.random())
                if left < lots:
                    gone += lots - left
                    engine.book.reduce(order, lots - left) if left else engine.cancel(order)
                done.add(order)
        if gone:
            self.record("withdraw", side, nearest, gone)

    def slots(self, count: int) -> Iterator[None]:
        """Act at so many times at most since the message before, each shown by a depth message of its own."""
        early = self.time
        first, last = self._since // MS + 1, early // MS - 1
        if self._since and first <= last:
            for self.time in sorted({self.random.randint(first, last) * MS for _ in range(count - 1)}):
                yield
                self.flow.tell_touch(self._events, self.time)
                self._events.append(self.flow.depth(self.time))
        self.time = early
        yield

    def attract(self) -> None:
        """Let the crowd lean the way the side points, by a drawn amount; sometimes it takes no notice."""
        push = 0.0 if self.chance("ignored", 0.3) else self.draw("push", 0.1, 0.6)
        self.flow.push = push if self.side == BID else -push


def schedule(plant: dict[str, int], minutes: float, seed: int) -> list[Episode]:
    """Spread episodes over a simulation, in random order, apart from each other.

    Parameters
    ----------
    plant
        How many of each kind.
    minutes
        Length of the simulation.
    seed
        Decides order, times, sides and sizes.

    Raises
    ------
    InputError
        For an unknown kind, a negative count, or more episodes than fit.
    """
    kinds: list[str] = []
    for kind, count in plant.items():
        if kind not in SCRIPTS:
            raise InputError(f"plant knows no kind {kind!r}; allowed: {', '.join(SCRIPTS)}")
        if count < 0:
            raise InputError(f"plant: the count of {kind} must not be negative, got {count}")
        kinds += [kind] * count
    rng = random.Random(f"plant/{seed}")
    rng.shuffle(kinds)
    needed = WARM_UP_MS + sum(SCRIPTS[kind][1] + PAUSE_MS for kind in kinds)
    slack = minutes * 60_000 - needed
    if slack < 0:
        raise InputError(f"plant: {len(kinds)} episodes need {needed / 60_000:.1f} minutes, got {minutes:g}")
    cuts = sorted(rng.random() for _ in kinds)
    episodes: list[Episode] = []
    time = EPOCH + WARM_UP_MS
    for kind, cut in zip(kinds, cuts):
        previous = episodes[-1] if episodes else None
        episodes.append(Episode(kind, time + int(cut * slack), random.Random(rng.random()), previous))
        time += SCRIPTS[kind][1] + PAUSE_MS
    return episodes
