"""How much stands in the book: volumes, imbalances, slopes."""

from __future__ import annotations

import math

from genesis_lib.features.base import feature
from genesis_lib.features.expression import Formula, Row, total

OBI_LEVELS = 5
OBI_WEIGHTS = tuple(math.exp(-0.5 * i) for i in range(OBI_LEVELS))
BASELINE = 50  # rows of the local mean that imbalances are compared with


def _sizes(sizes: list[Formula], levels: int) -> list[Formula]:
    return [size.or_zero() for size in sizes[:levels]]


def imbalance(bid: Formula, ask: Formula) -> Formula:
    """(bid - ask) / (bid + ask): -1 to 1, 0 where both are 0."""
    return (bid - ask).ratio(bid + ask)


@feature("bid_volume", unit="quantity", formula="sum_i q^b_i, i <= 10", source="standard")
def bid_volume(row: Row) -> Formula:
    """Quantity of the first ten bid levels."""
    return total(_sizes(row.bid_size, row.total))


@feature("ask_volume", unit="quantity", formula="sum_i q^a_i, i <= 10", source="standard")
def ask_volume(row: Row) -> Formula:
    """Quantity of the first ten ask levels."""
    return total(_sizes(row.ask_size, row.total))


@feature("obi_1", unit="-1..1", formula="(q^b_1 - q^a_1) / (q^b_1 + q^a_1)", source="Cartea, Donnelly & Jaimungal 2018")
def obi_1(row: Row) -> Formula:
    """Order book imbalance of the best level."""
    return imbalance(row.bid_size[0], row.ask_size[0])


@feature(
    "obi_5",
    unit="-1..1",
    formula="sum_i w_i (q^b_i - q^a_i) / sum_i w_i (q^b_i + q^a_i), w_i = exp(-(i - 1) / 2), i <= 5",
    source="Cartea, Donnelly & Jaimungal 2018; weights ours",
    levels=OBI_LEVELS,
)
def obi_5(row: Row) -> Formula:
    """Order book imbalance of five levels, the nearer the heavier."""
    bid, ask = (
        total([size * w for size, w in zip(_sizes(sizes, OBI_LEVELS), OBI_WEIGHTS)])
        for sizes in (row.bid_size, row.ask_size)
    )
    return imbalance(bid, ask)


@feature("obi_total", unit="-1..1", formula="(bid_volume - ask_volume) / (bid_volume + ask_volume)", source="standard")
def obi_total(row: Row) -> Formula:
    """Order book imbalance of the first ten levels together."""
    return imbalance(bid_volume(row), ask_volume(row))


def _define_level(i: int) -> None:
    @feature(
        f"obi_level_{i}",
        unit="-1..1",
        formula=f"(q^b_{i} - q^a_{i}) / (q^b_{i} + q^a_{i})",
        source="standard",
        levels=i,
    )
    def level(row: Row) -> Formula:
        """Imbalance of one level alone, an empty one counting as no quantity."""
        return imbalance(row.bid_size[i - 1].or_zero(), row.ask_size[i - 1].or_zero())


for _level in range(2, OBI_LEVELS + 1):
    _define_level(_level)


@feature("obi_1_change", unit="-2..2", formula=f"obi_1 - mean of obi_1 over {BASELINE} rows", source="ours")
def obi_1_change(row: Row) -> Formula:
    """Best-level imbalance against its own recent mean."""
    return obi_1(row) - obi_1(row).mean(BASELINE)


@feature("log_depth_ratio", unit="1", formula="log(bid_volume / ask_volume)", source="ours")
def log_depth_ratio(row: Row) -> Formula:
    """Logarithm of how much more stands on the bid than on the ask."""
    return (bid_volume(row) / ask_volume(row)).log()


@feature(
    "queue_change", unit="-1..1", formula="(q_t - q_t-10) / (q_t + q_t-10), q = bid_volume + ask_volume", source="ours"
)
def queue_change(row: Row) -> Formula:
    """Whether the book fills (positive) or drains (negative) over ten rows."""
    volume = bid_volume(row) + ask_volume(row)
    return imbalance(volume, volume.lag(10))


def _slope(ticks: list[Formula], sizes: list[Formula], mid: Formula, levels: int) -> Formula:
    distances = [abs(tick - mid).or_zero() for tick in ticks[:levels]]
    sizes = _sizes(sizes, levels)
    sums = [total(sizes[: i + 1]) for i in range(levels)]
    return total([d * c for d, c in zip(distances, sums)]) / total([d * d for d in distances])


SLOPE = "sum_i d_i c_i / sum_i d_i^2, d_i ticks from the mid, c_i quantity up to level i, i <= 10"


@feature("depth_slope_bid", unit="quantity / tick", formula=SLOPE, source="after Naes & Skjeltorp 2006")
def depth_slope_bid(row: Row) -> Formula:
    """Quantity gained per tick away from the mid on the bid: least squares through the origin."""
    return _slope(row.bid_tick, row.bid_size, row.mid_tick, row.total)


@feature("depth_slope_ask", unit="quantity / tick", formula=SLOPE, source="after Naes & Skjeltorp 2006")
def depth_slope_ask(row: Row) -> Formula:
    """Quantity gained per tick away from the mid on the ask: least squares through the origin."""
    return _slope(row.ask_tick, row.ask_size, row.mid_tick, row.total)


@feature("depth_slope_imbalance", unit="-1..1", formula="(s^b - s^a) / (s^b + s^a), s the depth slopes", source="ours")
def depth_slope_imbalance(row: Row) -> Formula:
    """Which side's book is the steeper."""
    return imbalance(depth_slope_bid(row), depth_slope_ask(row))
