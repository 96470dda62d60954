"""What shapes a simulated market, set so that it looks like BTC/USDT perpetual futures of 2023 and 2024."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from functools import cache
from itertools import pairwise
from statistics import NormalDist

from genesis_lib.errors import InputError
from genesis_lib.types import Instrument

TABLE = 4096  # draws in a table
WHOLE = ("metaorders", "near_orders", "far_orders")  # parameters that count
POSITIVE = (  # parameters that something is divided by, or that there is no market without
    *("price", "interval_ms", "doubt", "takers", "trade_size", "tail", "makers", "touch_size", "target"),
    *("near_size", "far_size", "fast_decay", "slow_decay"),
)


@dataclass(frozen=True, slots=True)
class FlowParameters:
    """What shapes the flow; quantities in units of the instrument, rates a second at the usual activity.

    Notes
    -----
    Three tables of rates excite what follows: ``excite_*`` are the orders that one order brings about on average within
    some 0.1 s, ``excite_slow`` the market orders of its own side within seconds. `branching_ratio` is what they add up
    to; below 1 a burst dies out.

    Raises
    ------
    InputError
        For a number that is not finite or negative, a count or a time of zero, or excitation of which bursts never end.
    """

    price: float = 30_000.0
    interval_ms: float = 39.0  # mean time between depth messages
    hurry: float = 0.55  # how much of the activity is in the rates
    # Value: in ticks, and how it is learned.
    volatility: float = 11.0  # ticks in a second
    shared: float = 0.95  # weight of the factor that all symbols have
    particular: float = 0.31224989991991997  # of the own one: the squares add up to 1
    doubt: float = 13.0  # ticks that the price is off when the informed flow is 1
    drive: float = 10.0  # ticks a second that a push of 1 moves
    permanent: float = 0.8  # part of a move by outsiders that is believed
    impact: float = 0.3  # part of a move by takers that is believed
    forget: float = 0.02  # part of what the price is off that is forgotten, a second
    # Takers.
    takers: float = 0.85
    pick_off: float = 1.0  # how much more they are where the price is off
    trade_size: float = 0.036  # median; log standard deviation 2.2
    reach: float = 20.0  # mean ticks beyond the touch that a taker accepts
    split: float = 0.9  # part of the takers' orders that belong to a long one
    metaorders: int = 3  # long ones at a time
    tail: float = 1.25  # exponent of their lengths
    lean_takers: float = 0.9
    lean_imbalance: float = 0.30
    # Makers at the touch.
    makers: float = 18.0  # orders and cancellations a side
    touch_size: float = 0.028  # median order; log standard deviation 2.2
    target: float = 6.0  # queue that the makers aim for
    patience: float = 0.2  # how fast a queue returns to the target
    lean_makers: float = 0.5
    fear: float = 1.2  # how fast makers in the way of the price give up
    calm: float = 1.5  # informed flow that they bear
    late: float = 0.8  # how often one of them is hit before he can
    quick: float = 0.6  # part of opened spreads that are closed at once
    slowness: float = 0.05  # part of the messages in which nobody closes a spread
    noise: float = 1.0  # ticks by which makers differ about the price
    # Others.
    near_orders: int = 24  # close to the touch, both sides
    near_rate: float = 0.8  # of them renewed a message
    near_size: float = 0.012  # median; log standard deviation 1.9
    near_span: float = 17.0  # mean distance of such an order, ticks
    far_orders: int = 8192
    far_rate: float = 10.5
    far_size: float = 0.08  # median; log standard deviation 1.5
    calming: float = 0.15  # part of a burst of the others that is over after a message
    unrest: float = 0.42  # how much bursts differ
    # Excitation.
    fast_decay: float = 8.0  # a second
    slow_decay: float = 0.4
    excite_slow: float = 0.25
    excite_same: float = 0.45  # market orders bring about others of the same side
    excite_cross: float = 0.08  # and of the other
    excite_refill: float = 0.6  # limit orders on the side they hit
    excite_follow: float = 0.3  # limit orders behind them
    excite_scare: float = 0.8  # cancellations on the side they hit
    excite_makers: float = 0.15  # limit orders and cancellations bring about others of their side

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in WHOLE and not (isinstance(value, int) and value >= 1):
                raise InputError(f"{field.name} must be a whole number of at least 1, got {value!r}")
            if not 0 <= value < math.inf or (value == 0 and field.name in POSITIVE):
                least = "greater than 0" if field.name in POSITIVE else "at least 0"
                raise InputError(f"{field.name} must be a finite number {least}, got {value!r}")
        if not branching_ratio(self) < 1:
            raise InputError(
                f"excite_same + excite_cross + excite_slow, and twice excite_makers, must be below 1, or bursts of "
                f"orders never end; got a branching ratio of {branching_ratio(self):g}"
            )

    def excitation(self) -> tuple[tuple[float, ...], ...]:
        """Orders of each kind that one order of each kind brings about fast.

        (6, 6): buyers, sellers, bids, asks, cancelled bids, cancelled asks; rows excite columns.
        """
        same, cross, m = self.excite_same, self.excite_cross, self.excite_makers
        refill, follow, scare = self.excite_refill, self.excite_follow, self.excite_scare
        return (
            (same, cross, follow, refill, 0.0, scare),
            (cross, same, refill, follow, scare, 0.0),
            (0.0, 0.0, m, 0.0, m, 0.0),
            (0.0, 0.0, 0.0, m, 0.0, m),
            (0.0, 0.0, m, 0.0, m, 0.0),
            (0.0, 0.0, 0.0, m, 0.0, m),
        )

    @property
    def touch_target(self) -> float:
        """The usual queue at the touch, in which agents measure their orders."""
        return self.target


def branching_ratio(parameters: FlowParameters) -> float:
    """Orders that one order brings about directly, in the worst case: the spectral radius of the excitation.

    Below 1 the flow is stationary (Hawkes 1971). Market orders are excited by market orders alone, and makers' orders
    excite each other within a side, so that the radius is the larger of two sums.
    """
    p = parameters
    return max(p.excite_same + p.excite_cross + p.excite_slow, 2.0 * p.excite_makers)


def day_profile() -> tuple[float, ...]:
    """How busy each minute of a day (UTC) is against midnight, 1,441 numbers; the last is the first of the next day.

    Notes
    -----
    Smooth, with one peak at 16:00 when both Europe and America trade, 1.7 times midnight, and a trough at 04:00, 0.93.
    Rates of orders follow it, and so does the queue that makers aim for; spreads stay open more often with it.
    """
    return tuple(math.exp(_wave(minute / 60.0) - _wave(0.0)) for minute in range(1441))


def _wave(hour: float) -> float:
    turn = 2.0 * math.pi * (hour - 16.0) / 24.0
    return 0.30 * math.cos(turn) + 0.05 * math.cos(2.0 * turn)


@cache
def size_table(median: float, sigma: float, lot: float, largest: float = 60.0) -> tuple[int, ...]:
    """Whole lots at 4,096 even quantiles of a lognormal; picking one at random draws from it."""
    normal = NormalDist()
    draws = (median * math.exp(sigma * normal.inv_cdf((i + 0.5) / TABLE)) for i in range(TABLE))
    return tuple(max(1, round(min(draw, largest) / lot)) for draw in draws)


# Part of the far orders that stand closer than so many ticks.
DISTANCES = ((0.0, 30.0), (0.01, 60.0), (0.06, 90.0), (0.25, 140.0), (0.50, 350.0), (0.75, 2_000.0), (0.88, 20_000.0))


@cache
def distance_table(largest: float) -> tuple[int, ...]:
    """Distances of far orders from the touch, ticks, at 4,096 even quantiles; some stand by far, on a few prices."""
    table: list[int] = []
    edge = DISTANCES[-1][1]
    for (_, near), (high, far) in pairwise(DISTANCES):
        n = round(TABLE * high) - len(table)
        table += [round(near * (far / near) ** ((i + 0.5) / n)) for i in range(n)]
    n = TABLE - len(table)
    table += [round((edge + (largest - edge) * (i % 40) / 40.0) / 10_000.0) * 10_000 or 10_000 for i in range(n)]
    return tuple(min(ticks, int(largest)) for ticks in table)


_BTC = FlowParameters()
MARKETS = {
    "SIMBTC": (Instrument("simulator", "SIMBTC", 0.1, 0.001), _BTC),
    "SIMETH": (
        Instrument("simulator", "SIMETH", 0.01, 0.001),
        replace(
            _BTC,
            price=1_900.0,
            interval_ms=54.0,
            trade_size=0.33,
            touch_size=0.28,
            target=60.0,
            near_size=0.1,
            far_size=0.8,
            far_rate=14.0,
            volatility=10.5,
        ),
    ),
    "SIMSOL": (
        Instrument("simulator", "SIMSOL", 0.001, 1.0),
        replace(
            _BTC,
            price=150.0,
            interval_ms=45.0,
            trade_size=5.5,
            touch_size=4.7,
            target=1_000.0,
            near_size=3.0,
            far_size=15.0,
            far_rate=12.0,
            volatility=8.0,
        ),
    ),
}
