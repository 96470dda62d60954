"""What features look like around moves of the price, up and down laid over one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from genesis_lib.analytics.feature_study import FeatureRows
from genesis_lib.errors import InputError
from genesis_lib.features import FeatureSet
from genesis_lib.types import Snapshots

MID = "mid (ticks)"
BUY, SELL, NOTIONAL, SIGNED, SIGNED_NOTIONAL = 1, 2, 3, 4, 5  # columns of a row's flow


def upside_down(rows: Snapshots) -> Snapshots:
    """Turn the book over: bids become asks at mirrored prices, buys become sells, every rise a fall.

    What a feature reads here before a rise is what it read there before the same fall, so that moves up and down can
    be laid over one another whether the feature has a sign (an imbalance), a side (a bid's queue) or neither.
    """
    tick = rows.instrument.tick_size
    best = rows.levels[rows.valid][:1, 0]
    if not len(best):
        raise InputError(f"{rows.instrument.name}: none of the {len(rows):,} rows is valid")
    centre = np.rint((best[0, 0] + best[0, 2]) / tick) * tick
    levels = rows.levels[:, :, [2, 3, 0, 1]].copy()
    levels[:, :, ::2] = np.rint((centre - levels[:, :, ::2]) / tick) * tick
    flow = rows.flow.copy()
    volume = flow[:, BUY] + flow[:, SELL]
    flow[:, [BUY, SELL]] = rows.flow[:, [SELL, BUY]]
    flow[:, NOTIONAL] = centre * volume - rows.flow[:, NOTIONAL]
    flow[:, SIGNED_NOTIONAL] = rows.flow[:, SIGNED_NOTIONAL] - centre * rows.flow[:, SIGNED]
    flow[:, SIGNED] = -rows.flow[:, SIGNED]
    return Snapshots(rows.instrument, rows.ts_exchange, rows.ts_receive, levels, flow, rows.valid, rows.provenance)


@dataclass(frozen=True)
class EventPaths:
    """Mean path of each feature around moves; `mean`, `low`, `high` are (2, F, before + after + 1), up moves first."""

    names: tuple[str, ...]
    offsets: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    moves: tuple[int, int]  # up, down
    clusters: tuple[int, int]
    unit: str = "standard deviations from its mean"

    def peak(self) -> pd.DataFrame:
        """Most extreme mean before and from the move on, over both directions, for each feature."""
        both = self.mean.mean(axis=0)
        early = self.offsets < 0
        table = {"before": _extreme(both[:, early]), "after": _extreme(both[:, ~early])}
        return pd.DataFrame(table, index=pd.Index(self.names, name="feature"))


def _extreme(paths: np.ndarray) -> np.ndarray:
    paths = np.nan_to_num(paths)
    return paths[np.arange(len(paths)), np.abs(paths).argmax(axis=1)]


def event_paths(
    sessions: Sequence[FeatureRows],
    names: Sequence[str],
    *,
    before: int = 50,
    after: int = 50,
    draws: int = 400,
    seed: int = 0,
) -> EventPaths:
    """Mean path of features in the rows around moves of the mid, up moves and mirrored down moves.

    Parameters
    ----------
    sessions
        Where the moves are looked for.
    names
        Features; the path of the mid itself is put before them, in ticks from the row before the move.
    before, after
        Rows shown; row 0 is the first with the new mid. A move with a fault within them is left out.
    draws, seed
        Of the bootstrap. Moves less than `after` rows apart stay together in it, since their paths share rows.

    Returns
    -------
    EventPaths
        In standard deviations of each feature from its mean, with 90 % bands of the bootstrap.

    Raises
    ------
    InputError
        Where no move has all its rows.
    """
    offsets = np.arange(-before, after + 1)
    paths: list[list[np.ndarray]] = [[], []]
    groups: list[list[np.ndarray]] = [[], []]
    for session in sessions:
        upright = session.values[:, [session.names.index(name) for name in names]]
        turned = FeatureSet(names).batch(upside_down(session.rows))
        usable = session.starts >= 0
        pooled = np.concatenate([upright[usable], turned[usable]])
        mean, deviation = np.nanmean(pooled, axis=0), np.nanstd(pooled, axis=0)
        deviation[~(deviation > 0)] = 1.0
        at, sign = session.moves()
        inside = (at - before >= session.starts[at]) & (at + after < len(session))
        at, sign = at[inside], sign[inside]
        inside = session.starts[at + after] == session.starts[at]
        at, sign = at[inside], sign[inside]
        for side, (values, wanted) in enumerate(((upright, 1), (turned, -1))):
            chosen = at[sign == wanted]
            window = chosen[:, None] + offsets
            own = wanted * (session.mid[window] - session.mid[chosen - 1][:, None])
            scaled = (values[window] - mean) / deviation
            paths[side].append(np.concatenate([own[:, :, None], scaled], axis=2))
            last = groups[side][-1].max(initial=-1) if groups[side] else -1
            groups[side].append(last + 1 + np.cumsum(np.diff(chosen, prepend=chosen[:1]) > after))
    moves = [np.concatenate(side) for side in paths]
    if not all(len(side) for side in moves):
        raise InputError(f"no move up, or none down, has {before} unbroken rows before and {after} after it")
    rng = np.random.default_rng(seed)
    bands = [cluster_band(*pair, draws, rng) for pair in zip(moves, map(np.concatenate, groups))]
    mean, low, high = (np.stack([band[i] for band in bands]).transpose(0, 2, 1) for i in range(3))
    counts = tuple(len(side) for side in moves), tuple(len(np.unique(np.concatenate(side))) for side in groups)
    return EventPaths((MID, *names), offsets, mean, low, high, *counts)


def cluster_band(
    paths: np.ndarray, group: np.ndarray, draws: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean over moves of (m, K, F) paths, and the 5 and 95 % points of it when whole groups of moves are drawn anew."""
    members = np.unique(group, return_inverse=True)[1]
    count, total = (np.zeros((members.max() + 1, *paths.shape[1:])) for _ in range(2))
    np.add.at(count, members, np.isfinite(paths))
    np.add.at(total, members, np.nan_to_num(paths))
    weights = rng.multinomial(len(count), np.full(len(count), 1 / len(count)), draws).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total.sum(axis=0) / count.sum(axis=0)
        drawn = np.tensordot(weights, total, 1) / np.tensordot(weights, count, 1)
    low, high = np.nanquantile(drawn, [0.05, 0.95], axis=0)
    return mean, low, high
