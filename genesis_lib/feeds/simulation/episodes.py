"""Planted episodes: agents who send real orders into the simulated market, and the label of what they did.

Each script is a generator that acts once per depth message. It has no access to anything but the matching engine and
the few knobs of `OrderFlow`, so what it leaves in the data is what such an agent would leave.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from genesis_lib.errors import InputError
from genesis_lib.feeds.simulation.episode_scripts import SCRIPTS
from genesis_lib.feeds.simulation.flow import EPOCH, MS, OrderFlow
from genesis_lib.types import ASK, BID, Event

SIDES = {BID: "bid", ASK: "ask", None: "both"}
PAUSE_MS = 6_000  # of ordinary market between two episodes
WARM_UP_MS = 10_000


class Episode:
    """One planted episode: runs its script from `start` (ms since 1970) on, and fills in its label.

    The label is complete once `done`: kind, side (of the book it uses or hits), start and end (exchange time, ns),
    price, and what else the script notes. `quantity` is in units of the instrument.
    """

    def __init__(self, kind: str, start: int, rng: random.Random) -> None:
        self.kind, self.start, self.random = kind, start, rng
        self.side: int | None = rng.choice((BID, ASK))
        self.away = -1
        self.done = False
        self.label: dict = {}
        self.flow: OrderFlow
        self._script: Iterator[None] | None = None
        self._orders: set[int] = set()
        self._events: list[Event] = []
        self._early = 0

    def act(self, flow: OrderFlow, events: list[Event], early: int) -> None:
        """Act between two depth messages; trades carry the time `early`."""
        if self.done or flow.now < self.start or (self._script is None and None in flow.engine.book.touch):
            return
        self.flow, self._events, self._early = flow, events, early
        self.away = -1 if self.side == BID else 1
        if self._script is None:
            self._script = SCRIPTS[self.kind][0](self)
            self.label = {"kind": self.kind, "side": SIDES[self.side], "start": flow.now * MS, "end": 0}
        try:
            next(self._script)
        except StopIteration:
            flow.push, flow.pace = 0.0, 1.0
            flow.withheld = {}
            flow.owned -= self._orders
            self.label["side"], self.label["end"] = SIDES[self.side], flow.now * MS
            self.done = True

    def touch(self, side: int | None = None) -> int:
        """Best tick of a side (the episode's own when left out); the other side's neighbour where it is empty."""
        side = self.side if side is None else side
        best = self.flow.engine.best
        if best[side] is not None:
            return best[side]
        return (best[1 - side] or 0) + (-1 if side == BID else 1)

    def trade(self, side: int, lots: int, worst: int | None = None) -> int:
        """Send a market order; returns the lots traded."""
        return self.flow.trade(side, lots, self._early, self._events, worst)

    def rest(self, tick: int, lots: int, shown: int = 0) -> int:
        """Rest an order that the crowd does not cancel, of which `shown` lots are visible if given; returns its id."""
        engine = self.flow.engine
        order = engine.iceberg(self.side, tick, lots, shown) if shown else engine.limit(self.side, tick, lots)
        self._orders.add(order)
        self.flow.owned.add(order)
        return order

    def rests(self, order: int) -> bool:
        """Whether some of an order still rests."""
        return order in self.flow.engine.book

    def lots(self, targets: float) -> int:
        """A quantity in multiples of the usual queue at the touch, as lots."""
        return self.flow.lots(self.flow.p.touch_target * targets)

    def note(self, tick: int, **more: object) -> None:
        """Write the price, and more, into the label."""
        self.label |= {"price": self.flow.instrument.price(tick)} | more

    def hold(self, milliseconds: int) -> Iterator[None]:
        """Do nothing for a while."""
        until = self.flow.now + milliseconds
        while self.flow.now < until:
            yield

    def withdraw(self, side: int, nearest: int, farthest: int) -> None:
        """Cancel every order at these distances beyond the touch of a side."""
        touch = self.touch(side)
        for tick, _ in self.flow.engine.levels(side):
            if nearest <= abs(tick - touch) <= farthest:
                self.flow.clear_level(side, tick)


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
    episodes, time = [], EPOCH + WARM_UP_MS
    for kind, cut in zip(kinds, cuts):
        episodes.append(Episode(kind, time + int(cut * slack), random.Random(rng.random())))
        time += SCRIPTS[kind][1] + PAUSE_MS
    return episodes
