"""The words every layer speaks: instruments, market events and book rows.

Times are int64 nanoseconds since 1970 UTC. Prices of events are integer ticks of their instrument; quantities are the
float64 nearest to the decimal the venue sent (a level-2 book replaces quantities and never adds them: no drift).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

import numpy as np

from genesis_lib.errors import InputError

BID, ASK = 0, 1
FLOW_FIELDS = (
    "trade_count",  # trades since the previous row
    "buy_volume",  # quantity, aggressor buys by the venue's flag
    "sell_volume",  # quantity, aggressor sells by the venue's flag
    "notional",  # sum of price * quantity
    "signed_lee_ready",  # sum of d * quantity, d by Lee and Ready against the mid before the trade
    "signed_notional",  # sum of d * price * quantity, the same d
    "effective_notional",  # sum of 2 * d * (price - mid before the trade) * quantity
)


@dataclass(frozen=True, slots=True)
class Instrument:
    """What is traded: venue and symbol, and the grid its prices and quantities live on.

    >>> Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001).price(281451)
    28145.1
    """

    venue: str
    symbol: str
    tick_size: float
    lot_size: float
    _scale: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("tick_size", "lot_size"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"{name} must be a positive number, got {value!r}")
        inverse = 1.0 / self.tick_size
        whole = round(inverse)
        exact = self.tick_size < 1 and abs(inverse - whole) < 1e-6 * whole
        # Division by a whole number rounds once: 281451 / 10 is the float nearest to 28145.1, 281451 * 0.1 is not.
        object.__setattr__(self, "_scale", float(whole) if exact else 0.0)

    @property
    def name(self) -> str:
        """``venue:symbol``, as the command line writes it."""
        return f"{self.venue}:{self.symbol}"

    def price(self, ticks):
        """Price of a number of ticks (scalar or array), the float64 nearest to the decimal."""
        return ticks / self._scale if self._scale else ticks * self.tick_size

    def ticks(self, price: float) -> int:
        """Whole number of ticks of a price; `InputError` when the price lies off the grid."""
        if not math.isfinite(price):
            raise InputError(f"price must be finite, got {price!r}")
        exact = price * self._scale if self._scale else price / self.tick_size
        whole = round(exact)
        if abs(exact - whole) > 1e-3:
            raise InputError(f"price {price!r} of {self.name} is no multiple of its tick size {self.tick_size!r}")
        return whole


class DepthUpdate(NamedTuple):
    """Levels that changed, with their new absolute quantities (0 removes the level)."""

    symbol: str
    ts_exchange: int
    ts_receive: int
    first_id: int  # U; -1 when the venue numbers nothing
    last_id: int  # u
    prev_id: int  # pu; -1 where the venue has none (spot)
    sides: np.ndarray  # (n,) int8, 0 bid 1 ask
    ticks: np.ndarray  # (n,) int64
    quantities: np.ndarray  # (n,) float64


class DepthSnapshot(NamedTuple):
    """The whole book (or all of it the venue tells) at one moment."""

    symbol: str
    ts_exchange: int
    ts_receive: int
    last_id: int
    sides: np.ndarray
    ticks: np.ndarray
    quantities: np.ndarray


class Trade(NamedTuple):
    """One trade; `side` is the aggressor's: +1 buyer, -1 seller, 0 unknown."""

    symbol: str
    ts_exchange: int
    ts_receive: int
    trade_id: int
    tick: int
    quantity: float
    side: int
    market: bool = True  # False: no match in the book (insurance fund, auction indication); no part of flow


class BookTicker(NamedTuple):
    """Best bid and ask as an independent stream tells them; audits the book, never feeds it."""

    symbol: str
    ts_exchange: int
    ts_receive: int
    update_id: int
    bid_tick: int
    bid_quantity: float
    ask_tick: int
    ask_quantity: float


class MarkPrice(NamedTuple):
    """Mark and index price of a perpetual, with its funding rate (a fraction) and time."""

    symbol: str
    ts_exchange: int
    ts_receive: int
    mark: float
    index: float
    funding_rate: float
    next_funding: int


class Gap(NamedTuple):
    """The book may be wrong from here until the next `DepthSnapshot`; `cause` says why, in words."""

    symbol: str
    ts_exchange: int
    ts_receive: int
    cause: str
    expected_id: int
    got_id: int


Event: TypeAlias = DepthUpdate | DepthSnapshot | Trade | BookTicker | MarkPrice | Gap


class Snapshot(NamedTuple):
    """One book row: the best levels after an event, and the trades since the previous row.

    `levels` is (L, 4): bid price, bid quantity, ask price, ask quantity, best first, NaN where empty.
    `flow` is (7,), see `FLOW_FIELDS`. A row with `valid` false may be wrong and must not be learnt from or traded on.
    """

    ts_exchange: int
    ts_receive: int
    levels: np.ndarray
    flow: np.ndarray
    valid: bool
    tick_size: float


@dataclass(frozen=True, slots=True)
class Snapshots(Sequence):
    """Many book rows as arrays; an integer index gives a `Snapshot`, a slice gives `Snapshots`.

    Shapes: `ts_exchange`, `ts_receive` (n,) int64; `levels` (n, L, 4), `flow` (n, 7) float64; `valid` (n,) bool.
    """

    instrument: Instrument
    ts_exchange: np.ndarray
    ts_receive: np.ndarray
    levels: np.ndarray
    flow: np.ndarray
    valid: np.ndarray
    provenance: str = "recorded"  # "recorded", "simulated" or "live"

    def __post_init__(self) -> None:
        n = len(self.ts_exchange)
        shapes = {
            "ts_receive": (n,),
            "levels": (n, self.levels.shape[1] if self.levels.ndim == 3 else 0, 4),
            "flow": (n, len(FLOW_FIELDS)),
            "valid": (n,),
        }
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise InputError(f"{name} must have shape {shape}, got {getattr(self, name).shape}")
        if self.provenance not in PROVENANCES:
            raise InputError(f"provenance must be one of {', '.join(PROVENANCES)}, got {self.provenance!r}")

    def __len__(self) -> int:
        return len(self.ts_exchange)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return Snapshots(
                self.instrument,
                self.ts_exchange[index],
                self.ts_receive[index],
                self.levels[index],
                self.flow[index],
                self.valid[index],
                self.provenance,
            )
        return Snapshot(
            int(self.ts_exchange[index]),
            int(self.ts_receive[index]),
            self.levels[index],
            self.flow[index],
            bool(self.valid[index]),
            self.instrument.tick_size,
        )

    @property
    def depth(self) -> int:
        """Levels a side."""
        return self.levels.shape[1]

    @property
    def mid(self) -> np.ndarray:
        """(n,) float64, the mean of best bid and best ask; NaN where a side is empty."""
        return (self.levels[:, 0, 0] + self.levels[:, 0, 2]) / 2.0

    @classmethod
    def of(cls, rows: Iterable[Snapshot], instrument: Instrument, provenance: str = "recorded") -> Snapshots:
        """Stack single rows; at least one is needed, all with the same number of levels."""
        rows = list(rows)
        if not rows:
            raise InputError("no rows: a Snapshots needs at least one Snapshot")
        return cls(
            instrument,
            np.array([r.ts_exchange for r in rows], np.int64),
            np.array([r.ts_receive for r in rows], np.int64),
            np.stack([r.levels for r in rows]),
            np.stack([r.flow for r in rows]),
            np.array([r.valid for r in rows], bool),
            provenance,
        )


PROVENANCES = ("recorded", "simulated", "live")
