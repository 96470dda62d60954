"""Planted episodes: agents who send real orders into the simulated market, and the label of what they did.

Each script is a generator that acts once per depth message. It has no access to anything but the matching engine and
the few knobs of `OrderFlow`, so what it leaves in the data is what such an agent would leave. What it draws at random
and what it did stands in its label.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

from genesis_lib.errors import InputError
from genesis_lib.feeds.simulation.episode_scripts import SCRIPTS
from genesis_lib.feeds.simulation.flow import EPOCH, MS, OrderFlow
from genesis_lib.types import ASK, BID, Event

SIDES = {BID: "bid", ASK: "ask", None: "both"}
PAUSE_MS = 6_000  # of ordinary market between two episodes
WARM_UP_MS = 10_000
CALM_TICKS = 3  # an episode begins at a spread no wider than this ...
PATIENCE_MS = 5_000  # ... unless the market has had none for so long
TOLD = 200  # actions that a label lists


class Episode:
    """One planted episode: runs its script from `start` (ms since 1970) on, and fills in its label.

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

    Attributes
    ----------
    label : dict
        ``kind``; ``side`` (of the book it uses or hits); ``start`` and ``end``, exchange time (ns) of its first action
        and of the message that shows its last; ``price``; ``orders``, its first `TOLD` actions (``time``, ``action``,
        ``side``, ``price``, ``quantity``) and ``actions``, how many there were; ``parameters``, what was drawn; and
        what is particular to its kind. Complete once `done`.
    """

    def __init__(self, kind: str, start: int, rng: random.Random, previous: Episode | None = None) -> None:
        self.kind, self.start, self.random, self.previous = kind, start, rng, previous
        self.side: int | None = rng.choice((BID, ASK))
        self.away = -1 if self.side == BID else 1
        self.done = False
        self.ended = 0  # ms
        self.parameters: dict[str, float | int | str] = {}
        self.label: dict = {}
        self.flow: OrderFlow
        self._script: Iterator[None] | None = None
        self._standing: set[int] = set()
        self._actions: list[dict] = []
        self._count = 0
        self._events: list[Event] = []
        self._at = self._until = 0  # between these exchange times (ns) the agent acts ...
        self.time = 0  # ... at this one

    def act(self, flow: OrderFlow, events: list[Event], early: int) -> None:
        """Act between two depth messages; trades carry the time `early`."""
        if self.done or early < self.start * MS:
            return
        if self._script is None:
            if not self._may_begin(flow):
                return
            self._script = SCRIPTS[self.kind][0](self)
            self.label = {"kind": self.kind, "side": "", "start": 0, "end": 0}
            self._until = early
        self.flow, self._events = flow, events
        self._at, self._until = self._until, early
        self.time = early
        try:
            next(self._script)
        except StopIteration:
            self._finish()
        self._until = flow.now * MS

    def _may_begin(self, flow: OrderFlow) -> bool:
        bid, _, ask, _ = flow.engine.book.touch
        if bid is None or ask is None:
            return False
        if self.previous is not None and not (self.previous.done and flow.now >= self.previous.ended + PAUSE_MS):
            return False
        return ask - bid <= CALM_TICKS or flow.now >= self.start + PATIENCE_MS

    def _finish(self) -> None:
        for order in list(self._standing):
            self.cancel(order)
        self.flow.push, self.flow.withheld = 0.0, {}
        self.label |= {"side": SIDES[self.side], "actions": self._count, "orders": self._actions}
        self.label["parameters"] = self.parameters
        self.done, self.ended = True, self.flow.now

    def draw(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """Draw a parameter evenly (or evenly in its logarithm) from a range, and note it."""
        if log:
            low, high = math.log(low), math.log(high)
        value = self.random.uniform(low, high)
        self.parameters[name] = round(math.exp(value) if log else value, 4)
        return float(self.parameters[name])

    def whole(self, name: str, low: int, high: int) -> int:
        """Draw a whole number from a range that includes its ends, and note it."""
        self.parameters[name] = value = self.random.randint(low, high)
        return value

    def chance(self, name: str, probability: float) -> bool:
        """Draw yes or no, and note it."""
        self.parameters[name] = int(self.random.random() < probability)
        return bool(self.parameters[name])

    def touch(self, side: int | None = None) -> int:
        """Best tick of a side (the episode's own when left out); the other side's neighbour where it is empty."""
        side = self.side if side is None else side
        best = self.flow.engine.best
        if best[side] is not None:
            return best[side]
        return (best[1 - side] or 0) + (-1 if side == BID else 1)

    def lots(self, targets: float) -> int:
        """A quantity in multiples of the usual queue at the touch, as lots."""
        return self.flow.lots(self.flow.p.touch_target * targets)

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
        lots = flow.engine.book.available(1 - side, tick) + resting
        report = flow.engine.submit(side, lots, tick)
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

    def moments(self, count: int) -> list[int]:
        """At most so many random exchange times (ns), in order, between the last message and this step's trades."""
        first, last = self._at // MS + 1, self._until // MS - 1
        return sorted({self.random.randint(first, last) * MS for _ in range(count)}) if first <= last else []

    def tell(self) -> None:
        """Have the venue tell what changed so far: a depth message between the crowd's."""
        self.flow.tell_touch(self._events, self.time)
        self._events.append(self.flow.depth(self.time))

    def record(self, action: str, side: int | None, tick: int, lots: int) -> None:
        """Take an action down; the first and the last make the label's `start` and `end`."""
        self.label["start"] = self.label["start"] or self.time
        self.label["end"] = self.flow.now * MS
        self._count += 1
        if len(self._actions) < TOLD:
            told = {"time": self.time, "action": action, "side": SIDES[side], "price": self.flow.instrument.price(tick)}
            self._actions.append(told | {"quantity": self.flow.quantity(lots)})

    def note(self, tick: int, **more: object) -> None:
        """Write the price, and more, into the label."""
        self.label |= {"price": self.flow.instrument.price(tick)} | more

    def hold(self, milliseconds: float) -> Iterator[None]:
        """Do nothing for a while."""
        until = self.flow.now + milliseconds
        while self.flow.now < until:
            yield


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
