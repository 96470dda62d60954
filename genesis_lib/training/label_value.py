"""Labels beside each other: thresholds, class shares, and what a perfect predictor of each would earn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from genesis_lib.errors import InputError
from genesis_lib.training.labels import DOWN, UP, Label, run_starts, shares
from genesis_lib.types import Snapshots


def share_table(
    mid: np.ndarray,
    valid: np.ndarray,
    labels: Iterable[Label],
    time: np.ndarray | None = None,
    spread: np.ndarray | None = None,
) -> pd.DataFrame:
    """Compare definitions and horizons on one session: threshold (fitted on all of it), labelled rows, class shares."""
    starts = run_starts(valid)
    table = []
    for label in labels:
        moves, _ = label.moves(mid, starts, time, spread)
        fitted = label.fit(moves)
        classes = fitted.classes(moves)
        table.append(
            {
                "kind": label.kind,
                "horizon": label.ahead_in_words,
                "threshold": fitted.threshold,
                "rows": int((classes >= 0).sum()),
                **shares(classes),
            }
        )
    return pd.DataFrame(table)


def positions(classes: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Rows (p,) at which someone who acts on every class comes in, one position at a time.

    A position is held until its label's `end`; the next begins at that row or later.

    >>> positions(np.array([2, 0, 1, 2]), np.array([2, 3, 3, 5]))
    array([0, 3])
    """
    wanted = np.flatnonzero((classes == UP) | (classes == DOWN))
    taken = []
    place = 0
    following = np.searchsorted(wanted, end[wanted])  # of each wanted row, the first wanted row at or after its end
    while place < len(wanted):
        taken.append(place)
        place = max(int(following[place]), place + 1)
    return wanted[np.array(taken, np.int64)]


def best_positions(row: np.ndarray, end: np.ndarray, earned: np.ndarray) -> tuple[int, float]:
    """Number and earnings of the positions that earn most together without overlapping, with all of hindsight.

    Parameters
    ----------
    row, end, earned
        (n,) ascending rows at which one could come in, rows at which one would leave, and what it would earn.

    Notes
    -----
    Weighted interval scheduling: the best of what begins at a row or later is the better of leaving it out, and of
    taking it and then the best of what begins when it ends.

    >>> best_positions(np.array([0, 1, 3]), np.array([3, 2, 5]), np.array([2.0, 3.0, 1.0]))
    (2, 4.0)
    """
    worth = np.flatnonzero(earned > 0)
    row, end, earned = row[worth], end[worth], earned[worth]
    following = np.searchsorted(row, end)
    best, count = np.zeros(len(row) + 1), np.zeros(len(row) + 1, np.int64)
    for i in range(len(row) - 1, -1, -1):
        after = max(int(following[i]), i + 1)
        taken = earned[i] + best[after]
        best[i], count[i] = (taken, count[after] + 1) if taken > best[i + 1] else (best[i + 1], count[i + 1])
    return int(count[0]), float(best[0])


def round_trips(
    bid: np.ndarray, ask: np.ndarray, classes: np.ndarray, end: np.ndarray, fee_bps: float, row: np.ndarray
) -> dict[str, np.ndarray]:
    """Earnings, in basis points of the mid at the way in, of acting on true classes at the touch.

    Parameters
    ----------
    bid, ask
        (n,) best prices.
    classes, end
        (n,) true classes, and rows at which they are known and positions left.
    fee_bps
        Taker fee a side, of the price paid.
    row
        (p,) rows at which to come in, of class UP or DOWN.

    Returns
    -------
    dict
        Each (p,): ``gross``, mid to mid; ``after_spread``, touch to touch; ``after_fees``.
    """
    out, long = end[row], classes[row] == UP
    mid = (bid[row] + ask[row]) / 2.0
    paid, got = np.where(long, ask[row], ask[out]), np.where(long, bid[out], bid[row])
    gross = np.where(long, 1.0, -1.0) * ((bid[out] + ask[out]) / 2.0 - mid)
    fees = fee_bps * 1e-4 * (paid + got)
    earned = {"gross": gross, "after_spread": got - paid, "after_fees": got - paid - fees}
    return {name: 1e4 * amount / mid for name, amount in earned.items()}


def label_value(sessions: Sequence[Snapshots], labels: Sequence[Label], fee_bps: float) -> pd.DataFrame:
    """Tell what a perfect predictor would earn under each label.

    Someone who knows the true class of every row comes in at the touch when it is UP or DOWN, leaves at the touch when
    the label ends, and holds one position at a time; thresholds are fitted on all the sessions together.

    Parameters
    ----------
    sessions
        Book rows; positions never go from one to the next, nor across an invalid row.
    labels
        Definitions to compare; one that no row has (a horizon longer than every streak) is told with 0 rows.
    fee_bps
        Taker fee a side.

    Returns
    -------
    pandas.DataFrame
        A row a label: ``kind``, ``horizon``, ``threshold``, labelled ``rows``, class shares, ``trades``; a trade's mean
        ``gross``, ``after_spread`` and ``after_fees`` (bps of the price, NaN without trades), all of them together as
        ``total_...``, and ``won``, the share of trades that earn anything after fees. ``best_trades`` and
        ``best_total`` are the ceiling: of those who act on true classes, the most that anyone earns after fees, who
        also knows which of them to leave out.

    Raises
    ------
    InputError
        When there are no labels or no sessions, or the fee is negative.
    """
    sessions = [session for session in sessions if len(session)]
    if not sessions or not labels:
        raise InputError(f"label_value needs sessions with rows and labels, got {len(sessions)} and {len(labels)}")
    if not fee_bps >= 0:
        raise InputError(f"fee_bps must be at least 0, got {fee_bps!r}")
    books = [_touch(session) for session in sessions]
    table = []
    for label in labels:
        known = [label.moves((bid + ask) / 2.0, starts, time, ask - bid) for bid, ask, time, starts in books]
        every = np.concatenate([moves for moves, _ in known])
        fitted = label.fit(every) if np.isfinite(every).any() else replace(label, threshold=0.0, fee_bps=0.0)
        found, classes, best = [], [], []
        for (bid, ask, _, _), (moves, end) in zip(books, known):
            own = fitted.classes(moves)
            acted = np.flatnonzero((own == UP) | (own == DOWN))
            every_one = round_trips(bid, ask, own, end, fee_bps, acted)["after_fees"]
            best.append(best_positions(acted, end[acted], every_one))
            found.append(round_trips(bid, ask, own, end, fee_bps, positions(own, end)))
            classes.append(own)
        pooled = np.concatenate(classes)
        threshold = fitted.threshold if np.isfinite(every).any() else np.nan
        row: dict[str, object] = {"kind": label.kind, "horizon": label.ahead_in_words, "threshold": threshold}
        row |= {"rows": int((pooled >= 0).sum()), **shares(pooled), "trades": sum(len(each["gross"]) for each in found)}
        earned = {
            name: np.concatenate([each[name] for each in found]) for name in ("gross", "after_spread", "after_fees")
        }
        row |= {name: float(bps.mean()) if len(bps) else np.nan for name, bps in earned.items()}
        row |= {f"total_{name}": float(bps.sum()) for name, bps in earned.items()}
        row |= {"best_trades": sum(count for count, _ in best), "best_total": sum(total for _, total in best)}
        row["won"] = float((earned["after_fees"] > 0).mean()) if row["trades"] else np.nan
        table.append(row)
    return pd.DataFrame(table)


def _touch(session: Snapshots) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    bid, ask = session.levels[:, 0, 0], session.levels[:, 0, 2]
    starts = run_starts(session.valid & np.isfinite(bid) & np.isfinite(ask))
    return bid, ask, session.ts_exchange, starts
