"""The book through time: what stood at each price in each moment of a span, with the trades that met it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from genesis_lib.errors import InputError
from genesis_lib.types import DepthSnapshot, DepthUpdate, Event, Gap, Instrument, Snapshot, Trade

REACH = 60  # ticks shown beyond the lowest bid and the highest ask of the span
WIDEST = 3_000  # ticks looked at beyond the best prices of a moment
MOST_PRICES = 600
NO_TRADES = np.empty(0)


@dataclass(frozen=True, slots=True, eq=False)
class DepthHistory:
    """Depth on a grid of moments and prices.

    Attributes
    ----------
    instrument, provenance
        Of the session.
    times : ndarray
        (n,) int64, end of each moment, exchange ns; a column shows the book as it stood then.
    ticks : ndarray
        (m,) int64, ascending; `step` ticks apart.
    step : int
        Ticks that a row stands for (1 unless the price travelled far).
    sizes : ndarray
        (m, n) float32, quantity at these prices; 0 where none stood, NaN while the book was not known.
    best : ndarray
        (n, 2) float64, ticks of the best bid and ask; NaN while the book was not known or a side was empty.
    trade_times, trade_ticks, trade_sizes, trade_sides : ndarray
        (k,) market trades of the span; sides +1 buyer took, -1 seller took, 0 unknown.
    """

    instrument: Instrument
    provenance: str
    times: np.ndarray
    ticks: np.ndarray
    step: int
    sizes: np.ndarray
    best: np.ndarray
    trade_times: np.ndarray
    trade_ticks: np.ndarray
    trade_sizes: np.ndarray
    trade_sides: np.ndarray

    def column(self, ts: int) -> int:
        """Index of the last moment that ended at or before a time (0 before the first)."""
        return max(0, int(np.searchsorted(self.times, ts, side="right")) - 1)


def depth_history(
    events: Iterable[Event | Snapshot],
    instrument: Instrument,
    start: int | None = None,
    end: int | None = None,
    *,
    columns: int = 400,
    provenance: str = "recorded",
) -> DepthHistory:
    """Build the history of a span in one pass over a session's events.

    Parameters
    ----------
    events
        A session's synchronized events from its beginning, or its rows.
    instrument
        What they are of.
    start, end
        Span in exchange time, ns; the whole session where left out. Everything before `start` is read for the book.
    columns
        Moments that the span is cut into, evenly.
    provenance
        ``recorded``, ``simulated`` or ``live``.

    Raises
    ------
    InputError
        When the span is empty, holds no book, or `columns` is less than 2.
    """
    if columns < 2:
        raise InputError(f"columns must be at least 2, got {columns!r}")
    if start is None or end is None:
        events = list(events)
        if not events:
            raise InputError("events holds none: there is no depth to show")
        start = min(event.ts_exchange for event in events) if start is None else start
        end = max(event.ts_exchange for event in events) if end is None else end
    if end <= start:
        raise InputError(f"end must be later than start, got {start} to {end}")
    times = start + ((np.arange(1, columns + 1) * (end - start)) // columns).astype(np.int64)
    book = _Book(instrument)
    moments: list[tuple[np.ndarray, np.ndarray] | None] = []
    best = np.full((columns, 2), np.nan)
    trades: list[tuple[int, int, float, int]] = []
    for event in events:
        ts = event.ts_exchange
        while len(moments) < columns and ts > times[len(moments)]:
            moments.append(book.near(best[len(moments)]))
        if len(moments) == columns:
            break
        if type(event) is Trade:
            if event.market and ts >= start:
                trades.append((ts, event.tick, event.quantity, event.side))
        else:
            book.take(event)
    while len(moments) < columns:
        moments.append(book.near(best[len(moments)]))
    return _assemble(instrument, provenance, times, moments, best, trades)


class _Book:
    """Every level of both sides, as plain dictionaries: a figure needs far levels, too."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.sides: tuple[dict[int, float], dict[int, float]] = ({}, {})
        self.is_known = False

    def take(self, event: Event | Snapshot) -> None:
        kind = type(event)
        if kind is DepthSnapshot:
            self.sides = {}, {}
            self.is_known = True
        elif kind is Gap:
            self.is_known = False
        elif kind is Snapshot:
            self.is_known = event.valid
            tick = event.tick_size
            self.sides = tuple(
                {round(p / tick): q for p, q in event.levels[:, 2 * k : 2 * k + 2].tolist() if p == p} for k in (0, 1)
            )
        if kind in (DepthSnapshot, DepthUpdate):
            for side, tick, quantity in zip(event.sides.tolist(), event.ticks.tolist(), event.quantities.tolist()):
                if quantity:
                    self.sides[side][tick] = quantity
                else:
                    self.sides[side].pop(tick, None)

    def near(self, best: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Ticks and quantities about the best prices, which are written into `best`; None while unknown."""
        bids, asks = self.sides
        if not (self.is_known and bids and asks):
            return None
        best[:] = bid, ask = max(bids), min(asks)
        found = [(t, q) for t, q in bids.items() if t >= bid - WIDEST]
        found += [(t, q) for t, q in asks.items() if t <= ask + WIDEST]
        ticks, quantities = zip(*found)
        return np.array(ticks, np.int64), np.array(quantities)


def _assemble(instrument, provenance, times, moments, best, trades) -> DepthHistory:
    if all(moment is None for moment in moments):
        raise InputError("the span holds no known book: it begins before the first snapshot, or lies in a gap")
    low, high = max(int(np.nanmin(best[:, 0])) - REACH, 0), int(np.nanmax(best[:, 1])) + REACH
    step = -(-(high - low + 1) // MOST_PRICES)
    rows = (high - low) // step + 1
    sizes = np.zeros((rows, len(times)), np.float32)
    for column, moment in enumerate(moments):
        if moment is None:
            sizes[:, column] = np.nan
        else:
            ticks, quantities = moment
            shown = (ticks >= low) & (ticks <= high)
            np.add.at(sizes[:, column], (ticks[shown] - low) // step, quantities[shown])
    told = [np.array(values) for values in zip(*trades)] or [NO_TRADES] * 4
    return DepthHistory(
        instrument, provenance, times, low + step * np.arange(rows), step, sizes, best,
        told[0].astype(np.int64), told[1].astype(np.int64), told[2].astype(float), told[3].astype(np.int8),
    )  # fmt: skip
