"""What the classes DOWN, NEUTRAL, UP mean, and when each label is known.

Every label comes with the row at whose time it is known, so that cross-validation can purge by it. A label whose
horizon, past or window leaves an unbroken streak of valid rows does not exist (class -1).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from genesis_lib.errors import InputError

DOWN, NEUTRAL, UP, NONE = 0, 1, 2, -1
KINDS = ("smoothed", "smoothed-past", "volatility", "triple-barrier")


def run_starts(valid: np.ndarray, session: np.ndarray | None = None) -> np.ndarray:
    """First row of the unbroken streak each row lies in, -1 at rows that are not valid: (n,) int64.

    `session` (n,) numbers the session of each row; a streak never goes on from one to the next.

    >>> run_starts(np.array([True, True, False, True]))
    array([ 0,  0, -1,  3])
    """
    rows = np.arange(len(valid))
    begins = valid.copy()
    begins[1:] &= ~valid[:-1] if session is None else ~valid[:-1] | (session[1:] != session[:-1])
    starts = np.maximum.accumulate(np.where(begins, rows, 0))
    return np.where(valid, starts, -1)


@dataclass(frozen=True, slots=True)
class Label:
    """Definition of a label.

    Parameters
    ----------
    kind
        ``smoothed``: mean mid of the next `horizon` rows against the mid now. ``smoothed-past``: the same mean against
        the mean of the last `horizon` rows. ``volatility``: return over `horizon` rows in units of the past
        volatility. ``triple-barrier``: which of two barriers, `width` past volatilities away, the mid passes first
        within `horizon` rows.
    horizon
        Rows ahead.
    threshold
        Size of the move above which it is UP or DOWN: a number (a fraction of the price for the smoothed kinds, a
        number of deviations for ``volatility``), or "balanced": the lower tercile of the absolute move in the training
        rows. A triple barrier has none.
    span
        Rows of one-row returns the past volatility is measured over.
    width
        Distance of the barriers, in past volatilities over the horizon.

    Notes
    -----
    With mid :math:`p_t` and horizon k: :math:`m^+_t = \\frac1k\\sum_{i=1}^k p_{t+i}`,
    :math:`m^-_t = \\frac1k\\sum_{i=0}^{k-1} p_{t-i}`; smoothed :math:`(m^+_t - p_t)/p_t`, smoothed-past
    :math:`(m^+_t - m^-_t)/m^-_t`, volatility :math:`(p_{t+k}/p_t - 1)/(\\sigma_t\\sqrt k)` with
    :math:`\\sigma_t^2` the mean squared one-row return of the `span` rows up to t.

    References
    ----------
    Z. Zhang, S. Zohren, S. Roberts, "DeepLOB", IEEE Transactions on Signal Processing 67(11), 2019, eq. 3 and 4.
    M. Lopez de Prado, "Advances in Financial Machine Learning", Wiley, 2018, chapter 3.
    """

    kind: str = "smoothed"
    horizon: int = 20
    threshold: float | str = "balanced"
    span: int = 100
    width: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"label kind must be one of {', '.join(KINDS)}, got {self.kind!r}")
        for name in ("horizon", "span"):
            if getattr(self, name) < 1:
                raise InputError(f"label {name} must be at least 1 row, got {getattr(self, name)!r}")
        if self.threshold != "balanced":
            number = isinstance(self.threshold, (int, float)) and not isinstance(self.threshold, bool)
            if not number or not (math.isfinite(self.threshold) and self.threshold >= 0):
                raise InputError(
                    f'label threshold must be a number of at least 0 or "balanced", got {self.threshold!r}'
                )
        if not self.width > 0:
            raise InputError(f"label width must be positive, got {self.width!r}")

    @classmethod
    def of(cls, table: Mapping[str, object]) -> Label:
        """Read a definition back from a manifest."""
        return cls(**table)

    def as_dict(self) -> dict[str, object]:
        """What a manifest stores."""
        return asdict(self)

    def moves(self, mid: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Move of every row and the row at which it is known.

        Parameters
        ----------
        mid
            (n,) mid prices.
        starts
            (n,) from `run_starts`.

        Returns
        -------
        move, end
            (n,) float64, NaN where there is no label, and (n,) int64, -1 there.
        """
        k, n = self.horizon, len(mid)
        move, end = np.full(n, np.nan), np.full(n, -1, np.int64)
        rows = np.arange(n)
        at = rows[: max(n - k, 0)]
        at = at[(starts[at] >= 0) & (starts[at] == starts[at + k])]
        past = {"smoothed": 0, "smoothed-past": k - 1}.get(self.kind, self.span)
        at = at[at - past >= starts[at]]
        if len(at) == 0:
            return move, end
        end[at] = at + k
        if self.kind.startswith("smoothed"):
            # Differences, not running sums: a mid that did not move gives exactly 0, so quiet rows stay NEUTRAL.
            base, ahead = mid[at], sum(mid[at + i] - mid[at] for i in range(1, k + 1)) / k
            back = sum(mid[at - i] - base for i in range(k)) / k if past else 0.0
            move[at] = (ahead - back) / (base + back)
            return move, end
        scale = past_volatility(mid, self.span)[at] * math.sqrt(k)
        if self.kind == "volatility":
            change = mid[at + k] / mid[at] - 1.0
            with np.errstate(divide="ignore", invalid="ignore"):
                move[at] = np.where(change == 0, 0.0, change / scale)
            return move, end
        move[at] = 0.0
        waiting = np.ones(len(at), bool)
        for i in range(1, k + 1):
            change = mid[at + i] / mid[at] - 1.0
            passed = waiting & (np.abs(change) > self.width * scale)
            move[at[passed]], end[at[passed]] = np.sign(change[passed]), at[passed] + i
            waiting &= ~passed
        return move, end

    def fit(self, moves: np.ndarray) -> Label:
        """The same label with its threshold as a number; `moves` must be those of training rows only."""
        if self.kind == "triple-barrier":
            return replace(self, threshold=0.5)  # its moves are -1, 0 and 1
        if self.threshold != "balanced":
            return self
        finite = np.abs(moves[np.isfinite(moves)])
        if len(finite) == 0:
            raise InputError("label: no training row has a move to fit the threshold on")
        return replace(self, threshold=float(np.quantile(finite, 1 / 3)))

    def classes(self, moves: np.ndarray) -> np.ndarray:
        """Classes of moves: (n,) int8; the threshold must have been fitted."""
        if self.kind != "triple-barrier" and self.threshold == "balanced":
            raise InputError("label: a balanced threshold must be fitted on training rows before it can classify")
        limit = 0.5 if self.kind == "triple-barrier" else self.threshold
        result = np.where(moves > limit, UP, np.where(moves < -limit, DOWN, NEUTRAL)).astype(np.int8)
        result[np.isnan(moves)] = NONE
        return result


def past_volatility(mid: np.ndarray, span: int) -> np.ndarray:
    """Root mean square of the last `span` one-row returns, (n,); NaN before there are as many."""
    result = np.full(len(mid), np.nan)
    if len(mid) > span:
        squares = np.square(mid[1:] / mid[:-1] - 1.0)
        result[span:] = np.sqrt(sliding_window_view(squares, span).mean(axis=1))
    return result


def last_known(end: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Newest row of the same streak whose label is known at each row: (n,) int64, -1 where there is none."""
    newest = np.full(len(end), -1, np.int64)
    rows = np.flatnonzero(end >= 0)
    np.maximum.at(newest, end[rows], rows)
    newest = np.maximum.accumulate(newest)
    return np.where((starts >= 0) & (newest >= starts), newest, -1)


def shares(classes: np.ndarray) -> dict[str, float]:
    """Share of each class among the labelled rows."""
    labelled = classes[classes >= 0]
    count = np.bincount(labelled, minlength=3) / max(len(labelled), 1)
    return {"DOWN": float(count[DOWN]), "NEUTRAL": float(count[NEUTRAL]), "UP": float(count[UP])}


def share_table(mid: np.ndarray, valid: np.ndarray, labels: Iterable[Label]) -> pd.DataFrame:
    """Compare definitions and horizons on one session: threshold (fitted on all of it), labelled rows, class shares."""
    starts = run_starts(valid)
    table = []
    for label in labels:
        moves, _ = label.moves(mid, starts)
        fitted = label.fit(moves)
        classes = fitted.classes(moves)
        table.append(
            {
                "kind": label.kind,
                "horizon": label.horizon,
                "threshold": fitted.threshold,
                "rows": int((classes >= 0).sum()),
                **shares(classes),
            }
        )
    return pd.DataFrame(table)
