"""What all planted agents have: a script, what it draws at random, and the label of what it did."""

from __future__ import annotations

import math
import random
from abc import ABC, abstractmethod
from collections.abc import Iterator

from genesis_lib.types import ASK, BID, Instrument

MS = 1_000_000
SIDES = {BID: "bid", ASK: "ask", None: "both"}
TOLD = 200  # actions that a label lists
LEVELS = 10  # of a side, by which its depth and its holes are measured


class Planted(ABC):
    """One planted episode; a script is a generator that acts through it once per depth message.

    Parameters
    ----------
    kind
        Of the episode.
    rng
        Draws its side, sizes, distances and times.

    Attributes
    ----------
    side : int or None
        Of the book that it uses or hits; None for both.
    away : int
        -1 or 1: which way ticks lie farther behind the touch of that side.
    time : int
        Exchange time (ns) at which it acts now.
    label : dict
        ``kind``; ``side``; ``start`` and ``end``, exchange time (ns) of its first action and of the message that shows
        its last, or the last fill of a hidden order; ``price``; ``orders``, its first `TOLD` actions (``time``,
        ``action``, ``side``, ``price``, ``quantity``) and ``actions``, how many there were; ``parameters``, what was
        drawn; and what is particular to its kind. Complete once `done`.
    """

    instrument: Instrument
    now: int  # exchange time of the message that comes, ms

    def __init__(self, kind: str, rng: random.Random) -> None:
        self.kind, self.random = kind, rng
        self.side: int | None = rng.choice((BID, ASK))
        self.away = -1 if self.side == BID else 1
        self.time = 0
        self.done = False
        self.parameters: dict[str, float | int] = {}
        self.label: dict = {}
        self._actions: list[dict] = []
        self._count = 0

    @abstractmethod
    def touch(self, side: int | None = None) -> int:
        """Best tick of a side, the episode's own when left out."""

    @abstractmethod
    def lots(self, targets: float) -> int:
        """A quantity in multiples of the usual queue at the touch, as lots."""

    @abstractmethod
    def quantity(self, lots: int) -> float:
        """Quantity of a number of lots: the float64 nearest to the decimal."""

    @abstractmethod
    def rest(self, side: int, tick: int, lots: int) -> int:
        """Rest an order; returns its id."""

    @abstractmethod
    def cancel(self, order: int) -> int:
        """Take an order back; returns the lots it still had, 0 when it was filled."""

    @abstractmethod
    def tick_of(self, order: int) -> int | None:
        """Where an order stands, None when it is gone."""

    @abstractmethod
    def open_lots(self, order: int) -> int:
        """Lots of an order that have not traded."""

    @abstractmethod
    def trade(self, side: int, lots: int, worst: int | None = None) -> int:
        """Send a market order; returns the lots traded."""

    @abstractmethod
    def slots(self, count: int) -> Iterator[None]:
        """Act at so many times at most (`time`) about this message, each shown by a depth message of its own."""

    @abstractmethod
    def attract(self) -> None:
        """Let the crowd lean the way the episode's side points, where there is a crowd that can."""

    @property
    def shown(self) -> int:
        """Exchange time (ns) of the message that shows what is done now."""
        return self.now * MS

    def begin(self) -> None:
        """Start the label."""
        self.label = {"kind": self.kind, "side": "", "start": 0, "end": 0}

    def finish(self) -> None:
        """Complete the label."""
        self.label |= {"side": SIDES[self.side], "actions": self._count, "orders": self._actions}
        self.label["parameters"] = self.parameters
        self.done = True

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
        """Draw yes or no, and note it as 1 or 0."""
        self.parameters[name] = int(self.random.random() < probability)
        return bool(self.parameters[name])

    def record(self, action: str, side: int | None, tick: int, lots: int) -> None:
        """Take an action down; the first and the last make the label's `start` and `end`."""
        self.label["start"] = self.label["start"] or self.time
        self.label["end"] = self.shown
        self._count += 1
        if len(self._actions) < TOLD:
            told = {"time": self.time, "action": action, "side": SIDES[side], "price": self.instrument.price(tick)}
            self._actions.append(told | {"quantity": self.quantity(lots)})

    def note(self, tick: int, **more: object) -> None:
        """Write the price, and more, into the label."""
        self.label |= {"price": self.instrument.price(tick)} | more

    def hold(self, milliseconds: float) -> Iterator[None]:
        """Do nothing for a while."""
        until = self.now + milliseconds
        while self.now < until:
            yield
