"""How restless the market is: realised volatility, range, spread against its habit, pace of the rows."""

from __future__ import annotations

from genesis_lib.features.base import feature
from genesis_lib.features.expression import Formula, Row
from genesis_lib.features.price import spread_ticks

VOLATILITY_SPANS = (10, 50, 100)
SPREAD_SPAN = 100
PACE_SPAN = 50


def _define_volatility(span: int) -> None:
    formula = f"sqrt(sum of return_1^2 over {span} rows)"

    def squared(row: Row) -> Formula:
        change = row.mid_tick - row.mid_tick.lag(1)
        return (change * change).sum(span)

    @feature(f"realised_vol_{span}", unit="ticks", formula=formula, source="Andersen & Bollerslev 1998")
    def realised_vol(row: Row) -> Formula:
        """Realised volatility of the mid over the last rows."""
        return squared(row).sqrt()

    @feature(f"log_realised_vol_{span}", unit="log(1 + ticks)", formula=f"log(1 + realised_vol_{span})", source="ours")
    def log_realised_vol(row: Row) -> Formula:
        """Logarithm of the realised volatility, for linear models."""
        return squared(row).sqrt().log1p()


for _span in VOLATILITY_SPANS:
    _define_volatility(_span)


@feature(
    f"mid_range_{SPREAD_SPAN}",
    unit="ticks",
    formula=f"max mid - min mid over {SPREAD_SPAN} rows",
    source="Parkinson 1980",
)
def mid_range(row: Row) -> Formula:
    """Highest less lowest mid of the window."""
    return row.mid_tick.max(SPREAD_SPAN) - row.mid_tick.min(SPREAD_SPAN)


@feature(
    "mid_position",
    unit="-1..1",
    formula=f"(2 mid - max - min) / (max - min) over {SPREAD_SPAN} rows; 0 where the mid stood still",
    source="ours",
)
def mid_position(row: Row) -> Formula:
    """Where in its recent range the mid stands: -1 at the bottom, 1 at the top."""
    high, low = row.mid_tick.max(SPREAD_SPAN), row.mid_tick.min(SPREAD_SPAN)
    return (row.mid_tick * 2.0 - high - low).ratio(high - low)


@feature(
    "spread_zscore",
    unit="standard deviations",
    formula=f"(s - mean s) / std s, s = spread_ticks over {SPREAD_SPAN} rows; 0 where the spread stood still",
    source="standard",
)
def spread_zscore(row: Row) -> Formula:
    """The spread against its own recent mean and spread."""
    ticks = spread_ticks(row)
    return (ticks - ticks.mean(SPREAD_SPAN)).ratio(ticks.std(SPREAD_SPAN))


@feature(
    f"row_rate_{PACE_SPAN}",
    unit="log(1 + rows / s)",
    formula=f"log(1 + {PACE_SPAN} / seconds the last {PACE_SPAN} rows took)",
    source="ours",
)
def row_rate(row: Row) -> Formula:
    """How fast the book changes, by the exchange's clock (no faster than one row a microsecond)."""
    return (float(PACE_SPAN) / row.elapsed.greatest(1e-6).sum(PACE_SPAN)).log1p()
