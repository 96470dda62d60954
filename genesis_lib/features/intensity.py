"""How excited the flow is, in event time: Hawkes intensities of buys and sells, time since the last event.

An intensity adds up what each past trade still excites, by the exponential kernel of a Hawkes process with unit
branching and no base rate: (log 2 / h) 2^(-age / h) for a half life of h seconds, age by the exchange's clock. It is
NaN for the first five half lives after a reset, in which more than 3 % of the excitement would be missing.
"""

from __future__ import annotations

import math

from genesis_lib.features.base import feature
from genesis_lib.features.depth import imbalance
from genesis_lib.features.expression import Formula, Row
from genesis_lib.features.trades import traded

HALF_LIVES = (1, 10)  # seconds
SETTLED = 5  # half lives
HAWKES = "Hawkes 1971; of buys and sells Bacry & Muzy 2014"


def buys(row: Row) -> Formula:
    """Trades of aggressive buyers; where a row holds both sides its count is split as its quantity is."""
    return row.trade_count * row.buy_volume.ratio(row.volume)


def sells(row: Row) -> Formula:
    """Trades of aggressive sellers, as `buys`."""
    return row.trade_count * row.sell_volume.ratio(row.volume)


def excited(count: Formula, row: Row, half_life: float) -> Formula:
    """Events per second that the past ones excite; NaN until the kernel has settled."""
    settled = row.elapsed.decayed(float(SETTLED * half_life)) * 0.0
    return count.decayed(float(half_life)) * (math.log(2.0) / half_life) + settled


def _define(half_life: int) -> None:
    kernel = f"(log 2 / {half_life}) 2^(-age / {half_life} s)"

    @feature(
        f"hawkes_buy_{half_life}s",
        unit="trades / s",
        formula=f"sum over buys of {kernel}",
        source=HAWKES,
    )
    def hawkes_buy(row: Row) -> Formula:
        """Intensity of aggressive buying, self-exciting."""
        return excited(buys(row), row, half_life)

    @feature(
        f"hawkes_sell_{half_life}s",
        unit="trades / s",
        formula=f"sum over sells of {kernel}",
        source=HAWKES,
    )
    def hawkes_sell(row: Row) -> Formula:
        """Intensity of aggressive selling, self-exciting."""
        return excited(sells(row), row, half_life)

    @feature(
        f"hawkes_imbalance_{half_life}s",
        unit="-1..1",
        formula=f"(hawkes_buy_{half_life}s - hawkes_sell_{half_life}s) / their sum; 0 without trades",
        source=HAWKES,
    )
    def hawkes_imbalance(row: Row) -> Formula:
        """Which side is the more excited."""
        return imbalance(hawkes_buy(row), hawkes_sell(row))

    @feature(
        f"row_intensity_{half_life}s",
        unit="rows / s",
        formula=f"sum over rows of {kernel}",
        source="Hawkes 1971; of all events of a book Large 2007",
    )
    def row_intensity(row: Row) -> Formula:
        """Intensity of changes of the book, self-exciting."""
        return excited(row.trade_count * 0.0 + 1.0, row, half_life)


for _half_life in HALF_LIVES:
    _define(_half_life)


@feature(
    "seconds_since_trade",
    unit="seconds",
    formula="t - time of the last row with trades",
    source="Engle & Russell 1998",
    sparse=True,
)
def seconds_since_trade(row: Row) -> Formula:
    """How long nothing was traded, by the exchange's clock; NaN before the first trade."""
    return traded(row).seconds_since()


@feature(
    "seconds_since_move",
    unit="seconds",
    formula="t - time of the last row whose mid is not that of the row before",
    source="price durations of Engle & Russell 1998",
    sparse=True,
)
def seconds_since_move(row: Row) -> Formula:
    """How long the mid stood still, by the exchange's clock; NaN before its first move."""
    change = row.mid_tick - row.mid_tick.lag(1)
    return (abs(change) >= 0.5).seconds_since()
