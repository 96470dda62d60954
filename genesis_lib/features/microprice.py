"""Stoikov's microprice: where the mid is expected to settle, given how the best level leans and how wide it is.

The paper's chain has finitely many states; here 33: the nearest tenth of the lean `q^b_1 / (q^b_1 + q^a_1)`, times a
spread of one, two, or three and more ticks. The adjustment G* of a state is the fixed point of g(s) = E[next move of
the mid + g(state after it) | s], which is the paper's sum of G^1, B G^1, B^2 G^1 and so on. Each row since the move
before counts once, as it was and mirrored (bid for ask, the move negative), so that a trend cancels out and an even
book expects nothing. A state is shrunk to 0 as if 300 more of its rows had seen no move, for with few moves seen the
sum would run away. Every row refreshes the state it is in; what was learned is kept until a reset.
"""

from __future__ import annotations

from genesis_lib.features.base import feature
from genesis_lib.features.expression import Formula, Row, expected_move
from genesis_lib.features.price import spread_ticks

STOIKOV = "Stoikov 2018"
STATES = "11 buckets of q^b_1 / (q^b_1 + q^a_1) x spread of 1, 2, 3 or more ticks"


def _settles(row: Row) -> Formula:
    lean = row.bid_size[0] / (row.bid_size[0] + row.ask_size[0])
    return expected_move(lean, spread_ticks(row), row.mid_tick)


@feature(
    "stoikov_divergence",
    unit="ticks",
    formula=f"G* = lim E[mid_t+n - mid_t | state] / tick, states {STATES}; transitions learned from the rows so far",
    source=STOIKOV,
)
def stoikov_divergence(row: Row) -> Formula:
    """How far the mid is expected to move until it settles; unlike the weighted mid it is learned from this market."""
    return _settles(row)


@feature("stoikov_microprice", unit="price", formula="mid + tick * stoikov_divergence", source=STOIKOV)
def stoikov_microprice(row: Row) -> Formula:
    """The martingale price: the mid corrected by what lean and spread were followed by so far."""
    return row.mid + _settles(row) * row.tick_size
