"""Rank correlation of features with the move ahead: how large, how sure, how much of it luck; and with one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
from scipy.spatial.distance import squareform
from scipy.stats import rankdata

from genesis_lib.analytics.feature_study import FeatureRows
from genesis_lib.errors import InputError

LEAST_ROWS, LEAST_BLOCKS = 100, 8  # rows, and blocks with such rows: fewer give no correlation


@dataclass(frozen=True)
class Information:
    """Rank information coefficient of every feature in some sessions; arrays are (F,), NaN where there is none.

    Parameters
    ----------
    ic
        Spearman's correlation with the move ahead; ranks are taken within each session.
    low, high
        95 % interval of a bootstrap of blocks of rows.
    p
        Share of time shifts of the feature against the moves whose correlation is as large.
    worth
        Independent rows that would scatter as those shifts do: 1 / variance of the shifted correlations.
    rows
        Rows that have both.
    block, blocks
        Rows a block, and how many there are.
    """

    names: tuple[str, ...]
    ic: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray
    worth: np.ndarray
    rows: np.ndarray
    block: int
    blocks: int

    def table(self) -> pd.DataFrame:
        """One row a feature."""
        columns = {name: getattr(self, name) for name in ("ic", "low", "high", "p", "worth", "rows")}
        return pd.DataFrame(columns, index=pd.Index(self.names, name="feature"))


def information(
    sessions: Sequence[FeatureRows], *, block: int = 250, draws: int = 500, shifts: int = 2_000, seed: int = 0
) -> Information:
    """Measure every feature against the move ahead.

    Neighbouring rows share nearly all of their move, and a feature that changes slowly has few values at all, so rows
    are not independent samples. Two remedies, neither of which assumes a model: intervals from blocks of rows drawn
    anew, and a null from the same feature and the same moves at another time (each session turned round by a random
    shift), which keeps the memory of both and breaks only what ties them.

    Parameters
    ----------
    sessions
        With the same features and label.
    block
        Rows drawn together; several times the label's horizon. Also the least shift.
    draws, shifts, seed
        Of the bootstrap and of the null.

    References
    ----------
    H. R. Kuensch, "The Jackknife and the Bootstrap for General Stationary Observations", Annals of Statistics 17(3),
    1989. R. Grinold, R. Kahn, "Active Portfolio Management", McGraw-Hill, 2nd ed. 1999, chapter 6.
    """
    if not sessions:
        raise InputError("sessions must hold at least one session, got none")
    names = sessions[0].names
    if any(session.names != names for session in sessions):
        raise InputError("sessions must have the same features in the same order")
    horizon = sessions[0].label.horizon or max(int((s.end - np.arange(len(s))).max()) for s in sessions)
    if block <= horizon:  # of a horizon in seconds, the most rows that came in it
        raise InputError(f"block must be longer than the horizon of {horizon} rows, got {block!r}")
    rng = np.random.default_rng(seed)
    lengths = [len(session) for session in sessions]
    if min(lengths) < 3 * block:
        raise InputError(f"the shortest session has {min(lengths):,} rows, too few for three blocks of {block}")
    turns = [rng.integers(block, n - block, shifts) for n in lengths]
    firsts = np.cumsum([0, *(-(-n // block) for n in lengths)])
    weights = rng.multinomial(firsts[-1], np.full(firsts[-1], 1 / firsts[-1]), draws).astype(float)
    results = np.full((len(names), 6), np.nan)
    for i in range(len(names)):
        sums, null = np.zeros((3, firsts[-1])), np.zeros(shifts)
        rows, expected = 0, 0.0
        for session, first, turn in zip(sessions, firsts, turns):
            x, y, common = centred_ranks(session.values[:, i], session.move)
            rows += common
            where = first + np.arange(len(x)) // block
            for k, product in enumerate((x * y, x * x, y * y)):
                np.add.at(sums[k], where, product)
            # A sparse feature meets all moves when it is shifted, not only those of the rows it has.
            every, _, known = centred_ranks(session.move, session.move)
            null += shifted_sums(x, every)[turn]
            expected += common * (every @ every) / max(known, 1)
        total = sums.sum(axis=1)
        scale = np.sqrt(total[1] * total[2])
        if rows < LEAST_ROWS or np.count_nonzero(sums[1]) < LEAST_BLOCKS or not scale > 0:
            results[i, 5] = rows
            continue
        ic, null = total[0] / scale, null / np.sqrt(total[1] * expected)
        drawn = weights @ sums.T
        with np.errstate(invalid="ignore", divide="ignore"):
            low, high = np.nanquantile(drawn[:, 0] / np.sqrt(drawn[:, 1] * drawn[:, 2]), [0.025, 0.975])
        p = (1 + np.count_nonzero(np.abs(null) >= abs(ic))) / (1 + shifts)
        results[i] = ic, low, high, p, min(1.0 / np.mean(null**2), rows), rows
    return Information(names, *results.T, block, int(firsts[-1]))


def centred_ranks(values: np.ndarray, move: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Ranks of both over the rows that have both, about 0 and within +-1/2, 0 elsewhere; and how many rows that are."""
    common = np.isfinite(values) & np.isfinite(move)
    count = int(common.sum())
    result = np.zeros((2, len(values)))
    if count:
        for out, some in zip(result, (values, move)):
            out[common] = (rankdata(some[common]) - (count + 1) / 2.0) / count
    return result[0], result[1], count


def shifted_sums(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Sum of x_(t - k) y_t over t, in a circle, for each shift k: (n,).

    >>> shifted_sums(np.array([1.0, 0.0, 0.0]), np.array([5.0, 6.0, 7.0])).round(9).tolist()
    [5.0, 6.0, 7.0]
    """
    return np.fft.irfft(np.conj(np.fft.rfft(x)) * np.fft.rfft(y), len(x))


def false_discovery(p: np.ndarray) -> np.ndarray:
    """Benjamini and Hochberg's q for each p: the share of false ones among all that are at least as significant.

    NaN stays NaN and does not count as a test.

    References
    ----------
    Y. Benjamini, Y. Hochberg, "Controlling the False Discovery Rate", J. R. Statistical Society B 57(1), 1995.

    >>> false_discovery(np.array([0.01, 0.04, 0.03, 0.5])).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]
    """
    q = np.full(len(p), np.nan)
    tested = np.flatnonzero(np.isfinite(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    scaled = p[order] * len(order) / np.arange(1, len(order) + 1)
    q[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return q


def compare(fit: Information, test: Information, level: float = 0.1) -> pd.DataFrame:
    """Hold what was measured against what came of it, one row a feature, the largest first measurement on top.

    ``found``: q in `fit` is at most `level`. ``kept``: found, and in `test` of the same sign with p at most 0.05 and an
    interval without zero.
    """
    if fit.names != test.names:
        raise InputError("fit and test must be of the same features")
    table = fit.table().join(test.table(), rsuffix="_test")
    table.insert(4, "q", false_discovery(fit.p))
    table["found"] = table.q <= level
    apart = (table.low_test > 0) | (table.high_test < 0)
    table["kept"] = table.found & (table.ic * table.ic_test > 0) & (table.p_test <= 0.05) & apart
    return table.loc[table.ic.abs().sort_values(ascending=False, na_position="last", kind="stable").index]


def account(table: pd.DataFrame) -> pd.Series:
    """Count, of a table of `compare`, what a naive test finds, what a test that knows of overlap finds, what is kept.

    The naive test takes every row for a sample of its own: two standard errors are 1.96 / sqrt(rows).
    """
    some = table[table.ic.notna() & table.ic_test.notna()]
    naive = some.ic.abs() > 1.96 / np.sqrt(some.rows.astype(float))
    agree = some.ic * some.ic_test > 0
    return pd.Series(
        {
            "features that can be measured": len(some),
            "expected below p = 0.05 by chance alone": round(0.05 * len(some), 1),
            "below p = 0.05, rows taken as independent": int(naive.sum()),
            "below p = 0.05, against shifted time": int((some.p <= 0.05).sum()),
            "found: false discovery rate 10 %": int(some.found.sum()),
            "found, and of the same sign out of sample": int((some.found & agree).sum()),
            "kept: of the same sign and significant out of sample": int(some.kept.sum()),
            "all, of the same sign out of sample": int(agree.sum()),
        },
        name="features",
        dtype=object,  # counts stay whole beside an expectation that is not
    )


@dataclass(frozen=True)
class Redundancy:
    """Rank correlations (F, F) among features that vary, in the order of a tree that puts like beside like.

    `group` (F,) numbers the groups of features that resemble one another; `representatives` names the member of each
    that resembles the others most, in the tree's order; `sizes` counts the members of each. `components` (F,) is the
    share of variance that the first k principal components of the ranks hold.
    """

    names: tuple[str, ...]
    correlation: np.ndarray
    group: np.ndarray
    representatives: tuple[str, ...]
    sizes: tuple[int, ...]
    components: np.ndarray
    dropped: tuple[str, ...]

    def needed(self, share: float = 0.9) -> int:
        """Principal components that hold `share` of the variance."""
        return int(np.searchsorted(self.components, share - 1e-12)) + 1

    def among(self, names: Sequence[str]) -> np.ndarray:
        """Correlations among some of the features."""
        at = [self.names.index(name) for name in names]
        return self.correlation[np.ix_(at, at)]


def redundancy(sessions: Sequence[FeatureRows], groups: int = 30) -> Redundancy:
    """Correlate the ranks of all features with one another; a missing value counts as the middle rank.

    Distance in the tree is 1 - |correlation|, average linkage; features that never vary are dropped.
    """
    names = sessions[0].names
    ranks = np.concatenate(
        [np.column_stack([_middle_ranks(column) for column in s.values[s.starts >= 0].T]) for s in sessions]
    )
    norms = np.sqrt((ranks**2).sum(axis=0))
    varies = np.flatnonzero(norms > 0)
    if len(varies) < 2:
        raise InputError(f"{len(varies)} of {len(names)} features vary; at least 2 are needed")
    unit = ranks[:, varies] / norms[varies]
    correlation = np.clip(unit.T @ unit, -1.0, 1.0)
    distance = np.round(1.0 - np.abs(correlation), 12)
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(distance, checks=False), "average")
    order, group = leaves_list(tree), fcluster(tree, min(groups, len(varies)), "maxclust")
    chosen = [
        members[np.abs(correlation[np.ix_(members, members)]).sum(axis=1).argmax()]
        for members in (order[group[order] == g] for g in dict.fromkeys(group[order].tolist()))
    ]
    spectrum = np.clip(np.linalg.eigvalsh(correlation)[::-1], 0.0, None)
    return Redundancy(
        tuple(names[varies[i]] for i in order),
        correlation[np.ix_(order, order)],
        group[order],
        tuple(names[varies[i]] for i in chosen),
        tuple(int((group == group[i]).sum()) for i in chosen),
        np.cumsum(spectrum) / spectrum.sum(),
        tuple(name for i, name in enumerate(names) if i not in set(varies.tolist())),
    )


def _middle_ranks(values: np.ndarray) -> np.ndarray:
    return centred_ranks(values, np.zeros(len(values)))[0]
