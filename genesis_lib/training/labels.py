"""What the classes DOWN, NEUTRAL, UP mean, and when each label is known.

Every label comes with the row at whose time it is known, so that cross-validation can purge by it. A label whose
horizon, past or window leaves an unbroken streak of valid rows does not exist (class -1).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace

import numpy as np

from genesis_lib.errors import InputError
from genesis_lib.training.moves import moves_over_rows, moves_over_time, past_volatility

__all__ = ["KINDS", "Label", "label_matrix", "last_known", "past_volatility", "run_starts", "shares"]

DOWN, NEUTRAL, UP, NONE = 0, 1, 2, -1
KINDS = ("smoothed", "smoothed-past", "volatility", "triple-barrier")
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
LATER = ("seconds", "fee_bps", "width_down")  # parts that manifests written before them do not have


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
        Rows ahead; 0 where `seconds` is given.
    threshold
        Size of the move above which it is UP or DOWN: a number (a fraction of the price for the smoothed kinds, a
        number of deviations for ``volatility``); "balanced": the lower tercile of the absolute move in the training
        rows; or "spread": the whole spread at the decision and twice the fee (see Notes), for the smoothed kinds, and
        for ``triple-barrier``, whose barriers then lie `width` times as far away. Another triple barrier has none.
    span
        Rows of one-row returns the past volatility is measured over.
    width
        Distance of the barriers, in past volatilities over the horizon.
    seconds
        Horizon in seconds instead of rows. A mean then weighs each mid by how long it stood, and a label is known at
        the first row at or after its end.
    fee_bps
        Fee a side in basis points, part of the threshold "spread" and of no other.
    width_down
        Distance of the lower barrier; `width` when left out.

    Notes
    -----
    With mid :math:`p_t` and horizon k: :math:`m^+_t = \\frac1k\\sum_{i=1}^k p_{t+i}`,
    :math:`m^-_t = \\frac1k\\sum_{i=0}^{k-1} p_{t-i}`; smoothed :math:`(m^+_t - p_t)/p_t`, smoothed-past
    :math:`(m^+_t - m^-_t)/m^-_t`, volatility :math:`(p_{t+k}/p_t - 1)/(\\sigma_t\\sqrt k)` with
    :math:`\\sigma_t^2` the mean squared one-row return of the `span` rows up to t. Over S seconds
    :math:`m^+_t = \\frac1S\\int_t^{t+S} p_u\\,du`, and :math:`\\sigma_t\\sqrt k` has as many rows for k as came, in the
    mean of the last `span`, in S seconds.

    Why the whole spread: who takes at the touch pays half of it to come in and half to go out, so a smaller move of the
    mid is no money. A move under "spread" is counted in such costs, :math:`s_t/p_t + 2f`: UP is above 1.

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
    seconds: float | None = None
    fee_bps: float = 0.0
    width_down: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"label kind must be one of {', '.join(KINDS)}, got {self.kind!r}")
        if self.seconds is not None:
            if not (_number(self.seconds) and 1e-3 <= self.seconds <= 86_400):
                raise InputError(f"label seconds must lie between 0.001 and 86,400, got {self.seconds!r}")
            object.__setattr__(self, "horizon", 0)
        for name in ("horizon", "span") if self.seconds is None else ("span",):
            rows = getattr(self, name)
            if not (isinstance(rows, (int, np.integer)) and not isinstance(rows, bool) and rows >= 1):
                raise InputError(f"label {name} must be a whole number of at least 1 row, got {rows!r}")
        if self.threshold not in ("balanced", "spread") and not (_number(self.threshold) and self.threshold >= 0):
            raise InputError(
                f'label threshold must be a number of at least 0, "balanced" or "spread", got {self.threshold!r}'
            )
        if self.threshold == "spread" and self.kind == "volatility":
            raise InputError('label threshold "spread" is a price, and a volatility label counts in deviations')
        if not (_number(self.fee_bps) and self.fee_bps >= 0) or (self.fee_bps and self.threshold != "spread"):
            raise InputError(
                f'label fee_bps must be at least 0, and 0 unless the threshold is "spread", got {self.fee_bps!r}'
            )
        if not (_number(self.width) and self.width > 0):
            raise InputError(f"label width must be positive, got {self.width!r}")
        below = self.width_down
        if below is not None and (self.kind != "triple-barrier" or not (_number(below) and below > 0)):
            raise InputError(f"label width_down is a triple barrier's, and positive, got {below!r}")

    @classmethod
    def of(cls, table: Mapping[str, object]) -> Label:
        """Read a definition back from a manifest, of this version or an older one.

        Raises
        ------
        InputError
            For a part that this version does not know.
        """
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(table) - known):
            raise InputError(f"label has no {unknown[0]!r}; this version knows {', '.join(sorted(known))}")
        return cls(**table)

    @classmethod
    def parse(cls, text: str, **parts: object) -> Label:
        """Read a horizon as people write it: rows (``50``) or a time (``500ms``, ``30s``, ``5m``, ``1h``).

        Raises
        ------
        InputError
            For anything else.

        Examples
        --------
        >>> Label.parse("5m").seconds, Label.parse("50", threshold="spread").horizon
        (300.0, 50)
        """
        found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h)|(\d+)", text.strip())
        if found is None:
            raise InputError(f"horizon must be rows (50) or a time (500ms, 30s, 5m, 1h), got {text!r}")
        amount, unit, rows = found.groups()
        return cls(horizon=int(rows), **parts) if rows else cls(seconds=float(amount) * UNITS[unit], **parts)

    def as_dict(self) -> dict[str, object]:
        """What a manifest stores; parts that older versions do not know are left out where they say nothing."""
        return {k: v for k, v in asdict(self).items() if k not in LATER or v}

    @property
    def ahead(self) -> str:
        """The horizon as `parse` reads it.

        >>> Label(seconds=90).ahead, Label(seconds=300).ahead, Label(horizon=50).ahead
        ('90s', '5m', '50')
        """
        if self.seconds is None:
            return str(self.horizon)
        unit = next(u for u in ("h", "m", "s", "ms") if (self.seconds / UNITS[u]).is_integer() or u == "ms")
        return f"{self.seconds / UNITS[unit]:.15g}{unit}"

    @property
    def ahead_in_words(self) -> str:
        """The horizon for people: ``50 rows`` or ``5 minutes``."""
        if self.seconds is None:
            return f"{self.horizon} row{'s' * (self.horizon != 1)}"
        minutes = self.seconds / 60.0
        amount, unit = (minutes, "minute") if minutes.is_integer() else (self.seconds, "second")
        return f"{amount:g} {unit}{'s' * (amount != 1)}"

    def moves(
        self, mid: np.ndarray, starts: np.ndarray, time: np.ndarray | None = None, spread: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Move of every row and the row at which it is known.

        Parameters
        ----------
        mid
            (n,) mid prices.
        starts
            (n,) from `run_starts`.
        time
            (n,) int64 ns; needed for a horizon in seconds.
        spread
            (n,) best ask less best bid, in the unit of `mid`; needed for the threshold "spread".

        Returns
        -------
        move, end
            (n,) float64, NaN where there is no label, and (n,) int64, -1 there.

        Raises
        ------
        InputError
            When `time` or `spread` is needed and was not given.
        """
        cost = None
        if self.threshold == "spread":
            if spread is None:
                raise InputError('label threshold "spread" needs the spread of every row, and none was given')
            cost = spread / mid + 2e-4 * self.fee_bps
        if self.seconds is None:
            return moves_over_rows(self, mid, starts, cost)
        if time is None:
            raise InputError(f"a label {self.ahead} ahead needs the time of every row, and none was given")
        return moves_over_time(self, mid, starts, time, cost)

    def fit(self, moves: np.ndarray) -> Label:
        """The same label with its threshold as a number; `moves` must be those of training rows only.

        The threshold "spread" stays as it is: it is another number at every row, and moves are counted in it.
        """
        if self.threshold == "spread":
            return self
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
        limit = 0.5 if self.kind == "triple-barrier" else 1.0 if self.threshold == "spread" else self.threshold
        result = np.where(moves > limit, UP, np.where(moves < -limit, DOWN, NEUTRAL)).astype(np.int8)
        result[np.isnan(moves)] = NONE
        return result


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def label_matrix(
    mid: np.ndarray,
    time: np.ndarray,
    starts: np.ndarray,
    labels: Sequence[Label],
    spread: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Moves (n, H) float64 and rows at which they are known (n, H) int64 of several labels; see `Label.moves`."""
    moves, ends = np.empty((len(mid), len(labels))), np.empty((len(mid), len(labels)), np.int64)
    for head, label in enumerate(labels):
        moves[:, head], ends[:, head] = label.moves(mid, starts, time, spread)
    return moves, ends


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
