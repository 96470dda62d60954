"""Rules that turn the three class probabilities into entries and exits.

Why the seed's thresholds churn
-------------------------------
Three probabilities that sum to one average 1/3, so 0.23 and 0.22 both lie *below* what a model that knows nothing
says. Such a model is told to enter at once (up 0.33 > 0.23) and to leave at once (neutral 0.33 > 0.22). A long is
kept only while neutral <= 0.22 *and* down <= 0.22, that is while up >= 0.56; every other row is an exit, and the next
row an entry again. The rules are nearly always in the market or on the way in or out, hold for one row, and pay the
spread each round trip, whatever the model says. They are kept to the letter as the preset ``seed`` for comparison.

What ``default`` does instead
-----------------------------
Its measure is the edge, ``up - down``. How large an edge is large depends on the model (a net trained with class
weights rarely says more than 0.5), so the entry threshold is a high quantile of the trailing ``|edge|``, past rows
only. Entering needs a rare edge; leaving needs the edge to have turned against the position, or to have faded for long:
that is the hysteresis. A minimum holding time, a cooldown, and no entries while the spread is wider than usual keep the
turnover, and so the fees, low. At a taker fee of 5 basis points a round trip costs 10 basis points and the spread; a
forecast of seconds does not earn that on these markets, and no threshold changes it. Read profit before fees as the
quality of the signal, and after fees as what it is worth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from genesis_lib.errors import InputError
from genesis_lib.strategy.calibration import TrailingQuantiles


class View(NamedTuple):
    """All that a strategy may know when it decides: the row, the prediction and its own position."""

    valid: bool  # the book may be traded on
    active: bool  # entries are wanted
    pending: bool  # an order is on its way
    down: float  # probabilities; NaN while warming up
    neutral: float
    up: float
    position: int  # lots, signed
    held: int  # rows since the position was opened
    flat: int  # rows since the last position was left
    spread: int  # ticks
    age_ns: int  # how far the row lies behind the newest event


class Enter(NamedTuple):
    """Open a position: +1 long, -1 short."""

    direction: int
    confidence: float
    reason: str


class Leave(NamedTuple):
    """Close the whole position."""

    confidence: float
    reason: str


class Strategy(Protocol):
    """Sees every row in order; answers what to do, or None."""

    def step(self, view: View) -> Enter | Leave | None:
        """Take in one row and decide."""

    def reset(self) -> None:
        """Forget everything learnt from the stream."""


@dataclass(frozen=True, slots=True)
class SeedRules:
    """The seed's rules, to the letter.

    Flat and active: long if ``up > enter``, short if ``down > enter``; where both hold, the larger (up when equal).
    Long: leave if
    ``neutral > leave`` or ``down > leave``. Short: leave if ``neutral > leave`` or ``up > leave``.
    """

    enter: float = 0.23
    leave: float = 0.22

    def step(self, view: View) -> Enter | Leave | None:
        """Decide on one row."""
        if not view.valid or view.pending:
            return None
        if view.position == 0:
            if not view.active:
                return None
            if view.up > self.enter and not view.down > view.up:
                return Enter(+1, view.up, "up")
            if view.down > self.enter:
                return Enter(-1, view.down, "down")
            return None
        against, name = (view.down, "down") if view.position > 0 else (view.up, "up")
        if against > self.leave and not view.neutral > against:
            return Leave(against, name)
        if view.neutral > self.leave:
            return Leave(view.neutral, "neutral")
        return None

    def reset(self) -> None:
        """Nothing to forget."""


class EdgeRules:
    """Enter on a rare edge, stay while it lasts (preset ``default``).

    Parameters
    ----------
    rarity
        Quantile of the trailing ``|up - down|`` that an entry must exceed.
    margin
        Smallest ``|up - down|`` of an entry, whatever the quantile.
    hold, patience, cooldown
        Rows: shortest stay; stay after which a faded edge (below the trailing median) is left; wait after an exit.
    """

    def __init__(
        self,
        rarity: float = 0.97,
        margin: float = 0.02,
        hold: int = 40,
        patience: int = 400,
        cooldown: int = 40,
        window: int = 4096,
        warmup: int = 256,
    ) -> None:
        if not 0.5 < rarity < 1:
            raise InputError(f"rarity must lie between 0.5 and 1, got {rarity!r}")
        self._rarity, self._margin, self._window, self._warmup = rarity, margin, window, warmup
        self._hold, self._patience, self._cooldown = hold, patience, cooldown
        self.reset()

    def reset(self) -> None:
        """Forget the trailing distributions."""
        size = {"window": self._window, "warmup": self._warmup}
        self._edges = TrailingQuantiles((0.5, self._rarity), 0.0, 1.0, **size)
        self._spreads = TrailingQuantiles((0.5,), 0.5, 256.5, bins=256, **size)

    def step(self, view: View) -> Enter | Leave | None:
        """Decide on one row, then let the row join the trailing distributions."""
        edge = view.up - view.down
        if not view.valid or edge != edge:
            return None
        decision = None if view.pending else self._decide(view, edge)
        self._edges.push(abs(edge))
        self._spreads.push(view.spread)
        return decision

    def _decide(self, view: View, edge: float) -> Enter | Leave | None:
        if view.position:
            own = edge if view.position > 0 else -edge
            if view.held < self._hold:
                return None
            against = view.down if view.position > 0 else view.up
            if own < 0:
                return Leave(against, "edge turned")
            if view.held >= self._patience and self._edges.values and own < self._edges.values[0]:
                return Leave(view.neutral, "edge faded")
            return None
        if not view.active or self._edges.values is None or view.flat < self._cooldown:
            return None
        if abs(edge) <= max(self._edges.values[1], self._margin) or view.spread > self._spreads.values[0]:
            return None
        return Enter(+1, view.up, "edge up") if edge > 0 else Enter(-1, view.down, "edge down")
