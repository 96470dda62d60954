"""How the book recovers: from a wide spread, from a lost side, from the trades that hit it."""

from __future__ import annotations

from genesis_lib.features.base import feature
from genesis_lib.features.expression import Formula, Row, total
from genesis_lib.features.price import spread_ticks
from genesis_lib.features.queues import arrivals

SHOCK_SPAN = 50  # rows in which the shock lies
BASE_SPAN = 100  # rows before them, that tell what was usual
NEAR_LEVELS = 5
LOST = 0.5  # a shock of depth leaves no more than this share of the usual
REVERSION_SPAN = 100
KEMPF = "Kempf, Mayston, Gehde-Trapp & Yadav 2015"
FKK = "ours, after Foucault, Kadan & Kandel 2005"


def _usual(value: Formula) -> Formula:
    return value.mean(BASE_SPAN).lag(SHOCK_SPAN)


@feature(
    f"spread_recovery_{SHOCK_SPAN}",
    unit="0..1",
    formula=(
        f"min(1, (w - s) / (w - u)), s = spread_ticks, w its widest of {SHOCK_SPAN} rows, u its mean of the "
        f"{BASE_SPAN} rows before; NaN where w < u + 1"
    ),
    source=FKK,
    sparse=True,
)
def spread_recovery(row: Row) -> Formula:
    """How much of the last widening of the spread is recovered: 0 none, 1 all; NaN where it did not widen by a tick."""
    spread = spread_ticks(row)
    widest, usual = spread.max(SHOCK_SPAN), _usual(spread)
    widening = widest - usual
    return ((widest - spread) / (widening * (widening >= 1.0))).least(1.0)


def _define_side(side: str) -> None:
    bid = side == "bid"

    @feature(
        f"{side}_recovery_{SHOCK_SPAN}",
        unit="0..1",
        formula=(
            f"min(1, (v - l) / (u - l)), v the quantity of the first {NEAR_LEVELS} {side} levels, l its least of "
            f"{SHOCK_SPAN} rows, u its mean of the {BASE_SPAN} rows before; NaN where l > u / 2"
        ),
        source="ours, after Large 2007",
        sparse=True,
    )
    def recovery(row: Row) -> Formula:
        """How much of a side that lost half its quantity is back: 0 nothing, 1 all; NaN where it lost less."""
        sizes = (row.bid_size if bid else row.ask_size)[: min(NEAR_LEVELS, row.total)]
        volume = total([size.or_zero() for size in sizes])
        least, usual = volume.min(SHOCK_SPAN), _usual(volume)
        return ((volume - least) / ((usual - least) * (least <= usual * LOST))).least(1.0)

    @feature(
        f"{side}_replenishment_{SHOCK_SPAN}",
        unit="log(1 + ratio)",
        formula=f"log(1 + arrivals at the best {side} / trades into it), over {SHOCK_SPAN} rows",
        source="ours, after Large 2007",
        sparse=True,
    )
    def replenishment(row: Row) -> Formula:
        """How much limit orders put back for each unit traded away from a side; NaN where nothing was."""
        traded = (row.sell_volume if bid else row.buy_volume).sum(SHOCK_SPAN)
        return (arrivals(row, bid).sum(SHOCK_SPAN) / traded).log1p()


for _side in ("bid", "ask"):
    _define_side(_side)


def _reversion(value: Formula) -> Formula:
    """Minus the slope of the next change on the present value, over the window's pairs of rows."""
    past, change = value.lag(1), value - value.lag(1)
    shared = (past * change).mean(REVERSION_SPAN) - past.mean(REVERSION_SPAN) * change.mean(REVERSION_SPAN)
    spread, size = past.var(REVERSION_SPAN), (past * past).mean(REVERSION_SPAN)
    # A value that stood still leaves rounding instead of variance.
    return -shared / (spread * (spread >= size * 1e-12))


REVERSION = f"-cov(x_t - x_t-1, x_t-1) / var(x_t-1) over {REVERSION_SPAN} rows, x = "


@feature(
    f"spread_resiliency_{REVERSION_SPAN}",
    unit="1 / row",
    formula=REVERSION + "spread_ticks",
    source=KEMPF,
    sparse=True,
)
def spread_resiliency(row: Row) -> Formula:
    """Rate at which the spread returns to its mean: share of a deviation lost per row; NaN where it stood still."""
    return _reversion(spread_ticks(row))


@feature(
    f"depth_resiliency_{REVERSION_SPAN}",
    unit="1 / row",
    formula=REVERSION + "log of the quantity of both bests",
    source=KEMPF,
    sparse=True,
)
def depth_resiliency(row: Row) -> Formula:
    """Rate at which the quantity at the best returns to its mean; NaN where it stood still."""
    return _reversion((row.bid_size[0] + row.ask_size[0]).log())
