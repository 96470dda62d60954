"""A recorded book with an agent's quantities laid over it: more here, less there, never crossed."""

from __future__ import annotations

import numpy as np

from genesis_lib.types import ASK, BID, DepthSnapshot, DepthUpdate, Instrument
from orderbook_ext import OrderBook

NAMES = ("bid", "ask")


class OverlaidBook:
    """The recorded book, and what is told of each of its levels.

    A level tells its recorded quantity plus the lots that were added there. Where a side is thinned, its levels up to
    an edge tell a share of it instead, at least one lot, so that no price goes that the recording has.

    Attributes
    ----------
    base : OrderBook
        The book as it was recorded.
    changed : set of (side, tick)
        Levels that tell something else since `take_changed`.

    Examples
    --------
    >>> book = OverlaidBook(Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001))
    >>> book.add(0, 300000, 2500)
    >>> book.told(0, 300000, 1.0), book.told(0, 299999, 1.0)
    (3.5, 1.0)
    >>> book.thin(0, 299990, 0.1)
    >>> book.told(0, 299999, 1.0), book.told(0, 299989, 1.0)
    (0.1, 1.0)
    """

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.base = OrderBook(instrument.tick_size, instrument.lot_size)
        self.changed: set[tuple[int, int]] = set()
        self._extra: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self._thinned: list[tuple[int, float] | None] = [None, None]  # edge, share that is left
        lot = instrument.lot_size
        self._per_unit = round(1 / lot) if lot < 1 else 0

    def lots(self, quantity: float) -> int:
        """Whole lots of a quantity."""
        return round(quantity * self._per_unit if self._per_unit else quantity / self.instrument.lot_size)

    def quantity(self, lots: int) -> float:
        """Quantity of a number of lots: the float64 nearest to the decimal."""
        return lots / self._per_unit if self._per_unit else lots * self.instrument.lot_size

    @property
    def untouched(self) -> bool:
        """Whether every level tells what was recorded."""
        return not (self._extra[BID] or self._extra[ASK] or self._thinned[BID] or self._thinned[ASK])

    @property
    def touch(self) -> tuple[int | None, int | None]:
        """Best recorded bid and ask, ticks."""
        return self.base.best_bid_tick, self.base.best_ask_tick

    @property
    def thinned(self) -> tuple[tuple[int, float] | None, ...]:
        """Edge and share of what is thinned on each side."""
        return tuple(self._thinned)

    def apply(self, event: DepthUpdate | DepthSnapshot) -> None:
        """Follow the recording."""
        if type(event) is DepthSnapshot:
            self.base.snapshot_ticks(event.sides, event.ticks, event.quantities)
        else:
            self.base.apply_ticks(event.sides, event.ticks, event.quantities)

    def held(self, side: int, tick: int) -> float:
        """Recorded quantity of a level, 0 where there is none."""
        return float(self.base.level(NAMES[side], self.instrument.price(tick)))

    def add(self, side: int, tick: int, lots: int) -> None:
        """Lay lots over a level; negative ones take back what was laid there."""
        extra = self._extra[side]
        extra[tick] = extra.get(tick, 0) + lots
        if not extra[tick]:
            del extra[tick]
        self.changed.add((side, tick))

    def thin(self, side: int, edge: int, share: float) -> None:
        """Leave only a share of every level of a side up to an edge (a tick); 1 puts all of it back."""
        reach = [edge]
        if self._thinned[side] is not None:
            reach.append(self._thinned[side][0])
        far = min(reach) if side == BID else max(reach)
        for price in self.base.levels(NAMES[side])[:, 0].tolist():
            tick = self.instrument.ticks(price)
            if (tick < far) if side == BID else (tick > far):
                break
            self.changed.add((side, tick))
        self._thinned[side] = None if share >= 1.0 else (edge, share)

    def told(self, side: int, tick: int, quantity: float) -> float:
        """What a level tells whose recorded quantity is this."""
        extra, left = self._extra[side].get(tick, 0), self.left(side, tick, quantity, self._thinned[side])
        return self.quantity(self.lots(left) + extra) if extra else left

    def left(self, side: int, tick: int, quantity: float, thinned: tuple[int, float] | None) -> float:
        """What thinning leaves of a recorded quantity, without what is added: no order is added at the touch."""
        if thinned is None or not quantity or ((tick < thinned[0]) if side == BID else (tick > thinned[0])):
            return quantity
        return self.quantity(max(1, round(self.lots(quantity) * thinned[1])))

    def tell(self, event: DepthUpdate) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sides, ticks and quantities of an update of the recording, with what else changed; takes `changed`."""
        if self.untouched and not self.changed:
            return event.sides, event.ticks, event.quantities
        levels = {
            (side, tick): self.told(side, tick, quantity)
            for side, tick, quantity in zip(event.sides.tolist(), event.ticks.tolist(), event.quantities.tolist())
        }
        for side, tick in sorted(self.changed.difference(levels)):
            levels[side, tick] = self.told(side, tick, self.held(side, tick))
        self.changed.clear()
        return _columns(levels)

    def take_changed(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sides, ticks and quantities of the levels that changed."""
        levels = {(side, tick): self.told(side, tick, self.held(side, tick)) for side, tick in sorted(self.changed)}
        self.changed.clear()
        return _columns(levels)


def _columns(levels: dict[tuple[int, int], float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    places = np.array([*levels], np.int64).reshape(-1, 2)
    return places[:, 0].astype(np.int8), places[:, 1].copy(), np.array([*levels.values()], np.float64)
