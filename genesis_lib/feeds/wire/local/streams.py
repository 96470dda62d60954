"""Names of Binance's websocket streams: what they ask for, and on which of a market's paths they are served."""

from __future__ import annotations

import re
from typing import NamedTuple

from genesis_lib.errors import InputError

MARKETS = ("binance-usdm", "binance-coinm", "binance-spot")
PUBLIC_KINDS = {"depth", "bookTicker", "trade"}  # what USD-M futures serve under /public
SLOWEST_DEPTH = {"binance-usdm": 250, "binance-coinm": 250, "binance-spot": 1000}  # ms, of a name without a speed
INTERVALS = {
    **{f"{n}m": n * 60_000 for n in (1, 3, 5, 15, 30)},
    **{f"{n}h": n * 3_600_000 for n in (1, 2, 4, 6, 8, 12)},
    "1d": 86_400_000,
}
_NAME = re.compile(r"([a-z0-9_]{1,40})@([A-Za-z]+?)(\d+)?(?:_(\w+))?(?:@(\d+)(ms|s))?")
_ALL = {"!bookTicker": "bookTicker", "!ticker@arr": "ticker", "!miniTicker@arr": "miniTicker"}


class Stream(NamedTuple):
    """What a name asks for.

    `key` names the messages themselves, the same for every name that means them; `symbol` is empty for a stream of all
    symbols, whose key is the kind.
    """

    symbol: str
    kind: str  # depth, trade, aggTrade, bookTicker, markPrice, kline, ticker, miniTicker
    levels: int  # of a partial depth stream, else 0
    speed_ms: int  # of a depth stream: 0 is every change
    interval: str  # of a kline

    @property
    def key(self) -> str:
        """For example ``btcusdt@depth``, ``btcusdt@depth@100ms``, ``btcusdt@depth5@100ms``."""
        if self.kind == "depth":
            levels, speed = self.levels or "", f"@{self.speed_ms}ms" if self.speed_ms else ""
            return f"{self.symbol}@depth{levels}{speed}"
        return f"{self.symbol}@{self.kind}" + (f"_{self.interval}" if self.interval else "")


def parse_stream(name: str, market: str, native_ms: int = 0) -> Stream | None:
    """Read the name of a stream; None for one that no market has (Binance takes such a subscription and sends nothing).

    Parameters
    ----------
    name
        For example ``btcusdt@depth@100ms`` or ``!bookTicker``.
    market
        One of `MARKETS`: decides how fast a stream without a speed is.
    native_ms
        Speed of the depth messages that there are; what asks for faster ones gets these.

    Examples
    --------
    >>> parse_stream("btcusdt@depth@100ms", "binance-usdm").key
    'btcusdt@depth@100ms'
    >>> parse_stream("btcusdt@depth@100ms", "binance-spot", native_ms=100).key
    'btcusdt@depth'
    >>> parse_stream("btcusdt@depth5", "binance-usdm").key, parse_stream("btcusdt@markPrice@1s", "binance-usdm").key
    ('btcusdt@depth5@250ms', 'btcusdt@markPrice')
    """
    if market not in MARKETS:
        raise InputError(f"market must be one of {', '.join(MARKETS)}, got {market!r}")
    if name in _ALL:
        return Stream("", _ALL[name], 0, 0, "")
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    symbol, kind, levels, interval, speed, unit = match.groups()
    if kind == "depth":
        if interval or unit == "s" or (levels and levels not in ("5", "10", "20")):
            return None
        asked = int(speed) if speed else SLOWEST_DEPTH[market]
        if asked not in (0, 100, 250, 500, 1000):
            return None
        return Stream(symbol, "depth", int(levels or 0), asked if asked > native_ms or levels else 0, "")
    if levels or (kind == "kline") != bool(interval):
        return None
    if kind == "kline":
        return Stream(symbol, kind, 0, 0, interval) if interval in INTERVALS and not speed else None
    if kind == "markPrice":
        return Stream(symbol, kind, 0, 0, "") if market != "binance-spot" else None
    return (
        Stream(symbol, kind, 0, 0, "")
        if kind in ("trade", "aggTrade", "bookTicker", "ticker", "miniTicker") and (not speed)
        else None
    )


def is_served(stream: Stream, market: str, route: str) -> bool:
    """Whether a path carries a stream: USD-M futures have ``public`` and ``market``; without either it is public.

    Binance takes a subscription on the wrong path and sends nothing. The raw ``trade`` stream is named on neither list
    and served on both here.
    """
    if market != "binance-usdm":
        return True
    if route == "market":
        return stream.kind not in PUBLIC_KINDS or stream.kind == "trade"
    return route in ("", "public") and stream.kind in PUBLIC_KINDS
