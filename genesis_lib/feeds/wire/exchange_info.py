"""Read from a venue's exchangeInfo on which grid a symbol trades."""

from __future__ import annotations

import difflib
from typing import Any

from genesis_lib.errors import InputError
from genesis_lib.types import Instrument


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
