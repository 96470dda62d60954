"""The grid that numbers of a file lie on, block by block: exact, from the decimals they were written with."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from genesis_lib.errors import InputError

DECIMALS = 8  # no venue writes more of a price above 0.01; what lies below is float noise of whoever wrote the file
FINE_DECIMALS = 12  # of prices below
FINEST = 1e-9  # of the price: a grid finer than this is none
DIGITS = 15  # that a float64 holds of any decimal


class Grid:
    """Largest step of which all numbers seen are whole multiples.

    >>> grid = Grid()
    >>> grid.add(np.array([28145.1, 28145.3, 0.0]))
    >>> grid.add(np.array([28144.7]))
    >>> grid.step
    0.1
    """

    def __init__(self) -> None:
        self._step = Fraction(0)
        self._largest = 0.0

    def add(self, numbers: np.ndarray) -> None:
        """Take in finite numbers; zeros and signs say nothing of a grid."""
        numbers = np.unique(np.abs(numbers))
        numbers = numbers[numbers > 0]
        if not len(numbers):
            return
        largest = float(numbers[-1])
        self._largest = max(self._largest, largest)
        wanted = DECIMALS if largest >= 0.01 else FINE_DECIMALS
        places = max(0, min(wanted, DIGITS - math.ceil(math.log10(largest))))
        if largest >= 2.0**62:
            raise InputError(f"the number {largest!r} is too large to be a price or a quantity")
        whole = np.rint(numbers * 10.0**places).astype(np.int64)
        step = int(np.gcd.reduce(whole))
        if step:
            self._step = _gcd(self._step, Fraction(step, 10**places))

    def merge(self, other: Grid) -> None:
        """Take in what another grid has seen."""
        self._step = _gcd(self._step, other._step)
        self._largest = max(self._largest, other._largest)

    @property
    def step(self) -> float:
        """The step, 0.0 while no number was seen."""
        return float(self._step)

    def price_step(self) -> float:
        """The step of prices.

        Raises
        ------
        InputError
            When there was no price, or they lie on no grid worth the name.
        """
        if not self._step:
            raise InputError("no good row to take a price grid from; give --tick-size")
        if self.step < FINEST * self._largest:
            raise InputError(
                f"the prices lie on no grid (their greatest common step is {self.step!r}); give --tick-size"
            )
        return self.step


def on_grid(numbers: np.ndarray, step: float) -> np.ndarray:
    """Where numbers are whole multiples of a step, float rounding apart."""
    exact = numbers / step
    return np.abs(exact - np.rint(exact)) <= 1e-9 + 1e-15 * np.abs(exact)


def _gcd(left: Fraction, right: Fraction) -> Fraction:
    numerator = math.gcd(left.numerator * right.denominator, right.numerator * left.denominator)
    return Fraction(numerator, left.denominator * right.denominator)
