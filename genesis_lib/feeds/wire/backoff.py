"""How long to wait before the next attempt at something that fails."""

from __future__ import annotations

import random
from collections.abc import Callable

from genesis_lib.errors import InputError


class Backoff:
    """Waits with full jitter: the n-th is drawn evenly from 0 to ``min(longest, first * 2**n)`` seconds.

    Many clients that lost the same venue at the same moment come back spread out, not in waves.

    Parameters
    ----------
    first, longest
        Seconds; the bound of the first wait, and of all.
    draw
        Gives a number from 0 to 1.

    References
    ----------
    M. Brooker, "Exponential backoff and jitter", AWS Architecture Blog, 2015.

    Examples
    --------
    >>> waits = Backoff(0.5, 4.0, draw=lambda: 1.0)
    >>> [waits.next() for _ in range(5)]
    [0.5, 1.0, 2.0, 4.0, 4.0]
    """

    def __init__(self, first: float, longest: float, draw: Callable[[], float] = random.random) -> None:
        if not (first > 0 and longest > 0):
            raise InputError(f"first and longest must be greater than 0 s, got {first!r} and {longest!r}")
        self._first, self._longest, self._draw = first, longest, draw
        self.failures = 0

    def next(self) -> float:
        """Seconds to wait before the next attempt; counts one more failure."""
        bound = min(self._longest, self._first * 2.0 ** min(self.failures, 64))
        self.failures += 1
        return bound * self._draw()

    def reset(self) -> None:
        """Begin anew, after an attempt that succeeded."""
        self.failures = 0
