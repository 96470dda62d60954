"""What Binance tells of the trades of a symbol: candles, the rolling day, and trades put together."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from genesis_lib.feeds.wire.binance_wire import BinanceWriter
from genesis_lib.feeds.wire.local.streams import INTERVALS
from genesis_lib.types import Trade

MINUTE = 60_000
KEPT = 1000  # trades and aggregates
DAY = 1440  # bars


@dataclass(slots=True)
class Bar:
    """Trades of one interval; times in ms, prices in ticks."""

    start: int
    first_id: int
    open: int
    high: int
    low: int
    close: int
    last_id: int
    count: int = 0
    volume: float = 0.0
    notional: float = 0.0
    taker_volume: float = 0.0
    taker_notional: float = 0.0

    def join(self, other: Bar) -> None:
        """Take in a later bar."""
        self.high, self.low, self.close = max(self.high, other.high), min(self.low, other.low), other.close
        self.last_id, self.count = other.last_id, self.count + other.count
        self.volume += other.volume
        self.notional += other.notional
        self.taker_volume += other.taker_volume
        self.taker_notional += other.taker_notional


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Trades that one order made at one price."""

    number: int
    first: Trade
    last_id: int
    quantity: float


class TradeStatistics:
    """Keeps the last trades, their aggregates, and a day of one-minute bars.

    Attributes
    ----------
    trades, aggregates : deque
        The newest thousand.
    """

    def __init__(self, writer: BinanceWriter) -> None:
        self._writer = writer
        self.trades: deque[Trade] = deque(maxlen=KEPT)
        self.aggregates: deque[Aggregate] = deque(maxlen=KEPT)
        self._bars: deque[Bar] = deque(maxlen=DAY)
        self._open: Aggregate | None = None
        self._number = 0

    def take(self, trade: Trade) -> Aggregate | None:
        """Enter a trade; gives the aggregate that it ends, if it ends one."""
        self.trades.append(trade)
        if trade.market:
            self._enter(trade)
        before, self._open = self._open, None
        if before is not None:
            first = before.first
            if (first.ts_exchange, first.tick, first.side) == (trade.ts_exchange, trade.tick, trade.side):
                quantity = before.quantity + trade.quantity
                self._open = Aggregate(before.number, first, trade.trade_id, quantity)
                return None
            self.aggregates.append(before)
        self._number += 1
        self._open = Aggregate(self._number, trade, trade.trade_id, trade.quantity)
        return before

    def close(self, ts_exchange: int) -> Aggregate | None:
        """End the open aggregate when it lies before a time; gives it."""
        done = self._open
        if done is None or done.first.ts_exchange >= ts_exchange:
            return None
        self._open = None
        self.aggregates.append(done)
        return done

    def bars(self, interval: str) -> list[Bar]:
        """Bars of an interval, oldest first, the last one still open."""
        length, out = INTERVALS[interval], []
        for bar in self._bars:
            start = bar.start // length * length
            if out and out[-1].start == start:
                out[-1].join(bar)
            else:
                fresh = Bar(start, bar.first_id, bar.open, bar.high, bar.low, bar.close, bar.last_id)
                fresh.join(bar)
                out.append(fresh)
        return out

    def day(self) -> Bar | None:
        """All trades of the last 24 hours as one bar, None when there were none."""
        whole = None
        for bar in self._bars:
            if whole is None:
                whole = Bar(bar.start, bar.first_id, bar.open, bar.high, bar.low, bar.close, bar.last_id)
            whole.join(bar)
        return whole

    def kline(self, bar: Bar, interval: str) -> dict[str, Any]:
        """The ``k`` of a kline message."""
        return {
            **{"t": bar.start, "T": bar.start + INTERVALS[interval] - 1, "s": self._writer.instrument.symbol},
            **{"i": interval, "f": bar.first_id, "L": bar.last_id},
            **dict(zip("oclhv", [*self._row(bar), self._writer.quantity(bar.volume)])),
            **{"n": bar.count, "x": False, "q": self._money(bar.notional)},
            **{"V": self._writer.quantity(bar.taker_volume), "Q": self._money(bar.taker_notional), "B": "0"},
        }

    def row(self, bar: Bar, interval: str) -> list[Any]:
        """A bar as REST tells it: twelve columns."""
        open_, close, low, high = self._row(bar)
        quantity, money = self._writer.quantity, self._money
        return [
            *(bar.start, open_, high, low, close, quantity(bar.volume), bar.start + INTERVALS[interval] - 1),
            *(money(bar.notional), bar.count, quantity(bar.taker_volume), money(bar.taker_notional), "0"),
        ]

    def _row(self, bar: Bar) -> list[str]:
        return [self._writer.price(tick) for tick in (bar.open, bar.close, bar.low, bar.high)]

    @staticmethod
    def _money(amount: float) -> str:
        return f"{amount:.8f}"

    def _enter(self, trade: Trade) -> None:
        start, tick, number = trade.ts_exchange // 1_000_000 // MINUTE * MINUTE, trade.tick, trade.trade_id
        notional = self._writer.instrument.price(tick) * trade.quantity
        bought = trade.side > 0
        bar = Bar(start, number, tick, tick, tick, tick, number, 1, trade.quantity, notional)
        bar.taker_volume, bar.taker_notional = (trade.quantity, notional) if bought else (0.0, 0.0)
        if self._bars and self._bars[-1].start >= start:
            self._bars[-1].join(bar)
        else:
            self._bars.append(bar)
