"""What moves simulated prices, in plain Python: random numbers, and the hidden factors of value and of activity."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log

import numpy as np

CELL = 100  # ms: factors move on this grid of event time, whoever asks and however often
GAMMA = 0x9E3779B97F4A7C15
UNIT = 2.0**-53

# Activity is the sum of these: seconds over which each forgets, and its standard deviation.
MOODS = ((1.5, 0.40), (20.0, 0.50), (240.0, 0.35))
SPREAD = sum(deviation * deviation for _, deviation in MOODS)
PULLS = tuple(CELL / 1000.0 / memory for memory, _ in MOODS)
# An even draw from -1/2 to 1/2 has a variance of 1/12.
SHAKES = tuple((24.0 * pull) ** 0.5 * deviation for pull, (_, deviation) in zip(PULLS, MOODS))
JUMPS = 0.20  # news a second, at the usual activity
JUMP = 1.15  # mean size of one, in standard deviations of a second: they make half of the variance
DIFFUSION = (0.5 * CELL / 1000.0) ** 0.5


def uniforms(seed: int) -> Callable[[], float]:
    """Numbers from 0 to 1 (not included), for ever: SplitMix64, whose n-th number is a function of seed and n alone.

    References
    ----------
    Steele, Lea and Flood (2014), Fast splittable pseudorandom number generators.
    """

    def forever():
        state = seed
        steps = np.arange(1, 1025, dtype=np.uint64) * np.uint64(GAMMA)
        while True:
            z = np.uint64(state) + steps
            state = (state + 1024 * GAMMA) % 2**64
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            yield from (((z ^ (z >> np.uint64(31))) >> np.uint64(11)) * UNIT).tolist()

    return forever().__next__


class Factor:
    """A hidden value that wanders and jumps, the more the more active the market is.

    Attributes
    ----------
    value : float
        Where it is; it moves by 1 a second (standard deviation) on average.
    activity : float
        Logarithm of how active the market is; 0 on average. `mood` scales it.

    Notes
    -----
    A function of seed and event time alone: two markets that ask with the same seed get the same, at any pace.
    """

    def __init__(self, seed: int, mood: float) -> None:
        self.random, self.mood = uniforms(seed), mood
        self.cells = 0
        self.value = self.activity = 0.0
        self.moods = [0.0, 0.0, 0.0]

    def advance(self, cells: int) -> None:
        """Move on to a cell of the grid, counted from the start."""
        r, moods, spread = self.random, self.moods, self.mood * self.mood * SPREAD
        while self.cells < cells:
            self.cells += 1
            for i in range(3):
                moods[i] += -moods[i] * PULLS[i] + (r() - 0.5) * SHAKES[i]
            self.activity = self.mood * (moods[0] + moods[1] + moods[2])
            gauss = (r() + r() + r() - 1.5) * 2.0
            pace = exp(self.activity - spread)
            self.value += gauss * pace * DIFFUSION
            if r() < JUMPS * (CELL / 1000.0) * exp(self.activity - 0.5 * spread):
                size = -log(1.0 - r()) * JUMP
                self.value += size if r() < 0.5 else -size
