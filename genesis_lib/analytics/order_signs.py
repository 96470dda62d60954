"""Market orders of a session: how many, how large beside the queue they meet, how long their signs persist."""

from __future__ import annotations

import numpy as np

from genesis_lib.analytics.running_statistics import Autocorrelation, Quantiles, power_law
from genesis_lib.types import Trade

SIGN_LAGS = (1, 2, 3, 5, 7, 10, 14, 20, 30, 50, 70, 100)


class OrderSigns:
    """Trades of one side at one exchange time are one market order, as Lillo and Farmer (2004) count them.

    Binance tells a trade for each resting order that is hit: counted one by one, every large order would make signs
    persist.
    """

    def __init__(self) -> None:
        self.signs = Autocorrelation(SIGN_LAGS)
        self.relative = Quantiles(1e-7, 1e5)  # quantity over the queue that it met
        self._size = Quantiles(1e-7, 1e7)
        self.trades = 0
        self._open: tuple[int, int] | None = None  # time and side of the order that trades
        self._taken = self._queue = 0.0
        self._touch: tuple[int, float, int, float] | None = None

    def quote(self, touch: tuple[int, float, int, float]) -> None:
        """Take best bid tick, its quantity, best ask tick, its quantity: the book after a depth message."""
        self._touch = touch

    def observe(self, trade: Trade) -> None:
        """Take a trade; one without a side tells nothing of signs."""
        self.trades += 1
        if not trade.side:
            return
        order = trade.ts_exchange, trade.side
        if order != self._open:
            self._close()
            self._open = order
            self._queue = 0.0 if self._touch is None else self._touch[3 if trade.side > 0 else 1]
        self._taken += trade.quantity

    def forget(self) -> None:
        """Let no pair of signs reach over what is missing."""
        self._close()
        self.signs.forget()
        self._touch = None

    def facts(self, seconds: float) -> dict[str, float]:
        """Statistics by name, of a session so long; the order that may still trade on is not among them."""
        acf = self.signs.values()
        return {
            "trades_per_second": self.trades / seconds,
            "orders_per_second": self.signs.n / seconds,
            "order_p50": self.relative.at(0.5),
            "order_p95": self.relative.at(0.95),
            "order_p99": self.relative.at(0.99),
            **{f"sign_acf_{lag}": float(acf[SIGN_LAGS.index(lag)]) for lag in (1, 2, 5, 10, 20, 50, 100)},
            "sign_decay": power_law(SIGN_LAGS, acf),
        }

    def _close(self) -> None:
        if self._open is None:
            return
        self.signs.add(float(np.sign(self._open[1])))
        self._size.add(self._taken)
        if self._queue > 0:
            self.relative.add(self._taken / self._queue)
        self._open, self._taken = None, 0.0
