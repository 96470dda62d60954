"""What kind of restless the market is: range-based volatility, jumps, and which way the variance points."""

from __future__ import annotations

import math

from genesis_lib.features.base import feature
from genesis_lib.features.expression import Formula, Row, total

SPAN = 100
BAR = 10  # rows


def _bar_move(row: Row) -> Formula:
    return row.mid_tick - row.mid_tick.lag(BAR)


@feature(
    f"parkinson_vol_{SPAN}",
    unit="ticks",
    formula=f"sqrt(sum (high - low)^2 / (4 log 2)) over the {SPAN // BAR} bars of {BAR} rows that end here",
    source="Parkinson 1980",
)
def parkinson_vol(row: Row) -> Formula:
    """Volatility of the mid from the ranges of bars; a bar holds the last mid of the bar before as its opening."""
    span = row.mid_tick.max(BAR + 1) - row.mid_tick.min(BAR + 1)
    squared = span * span
    bars = total([squared, *(squared.lag(BAR * k) for k in range(1, SPAN // BAR))])
    return (bars / (4.0 * math.log(2.0))).sqrt()


def _bipower(row: Row) -> Formula:
    move = abs(_bar_move(row))
    return (move * move.lag(BAR)).sum(SPAN) * (math.pi / 2.0 / BAR)


def _realised(row: Row) -> Formula:
    return (_bar_move(row) * _bar_move(row)).sum(SPAN) / float(BAR)


BNS = "Barndorff-Nielsen & Shephard 2004"
BARS = f"r_t the move of the mid over the {BAR} rows that end at t, summed over the last {SPAN} rows t"


@feature(
    f"bipower_vol_{SPAN}",
    unit="ticks",
    formula=f"sqrt((pi / 2) sum |r_t| |r_t-{BAR}| / {BAR}), {BARS}",
    source=f"{BNS}; overlapping bars ours",
)
def bipower_vol(row: Row) -> Formula:
    """Volatility of the mid that a single jump does not lift."""
    return _bipower(row).sqrt()


@feature(
    f"jump_share_{SPAN}",
    unit="0..1",
    formula=f"max(0, 1 - bipower_vol^2 / (sum r_t^2 / {BAR})), {BARS}; 0 where the mid stood still",
    source=f"{BNS}; as a share Huang & Tauchen 2005",
)
def jump_share(row: Row) -> Formula:
    """Share of the variance that came in jumps rather than steadily."""
    return (_realised(row) - _bipower(row)).greatest(0.0).ratio(_realised(row))


@feature(
    f"semivariance_imbalance_{SPAN}",
    unit="-1..1",
    formula=f"(sum of upward return_1^2 - sum of downward) / sum of all over {SPAN} rows; 0 where the mid stood still",
    source="Barndorff-Nielsen, Kinnebrock & Shephard 2010",
)
def semivariance_imbalance(row: Row) -> Formula:
    """Whether the variance came from moves up (above 0) or down."""
    change = row.mid_tick - row.mid_tick.lag(1)
    return (change * abs(change)).sum(SPAN).ratio((change * change).sum(SPAN))
