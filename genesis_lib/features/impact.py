"""What trading costs and how far it moves the price: Kyle's lambda, Amihud, Roll, price impact."""

from __future__ import annotations

from genesis_lib.features.base import feature
from genesis_lib.features.expression import Formula, Row
from genesis_lib.features.flow import COST_SPAN, REALISED_LAG, realised_spread
from genesis_lib.features.price import spread_ticks
from genesis_lib.features.trades import previous, sum_of_known, traded

SLOPE_SPAN = 100
BAR = 20  # rows
BASIS = 1e4


@feature("relative_spread", unit="basis points", formula="10^4 (P^a_1 - P^b_1) / mid", source="standard")
def relative_spread(row: Row) -> Formula:
    """The spread as a share of the price, to be compared between instruments."""
    return spread_ticks(row) / row.mid_tick * BASIS


def covariance(x: Formula, y: Formula, span: int) -> Formula:
    """Population covariance of the last rows."""
    return (x * y).mean(span) - x.mean(span) * y.mean(span)


def slope(y: Formula, x: Formula, span: int) -> Formula:
    """Least-squares slope of y on x over the last rows, with an intercept; NaN where x stood still."""
    spread = x.var(span)
    # Where x stood still its variance is rounding, and the slope would be noise over noise.
    return covariance(x, y, span) / (spread * (spread >= (x * x).mean(span) * 1e-12))


@feature(
    f"kyle_lambda_{SLOPE_SPAN}",
    unit="ticks / quantity",
    formula=f"cov(return_1, v) / var(v) over {SLOPE_SPAN} rows, v = buys - sells since the previous row",
    source="Kyle 1985; as a regression Glosten & Harris 1988; sides by the venue's flag",
    sparse=True,
)
def kyle_lambda(row: Row) -> Formula:
    """How far the mid moves per unit bought; NaN while the window holds no trade."""
    return slope(row.mid_tick - row.mid_tick.lag(1), row.buy_volume - row.sell_volume, SLOPE_SPAN)


def _signed_root(row: Row) -> Formula:
    net = row.buy_volume - row.sell_volume
    return (abs(net) * row.mid).sqrt() * ((net >= 0.0) * 2.0 - 1.0)


@feature(
    f"hasbrouck_lambda_{SLOPE_SPAN}",
    unit="basis points / sqrt(notional)",
    formula=(
        f"cov(10^4 return_1 / mid, s) / var(s) over {SLOPE_SPAN} rows, s = sign(v) sqrt(|v| mid), "
        "v = buys - sells since the previous row"
    ),
    source="Hasbrouck 2009; rows instead of five minutes",
    sparse=True,
)
def hasbrouck_lambda(row: Row) -> Formula:
    """Impact per square root of the money traded, free of the lot and the tick; NaN while the window holds no trade."""
    change = (row.mid_tick - row.mid_tick.lag(1)) / row.mid_tick * BASIS
    return slope(change, _signed_root(row), SLOPE_SPAN)


@feature(
    "amihud_100",
    unit="basis points / million of notional",
    formula=(
        f"mean of 10^4 |mid_t - mid_t-{BAR}| / mid_t / (notional of these {BAR} rows / 10^6), over the bars that end "
        "in the last 100 rows, those without trades left out"
    ),
    source="Amihud 2002; bars of rows instead of days",
    sparse=True,
)
def amihud(row: Row) -> Formula:
    """Move per money traded, whichever way; NaN while no bar holds a trade."""
    move = abs(row.mid_tick - row.mid_tick.lag(BAR)) / row.mid_tick * (BASIS * 1e6)
    notional = row.notional.sum(BAR)
    traded = 1.0 - (notional <= 0.0)
    return move.ratio(notional).sum(SLOPE_SPAN) / traded.sum(SLOPE_SPAN)


@feature(
    f"price_impact_{COST_SPAN}",
    unit="ticks",
    formula=f"sum 2 d (mid {REALISED_LAG} rows later - mid before the trade) q / sum q over {COST_SPAN} rows",
    source="Huang & Stoll 1996; Bessembinder 2003",
    sparse=True,
)
def price_impact(row: Row) -> Formula:
    """Effective less realised spread: what the takers of 50 to 99 rows ago knew; NaN while the window holds none."""
    paid = row.effective_notional.lag(REALISED_LAG).sum(COST_SPAN)
    traded = row.volume.lag(REALISED_LAG).sum(COST_SPAN)
    return paid / traded / row.tick_size - realised_spread(row)


@feature(
    f"roll_spread_{SLOPE_SPAN}",
    unit="ticks",
    formula=(
        f"2 sqrt(-cov(dp_k, dp_k-1)) over the rows with trades among the last {SLOPE_SPAN}, dp the change of their "
        "volume-weighted price; 0 where the covariance is positive"
    ),
    source="Roll 1984",
    sparse=True,
)
def roll_spread(row: Row) -> Formula:
    """Spread that the bounce of trade prices implies, with no look at the quotes; NaN while no two changes follow."""
    here = traded(row)
    price = row.notional / row.volume / row.tick_size
    change = (price - previous(price, here)) / here
    before = previous(change, here)
    product = change * before
    known = product * 0.0 + 1.0
    count = sum_of_known(known, row, SLOPE_SPAN)

    def mean(value: Formula) -> Formula:
        return sum_of_known(value * known, row, SLOPE_SPAN) / count

    bounce = mean(change) * mean(before) - mean(product)
    return bounce.greatest(0.0).sqrt() * 2.0
