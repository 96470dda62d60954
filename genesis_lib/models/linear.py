"""Models that look at one row: the class shares alone, and multinomial logistic regression. Served with numpy alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

import numpy as np

from genesis_lib.errors import ModelError
from genesis_lib.models.folding import Tensors, sizes
from genesis_lib.models.scaler import Scaler
from genesis_lib.models.temperature import log_loss

ABSENT = -50.0  # logit of a class that training never saw
PENALTIES = (1.0, 1e-1, 1e-2, 1e-3, 1e-5)  # quadratic, per sample
DEFAULT_PENALTY = 1e-3
CHOOSING = 24_000  # rows that penalty and weighting are chosen on
STRETCHES = 2  # of the training samples, held out in turn for that


@dataclass(frozen=True)
class RowConfig:
    """What every model of single rows is told.

    Parameters
    ----------
    inputs
        Columns of a row.
    window
        Rows that must have come before it answers. It reads only the newest; the default waits as long as the nets, so
        that all answer at the same rows.
    heads
        Labels that are predicted.
    """

    kind: ClassVar[str] = ""
    inputs: int = 40
    window: int = 100
    heads: int = 1

    def __post_init__(self) -> None:
        for name in ("inputs", "window", "heads"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ModelError(f"{self.kind}: {name} must be a whole number of at least 1, got {value!r}")

    def as_dict(self) -> dict[str, Any]:
        """What a manifest stores."""
        return {"kind": self.kind, **asdict(self)}

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> RowConfig:
        """Read back what `as_dict` gave; keys it does not know are left out."""
        return cls(**{field.name: table[field.name] for field in fields(cls) if field.name in table})


@dataclass(frozen=True)
class MajorityConfig(RowConfig):
    """The class shares of the training samples, at every row."""

    kind: ClassVar[str] = "majority"


@dataclass(frozen=True)
class LogisticConfig(RowConfig):
    """Multinomial logistic regression on the newest row.

    Parameters
    ----------
    penalty
        Quadratic penalty per sample; chosen on the validation samples when left out.
    balanced
        Weigh the classes inversely to their shares; chosen on the validation samples when left out.
    """

    kind: ClassVar[str] = "logistic"
    penalty: float | None = None
    balanced: bool | None = None


class RowNet:
    """A model that answers from the newest row; its subclasses say what.

    `score` gives the logits (n, heads, 3) of (n, width) rows.
    """

    def __init__(self, architecture: Mapping[str, Any]) -> None:
        self.width, self.window, self.heads = sizes(architecture, "inputs", "window", "heads")
        if min(self.width, self.window, self.heads) < 1:
            raise ModelError("architecture: inputs, window and heads must be at least 1")

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """Logits at every row of one unbroken streak: (n, width) -> (n, heads, 3), NaN at the first `window` - 1."""
        result = np.full((len(rows), self.heads, 3), np.nan)
        if len(rows) >= self.window:
            result[self.window - 1 :] = self.score(rows[self.window - 1 :])
        return result

    def score(self, rows: np.ndarray) -> np.ndarray:
        raise TypeError(f"{type(self).__name__} must say what it answers")

    def stream(self) -> RowStream:
        """A fresh stream of rows."""
        return RowStream(self)


class RowStream:
    """One answer a row, once as many rows have come as the model waits for."""

    def __init__(self, net: RowNet) -> None:
        self._net, self._seen = net, 0

    def reset(self) -> None:
        """Forget every row."""
        self._seen = 0

    def ahead(self) -> None:
        """Nothing can be computed before the next row comes."""

    def step(self, row: np.ndarray) -> np.ndarray | None:
        """Take one row (width,), give logits (heads, 3), or None while waiting."""
        self._seen += 1
        return self._net.score(row[None])[0] if self._seen >= self._net.window else None


class MajorityNet(RowNet):
    """Always the training samples' shares: weights ``prior`` (heads, 3)."""

    def __init__(self, weights: Mapping[str, np.ndarray], architecture: Mapping[str, Any]) -> None:
        super().__init__(architecture)
        prior = Tensors(weights).get("prior", self.heads, 3)
        if not ((prior >= 0).all() and np.allclose(prior.sum(axis=1), 1.0, atol=1e-6)):
            raise ModelError("weights: prior must hold shares that add up to 1")
        self._logits = np.log(np.clip(prior, 1e-6, 1.0))

    def score(self, rows: np.ndarray) -> np.ndarray:
        """The same for every row."""
        return np.tile(self._logits, (len(rows), 1, 1))


class LogisticNet(RowNet):
    """A linear answer: weights ``coefficients`` (heads, 3, width) and ``intercepts`` (heads, 3)."""

    def __init__(self, weights: Mapping[str, np.ndarray], architecture: Mapping[str, Any]) -> None:
        super().__init__(architecture)
        coefficients = Tensors(weights).get("coefficients", self.heads, 3, self.width)
        self._matrix = np.ascontiguousarray(coefficients.reshape(-1, self.width))
        self._shift = Tensors(weights).get("intercepts", self.heads, 3).ravel()

    def score(self, rows: np.ndarray) -> np.ndarray:
        """Linear in the row."""
        # One row times a matrix is a BLAS call that may spread over threads; vecdot stays on its own.
        product = np.vecdot(self._matrix, rows) if len(rows) == 1 else rows @ self._matrix.T
        return (product + self._shift).reshape(-1, self.heads, 3)


def fit_linear(
    scaled: np.ndarray,
    classes: np.ndarray,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
    *,
    penalty: float | None = None,
    balanced: bool | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Fit a multinomial logistic regression, as strong as the validation samples can tell.

    Parameters
    ----------
    scaled, classes
        (n, G) scaled rows and (n,) classes 0, 1, 2 to learn from.
    validation
        The same of samples to choose on; they are never learned from.
    penalty, balanced
        See `LogisticConfig`. What is left out is chosen, the penalty first, by the mean log-loss on `validation` and on
        two stretches of the training samples, each held out in turn (`CHOOSING` rows at most, evenly spread); without
        validation samples it is 1e-3 and False.

    Returns
    -------
    coefficients, intercepts
        (3, G) and (3,); a class that never occurs has coefficients 0 and an intercept of -50.
    """
    x = np.asarray(scaled, np.float64)
    present = np.unique(classes)
    if len(present) < 2:
        intercepts = np.full(3, ABSENT)
        intercepts[present] = 0.0
        return np.zeros((3, x.shape[1])), intercepts
    if validation is None or len(validation[1]) == 0 or (penalty is not None and balanced is not None):
        return _solve(x, classes, DEFAULT_PENALTY if penalty is None else penalty, bool(balanced))
    pieces = _pieces(x, classes, validation)

    def loss(*option: float | bool) -> float:
        losses = []
        for (rows, answers), (held, truth) in pieces:
            coefficients, intercepts = _solve(rows, answers, *option)
            losses.append(log_loss(held @ coefficients.T + intercepts, truth))
        return float(np.mean(losses))

    tried: list[tuple[float, float]] = []
    if penalty is None:
        for each in PENALTIES:  # from strong to weak, until it gets no better
            tried.append((loss(each, bool(balanced)), each))
            if tried[-1] != min(tried):
                break
        penalty = min(tried)[1]
    if balanced is None:
        plain = min(tried)[0] if tried else loss(penalty, False)
        balanced = loss(penalty, True) < plain
    return _solve(x, classes, penalty, balanced)


def _pieces(x: np.ndarray, classes: np.ndarray, validation: tuple[np.ndarray, np.ndarray]):
    """What to choose on: the validation samples, and stretches of the training samples held out in turn.

    One stretch of a market says little of the next: where it was quiet, it asks for a penalty that costs dearly later.
    The samples at the edges of a stretch, which share rows with it, are left out.
    """
    few = spread(len(classes), CHOOSING)
    rows, answers = x[few], classes[few]
    judged = spread(len(validation[1]), CHOOSING)
    pieces = [((rows, answers), (np.asarray(validation[0][judged], np.float64), validation[1][judged]))]
    size = len(few) // STRETCHES
    edge = max(size // 20, 1)
    for first in range(0, STRETCHES * size, size) if size > 1 else ():
        kept = np.ones(len(few), bool)
        kept[max(first - edge, 0) : first + size + edge] = False
        if len(np.unique(answers[kept])) == len(np.unique(answers)):
            held = slice(first, first + size)
            pieces.append(((rows[kept], answers[kept]), (rows[held], answers[held])))
    return pieces


def _solve(x: np.ndarray, classes: np.ndarray, penalty: float, balanced: bool) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.linear_model import LogisticRegression  # serving must not need scikit-learn
    from threadpoolctl import threadpool_limits

    strength = 1.0 / (penalty * len(classes)) if penalty > 0 else np.inf
    model = LogisticRegression(C=strength, max_iter=300, tol=1e-4, class_weight="balanced" if balanced else None)
    with threadpool_limits(limits=1):  # the solver's vectors are short: threads would only spin for each other
        model.fit(x, classes)
    coefficients, intercepts = np.zeros((3, x.shape[1])), np.full(3, ABSENT)
    if len(model.classes_) == 2:  # scikit-learn gives the logit of the second class alone
        first, second = model.classes_
        coefficients[second] = model.coef_[0]
        intercepts[first], intercepts[second] = 0.0, model.intercept_[0]
        return coefficients, intercepts
    return model.coef_.copy(), model.intercept_.copy()


def unscaled(width: int) -> Scaler:
    """A scaler that leaves rows as they are (as float32), for models that take raw columns."""
    return Scaler(np.zeros(width), np.ones(width), 1e30)


def spread(n: int, most: int) -> np.ndarray:
    """At most `most` of n positions, evenly spread.

    >>> spread(7, 3)
    array([0, 3, 6])
    """
    return np.arange(n) if n <= most else np.linspace(0, n - 1, most).astype(np.int64)
