"""Single trades and their signs: by the venue's flag and by Lee and Ready, how they follow each other, how large.

A row holds all the trades since the row before, so a "trade" is here what was traded between two rows: most often one
aggressive order and all it met. Trades that the venue gave no side are no part of it.
"""

from __future__ import annotations

from genesis_lib.features.base import feature
from genesis_lib.features.expression import Formula, Row
from genesis_lib.features.queues import seconds

RATE_SPAN = 50
SIGN_SPAN = 100
SIGN_LAGS = (1, 5)
LILLO_FARMER = "Lillo & Farmer 2004"


def sign(value: Formula) -> Formula:
    """-1, 0 or 1."""
    return (value >= 0.0) - (value <= 0.0)


def traded(row: Row) -> Formula:
    """1 where something was traded since the previous row, else 0."""
    return 1.0 - (row.volume <= 0.0)


def previous(value: Formula, happened: Formula, times: int = 1) -> Formula:
    """The value `times` occurrences ago, as of the row before; NaN while there were fewer."""
    for _ in range(times):
        # Division by 0 gives NaN: what did not happen is not held.
        value = (value / happened).hold().lag(1)
    return value


def sum_of_known(value: Formula, row: Row, span: int) -> Formula:
    """Sum of what is known of a value in the last rows; NaN while the value warms up, which zeros would hide."""
    return (value.or_zero() + row.volume.lag(value.warmup) * 0.0).sum(span)


@feature("trade_sign", unit="-1, 0, 1", formula="sign(buys - sells) since the previous row", source="the venue's flag")
def trade_sign(row: Row) -> Formula:
    """Side of the aggressors by the venue's flag; 0 without trades, or where both traded alike."""
    return sign(row.buy_volume - row.sell_volume)


@feature(
    "trade_sign_lee_ready",
    unit="-1, 0, 1",
    formula="sign(sum of d q) since the previous row, d by the mid before the trade, at the mid by the tick test",
    source="Lee & Ready 1991",
)
def trade_sign_lee_ready(row: Row) -> Formula:
    """Side of the aggressors by the Lee-Ready rule, which needs no flag; 0 without trades."""
    return sign(row.signed_lee_ready)


@feature("net_volume", unit="quantity", formula="buys - sells since the previous row", source="the venue's flag")
def net_volume(row: Row) -> Formula:
    """Bought less sold since the previous row, sides by the venue's flag."""
    return row.buy_volume - row.sell_volume


@feature(
    f"net_volume_{RATE_SPAN}",
    unit="quantity",
    formula=f"sum of net_volume, {RATE_SPAN} rows",
    source="the venue's flag",
)
def net_volume_sum(row: Row) -> Formula:
    """Bought less sold over the last rows, sides by the venue's flag."""
    return net_volume(row).sum(RATE_SPAN)


def _define_autocorrelation(lag: int) -> None:
    @feature(
        f"sign_autocorrelation_{lag}",
        unit="-1..1",
        formula=(
            f"mean of s_k s_k-{lag} over the rows with trades among the last {SIGN_SPAN}, s = trade_sign, k counts "
            "rows with trades"
        ),
        source=f"{LILLO_FARMER}; signs taken to have mean 0",
        sparse=True,
    )
    def autocorrelation(row: Row) -> Formula:
        """How much buying follows buying, as large orders are split; NaN while the window holds no pair of trades."""
        here = traded(row)
        pair = trade_sign(row) * previous(trade_sign(row), here, lag) / here
        return sum_of_known(pair, row, SIGN_SPAN) / sum_of_known(pair * 0.0 + 1.0, row, SIGN_SPAN)


for _lag in SIGN_LAGS:
    _define_autocorrelation(_lag)


@feature(
    f"trade_rate_{RATE_SPAN}",
    unit="trades / s",
    formula=f"trades in {RATE_SPAN} rows / the seconds these took",
    source="Engle & Russell 1998 (its inverse, the duration)",
)
def trade_rate(row: Row) -> Formula:
    """How many trades a second of the exchange's clock."""
    return row.trade_count.sum(RATE_SPAN) / seconds(row, RATE_SPAN)


@feature(
    f"volume_rate_{RATE_SPAN}",
    unit="quantity / s",
    formula=f"quantity traded in {RATE_SPAN} rows / the seconds these took",
    source="standard",
)
def volume_rate(row: Row) -> Formula:
    """How much is traded a second of the exchange's clock."""
    return row.volume.sum(RATE_SPAN) / seconds(row, RATE_SPAN)


@feature(
    f"trade_size_{RATE_SPAN}",
    unit="quantity / trade",
    formula=f"quantity traded / trades, over {RATE_SPAN} rows",
    source="standard",
    sparse=True,
)
def trade_size(row: Row) -> Formula:
    """Mean size of a trade; NaN while the window holds none."""
    return row.volume.sum(RATE_SPAN) / row.trade_count.sum(RATE_SPAN)
