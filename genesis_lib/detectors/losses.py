"""Something that stood in the book and is gone: how much of it, since when, and whether it stays away."""

from __future__ import annotations

from genesis_lib.clock import NS
from genesis_lib.detectors.base import Evidence, Habit
from genesis_lib.detectors.view import Level

LEARN_ROWS, LEARN_NS = 100, 8 * NS  # what a habit must have seen before a loss is one
LONGEST_NS = 3 * NS  # a loss that was not told by then is told no more


def lost_levels(
    then: list[Level], now: list[Level], side: int, left: float, lot: float = 0.0
) -> tuple[float, float, int]:
    """Compare a side with how it stood before, at the same prices.

    Parameters
    ----------
    then, now
        Levels of the side, best first.
    side
        0 bid, 1 ask.
    left
        A level of which no more than this share is left, or no more than a lot, counts as lost.
    lot
        Smallest quantity. A level of one or two cannot lose a part and is not counted.

    Returns
    -------
    tuple
        Share of the levels that are lost, share of the quantity that is gone, and how many levels were counted: those
        that `now` would show, not the ones that the touch has passed.
    """
    touch, edge, book = now[0][0], now[-1][0], dict(now)
    nearest, farthest = (touch, edge) if side == 1 else (edge, touch)
    count = lost = 0
    stood = stands = 0.0
    for tick, quantity in then:
        if nearest <= tick <= farthest:
            rest = min(book.get(tick, 0.0), quantity)
            stood += quantity
            stands += rest
            if quantity > 2.5 * lot:
                count += 1
                lost += rest <= max(left * quantity, lot)
    return (lost / count, 1.0 - stands / stood, count) if count else (0.0, 0.0, 0)


class Loss:
    """Something that was there and is gone, since one row; short recoveries are forgiven, a long one ends it."""

    __slots__ = ("_back", "_forgiven", "_last", "began", "evidence", "slack_ns", "was")

    def __init__(self, ts: int, was: float, slack_ns: int, **evidence: Evidence) -> None:
        self.began = self._last = ts
        self.was, self.slack_ns, self.evidence = was, slack_ns, evidence
        self._back, self._forgiven = False, 0

    def step(self, ts: int, back: bool) -> bool:
        """Note whether it is there again at this row; gives whether the loss lasts."""
        if self._back:
            self._forgiven += ts - self._last
        self._back, self._last = back, ts
        return self._forgiven <= self.slack_ns and ts - self.began <= LONGEST_NS

    def held(self, ts: int, hold_ns: int) -> bool:
        """Whether it has lasted so long, and is not there again just now."""
        return not self._back and ts - self.began >= hold_ns


def knows(habit: Habit) -> bool:
    """Whether a habit has seen enough for a stroke to be told from the usual; less than for a slow drift."""
    return habit.count >= LEARN_ROWS and habit.ready_for(LEARN_NS)
