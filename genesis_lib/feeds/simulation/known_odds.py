"""The odds of a market whose coming move is drawn with known probabilities: what the best possible model scores.

Rounds follow each other. A round shows a *state* in the book for `SHOWN` rows; then the mid moves up, moves down or
stays, drawn with the state's odds. After it the book shows nothing that means anything until the next round begins: for
``HORIZON - SHOWN`` rows for certain, then at each row with the chance `ONSET`. Two moves are therefore never closer
than `HORIZON` rows, so that within the horizon of any row there is at most one, and its direction is the row's label.

Notes
-----
A state has four signs: ``x`` (touch), ``y`` (a deeper level), ``gate`` and ``calm``. With ``e = x + 2 y gate``

    P(down), P(neutral), P(up)  proportional to  exp(-b e), exp(2 b calm), exp(b e)

and the strength b is solved for the accuracy that was asked for. ``y gate`` cannot be told from any single column;
``x`` and ``calm`` can. A state mirrored (bids for asks) has its odds mirrored.

A row of a round has its state's odds. A row `age` rows after the end of a round sees the next move within the horizon
with probability ``q = 1 - (1 - ONSET)^min(age + 1, HORIZON - SHOWN)`` and then, its state not yet drawn, with the mean
odds of all states. By the renewal-reward theorem a mean over all rows is the mean sum over a round and its pause,
divided by their mean length; every figure here is such a sum, and none is simulated.

References
----------
L. Devroye, L. Györfi, G. Lugosi, "A Probabilistic Theory of Pattern Recognition", Springer, 1996, chapter 2 (the Bayes
rule and its error).
"""

from __future__ import annotations

from functools import cached_property
from itertools import product
from typing import NamedTuple

import numpy as np

from genesis_lib.errors import InputError
from genesis_lib.types import Instrument

INSTRUMENT = Instrument("simulator", "SIMBAYES", 0.1, 0.001)
HORIZON = 20  # rows ahead that the label looks
SHOWN = 18  # rows a state is shown before the move
ONSET = 0.125  # chance a row that a round begins, once it may
DOWN, NEUTRAL, UP = 0, 1, 2
STRONGEST = 60.0
BITS = ("x", "y", "gate", "calm", "live")  # `live`: a round is on


class State(NamedTuple):
    """Four signs, each +1 or -1."""

    x: int
    y: int
    gate: int
    calm: int


STATES = tuple(State(*signs) for signs in product((-1, 1), repeat=4))


class Ceiling(NamedTuple):
    """Scores of the Bayes rule over all rows, and the accuracy of the best model that is linear in the signs."""

    accuracy: float
    log_loss: float
    macro_f1: float
    linear_accuracy: float


class KnownOdds:
    """Odds of every row, and the ceiling that follows from them.

    Parameters
    ----------
    accuracy
        Of the Bayes rule, over all rows; between `lowest` and `highest`.

    Attributes
    ----------
    strength : float
        The b of the odds.

    Raises
    ------
    InputError
        When no strength gives that accuracy.

    Examples
    --------
    >>> odds = KnownOdds(0.75)
    >>> round(odds.ceiling.accuracy, 9)
    0.75
    >>> odds.shown(State(1, 1, 1, -1)).argmax() == UP
    True
    """

    def __init__(self, accuracy: float = 0.75) -> None:
        lowest, highest = _accuracy(0.0), _accuracy(STRONGEST)
        if not lowest < accuracy < highest:
            raise InputError(
                f"accuracy must lie between {lowest:.3f} (every state has equal odds) and {highest:.3f} (every state "
                f"decides), got {accuracy!r}"
            )
        self.accuracy = float(accuracy)
        weakest, strongest = 0.0, STRONGEST
        for _ in range(80):
            self.strength = (weakest + strongest) / 2
            if _accuracy(self.strength) < accuracy:
                weakest = self.strength
            else:
                strongest = self.strength
        self._shown = {state: row for state, row in zip(STATES, _shown(self.strength))}
        self._pauses = [_pause(self.strength, age) for age in range(HORIZON - SHOWN + 1)]

    def shown(self, state: State) -> np.ndarray:
        """Probabilities (3,) of DOWN, NEUTRAL, UP at the rows of a round that shows this state."""
        return self._shown[state]

    def pause(self, age: int) -> np.ndarray:
        """Probabilities (3,) at a row so many rows after the end of a round (0: the row of the move)."""
        return self._pauses[min(age, HORIZON - SHOWN)]

    @cached_property
    def ceiling(self) -> Ceiling:
        """Exact scores of the Bayes rule."""
        weights, posteriors, signs = cells(self.strength)
        answers = posteriors.argmax(axis=1)
        counts = np.zeros((3, 3))  # true class down, answer across
        for weight, row, answer in zip(weights, posteriors, answers):
            counts[:, answer] += weight * row
        with np.errstate(divide="ignore", invalid="ignore"):
            f1 = 2 * np.diag(counts) / (counts.sum(axis=0) + counts.sum(axis=1))
            losses = -np.where(posteriors > 0, posteriors * np.log(posteriors), 0.0).sum(axis=1)
        linear = _linear(weights, posteriors, signs).argmax(axis=1)
        right = posteriors[np.arange(len(linear)), linear]
        return Ceiling(
            float(np.trace(counts)), float(weights @ losses), float(np.nan_to_num(f1).mean()), float(weights @ right)
        )


def cells(strength: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every kind of row there is.

    Returns
    -------
    weights, posteriors, signs
        (c,) share of the rows, (c, 3) their odds, and (c, 5) what the book shows at them, see `BITS`.
    """
    quiet = (1 - ONSET) / ONSET  # mean rows of a pause beyond the certain ones
    ages = np.arange(HORIZON - SHOWN + 1)  # the last stands for all later ones
    rows = np.array([SHOWN, *np.where(ages < HORIZON - SHOWN, 1.0, quiet)]) / (HORIZON + quiet)
    weights = np.repeat(rows / len(STATES), len(STATES))
    odds = [_shown(strength)] + [np.tile(_pause(strength, int(age)), (len(STATES), 1)) for age in ages]
    shown = np.tile(np.array(STATES, np.float64), (len(rows), 1))  # what a pause shows means nothing
    live = np.repeat(np.array([1.0] + [-1.0] * len(ages)), len(STATES))
    return weights, np.concatenate(odds), np.column_stack([shown, live])


def _shown(strength: float) -> np.ndarray:
    x, y, gate, calm = np.array(STATES, np.float64).T
    e = x + 2 * y * gate
    logits = strength * np.stack([-e, 2 * calm, e], axis=1)
    power = np.exp(logits - logits.max(axis=1, keepdims=True))
    return power / power.sum(axis=1, keepdims=True)


def _pause(strength: float, age: int) -> np.ndarray:
    mean = _shown(strength).mean(axis=0)
    near = 1.0 - (1.0 - ONSET) ** min(age + 1, HORIZON - SHOWN)
    return near * mean + (1.0 - near) * np.array([0.0, 1.0, 0.0])


def _accuracy(strength: float) -> float:
    weights, posteriors, _ = cells(strength)
    return float(weights @ posteriors.max(axis=1))


def _linear(weights: np.ndarray, posteriors: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """Logits (c, 3) of the multinomial regression on the signs that has the smallest expected log-loss, by Newton."""
    inputs = np.column_stack([signs, np.ones(len(signs))])
    width = inputs.shape[1]
    solution = np.zeros((3, width))
    for _ in range(60):
        logits = inputs @ solution.T
        power = np.exp(logits - logits.max(axis=1, keepdims=True))
        given = power / power.sum(axis=1, keepdims=True)
        slope = np.einsum("c,ck,ci->ki", weights, given - posteriors, inputs).ravel()
        spread = given[:, :, None] * (np.eye(3)[None] - given[:, None, :])
        curve = np.einsum("c,ckl,ci,cj->kilj", weights, spread, inputs, inputs).reshape(3 * width, 3 * width)
        step = np.linalg.lstsq(curve + 1e-9 * np.eye(3 * width), slope, rcond=None)[0]
        solution -= step.reshape(3, width)
        if np.abs(step).max() < 1e-10:
            break
    return inputs @ solution.T
