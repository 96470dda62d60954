"""Request weights as Binance counts them: a budget a minute, 429 above it, 418 for who does not stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import NamedTuple

LIMITS = {"binance-usdm": 2400, "binance-coinm": 2400, "binance-spot": 6000}  # a minute and address
MINUTE = 60.0  # s
PATIENCE = 10  # requests above the limit that are answered 429 before the ban
BAN, LONGEST_BAN = 120.0, 3 * 86_400.0  # s; each ban is twice as long as the one before


class Verdict(NamedTuple):
    """Whether a request is served (status 200), and what its headers say."""

    status: int
    used: int
    retry_after: int  # s
    message: str


class RequestWeights:
    """Count the weight of requests of one address.

    Parameters
    ----------
    limit
        Weight a minute.
    clock
        Seconds since 1970; minutes are those of the clock.

    Attributes
    ----------
    too_early : int
        Requests that came although the answer before had said to wait.
    """

    def __init__(self, limit: float, clock: Callable[[], float] = time.time) -> None:
        self.limit, self._clock = limit, clock
        self.used = 0
        self.too_early = 0
        self._minute = -1
        self._violations = 0
        self._banned_until = 0.0
        self._bans = 0

    def take(self, weight: int) -> Verdict:
        """Count a request and say whether it is served."""
        now = self._clock()
        if now < self._banned_until:
            self.too_early += 1
            return self._banned(now)
        if now // MINUTE != self._minute:
            self._minute, self.used, self._violations = now // MINUTE, 0, 0
        self.used += weight
        if self.used <= self.limit:
            return Verdict(200, self.used, 0, "")
        self.too_early += self._violations > 0
        self._violations += 1
        if self._violations > PATIENCE:
            self._banned_until = now + min(BAN * 2**self._bans, LONGEST_BAN)
            self._bans, self._violations = self._bans + 1, 0
            return self._banned(now)
        wait = max(1, math.ceil((self._minute + 1) * MINUTE - now))
        words = (
            f"Too much request weight used; current limit is {self.limit:g} request weight per 1 MINUTE. "
            "Please use WebSocket Streams for live updates to avoid polling the API."
        )
        return Verdict(429, self.used, wait, words)

    def _banned(self, now: float) -> Verdict:
        words = (
            f"Way too much request weight used; IP banned until {round(1000 * self._banned_until)}. "
            "Please use WebSocket Streams for live updates to avoid bans."
        )
        return Verdict(418, self.used, max(1, math.ceil(self._banned_until - now)), words)


def weight_of(market: str, request: str, query: dict[str, str]) -> int:
    """Weight of a request, by Binance's tables of 2025.

    >>> weight_of("binance-usdm", "depth", {"symbol": "BTCUSDT", "limit": "1000"})
    20
    >>> weight_of("binance-spot", "depth", {"symbol": "BTCUSDT", "limit": "1000"})
    50
    """
    spot, given = market == "binance-spot", query.get("limit", "")
    limit, every = int(given) if given.isdecimal() and len(given) < 10 else 500, "symbol" not in query
    if request == "depth":
        if spot:
            limit = limit if given else 100
            return 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1000 else 250
        return 2 if limit <= 50 else 5 if limit <= 100 else 10 if limit <= 500 else 20
    if request == "klines" and not spot:
        return 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1000 else 10
    table = {
        "exchangeInfo": (20, 1),
        "trades": (25, 5),
        "aggTrades": (4, 20),
        "klines": (2, 5),
        "ticker/price": (4 if every else 2, 2 if every else 1),
        "ticker/bookTicker": (4 if every else 2, 5 if every else 2),
        "ticker/24hr": (80 if every else 2, 40 if every else 1),
        "premiumIndex": (1, 10 if every else 1),
    }
    return table.get(request, (1, 1))[not spot]
