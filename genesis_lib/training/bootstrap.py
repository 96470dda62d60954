"""How sure a score is: intervals by the moving-block bootstrap.

Neighbouring rows share their window and their label's horizon, so they are no independent witnesses: resampling them
one by one gives intervals that are far too narrow. Blocks of neighbours are drawn instead, each within one session.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from genesis_lib.errors import InputError
from genesis_lib.training.scores import log_losses, of_confusion

MEASURES = ("accuracy", "macro_f1", "mcc", "log_loss")
DRAWS, CONFIDENCE = 1000, 0.95
FEWEST_BLOCKS = 5  # with fewer there is no interval: it would say that nothing varies
PIECE = 1 << 17  # block sums in memory at a time


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure, and between what it lies; NaN where there are too few blocks to tell."""

    value: float
    low: float
    high: float

    @property
    def beyond_zero(self) -> bool:
        """Whether the whole interval lies on one side of zero."""
        return self.low > 0 or self.high < 0

    def as_dict(self) -> dict[str, float | None]:
        """For JSON; None for NaN."""
        ends = {"low": self.low, "high": self.high}
        return {"value": self.value} | {key: None if np.isnan(end) else end for key, end in ends.items()}


@dataclass(frozen=True)
class Blocks:
    """Which blocks of samples each draw consists of.

    Parameters
    ----------
    block
        Samples a block.
    group
        (n,) numbers; no block reaches from one number to the next. A group shorter than a block is a block by itself.
    draws, seed
        How many resampled series, and what decides them.

    Notes
    -----
    A block is placed around a sample drawn at random, moved back inside where it would leave its group. So a group
    takes part in proportion to its size, and long ones are drawn as by Kuensch.

    References
    ----------
    H. R. Kuensch, "The jackknife and the bootstrap for general stationary observations", Annals of Statistics 17, 1989.
    """

    block: int
    group: np.ndarray
    draws: int = DRAWS
    seed: int = 0

    def __post_init__(self) -> None:
        if self.block < 1:
            raise InputError(f"block must be at least 1 sample, got {self.block!r}")
        if self.draws < 100:
            raise InputError(f"draws must be at least 100, got {self.draws!r}")
        if len(self.group) == 0:
            raise InputError("there are no samples to draw blocks from")

    @classmethod
    def covering(cls, rows: int, row: np.ndarray, group: np.ndarray, **settings: int) -> Blocks:
        """Blocks of as many samples as reach over `rows` rows, where `row` (n,) numbers the samples' rows."""
        steps = np.diff(row)[np.diff(group) == 0]
        step = max(float(np.median(steps)), 1.0) if len(steps) else 1.0
        return cls(max(int(np.ceil(rows / step)), 1), group, **settings)

    @property
    def count(self) -> float:
        """Blocks that a series holds."""
        first, end = self._ends()
        return len(self.group) / float(np.minimum(self.block, end - first).mean())

    def _ends(self) -> tuple[np.ndarray, np.ndarray]:
        """First sample of each sample's group, and the one after its last."""
        edges = np.flatnonzero(np.diff(self.group)) + 1
        sizes = np.diff(np.concatenate([[0], edges, [len(self.group)]]))
        first = np.repeat(np.concatenate([[0], edges]), sizes)
        return first, first + np.repeat(sizes, sizes)

    def totals(self, columns: np.ndarray) -> np.ndarray:
        """Sums of some columns (n, k) over the samples of each draw: (draws, k + 1), the last the number of samples."""
        n, k = columns.shape
        if n != len(self.group):
            raise InputError(f"columns must have {len(self.group)} rows, got {n}")
        first, end = self._ends()
        sums = np.zeros((n + 1, k))
        np.cumsum(columns, axis=0, out=sums[1:])
        many, rng = max(round(self.count), 1), np.random.default_rng(self.seed)
        result = np.empty((self.draws, k + 1))
        each = max(PIECE // many, 1)
        for begin in range(0, self.draws, each):
            shape = (min(each, self.draws - begin), many)
            at, shift = np.divmod(rng.integers(0, n * self.block, shape), self.block)
            low = np.maximum(np.minimum(at - shift, end[at] - self.block), first[at])
            high = np.minimum(low + self.block, end[at])
            part = result[begin : begin + shape[0]]
            part[:, :k] = (sums[high] - sums[low]).sum(axis=1)
            part[:, k] = (high - low).sum(axis=1)
        return result


@dataclass(frozen=True)
class Intervals:
    """Scores of several models on the same samples, and their differences, with intervals.

    Parameters
    ----------
    scores
        By model and measure.
    differences
        The first model less each other, by that model and measure. In log-loss less is better.
    block, blocks, draws, confidence
        Samples a block, blocks in the series, resampled series, and the share of them an interval holds.
    """

    scores: dict[str, dict[str, Interval]]
    differences: dict[str, dict[str, Interval]]
    block: int
    blocks: float
    draws: int
    confidence: float

    def as_dict(self) -> dict[str, object]:
        """For JSON."""

        def plain(table: Mapping[str, Mapping[str, Interval]]) -> dict[str, object]:
            return {name: {key: each.as_dict() for key, each in row.items()} for name, row in table.items()}

        how = {"block": self.block, "blocks": int(self.blocks), "draws": self.draws, "confidence": self.confidence}
        return {**how, "scores": plain(self.scores), "differences": plain(self.differences)}


def block_interval(values: np.ndarray, blocks: Blocks, confidence: float = CONFIDENCE) -> Interval:
    """Interval of the mean of some values (n,), one a sample: a loss, a difference of two losses, a profit.

    >>> block_interval(np.arange(8.0), Blocks(1, np.zeros(8, int))).value
    3.5
    """
    values = np.asarray(values, np.float64)
    centre = float(values.mean())  # long sums of one sign would lose digits
    totals = blocks.totals((values - centre)[:, None])
    return _interval(centre, centre + totals[:, 0] / totals[:, 1], blocks, confidence)


def score_intervals(
    classes: np.ndarray,
    answers: Mapping[str, tuple[np.ndarray, np.ndarray]],
    blocks: Blocks,
    confidence: float = CONFIDENCE,
    place: np.ndarray | None = None,
) -> Intervals:
    """Intervals of the scores of several models, and of the first one's lead over each other.

    Parameters
    ----------
    classes
        (n,) true classes 0, 1, 2.
    answers
        By model: the answered classes (n,) and the probabilities (n, 3).
    blocks
        What is drawn; every model is scored on the same draws, so that differences are of pairs.
    confidence
        Share of the draws an interval holds.
    place
        (n,) which of the samples of `blocks` each answer is of, where some were asked several times: all answers about
        one are drawn together, for asking again is no new evidence. Each is another when left out.

    Notes
    -----
    The bounds are quantiles of the resampled figures (percentile intervals). A draw is never formed: confusion counts
    and losses of a block are differences of running sums.
    """
    if not answers:
        raise InputError("answers holds no model")
    if not 0.5 <= confidence < 1.0:
        raise InputError(f"confidence must lie in [0.5, 1), got {confidence!r}")
    classes = np.asarray(classes, np.int64)
    figures: dict[str, dict[str, np.ndarray]] = {}
    values: dict[str, dict[str, float]] = {}
    cells = np.arange(9)
    for name, (predicted, probabilities) in answers.items():
        columns = np.ones((len(classes), 10 if place is None else 11))
        columns[:, :9] = (3 * classes + predicted)[:, None] == cells
        columns[:, 9] = log_losses(classes, probabilities)
        drawn = columns if place is None else _summed(columns, place, len(blocks.group))
        figures[name] = _figures(blocks.totals(drawn)[:, :11])
        whole = np.append(columns[:, :10].sum(0), len(classes))
        values[name] = {key: value.item() for key, value in _figures(whole).items()}
    main = next(iter(answers))

    def of(key: str, name: str, less: str | None = None) -> Interval:
        drawn = figures[name][key] - (figures[less][key] if less else 0.0)
        return _interval(values[name][key] - (values[less][key] if less else 0.0), drawn, blocks, confidence)

    return Intervals(
        scores={name: {key: of(key, name) for key in MEASURES} for name in answers},
        differences={name: {key: of(key, main, name) for key in MEASURES} for name in answers if name != main},
        block=blocks.block,
        blocks=blocks.count,
        draws=blocks.draws,
        confidence=confidence,
    )


def _summed(columns: np.ndarray, place: np.ndarray, count: int) -> np.ndarray:
    result = np.zeros((count, columns.shape[1]))
    np.add.at(result, place, columns)
    return result


def _figures(totals: np.ndarray) -> dict[str, np.ndarray]:
    """Measures of totals (..., 11): nine confusion counts, loss, samples."""
    counts = totals[..., :9].reshape(*totals.shape[:-1], 3, 3)
    return of_confusion(counts) | {"log_loss": totals[..., 9] / totals[..., 10]}


def _interval(value: float, drawn: np.ndarray, blocks: Blocks, confidence: float) -> Interval:
    if blocks.count < FEWEST_BLOCKS:
        return Interval(value, float("nan"), float("nan"))
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(value, float(low), float(high))
