"""A book that keeps prices and quantities as the strings that were sent: what venues' checksums are taken over."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable

import numpy as np

BID, ASK = 0, 1


class SentLevels:
    """Both sides of a book, by tick, with the strings of each level.

    Parameters
    ----------
    depth
        Levels a side that the venue keeps telling; what lies deeper is dropped after each update, since its removal is
        not told. None keeps all.

    Examples
    --------
    >>> book = SentLevels()
    >>> book.change([(ASK, 511, "5.110", "2"), (ASK, 509, "5.090", "7"), (ASK, 511, "5.110", "0")])
    >>> book.best(ASK, 10)
    [('5.090', '7')]
    """

    def __init__(self, depth: int | None = None) -> None:
        self.depth = depth
        self._levels: tuple[dict[int, tuple[str, str]], ...] = ({}, {})
        self._order: tuple[list[int], ...] = ([], [])  # keys ascending, best first: a bid's is minus its tick

    def __len__(self) -> int:
        return len(self._order[0]) + len(self._order[1])

    def clear(self) -> None:
        """Forget every level."""
        for side in (BID, ASK):
            self._levels[side].clear()
            self._order[side].clear()

    def change(self, levels: Iterable[tuple[int, int, str, str]]) -> None:
        """Set levels in the order in which they came: side, tick, price and quantity as sent; quantity 0 removes."""
        for side, tick, price, quantity in levels:
            key = -tick if side == BID else tick
            held, order = self._levels[side], self._order[side]
            if float(quantity) == 0.0:
                if held.pop(key, None) is not None:
                    del order[bisect_left(order, key)]
                continue
            if key not in held:
                insort(order, key)
            held[key] = price, quantity

    def cut(self) -> list[tuple[int, int]]:
        """Drop what lies below `depth` and give side and tick of each level dropped."""
        if self.depth is None:
            return []
        gone = []
        for side in (BID, ASK):
            order = self._order[side]
            while len(order) > self.depth:
                key = order.pop()
                del self._levels[side][key]
                gone.append((side, -key if side == BID else key))
        return gone

    def best(self, side: int, count: int) -> list[tuple[str, str]]:
        """Price and quantity, as sent, of the best levels of a side, best first."""
        held = self._levels[side]
        return [held[key] for key in self._order[side][:count]]

    def columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sides (n,) int8, ticks (n,) int64 and quantities (n,) float64 of every level, best first, bids first."""
        sides = np.repeat(np.array([BID, ASK], np.int8), [len(order) for order in self._order])
        keys = np.array([*self._order[BID], *self._order[ASK]], np.int64)
        ticks = np.where(sides == BID, -keys, keys)
        quantities = np.array([float(self._levels[s][k][1]) for s in (BID, ASK) for k in self._order[s]], np.float64)
        return sides, ticks, quantities
