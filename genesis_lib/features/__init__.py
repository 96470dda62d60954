"""Named columns of book rows, each defined once, the same bits in batch and stream."""

from importlib import import_module

from genesis_lib.errors import InputError
from genesis_lib.features import depth, flow, price, volatility
from genesis_lib.features.base import FEATURES, Feature, FeatureSet, columns_hash, lookup
from genesis_lib.features.price import model_inputs

__all__ = [
    "FEATURES", "FLOW_INPUTS", "OFI_INPUTS", "Feature", "FeatureSet", "columns_hash", "input_columns", "model_inputs",
]  # fmt: skip

# Importing a module enters its features. This is the order of the table: what is new stands at the end.
MODULES = (
    *("depth", "flow", "price", "volatility", "microprice", "shape", "integrated", "queues", "trades", "impact"),
    *("resilience", "intensity", "jumps", "calendar"),
)
for _module in MODULES:
    import_module(f"{__name__}.{_module}")


def OFI_INPUTS(levels: int = 10) -> tuple[str, ...]:
    """Names of the order-flow columns that linear baselines and order-flow nets read.

    All are free of the instrument's price, tick and lot: order flow is measured in units of the recent mean depth and
    taken as a signed logarithm. 61 columns at 10 levels, 56 at 5; finite after `FeatureSet.warmup` rows of a full book.

    >>> len(OFI_INPUTS(10)), len(OFI_INPUTS(5))
    (61, 56)
    """
    if not 1 <= levels <= price.INPUT_LEVELS:
        raise InputError(f"levels must be between 1 and {price.INPUT_LEVELS}, got {levels!r}")
    deep = range(1, min(levels, 10) + 1)
    near = range(2, min(levels, depth.OBI_LEVELS) + 1)
    names = [
        *(f"nofi_{i}" for i in deep),
        *(f"nofi_sum_{span}" for span in flow.OFI_SPANS),
        *(f"nofi_total_{span}" for span in flow.OFI_SPANS),
        *(f"nofi_{i}_sum_{span}" for i in near for span in (10, 50)),
        *("obi_1", "obi_total", "obi_1_change", "log_depth_ratio", "queue_change", "depth_slope_imbalance"),
        *(("obi_5",) if levels >= depth.OBI_LEVELS else ()),
        *(f"obi_level_{i}" for i in near),
        *("microprice_divergence", "vwap_divergence", "log_spread", "spread_zscore", "mid_position"),
        *(f"nsigned_volume_{span}" for span in (1, *flow.TRADE_SPANS)),
        *(f"trade_imbalance_{span}" for span in flow.TRADE_SPANS),
        *(f"return_{span}" for span in price.RETURN_SPANS),
        *(f"log_realised_vol_{span}" for span in volatility.VOLATILITY_SPANS),
        *(f"trade_pace_{span}" for span in (1, 50)),
        "row_rate_50",
    ]
    return tuple(names)


def FLOW_INPUTS(levels: int = 10) -> tuple[str, ...]:
    """Names of further columns that small nets gain from beside the book and `OFI_INPUTS`.

    What boosted trees on all columns lean on, less what has the scale of one instrument, may be NaN on a full book or
    warms up for longer than 100 rows. 22 columns at 3 levels or more; they name no column of the other two.

    >>> len(FLOW_INPUTS(10)), len(FLOW_INPUTS(1))
    (22, 14)
    """
    if not 1 <= levels <= price.INPUT_LEVELS:
        raise InputError(f"levels must be between 1 and {price.INPUT_LEVELS}, got {levels!r}")
    names = (
        *("nofi_1_sum_10", "nofi_1_sum_50", "trade_imbalance_1", "trade_pace_10", "trade_pace_100"),
        *("stoikov_divergence", "book_pressure"),
        *("depth_convexity_bid", "depth_convexity_ask", "depth_convexity_difference"),
        *("bid_gap", "ask_gap", "gap_imbalance", "bid_gap_widest", "ask_gap_widest"),
        *("depletion_imbalance_50", "arrival_imbalance_50", "cancel_imbalance_50"),
        *("trade_sign", "trade_sign_lee_ready", "parkinson_vol_100", "semivariance_imbalance_100"),
    )
    return tuple(name for name in names if FEATURES[name].levels <= levels)


def input_columns(spec: str = "book", levels: int = 10) -> tuple[str, ...]:
    """Names of the columns that a model reads.

    Parameters
    ----------
    spec
        ``book`` (`model_inputs`), ``ofi`` (`OFI_INPUTS`), ``flow`` (`FLOW_INPUTS`), names of features, or several of
        these joined by ``+`` or commas, in the order they are to have.
    levels
        Book levels a side that ``book``, ``ofi`` and ``flow`` stand for.

    Raises
    ------
    InputError
        For an unknown name (naming the nearest known one), or a column that would come twice.

    Examples
    --------
    >>> input_columns("book", 1)
    ('ask_price_1', 'ask_size_1', 'bid_price_1', 'bid_size_1')
    >>> input_columns("obi_1, spread"), len(input_columns("book+ofi", 10))
    (('obi_1', 'spread'), 101)
    """
    words = [word.strip() for word in spec.replace("+", ",").split(",")]
    if not all(words):
        raise InputError(f'inputs must be "book", "ofi", "flow", or names of features joined by commas, got {spec!r}')
    names: list[str] = []
    for word in words:
        known = {"book": model_inputs, "ofi": OFI_INPUTS, "flow": FLOW_INPUTS}.get(word)
        names += known(levels) if known else [lookup(word).name]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"inputs {spec!r} hold {', '.join(twice)} more than once")
    return tuple(names)
