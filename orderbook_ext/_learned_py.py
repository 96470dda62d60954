"""Kernels that learn from the rows so far, in plain Python: the twin of `_learned.pxd`."""

from __future__ import annotations

import math

NAN = math.nan
LEANS = 11  # buckets of the best quantities' imbalance, the middle one even
SPREADS = 3  # one tick, two, more
STATES = LEANS * SPREADS
MOVE_PRIOR = 300  # rows without a move that every state is given: some ten moves at the pace of busy markets
COMPONENT_WARMUP = 100


class Component:
    """Projection on the first principal component: sum of weights x over sum of |weights|.

    The covariance forgets like an exponential mean of `span` rows (a plain mean while there are fewer), the weights
    take one step of the power method a row, and a row is projected with the weights of the rows before it. A NaN counts
    as 0; where the first value is NaN the row is passed over.
    """

    def __init__(self, span: int) -> None:
        self.span = span
        self.reset()

    def reset(self) -> None:
        self.count = 0

    def advance(self, *values: float) -> float:
        if values[0] != values[0]:
            return NAN
        k = len(values)
        x = [0.0 if v != v else v for v in values]
        if self.count == 0:
            self.weights, self.mean = [1.0 / k] * k, [0.0] * k
            self.cov = [[0.0] * k for _ in range(k)]
        result = NAN
        if self.count >= min(self.span, COMPONENT_WARMUP):
            total = norm = 0.0
            for weight, value in zip(self.weights, x):
                total += weight * value
                norm += math.fabs(weight)
            result = total / norm
        self.count = min(self.count + 1, self.span)
        self._learn(x, max(2.0 / (self.span + 1.0), 1.0 / self.count))
        return result

    def _learn(self, x: list[float], alpha: float) -> None:
        delta = [value - mean for value, mean in zip(x, self.mean)]
        self.mean = [mean + alpha * d for mean, d in zip(self.mean, delta)]
        total = norm = 0.0
        image = []
        for row, d in zip(self.cov, delta):
            value = 0.0
            for j, e in enumerate(delta):
                row[j] = (1.0 - alpha) * (row[j] + alpha * d * e)
                value += row[j] * self.weights[j]
            image.append(value)
            total += value
            norm += math.fabs(value)
        if norm > 0.0:
            norm = -norm if total < 0.0 else norm
            self.weights = [value / norm for value in image]


class Move:
    """Stoikov's (2018) adjustment of the mid, learned as the rows come, in units of `mid`.

    States are `LEANS` buckets of the best quantities' imbalance times `SPREADS` widths. The adjustment is the fixed
    point of g(s) = E[next move of the mid + g(state after it) | s], with the move and the state after it counted for
    each row since the move before, and mirrored: what happened on one side is as likely on the other. Each row
    refreshes its own state. A state is shrunk to 0 as if `MOVE_PRIOR` more rows in it had seen no move; nothing is
    forgotten but by a reset.
    """

    def __init__(self, span: int) -> None:
        self.span = span
        self.reset()

    def reset(self) -> None:
        self.pending, self.seen, self.moved, self.adjust = ([0.0] * STATES for _ in range(4))
        self.after = [[0.0] * STATES for _ in range(STATES)]
        self.mid, self.count = 0.0, 0

    def advance(self, lean: float, spread: float, mid: float) -> float:
        if lean != lean or spread != spread or mid != mid:
            return NAN
        # to the nearest: two leans that mirror each other never fall into buckets that do not
        bucket = round(max(-0.5, min(lean - 0.5, 0.5)) * (LEANS - 1)) + LEANS // 2
        wide = 0 if spread < 1.5 else 1 if spread < 2.5 else 2
        state, mirror = bucket * SPREADS + wide, (LEANS - 1 - bucket) * SPREADS + wide
        change = mid - self.mid
        if self.count and change != 0.0:
            self._moved(change, state, mirror)
        self.pending[state] += 1.0
        self.mid, self.count = mid, min(self.count + 1, self.span)
        value = self.moved[state]
        for share, adjust in zip(self.after[state], self.adjust):
            value += share * adjust
        value = value / (self.seen[state] + MOVE_PRIOR)
        if state == mirror:
            value = 0.0
        self.adjust[state], self.adjust[mirror] = value, -value
        return value if self.count == self.span else NAN

    def _moved(self, change: float, state: int, mirror: int) -> None:
        for s, rows in enumerate(self.pending):
            if rows > 0.0:
                other = (LEANS - 1 - s // SPREADS) * SPREADS + s % SPREADS
                for k, sign, then in ((s, 1.0, state), (other, -1.0, mirror)):
                    self.seen[k] += rows
                    self.moved[k] += sign * rows * change
                    self.after[k][then] += rows
                self.pending[s] = 0.0
