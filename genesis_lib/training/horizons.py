"""Horizons in time: which row lies so many seconds ahead, and how high the mid stood on the way there.

A mid holds from its row to the next. Rows come at odd moments, so a mean over seconds weighs every mid by the time it
stood, and is known at the first row at or after the horizon's end: only then is it certain that nothing came before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genesis_lib.feeds.formats.grids import FINEST, Grid


@dataclass(frozen=True)
class Clock:
    """Times of the usable rows on one axis on which streaks lie farther apart than any horizon.

    Exchange clocks may step back; within a streak time is taken as the newest seen so far.

    Parameters
    ----------
    rows
        (m,) the usable rows.
    key
        (m,) int64, never falling: ns since the streak began, plus where the streak begins on the axis.
    streak
        (m,) number of the streak.
    span
        The horizon, in ns.
    """

    rows: np.ndarray
    key: np.ndarray
    streak: np.ndarray
    span: int

    @classmethod
    def of(cls, time: np.ndarray, starts: np.ndarray, seconds: float) -> Clock:
        """Lay out rows with times (n,) in ns and streaks (n,) as `run_starts` gives them."""
        span = max(round(seconds * 1e9), 1)
        rows = np.flatnonzero(starts >= 0)
        begin = np.flatnonzero(starts[rows] == rows)
        if not len(rows):
            return cls(rows, rows, rows, span)
        elapsed = time[rows] - time[starts[rows]]
        lasted = np.maximum.reduceat(elapsed, begin)
        offset = np.concatenate([[0], np.cumsum(lasted + span + 1)[:-1]])
        streak = np.repeat(np.arange(len(begin)), np.diff([*begin, len(rows)]))
        return cls(rows, np.maximum.accumulate(offset[streak] + elapsed), streak, span)

    def ahead(self) -> np.ndarray:
        """Position (m,) of the first row of the streak at or after the horizon's end, -1 where there is none."""
        at = np.searchsorted(self.key, self.key + self.span, side="left")
        return self._same_streak(at)

    def behind(self) -> np.ndarray:
        """Position (m,) of the last row of the streak that lies a horizon back or more, -1 where there is none."""
        at = np.searchsorted(self.key, self.key - self.span, side="right") - 1
        return self._same_streak(at)

    def _same_streak(self, at: np.ndarray) -> np.ndarray:
        inside = (at >= 0) & (at < len(self.rows))
        inside[inside] = self.streak[at[inside]] == self.streak[inside]
        return np.where(inside, at, -1)

    def area(self, units: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Integral of what holds from row to row, less what holds at each position itself, over a horizon.

        Parameters
        ----------
        units
            (m,) values; int64 ones are summed exactly (sums may wrap round, differences of sums come out right).
        first
            (p,) positions, each with a row a horizon ahead.
        last
            (p,) those rows' positions.

        Returns
        -------
        numpy.ndarray
            (p,) sum of ``(units[j] - units[first]) * ns that j stood`` over the `span` ns that follow `first`.
        """
        summed = self._sums(units)
        beyond = self.key[last] - (self.key[first] + self.span)  # of the last interval, what lies past the horizon
        return (summed[last] - summed[first]) - units[last - 1] * beyond - units[first] * self.span

    def area_behind(self, units: np.ndarray, first: np.ndarray, here: np.ndarray) -> np.ndarray:
        """The same over the horizon that ends at `here` (p,); `first` (p,) are the positions it begins at or after."""
        summed = self._sums(units)
        before = (self.key[here] - self.span) - self.key[first]  # of the first interval, what lies before the horizon
        return (summed[here] - summed[first]) - units[first] * before - units[here] * self.span

    def _sums(self, units: np.ndarray) -> np.ndarray:
        stood = units[:-1] * np.diff(self.key)
        return np.concatenate([np.zeros(1, units.dtype), np.cumsum(stood)])


def whole_units(mid: np.ndarray, span: int) -> tuple[np.ndarray, float]:
    """Mids (m,) as whole multiples of their common step, and the step: exact sums, and equal mids are equal numbers.

    Prices that lie on no grid, or on one so fine that their sums over `span` ns would not fit 64 bits, stay what they
    are: the mids less the first, float64, and 1.0.
    """
    grid = Grid()
    grid.add(mid)
    if grid.step > FINEST * np.abs(mid).max(initial=1e-300):
        units = np.rint((mid - mid[:1]) / grid.step)
        if np.ptp(units) * span < 2.0**62:
            return units.astype(np.int64), grid.step
    return mid - mid[:1], 1.0


def moved(units: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Whether units (m,) change anywhere after position `first` and up to `last`, both (p,)."""
    changes = np.concatenate([[0], np.cumsum(units[1:] != units[:-1])])
    return changes[last] > changes[first]
