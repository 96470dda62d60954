"""What shapes a simulated market, set so that its rows look like BTC/USDT perpetual futures of 2023 and 2024.

Notes
-----
Against `binance-usdm` BTCUSDT (2023-04-04 / 2024-07-18): spread of one tick 99.8 / 99.8 % of rows (here 99.5 %), tenth
level 12.5 / 29.5 ticks from the mid at the median (here 22), first level 5.2 / 10.4 units (here 6.9), further levels
0.01 to 0.05 (here 0.04), depth messages 31 / 19 a second (here 26), volatility 0.38 / 0.49 basis points in one second
(here 0.5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

from genesis_lib.types import Instrument


@dataclass(frozen=True, slots=True)
class FlowParameters:
    """What shapes the flow; quantities in units of the instrument, lifetimes in depth messages."""

    price: float = 30_000.0
    interval_ms: float = 36.0  # mean time between depth messages
    trades: float = 0.9  # market orders a message
    trade_size: float = 0.014  # median; log standard deviation 1.9
    touch_size: float = 0.5  # median order at the touch; log standard deviation 1.3
    touch_target: float = 6.0  # queue that the makers aim for
    reach: float = 20.0  # mean ticks beyond the touch that a taker accepts
    patience: float = 0.07  # how fast a queue returns to the target
    rush: float = 0.5  # share of the target under which a threatened queue is run from
    near_size: float = 0.012  # median order close to the touch; log standard deviation 1.9
    near_span: float = 17.0  # mean distance of such an order, ticks
    near_life: float = 11.0
    far_size: float = 0.08
    far_span: float = 5000.0
    far_life: float = 900.0
    memory: float = 40.0  # messages over which the informed flow forgets
    lean_takers: float = 0.4
    lean_makers: float = 0.08
    lean_imbalance: float = 0.30
    follow: float = 0.3  # how strongly a move is followed rather than filled back


@cache
def size_table(median: float, sigma: float, lot: float, largest: float = 60.0) -> tuple[int, ...]:
    """Whole lots at 4,096 even quantiles of a lognormal; picking one at random draws from it."""
    normal = NormalDist()
    draws = (median * math.exp(sigma * normal.inv_cdf((i + 0.5) / 4096)) for i in range(4096))
    return tuple(max(1, round(min(draw, largest) / lot)) for draw in draws)


MARKETS = {
    "SIMBTC": (Instrument("simulator", "SIMBTC", 0.1, 0.001), FlowParameters()),
    "SIMETH": (
        Instrument("simulator", "SIMETH", 0.01, 0.001),
        FlowParameters(price=1_900.0, trade_size=0.14, touch_size=5.0, touch_target=60.0, near_size=0.12, far_size=0.8),
    ),
}
