"""The exchangeInfo answer of a local venue: rules and grid of the symbols that it plays."""

from __future__ import annotations

from typing import Any

from genesis_lib.feeds.wire.binance_wire import places
from genesis_lib.feeds.wire.local.playback import Playback

LEAST_NOTIONAL = "5"  # in the quote asset
QUOTES = ("USDT", "USDC", "BUSD", "FDUSD", "BTC", "ETH", "USD", "EUR")
FOREVER = 4_133_404_800_000  # delivery date of a perpetual, ms


def exchange_info(market: str, playbacks: list[Playback], clock_ms: int, weight_limit: float) -> dict[str, Any]:
    """Compose the answer in the form of a market.

    Limits that no recording tells (largest order, open orders) stand wide open; the grid is the instrument's.
    """
    weight = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": int(weight_limit)}
    orders = {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1200}
    symbols = [_symbol(market, playback) for playback in playbacks]
    return {
        "timezone": "UTC",
        "serverTime": clock_ms,
        "rateLimits": [weight, orders],
        "exchangeFilters": [],
        "symbols": symbols,
    } | ({} if market == "binance-spot" else {"futuresType": market_type(market), "assets": []})


def market_type(market: str) -> str:
    """What futures call their margin."""
    return "U_MARGINED" if market == "binance-usdm" else "COIN_MARGINED"


def assets(symbol: str) -> tuple[str, str]:
    """Base and quote asset of a symbol, by the end of its name.

    >>> assets("BTCUSDT"), assets("BTCUSD_PERP"), assets("SIMBTC")
    (('BTC', 'USDT'), ('BTC', 'USD'), ('SIM', 'BTC'))
    """
    pair = symbol.partition("_")[0]
    quote = next((quote for quote in QUOTES if pair.endswith(quote) and pair != quote), pair[-3:])
    return pair.removesuffix(quote), quote


def _symbol(market: str, playback: Playback) -> dict[str, Any]:
    instrument, writer = playback.instrument, playback.market.writer
    base, quote = assets(instrument.symbol)
    tick, lot = writer.tick_size, writer.lot_size
    told = {"symbol": instrument.symbol, "status": "TRADING", "baseAsset": base, "quoteAsset": quote}
    spot = market == "binance-spot"
    notional = (
        [
            {"filterType": "MIN_NOTIONAL", "minNotional": LEAST_NOTIONAL, "applyToMarket": True, "avgPriceMins": 5},
            {"filterType": "NOTIONAL", "minNotional": LEAST_NOTIONAL, "applyMinToMarket": True, "avgPriceMins": 5},
        ]
        if spot
        else [{"filterType": "MIN_NOTIONAL", "notional": LEAST_NOTIONAL}]
    )
    filters = [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000000", "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": "1000000000", "stepSize": lot},
        {"filterType": "MARKET_LOT_SIZE", "minQty": lot, "maxQty": "1000000000", "stepSize": lot},
        {"filterType": "MAX_NUM_ORDERS", "limit": 200} | ({"maxNumOrders": 200} if spot else {}),
        *notional,
    ]
    if spot:
        told |= {"baseAssetPrecision": 8, "quotePrecision": 8, "quoteAssetPrecision": 8}
        told |= {"orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"], "permissions": [], "permissionSets": [["SPOT"]]}
        told |= {"isSpotTradingAllowed": True, "isMarginTradingAllowed": False, "icebergAllowed": False}
    else:
        pair = instrument.symbol.partition("_")[0]
        told |= {"pair": pair, "contractType": "PERPETUAL", "deliveryDate": FOREVER, "onboardDate": 0}
        told |= {"marginAsset": quote if market == "binance-usdm" else base}
        told |= {"pricePrecision": places(instrument.tick_size), "quantityPrecision": places(instrument.lot_size)}
        told |= {"baseAssetPrecision": 8, "quotePrecision": 8, "underlyingType": "COIN", "underlyingSubType": []}
        told |= {"orderTypes": ["LIMIT", "MARKET"], "timeInForce": ["GTC", "IOC", "FOK", "GTX"]}
        told |= {"contractStatus": "TRADING", "contractSize": 1} if market == "binance-coinm" else {}
    return told | {"filters": filters}
