"""Where Binance's markets are, and on which streams they speak."""

from __future__ import annotations

import re
from dataclasses import dataclass

from genesis_lib.errors import InputError


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Addresses of one market.

    `groups` are (path of the websocket, streams): USD-M futures serve book data and trades on different paths, each
    group is a connection of its own.
    """

    rest_url: str
    rest_prefix: str
    websocket_url: str
    groups: tuple[tuple[str, tuple[str, ...]], ...]

    def websocket_urls(self, symbol: str, base: str = "") -> list[str]:
        """Addresses of the combined streams of a symbol; `base` in place of the venue's own."""
        name = symbol.lower()
        return [
            f"{base or self.websocket_url}{path}/stream?streams={'/'.join(f'{name}@{stream}' for stream in streams)}"
            for path, streams in self.groups
        ]

    def rest(self, request: str, base: str = "") -> str:
        """Address of a REST request, for example ``depth``."""
        return f"{base or self.rest_url}{self.rest_prefix}/{request}"


ENDPOINTS = {
    "binance-usdm": Endpoints(
        "https://fapi.binance.com",
        "/fapi/v1",
        "wss://fstream.binance.com",
        (("/public", ("depth@0ms", "bookTicker")), ("/market", ("trade", "markPrice@1s"))),
    ),
    "binance-coinm": Endpoints(
        "https://dapi.binance.com",
        "/dapi/v1",
        "wss://dstream.binance.com",
        (("", ("depth@0ms", "bookTicker", "trade", "markPrice@1s")),),
    ),
    "binance-spot": Endpoints(
        "https://api.binance.com",
        "/api/v3",
        "wss://stream.binance.com:9443",
        (("", ("depth@100ms", "bookTicker", "trade")),),
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
