"""Where the price is: the model's stationary inputs, mid, spread, microprice, VWAP of a side, returns."""

from __future__ import annotations

from genesis_lib.errors import InputError
from genesis_lib.features.base import DEEPER, FEATURES, TOTAL_LEVELS, feature
from genesis_lib.features.expression import Formula, Row, total

INPUT_LEVELS = 20  # model inputs exist down to this level; the first ten are in the standard table
RETURN_SPANS = (1, 10, 50, 100)


def _define_inputs(i: int) -> None:
    k, where = i - 1, {"levels": i, "table": FEATURES if i <= TOTAL_LEVELS else DEEPER}
    source = "Zhang, Zohren & Roberts 2019 (order of columns); made stationary"

    @feature(f"ask_price_{i}", unit="ticks", formula=f"(P^a_{i} - mid) / tick", source=source, **where)
    def ask_price(row: Row) -> Formula:
        """Distance of an ask level from the mid; NaN where the level is empty."""
        return row.ask_tick[k] - row.mid_tick

    @feature(f"ask_size_{i}", unit="log(1 + quantity)", formula=f"log(1 + q^a_{i})", source=source, **where)
    def ask_size(row: Row) -> Formula:
        """Logarithm of the quantity of an ask level; NaN where the level is empty."""
        return row.ask_size[k].log1p()

    @feature(f"bid_price_{i}", unit="ticks", formula=f"(P^b_{i} - mid) / tick", source=source, **where)
    def bid_price(row: Row) -> Formula:
        """Distance of a bid level from the mid (negative); NaN where the level is empty."""
        return row.bid_tick[k] - row.mid_tick

    @feature(f"bid_size_{i}", unit="log(1 + quantity)", formula=f"log(1 + q^b_{i})", source=source, **where)
    def bid_size(row: Row) -> Formula:
        """Logarithm of the quantity of a bid level; NaN where the level is empty."""
        return row.bid_size[k].log1p()


for _level in range(1, INPUT_LEVELS + 1):
    _define_inputs(_level)


@feature("mid", unit="price", formula="(P^a_1 + P^b_1) / 2", source="standard")
def mid(row: Row) -> Formula:
    """Mean of the best bid and the best ask."""
    return row.mid


@feature("spread", unit="price", formula="P^a_1 - P^b_1", source="standard")
def spread(row: Row) -> Formula:
    """Best ask less best bid."""
    return row.ask_price[0] - row.bid_price[0]


@feature("spread_ticks", unit="ticks", formula="(P^a_1 - P^b_1) / tick", source="standard")
def spread_ticks(row: Row) -> Formula:
    """The spread as a whole number of ticks."""
    return row.ask_tick[0] - row.bid_tick[0]


@feature("log_spread", unit="log(1 + ticks)", formula="log(1 + spread_ticks)", source="standard")
def log_spread(row: Row) -> Formula:
    """Logarithm of the spread, so that a wide market does not drown the rest."""
    return spread_ticks(row).log1p()


def _lean(row: Row) -> Formula:
    return row.bid_size[0] / (row.bid_size[0] + row.ask_size[0])


@feature(
    "microprice",
    unit="price",
    formula="(P^a_1 q^b_1 + P^b_1 q^a_1) / (q^b_1 + q^a_1)",
    source="Gatheral & Oomen 2010; Stoikov 2018 calls it the weighted mid",
)
def microprice(row: Row) -> Formula:
    """Mid that leans to the side with less quantity, where the price is likelier to go."""
    return row.bid_price[0] + _lean(row) * spread(row)


@feature("microprice_divergence", unit="ticks", formula="(microprice - mid) / tick", source="Stoikov 2018")
def microprice_divergence(row: Row) -> Formula:
    """How far the microprice leans from the mid; between plus and minus half a spread."""
    return (_lean(row) - 0.5) * spread_ticks(row)


def _vwap(prices: list[Formula], sizes: list[Formula], levels: int) -> Formula:
    sizes = [size.or_zero() for size in sizes[:levels]]
    return total([price.or_zero() * size for price, size in zip(prices, sizes)]) / total(sizes)


@feature("vwap_bid", unit="price", formula="sum_i P^b_i q^b_i / sum_i q^b_i, i <= 10", source="standard")
def vwap_bid(row: Row) -> Formula:
    """Volume-weighted mean price of the bids, empty levels left out."""
    return _vwap(row.bid_price, row.bid_size, row.total)


@feature("vwap_ask", unit="price", formula="sum_i P^a_i q^a_i / sum_i q^a_i, i <= 10", source="standard")
def vwap_ask(row: Row) -> Formula:
    """Volume-weighted mean price of the asks, empty levels left out."""
    return _vwap(row.ask_price, row.ask_size, row.total)


@feature("vwap_divergence", unit="ticks", formula="((vwap_bid + vwap_ask) / 2 - mid) / tick", source="standard")
def vwap_divergence(row: Row) -> Formula:
    """How far the middle of the two sides' VWAPs lies from the mid: positive when the bids stand closer."""
    # In ticks from the mid before weighting: no digits are lost to the height of the price.
    bids, asks = ([p - row.mid_tick for p in prices] for prices in (row.bid_tick, row.ask_tick))
    return (_vwap(bids, row.bid_size, row.total) + _vwap(asks, row.ask_size, row.total)) / 2.0


def _define_return(span: int) -> None:
    @feature(f"return_{span}", unit="ticks", formula=f"(mid_t - mid_t-{span}) / tick", source="standard")
    def change(row: Row) -> Formula:
        """Move of the mid over the last rows."""
        return row.mid_tick - row.mid_tick.lag(span)

    @feature(f"log_return_{span}", unit="1", formula=f"log(mid_t / mid_t-{span})", source="standard")
    def log_return(row: Row) -> Formula:
        """Logarithmic return of the mid over the last rows."""
        return (row.mid / row.mid.lag(span)).log()


for _span in RETURN_SPANS:
    _define_return(_span)


def model_inputs(levels: int = 10) -> tuple[str, ...]:
    """Names of the 4 * `levels` model inputs: per level ask price, ask size, bid price, bid size.

    >>> model_inputs(1)
    ('ask_price_1', 'ask_size_1', 'bid_price_1', 'bid_size_1')
    """
    if not 1 <= levels <= INPUT_LEVELS:
        raise InputError(f"levels must be between 1 and {INPUT_LEVELS}, got {levels!r}")
    kinds = ("ask_price", "ask_size", "bid_price", "bid_size")
    return tuple(f"{kind}_{i}" for i in range(1, levels + 1) for kind in kinds)
