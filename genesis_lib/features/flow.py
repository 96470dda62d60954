"""What orders and trades do to the book: order flow imbalance, signed volume, costs of trading, VPIN."""

from __future__ import annotations

from genesis_lib.features.base import TOTAL_LEVELS, feature
from genesis_lib.features.depth import imbalance
from genesis_lib.features.expression import Formula, Row, total

CKS = "Cont, Kukanov & Stoikov 2014"
XU = "Xu, Gould & Howison 2019"
LEE_READY = "Lee & Ready 1991"
OFI_SPANS = (5, 10, 20, 50, 100)
TRADE_SPANS = (10, 50, 100)
DEPTH_SPAN = 100  # rows of the mean depth that order flow is measured in
COST_SPAN = 50
REALISED_LAG = 50  # rows after a trade at which its realised spread is measured
VPIN_BUCKETS = 20


def order_flow(row: Row, i: int) -> Formula:
    """e = [P^b >= P^b'] q^b - [P^b <= P^b'] q^b' - [P^a <= P^a'] q^a + [P^a >= P^a'] q^a', ' the previous row."""
    bid, ask, q_bid, q_ask = row.bid_price[i], row.ask_price[i], row.bid_size[i], row.ask_size[i]
    bid_, ask_ = bid.lag(1), ask.lag(1)
    bids = (bid >= bid_) * q_bid - (bid <= bid_) * q_bid.lag(1)
    asks = (ask <= ask_) * q_ask - (ask >= ask_) * q_ask.lag(1)
    return bids - asks


def _depth(row: Row, i: int) -> Formula:
    return ((row.bid_size[i] + row.ask_size[i]) / 2.0).mean(DEPTH_SPAN)


def _book_flow(row: Row) -> Formula:
    return total([order_flow(row, i).or_zero() for i in range(row.total)])


def _book_depth(row: Row) -> Formula:
    sizes = [side[i].or_zero() for i in range(row.total) for side in (row.bid_size, row.ask_size)]
    return (total(sizes) / 2.0).mean(DEPTH_SPAN)


def _define_level(i: int) -> None:
    where = {"levels": i}

    @feature(f"ofi_{i}", unit="quantity", formula=f"e of level {i}", source=CKS if i == 1 else XU, **where)
    def ofi(row: Row) -> Formula:
        """Order flow imbalance of a level since the previous row; NaN where the level is or was empty."""
        return order_flow(row, i - 1)

    scaled = f"mean depth of level {i} over {DEPTH_SPAN} rows"

    @feature(f"nofi_{i}", unit="signed log", formula=f"slog(ofi_{i} / {scaled})", source=XU, **where)
    def nofi(row: Row) -> Formula:
        """Order flow imbalance of a level in units of its mean depth, logarithm of the magnitude."""
        return order_flow(row, i - 1).ratio(_depth(row, i - 1)).signed_log()

    for span in (10, 50):

        @feature(
            f"nofi_{i}_sum_{span}",
            unit="signed log",
            formula=f"slog(sum of ofi_{i} over {span} rows / {scaled})",
            source=XU,
            **where,
        )
        def nofi_sum(row: Row, span: int = span) -> Formula:
            """Order flow imbalance of a level over the last rows in units of its mean depth."""
            return order_flow(row, i - 1).sum(span).ratio(_depth(row, i - 1)).signed_log()


for _level in range(1, TOTAL_LEVELS + 1):
    _define_level(_level)


@feature("ofi_total", unit="quantity", formula="sum_i ofi_i, i <= 10", source=XU)
def ofi_total(row: Row) -> Formula:
    """Order flow imbalance of all levels together, empty ones left out; NaN on the first row."""
    # or_zero would hide the first row's want of a previous one
    return _book_flow(row) + order_flow(row, 0) * 0.0


def _define_ofi_sum(span: int) -> None:
    @feature(f"ofi_sum_{span}", unit="quantity", formula=f"sum of ofi_1 over {span} rows", source=CKS)
    def ofi_sum(row: Row) -> Formula:
        """Order flow imbalance of the best level over the last rows."""
        return order_flow(row, 0).sum(span)

    @feature(
        f"nofi_sum_{span}",
        unit="signed log",
        formula=f"slog(ofi_sum_{span} / mean depth of level 1 over {DEPTH_SPAN} rows)",
        source=CKS,
    )
    def nofi_sum(row: Row) -> Formula:
        """Best-level order flow over the last rows in units of the mean best depth."""
        return order_flow(row, 0).sum(span).ratio(_depth(row, 0)).signed_log()

    @feature(
        f"nofi_total_{span}",
        unit="signed log",
        formula=f"slog(sum of ofi_total over {span} rows / mean depth of a side over {DEPTH_SPAN} rows)",
        source=XU,
    )
    def nofi_total(row: Row) -> Formula:
        """Whole-book order flow over the last rows in units of the mean depth of a side."""
        return ofi_total(row).sum(span).ratio(_book_depth(row)).signed_log()


for _span in OFI_SPANS:
    _define_ofi_sum(_span)


@feature(
    "signed_volume", unit="quantity", formula="sum of d q over the trades since the previous row", source=LEE_READY
)
def signed_volume(row: Row) -> Formula:
    """Bought less sold since the previous row, sides by the Lee-Ready rule."""
    return row.signed_lee_ready


def _define_trades(span: int) -> None:
    @feature(f"signed_volume_{span}", unit="quantity", formula=f"sum of signed_volume, {span} rows", source=LEE_READY)
    def signed(row: Row) -> Formula:
        """Bought less sold over the last rows, sides by the Lee-Ready rule."""
        return row.signed_lee_ready.sum(span)

    @feature(
        f"nsigned_volume_{span}",
        unit="signed log",
        formula=f"slog(signed_volume_{span} / mean depth of level 1 over {DEPTH_SPAN} rows)",
        source=LEE_READY,
    )
    def nsigned(row: Row) -> Formula:
        """Bought less sold over the last rows in units of the mean best depth."""
        return row.signed_lee_ready.sum(span).ratio(_depth(row, 0)).signed_log()

    @feature(
        f"trade_imbalance_{span}",
        unit="-1..1",
        formula=f"(buys - sells) / (buys + sells) over {span} rows; 0 without trades",
        source="standard; sides by the venue's flag",
    )
    def trade_imbalance(row: Row) -> Formula:
        """Share of aggressive buying less aggressive selling over the last rows."""
        return imbalance(row.buy_volume.sum(span), row.sell_volume.sum(span))

    @feature(f"trade_pace_{span}", unit="log(1 + trades)", formula=f"log(1 + trades in {span} rows)", source="standard")
    def trade_pace(row: Row) -> Formula:
        """How many trades the last rows saw."""
        return row.trade_count.sum(span).log1p()


for _span in (1, *TRADE_SPANS):
    _define_trades(_span)


@feature(
    f"effective_spread_{COST_SPAN}",
    unit="ticks",
    formula=f"sum 2 d (p - mid before the trade) q / sum q over {COST_SPAN} rows",
    source="Bessembinder 2003",
    sparse=True,
)
def effective_spread(row: Row) -> Formula:
    """What aggressors paid over the mid, twice, weighted by quantity; NaN while the window holds no trade."""
    return row.effective_notional.sum(COST_SPAN) / row.volume.sum(COST_SPAN) / row.tick_size


@feature(
    f"realised_spread_{COST_SPAN}",
    unit="ticks",
    formula=f"sum 2 d (p - mid {REALISED_LAG} rows later) q / sum q over {COST_SPAN} rows",
    source="Huang & Stoll 1996",
    sparse=True,
)
def realised_spread(row: Row) -> Formula:
    """What resting orders kept of the spread, of trades 50 to 99 rows old; NaN while the window holds none."""
    paid = row.signed_notional.lag(REALISED_LAG) - row.mid * row.signed_lee_ready.lag(REALISED_LAG)
    traded = row.volume.lag(REALISED_LAG).sum(COST_SPAN)
    return (paid * 2.0).sum(COST_SPAN) / traded / row.tick_size


@feature(
    "vpin",
    unit="0..1",
    formula=f"mean of |buys - sells| / V over {VPIN_BUCKETS} buckets of volume V",
    source="Easley, Lopez de Prado & O'Hara 2012; sides by the venue's flag instead of bulk classification",
    sparse=True,
)
def vpin(row: Row) -> Formula:
    """Volume-synchronised probability of informed trading.

    A bucket's size is fixed when it opens: ten times the mean volume of all rows with trades so far; the first opens
    after fifty of them. NaN until twenty are full.
    """
    return row.vpin(VPIN_BUCKETS)
