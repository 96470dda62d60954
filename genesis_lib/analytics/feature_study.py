"""The rows a study of features works on, and what knowing the moves ahead would be worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from genesis_lib.errors import InputError
from genesis_lib.features import FEATURES, FeatureSet
from genesis_lib.feeds.sources import default_source
from genesis_lib.training.labels import Label, run_starts
from genesis_lib.training.sessions import SIMULATOR, SIMULATOR_SEED, gather_sessions
from genesis_lib.types import Snapshots

FIT_RECORDING = ("binance-usdm/btcusdt_20230404.dat.gz", "binance-usdm/btcusdt_20230405.dat.gz")


@dataclass(frozen=True)
class FeatureRows:
    """One session: its features, and the move that follows each row.

    Parameters
    ----------
    names
        The F features.
    values
        (n, F) float64, NaN while a feature warms up and at rows that are not valid.
    mid, spread
        (n,) in ticks.
    time
        (n,) ns of the exchange's clock.
    starts
        (n,) first row of the unbroken streak, -1 at unusable rows.
    move, end
        (n,) move ahead in ticks by the label's definition (NaN where there is none), and the row at which it is known.
    label
        What was measured as the move.
    rows
        What all this was computed from.
    """

    names: tuple[str, ...]
    values: np.ndarray
    mid: np.ndarray
    spread: np.ndarray
    time: np.ndarray
    starts: np.ndarray
    move: np.ndarray
    end: np.ndarray
    label: Label
    rows: Snapshots

    @classmethod
    def of(cls, rows: Snapshots, label: Label, names: Sequence[str] | None = None) -> FeatureRows:
        """Compute the features (all of the table that the rows are deep enough for, if none are named) of one session.

        Raises
        ------
        InputError
            For an unknown name, or rows without a label.
        """
        if names is None:
            names = [name for name, item in FEATURES.items() if item.levels <= rows.depth]
        values = FeatureSet(names).batch(rows)
        tick, best = rows.instrument.tick_size, rows.levels[:, 0]
        starts = run_starts(rows.valid & np.isfinite(rows.mid))
        move, end = label.moves(rows.mid, starts, rows.ts_exchange)
        if not (end >= 0).any():
            raise InputError(
                f"{rows.instrument.name}: none of the {len(rows):,} rows has a label {label.ahead_in_words} ahead"
            )
        # Doubled to whole ticks first: a mid lies on the half grid, and equal mids must be equal numbers.
        mid = np.rint(2.0 * rows.mid / tick) / 2.0
        spread = np.rint((best[:, 2] - best[:, 0]) / tick)
        values = np.where(np.isfinite(values), values, np.nan)
        scaled = move * mid if label.kind.startswith("smoothed") else move
        return cls(tuple(names), values, mid, spread, rows.ts_exchange, starts, scaled, end, label, rows)

    def __len__(self) -> int:
        return len(self.mid)

    def column(self, name: str) -> np.ndarray:
        """Values (n,) of one feature."""
        return self.values[:, self.names.index(name)]

    def moves(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows (m,) whose mid differs from the row's before, in the same streak, and the (m,) sign of each move."""
        change = np.diff(self.mid, prepend=np.nan)
        together = (self.starts >= 0) & (self.starts < np.arange(len(self)))
        at = np.flatnonzero(together & (change != 0))
        return at, np.sign(change[at]).astype(int)


def sessions_to_study(
    fit: Sequence[str], test: Sequence[str], recordings: str | Path, *, minutes: float = 8.0, share: float = 0.5
) -> tuple[list[Snapshots], list[Snapshots], str]:
    """Choose what to measure on and what to score on, and say in a sentence how the two are apart.

    Parameters
    ----------
    fit, test
        Recordings, Parquet folders, CSV files or ``simulator``. With `fit` alone each session is cut in two. With
        neither, BTC/USDT of 2023 and of 2024 where they are here, else two simulated sessions.
    recordings
        Folder of local recordings.
    minutes
        Length of each simulated session.
    share
        Part of a session that is measured on, where one is cut.
    """
    if test and not fit:
        raise InputError("test names sessions to score on, and fit names none to measure on")
    if not fit:
        local, later = [Path(recordings) / name for name in FIT_RECORDING], default_source(recordings)
        known = later != [SIMULATOR] and all(path.exists() for path in local)
        fit, test = ([str(path) for path in local], later) if known else ([SIMULATOR], [SIMULATOR])
    first = _gather(fit, minutes, SIMULATOR_SEED)
    if test:
        return first, _gather(test, minutes, SIMULATOR_SEED + len(fit)), "another session"
    parts = [halves(rows, share) for rows in first]
    return [a for a, _ in parts], [b for _, b in parts], "the later part of the same session"


def _gather(specs: Sequence[str], minutes: float, seed: int) -> list[Snapshots]:
    simulated = any(str(spec).startswith(SIMULATOR) for spec in specs)
    return gather_sessions(specs, minutes=minutes if simulated else None, seed=seed if simulated else None)


def halves(rows: Snapshots, share: float = 0.5) -> tuple[Snapshots, Snapshots]:
    """Cut a session before anything is computed from it.

    So every label of the first part is known before the second begins, and every feature of the second warms up anew
    on rows of its own: nothing is shared that would have to be purged.
    """
    if not 0.0 < share < 1.0:
        raise InputError(f"share must lie between 0 and 1, got {share!r}")
    cut = int(len(rows) * share)
    return rows[:cut], rows[cut:]


def perfect_foresight(sessions: Sequence[FeatureRows], horizons: Sequence[int], taker_fee_bps: float) -> pd.DataFrame:
    """Earnings of someone who knows the mid `horizon` rows ahead and crosses the spread twice, by horizon.

    Trades begin every `horizon` rows, so that none overlaps another. All in basis points of the price: ``move`` the
    mean absolute move, ``spread`` half of it at the way in and half at the way out, ``fees`` twice the taker's; ``net``
    the mean of move less both if every chance is taken, ``worth`` the share of chances that earn anything.
    """
    table = []
    for horizon in horizons:
        moves, costs = [], []
        for session in sessions:
            at = np.arange(0, len(session) - horizon, horizon)
            at = at[(session.starts[at] >= 0) & (session.starts[at] == session.starts[at + horizon])]
            price = session.mid[at] / 1e4
            moves.append(np.abs(session.mid[at + horizon] - session.mid[at]) / price)
            costs.append((session.spread[at] + session.spread[at + horizon]) / 2.0 / price)
        move, spread = np.concatenate(moves), np.concatenate(costs)
        if not len(move):
            raise InputError(f"no unbroken {horizon} rows to trade over")
        net = move - spread - 2.0 * taker_fee_bps
        table.append(
            {
                "horizon": horizon,
                "chances": len(move),
                "moved": float((move > 0).mean()),
                "move": float(move.mean()),
                "spread": float(spread.mean()),
                "fees": 2.0 * taker_fee_bps,
                "net": float(net.mean()),
                "worth without fees": float((move > spread).mean()),
                "worth": float((net > 0).mean()),
            }
        )
    return pd.DataFrame(table).set_index("horizon")
