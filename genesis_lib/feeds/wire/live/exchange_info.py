"""Ask a venue on which grid a symbol trades, and read it from the answer."""

from __future__ import annotations

import difflib
import time
from contextlib import suppress
from typing import Any

import httpx

from genesis_lib.errors import InputError, SessionError
from genesis_lib.feeds.binance import decode
from genesis_lib.feeds.wire.live.endpoints import checked
from genesis_lib.feeds.wire.live.limits import WeightLimiter, limiter_of
from genesis_lib.types import PROVENANCES, Instrument

PATIENCE = 10.0  # s for an answer, and for the weight that the request needs


class Directory:
    """The symbols of one venue, asked for once and remembered.

    Parameters
    ----------
    venue
        For example ``"binance-usdm"``.
    base
        Address in place of the venue's own.

    Attributes
    ----------
    limiter : WeightLimiter
        Of the host; its budget is what the venue's ``rateLimits`` say.
    provenance : str
        ``live``, unless a local venue tells what it plays.
    """

    def __init__(self, venue: str, base: str = "") -> None:
        self.venue, self._base = venue, base.rstrip("/")
        self._endpoints, _ = checked(venue, "BTC")
        self.url = self._endpoints.rest("exchangeInfo", self._base)
        host = httpx.URL(self.url).netloc.decode()
        self.limiter: WeightLimiter = limiter_of(host, self._endpoints.weight_per_minute)
        self.provenance = "live"
        self._answers: list[Any] = []

    def instrument(self, symbol: str) -> Instrument:
        """Give the instrument of a symbol.

        Raises
        ------
        InputError
            When the venue does not know the symbol, or is another market than the one that was named.
        SessionError
            When the venue cannot be reached or refuses.
        """
        _, symbol = checked(self.venue, symbol)
        for answer in self._answers:
            with suppress(InputError):
                return instrument_of(self.venue, symbol, answer)
        answer = self._fetch(symbol)
        instrument = instrument_of(self.venue, symbol, answer)
        self._answers.append(answer)  # futures tell every symbol in one
        return instrument

    def _fetch(self, symbol: str) -> Any:
        until = time.monotonic() + PATIENCE
        while pause := self.limiter.reserve(self._endpoints.info_weight):
            if time.monotonic() + pause > until:
                raise SessionError(f"{self.url} must not be asked for another {pause:.0f} s: its rate limit is used up")
            time.sleep(pause)
        trust = not self.url.startswith("http://127.")
        try:
            answer = httpx.get(self.url, params={"symbol": symbol}, timeout=PATIENCE, trust_env=trust)
        except httpx.HTTPError as error:
            self.limiter.gave_up()
            raise SessionError(f"cannot reach {self.url}: {error or type(error).__name__}") from None
        except BaseException:
            self.limiter.gave_up()
            raise
        self.limiter.answered(answer.status_code, answer.headers)
        if answer.status_code == 400 and "-1121" in answer.text:
            raise InputError(f"{self.venue} knows no symbol {symbol!r}")
        if answer.status_code != 200:
            raise SessionError(f"{self.url} answers HTTP {answer.status_code}: {' '.join(answer.text.split())[:200]}")
        told = answer.headers.get("X-Genesis-Provenance", "live")
        self.provenance = told if told in PROVENANCES else "live"
        body = decode(answer.content)
        told = market_of(body, symbol)
        if told not in (None, self.venue):
            raise InputError(f"venue must be what speaks at {self.url}: its {symbol} is of {told}, not of {self.venue}")
        self.limiter.per_minute = weight_per_minute(body) or self.limiter.per_minute
        return body


def market_of(answer: Any, symbol: str) -> str | None:
    """Market that the entry of a symbol in an exchangeInfo answer betrays, None where it tells none.

    Futures have a ``contractType``; those of COIN-M also a ``contractSize``. Spot says ``isSpotTradingAllowed``.
    """
    with suppress(KeyError, TypeError):
        for entry in answer["symbols"]:
            if entry["symbol"] == symbol:
                if "contractType" in entry:
                    return "binance-coinm" if "contractSize" in entry else "binance-usdm"
                return "binance-spot" if "isSpotTradingAllowed" in entry else None
    return None


def weight_per_minute(answer: Any) -> int | None:
    """Request weight a minute that an exchangeInfo answer allows, None where it says nothing of it."""
    try:
        for limit in answer.get("rateLimits", ()):
            kind = limit["rateLimitType"], limit["interval"], limit["intervalNum"]
            if kind == ("REQUEST_WEIGHT", "MINUTE", 1) and limit["limit"] > 0:
                return int(limit["limit"])
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return None


def instrument_of(venue: str, symbol: str, answer: Any) -> Instrument:
    """Give the instrument that a decoded exchangeInfo answer describes.

    Parameters
    ----------
    venue, symbol
        For example ``"binance-usdm", "BTCUSDT"``.
    answer
        The decoded JSON; futures list every symbol, spot the one that was asked for.

    Raises
    ------
    InputError
        When the symbol is not in it (naming near ones), or its tick or lot size cannot be read.

    Examples
    --------
    >>> filters = [{"filterType": "PRICE_FILTER", "tickSize": "0.10"}, {"filterType": "LOT_SIZE", "stepSize": "0.001"}]
    >>> instrument_of("binance-usdm", "BTCUSDT", {"symbols": [{"symbol": "BTCUSDT", "filters": filters}]}).tick_size
    0.1
    """
    try:
        symbols = {entry["symbol"]: entry["filters"] for entry in answer["symbols"]}
        if symbol not in symbols:
            near = difflib.get_close_matches(symbol, symbols, 3, 0.0)
            raise InputError(f"{venue} knows no symbol {symbol!r}; near are {', '.join(near)}")
        filters = {entry["filterType"]: entry for entry in symbols[symbol]}
        tick, lot = float(filters["PRICE_FILTER"]["tickSize"]), float(filters["LOT_SIZE"]["stepSize"])
    except InputError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{venue} tells no readable grid for {symbol}: {error!r}") from None
    return Instrument(venue, symbol, tick, lot)
