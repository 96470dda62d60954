"""Order flow of all levels as one number: its first principal component, learned as the rows come."""

from __future__ import annotations

from genesis_lib.features.base import feature
from genesis_lib.features.expression import Formula, Row, first_component, total
from genesis_lib.features.flow import DEPTH_SPAN, order_flow

LEARNING_SPAN = 200  # rows of the covariance's memory
SPANS = (1, 10, 50)
CCZ = "Cont, Cucuringu & Zhang 2023"


def integrated(row: Row) -> Formula:
    """The levels' order flows, weighted by their first principal component, weights adding up to 1."""
    return first_component([order_flow(row, i) for i in range(row.total)], LEARNING_SPAN)


@feature(
    "ofi_integrated",
    unit="quantity",
    formula=(
        f"sum_i w_i ofi_i / sum_i |w_i|, i <= 10, w the first principal component of (ofi_1 .. ofi_10) over about "
        f"{LEARNING_SPAN} rows, known before this row"
    ),
    source=CCZ,
    levels=2,
)
def ofi_integrated(row: Row) -> Formula:
    """Order flow imbalance of all levels, each weighted by how much it moves with the others."""
    return integrated(row)


def _level_depth(row: Row) -> Formula:
    sizes = [side[i].or_zero() for i in range(row.total) for side in (row.bid_size, row.ask_size)]
    return (total(sizes) / (2.0 * row.total)).mean(DEPTH_SPAN)


def _define(span: int) -> None:
    @feature(
        "nofi_integrated" if span == 1 else f"nofi_integrated_{span}",
        unit="signed log",
        formula=f"slog(sum of ofi_integrated over {span} rows / mean depth of a level over {DEPTH_SPAN} rows)",
        source=CCZ,
        levels=2,
    )
    def nofi_integrated(row: Row) -> Formula:
        """Integrated order flow of the last rows in units of the mean depth of a level."""
        return integrated(row).sum(span).ratio(_level_depth(row)).signed_log()


for _span in SPANS:
    _define(_span)
