"""What the book looks like behind the best price: pressure, convexity, gaps between levels."""

from __future__ import annotations

from genesis_lib.features.base import feature
from genesis_lib.features.depth import imbalance
from genesis_lib.features.expression import Formula, Row, total

FARMER = "Farmer, Gillemot, Lillo, Mike & Sen 2004"
CONVEXITY = (
    "b of y = u + b (u^2 - u), least squares over levels i <= 10; u ticks behind the best, y quantity up to level i "
    "without the best's, each over its value at the deepest level"
)


def _weighted(ticks: list[Formula], sizes: list[Formula], mid: Formula, levels: int) -> Formula:
    return total([(size / abs(tick - mid)).or_zero() for tick, size in zip(ticks[:levels], sizes)])


@feature(
    "book_pressure",
    unit="-1..1",
    formula="(p^b - p^a) / (p^b + p^a), p = sum_i q_i / d_i, d_i ticks from the mid, i <= 10",
    source="imbalance of the schedules as in Cao, Hansch & Wang 2009; weights ours",
)
def book_pressure(row: Row) -> Formula:
    """Imbalance of the first ten levels, each weighing the less the farther it stands from the mid."""
    bid = _weighted(row.bid_tick, row.bid_size, row.mid_tick, row.total)
    return imbalance(bid, _weighted(row.ask_tick, row.ask_size, row.mid_tick, row.total))


def _convexity(ticks: list[Formula], sizes: list[Formula], levels: int) -> Formula:
    behind = [abs(tick - ticks[0]).or_zero() for tick in ticks[1:levels]]
    sizes = [size.or_zero() for size in sizes[1:levels]]
    deepest, whole = behind[0], total(sizes)
    for distance in behind[1:]:
        deepest = deepest.greatest(distance)
    # An empty level has u = 0: its u^2 - u is 0, and it weighs nothing.
    places = [distance / deepest for distance in behind]
    bends = [u * u - u for u in places]
    above = [total(sizes[: i + 1]) / whole - u for i, u in enumerate(places)]
    return total([a * b for a, b in zip(above, bends)]) / total([b * b for b in bends])


@feature("depth_convexity_bid", unit="1", formula=CONVEXITY, source="ours, after Naes & Skjeltorp 2006", levels=3)
def depth_convexity_bid(row: Row) -> Formula:
    """How the bid fills with depth: above 0 most stands far away (convex), below 0 near the best (concave)."""
    return _convexity(row.bid_tick, row.bid_size, row.total)


@feature("depth_convexity_ask", unit="1", formula=CONVEXITY, source="ours, after Naes & Skjeltorp 2006", levels=3)
def depth_convexity_ask(row: Row) -> Formula:
    """How the ask fills with depth: above 0 most stands far away (convex), below 0 near the best (concave)."""
    return _convexity(row.ask_tick, row.ask_size, row.total)


@feature(
    "depth_convexity_difference",
    unit="1",
    formula="depth_convexity_ask - depth_convexity_bid",
    source="ours",
    levels=3,
)
def depth_convexity_difference(row: Row) -> Formula:
    """Above 0 where the bid is the fuller near its best, measured by convexity."""
    return depth_convexity_ask(row) - depth_convexity_bid(row)


def _gap(ticks: list[Formula], i: int) -> Formula:
    return abs(ticks[i] - ticks[i + 1])


def _widest(ticks: list[Formula], levels: int) -> Formula:
    widest = _gap(ticks, 0).or_zero()
    for i in range(1, levels - 1):
        widest = widest.greatest(_gap(ticks, i).or_zero())
    return widest


@feature("bid_gap", unit="ticks", formula="(P^b_1 - P^b_2) / tick", source=FARMER, levels=2)
def bid_gap(row: Row) -> Formula:
    """How far the bid falls when its best level goes; NaN where there is no second level."""
    return _gap(row.bid_tick, 0)


@feature("ask_gap", unit="ticks", formula="(P^a_2 - P^a_1) / tick", source=FARMER, levels=2)
def ask_gap(row: Row) -> Formula:
    """How far the ask rises when its best level goes; NaN where there is no second level."""
    return _gap(row.ask_tick, 0)


@feature("gap_imbalance", unit="-1..1", formula="(ask_gap - bid_gap) / (ask_gap + bid_gap)", source="ours", levels=2)
def gap_imbalance(row: Row) -> Formula:
    """Above 0 where the price would rise farther than it would fall when a best level goes."""
    return imbalance(ask_gap(row), bid_gap(row))


@feature("bid_gap_widest", unit="ticks", formula="max_i (P^b_i - P^b_i+1) / tick, i < 10", source=FARMER, levels=2)
def bid_gap_widest(row: Row) -> Formula:
    """Widest step between neighbouring bid levels of the first ten, empty ones left out."""
    return _widest(row.bid_tick, row.total)


@feature("ask_gap_widest", unit="ticks", formula="max_i (P^a_i+1 - P^a_i) / tick, i < 10", source=FARMER, levels=2)
def ask_gap_widest(row: Row) -> Formula:
    """Widest step between neighbouring ask levels of the first ten, empty ones left out."""
    return _widest(row.ask_tick, row.total)
