"""Books upside down, and sizes in another unit: what may not matter to a model is varied while it learns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from genesis_lib.types import FLOW_FIELDS, Snapshots


def mirror(columns: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Order and sign that turn a row of the raw book into that of the same book upside down.

    Bids become asks at the same distance on the other side of the mid; what rose falls. ``row[order] * sign``.

    >>> mirror(("ask_price_1", "ask_size_1", "bid_price_1", "bid_size_1"))
    (array([2, 3, 0, 1]), array([-1.,  1., -1.,  1.]))
    """
    other = {"ask": "bid", "bid": "ask"}
    swapped = [f"{other[name[:3]]}{name[3:]}" for name in columns]
    order = np.array([list(columns).index(name) for name in swapped])
    return order, np.where(["price" in name for name in columns], -1.0, 1.0)


def upside_down(rows: Snapshots) -> Snapshots:
    """A session in which bids are asks and buyers sellers: prices p become ``c - p``, c about twice the first mid.

    Any column computed on it is the exact mirror of the same column on the session. c is a whole number of ticks, and
    large enough that every price stays positive.
    """
    levels, tick = rows.levels, rows.instrument.tick_size
    usable = rows.valid & np.isfinite(rows.mid)
    mid = rows.mid[usable]
    middle = 2.0 * (mid[0] if len(mid) else 0.0)
    highest, lowest = (np.nanmax(levels[:, :, 2], initial=0.0), np.nanmin(levels[:, :, 0], initial=np.inf))
    middle = max(middle, highest + min(lowest, middle / 2))
    turn = np.rint(middle / tick)
    turned = np.empty_like(levels)
    for mine, other in ((0, 2), (2, 0)):
        turned[:, :, mine] = (turn - np.rint(levels[:, :, other] / tick)) * tick
        turned[:, :, mine + 1] = levels[:, :, other + 1]
    flow = rows.flow.copy()
    place = {name: at for at, name in enumerate(FLOW_FIELDS)}
    buys, sells = place["buy_volume"], place["sell_volume"]
    flow[:, [buys, sells]] = rows.flow[:, [sells, buys]]
    # sum of (c - p) * q over trades, and the same under the sign d that trades then have
    volume = rows.flow[:, buys] + rows.flow[:, sells]
    flow[:, place["notional"]] = turn * tick * volume - rows.flow[:, place["notional"]]
    signed = rows.flow[:, place["signed_lee_ready"]]
    flow[:, place["signed_lee_ready"]] = -signed
    flow[:, place["signed_notional"]] = -(turn * tick * signed - rows.flow[:, place["signed_notional"]])
    return replace(rows, levels=turned, flow=flow)


@dataclass(frozen=True)
class Augmentation:
    """What training does to the rows of a batch.

    Parameters
    ----------
    mirrored
        What gives the scaled rows upside down, (R, F) float32, for (R,) row numbers.
    sizes
        (F,) bool, the log size columns.
    shift
        Deviation of their common shift, in scaled units.
    """

    mirrored: object
    sizes: np.ndarray
    shift: float = 0.5

    def windows(self, values, rows: np.ndarray, targets: np.ndarray, rng: np.random.Generator):
        """Values (R, F) of the rows (ascending) of a batch of windows, and the targets (B, H) that then hold."""
        flip = rng.random() < 0.5
        shown = (self.mirrored if flip else values)[rows]
        stretch = np.concatenate([[0], np.cumsum(np.diff(rows) > 1)])
        shown[:, self.sizes] += self._shifts(stretch[-1] + 1, rng)[stretch]
        return shown, _turned(targets) if flip else targets

    def sequences(self, values, rows: np.ndarray, targets: np.ndarray, rng: np.random.Generator):
        """Values (B, T, F) of the rows (B, T) of a batch of stretches, and the targets (B, P, H) that then hold."""
        flip = rng.random(len(rows)) < 0.5
        shown = np.empty((*rows.shape, len(self.sizes)), np.float32)
        for which, source in ((flip, self.mirrored), (~flip, values)):
            if which.any():
                shown[which] = source[rows[which].ravel()].reshape(-1, rows.shape[1], len(self.sizes))
        shown[:, :, self.sizes] += self._shifts(len(rows), rng)[:, None]
        return shown, np.where(flip[:, None, None], _turned(targets), targets)

    def _shifts(self, count: int, rng: np.random.Generator) -> np.ndarray:
        return rng.normal(0.0, self.shift, count).astype(np.float32)[:, None]


def _turned(targets: np.ndarray) -> np.ndarray:
    return np.where(targets >= 0, 2 - targets, targets)
