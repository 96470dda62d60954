"""The paper account: position, profit and loss, fees and the trade log, exact in whole ticks and lots."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from genesis_lib.errors import InputError, StateError
from genesis_lib.execution.costs import Fees, Money
from genesis_lib.types import Instrument


class TradeEvent(NamedTuple):
    """One line of the trade log, in the units people read."""

    id: int
    timestamp: int  # ns since 1970 UTC, the exchange's clock
    side: str  # "BUY" or "SELL"
    price: float  # mean price of the fill, quote currency
    size: float  # units of the instrument
    type: str  # "ENTRY" or "EXIT"
    confidence: float  # probability of the class that was acted on
    pnl: float  # realised by this trade, before fees; 0.0 for an entry


class Account:
    """A flat, long or short position in one instrument, and what it has earned.

    Parameters
    ----------
    instrument
        Its grid turns ticks and lots into prices and units at the surface.
    fees
        Charged apart from profit and loss.

    Attributes
    ----------
    active : bool
        Entries are taken.
    killed : bool
        The kill switch was used; only a reset clears it.
    trades : list of TradeEvent
        Since the last reset.

    Notes
    -----
    ``realized = sum((exit - entry) * size * direction)`` over what was closed, first in first out;
    ``unrealized = (bid - entry) * size`` of a long, ``(entry - ask) * size`` of a short, on the last valid book;
    ``total = realized + unrealized``; ``equity = total - fees``.

    Examples
    --------
    >>> account = Account(Instrument("test", "X", 0.5, 1.0), Fees(0.0, 0.0))
    >>> _ = account.fill(1, +1, [(200, 2)], confidence=0.6)
    >>> account.mark(204, 205)
    >>> account.position, account.entry_price, account.unrealized
    (2.0, 100.0, 4.0)
    >>> account.fill(2, -1, [(206, 2)], confidence=0.5).pnl
    6.0
    """

    def __init__(self, instrument: Instrument, fees: Fees | None = None) -> None:
        self.instrument = instrument
        self.money = Money(instrument)
        self.rates = Fees() if fees is None else fees
        self.active = False
        self.killed = False
        self.trades: list[TradeEvent] = []
        self._last_id = 0
        self.clear()

    def clear(self) -> None:
        """Forget position, profit and loss, fees and trades; ids of trades go on and never repeat."""
        self.trades = []
        self.lots = 0  # signed
        self._parcels: deque[tuple[int, int]] = deque()  # (tick, unsigned lots), oldest first
        self._cost = 0  # sum of tick * lots of the parcels
        self._realized = 0
        self._turnover = 0
        self._marks: tuple[int, int] | None = None

    def fill(self, timestamp: int, direction: int, parcels: Sequence[tuple[int, int]], confidence: float) -> TradeEvent:
        """Book a fill and return its line of the log.

        Parameters
        ----------
        timestamp
            ns since 1970 UTC.
        direction
            +1 bought, -1 sold.
        parcels
            (tick, lots) of each level that was taken.
        confidence
            Of the signal that was acted on.

        Raises
        ------
        InputError
            For an empty or negative parcel, or a direction that is not +1 or -1.
        StateError
            For a fill that would turn a long into a short (or back) in one go.
        """
        if direction not in (1, -1):
            raise InputError(f"direction must be +1 or -1, got {direction!r}")
        if not parcels or any(lots <= 0 for _, lots in parcels):
            raise InputError(f"parcels must hold (tick, lots) with lots > 0, got {list(parcels)!r}")
        lots = sum(lots for _, lots in parcels)
        cost = sum(tick * lots for tick, lots in parcels)
        closing = self.lots * direction < 0
        if closing and lots > abs(self.lots):
            raise StateError(f"a fill of {lots} lots against a position of {self.lots} would turn it round")
        pnl = self._close(parcels) if closing else self._open(parcels, cost)
        self.lots += direction * lots
        self._realized += pnl
        self._turnover += abs(cost)
        self._last_id += 1
        trade = TradeEvent(
            self._last_id,
            timestamp,
            "BUY" if direction > 0 else "SELL",
            self.instrument.price(cost // lots if cost % lots == 0 else cost / lots),
            self.money.quantity(lots),
            "EXIT" if closing else "ENTRY",
            confidence,
            self.money.value(pnl),
        )
        self.trades.append(trade)
        return trade

    def _open(self, parcels: Sequence[tuple[int, int]], cost: int) -> int:
        self._parcels.extend((tick, lots) for tick, lots in parcels)
        self._cost += cost
        return 0

    def _close(self, parcels: Sequence[tuple[int, int]]) -> int:
        sign = 1 if self.lots > 0 else -1
        pnl = 0
        for tick, wanted in parcels:
            while wanted:
                entry, held = self._parcels[0]
                take = min(wanted, held)
                if take == held:
                    self._parcels.popleft()
                else:
                    self._parcels[0] = (entry, held - take)
                pnl += sign * (tick - entry) * take
                self._cost -= entry * take
                wanted -= take
        return pnl

    def mark(self, bid_tick: int, ask_tick: int) -> None:
        """Remember the touch of a valid book; unrealised profit is told against the side one would leave at."""
        self._marks = (bid_tick, ask_tick)

    @property
    def position(self) -> float:
        """Units of the instrument, negative when short."""
        return self.money.quantity(self.lots)

    @property
    def entry_price(self) -> float | None:
        """Mean price of what is still open, quote currency; None when flat."""
        return self.instrument.price(self._cost / abs(self.lots)) if self.lots else None

    @property
    def realized(self) -> float:
        """Profit of what was closed, before fees, quote currency."""
        return self.money.value(self._realized)

    def _unrealized_ticklots(self) -> int:
        if not self.lots or self._marks is None:
            return 0
        if self.lots > 0:
            return self._marks[0] * self.lots - self._cost
        return self._cost + self._marks[1] * self.lots

    @property
    def unrealized(self) -> float:
        """Profit of what is open if it left now at the touch, before fees, quote currency."""
        return self.money.value(self._unrealized_ticklots())

    @property
    def total(self) -> float:
        """Realised and unrealised profit, before fees, quote currency."""
        return self.money.value(self._realized + self._unrealized_ticklots())

    @property
    def fees(self) -> float:
        """Charged so far, quote currency; every simulated fill takes liquidity."""
        return self.rates.of(taker=self.money.value(self._turnover))

    @property
    def turnover(self) -> float:
        """Sum of price times quantity of all fills, quote currency."""
        return self.money.value(self._turnover)

    @property
    def equity(self) -> float:
        """Total profit less fees, quote currency."""
        return self.total - self.fees
