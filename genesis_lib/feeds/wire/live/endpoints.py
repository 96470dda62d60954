"""Where Binance's markets are, on which streams they speak, and how much they let one address ask for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from genesis_lib.config import Feeds
from genesis_lib.errors import InputError


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Addresses, streams and limits of one market, as its API documentation gives them.

    `paths` says on which path of the websocket a kind of stream is spoken; each path is a connection of its own.
    `depth_weights` are (levels, weight): a snapshot of at most so many levels costs so much.
    """

    rest_url: str
    rest_prefix: str
    websocket_url: str
    paths: tuple[tuple[str, str], ...]
    depth_speed: str
    depth_weights: tuple[tuple[int, int], ...]
    info_weight: int
    weight_per_minute: int
    messages_per_second: int  # that a connection may send, pings and pongs included
    streams_per_connection: int

    def streams(self, symbol: str, feeds: Feeds) -> list[tuple[str, str]]:
        """Path and name of each stream of a symbol."""
        speed = feeds.depth_speed or self.depth_speed
        names = {"depth": f"depth@{speed}", "markPrice": "markPrice@1s"}
        other = "aggTrade" if feeds.trades == "trade" else "trade"
        return [(path, f"{symbol.lower()}@{names.get(kind, kind)}") for kind, path in self.paths if kind != other]

    def websocket(self, path: str, base: str = "") -> str:
        """Address of the combined streams of a path; `base` in place of the venue's own."""
        return f"{base or self.websocket_url}{path}/stream"

    def rest(self, request: str, base: str = "") -> str:
        """Address of a REST request, for example ``depth``."""
        return f"{base or self.rest_url}{self.rest_prefix}/{request}"

    def depth_weight(self, levels: int) -> int:
        """Request weight of a snapshot of so many levels a side; `InputError` when the venue gives none so deep."""
        for most, weight in self.depth_weights:
            if levels <= most:
                return weight
        raise InputError(f"snapshot_levels must be at most {self.depth_weights[-1][0]} here, got {levels!r}")


_FUTURES_WEIGHTS = ((50, 2), (100, 5), (500, 10), (1000, 20))
ENDPOINTS = {
    # Since April 2026 USD-M futures speak on two paths, and a stream asked for on the wrong one is acknowledged and
    # stays silent. The single trades are in no document, but they are spoken, on the path of the books.
    "binance-usdm": Endpoints(
        "https://fapi.binance.com",
        "/fapi/v1",
        "wss://fstream.binance.com",
        (
            ("depth", "/public"),
            ("bookTicker", "/public"),
            ("trade", "/public"),
            ("aggTrade", "/market"),
            ("markPrice", "/market"),
        ),
        depth_speed="0ms",
        depth_weights=_FUTURES_WEIGHTS,
        info_weight=1,
        weight_per_minute=2400,
        messages_per_second=10,
        streams_per_connection=1024,
    ),
    "binance-coinm": Endpoints(
        "https://dapi.binance.com",
        "/dapi/v1",
        "wss://dstream.binance.com",
        tuple((kind, "") for kind in ("depth", "bookTicker", "trade", "aggTrade", "markPrice")),
        depth_speed="0ms",
        depth_weights=_FUTURES_WEIGHTS,
        info_weight=1,
        weight_per_minute=2400,
        messages_per_second=10,
        streams_per_connection=200,
    ),
    "binance-spot": Endpoints(
        "https://api.binance.com",
        "/api/v3",
        "wss://stream.binance.com:9443",
        tuple((kind, "") for kind in ("depth", "bookTicker", "trade", "aggTrade")),
        depth_speed="100ms",
        depth_weights=((100, 5), (500, 25), (1000, 50), (5000, 250)),
        info_weight=20,
        weight_per_minute=6000,
        messages_per_second=5,
        streams_per_connection=1024,
    ),
}
_SYMBOL = re.compile(r"[A-Z0-9]{2,20}(_[A-Z0-9]{1,8})?")


def checked(venue: str, symbol: str) -> tuple[Endpoints, str]:
    """Endpoints of a venue and the symbol as the venue writes it.

    Raises
    ------
    InputError
        For an unknown venue, or a symbol that no venue could have.
    """
    if venue not in ENDPOINTS:
        raise InputError(f"venue must be one of {', '.join(ENDPOINTS)}, got {venue!r}")
    name = symbol.upper()
    if not _SYMBOL.fullmatch(name):
        raise InputError(f"symbol must be letters and digits such as BTCUSDT or BTCUSD_PERP, got {symbol!r}")
    return ENDPOINTS[venue], name
