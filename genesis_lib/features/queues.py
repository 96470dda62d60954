"""How the best queues fill and empty: arrivals, cancels, what is traded away, and how long a queue will last.

What happened to a best queue between two rows is told by its size before and after and by what was traded into it:

- the price stayed: q - q' + traded is what arrived where it is positive, what was cancelled where it is negative;
- the price improved: the new queue arrived;
- the price fell back: of the queue that is gone, what was not traded was cancelled.

An arrival and a cancel between the same two rows net out, so both are lower bounds; a hidden order that is traded
counts as an arrival. Trades are given to the queues by the venue's flag (a seller's trade takes from the bid), and all
of them to the best price: a trade that swept several levels leaves less to be called cancelled, never more. A venue
that told a trade in another row than the queue it took from would show it as a cancel and an arrival; the recordings
of Binance tell both in the same row.
"""

from __future__ import annotations

from genesis_lib.features.base import feature
from genesis_lib.features.depth import imbalance
from genesis_lib.features.expression import Formula, Row

QUEUE_SPAN = 50
CTS = "rates as in Cont, Stoikov & Talreja 2010"
CKS = "events as in Cont, Kukanov & Stoikov 2014"
RESIDUE = 1e-9  # of the two quantities: what is less is rounding of their difference, and no order
FLOOR = 1e-6  # seconds: no faster than one row a microsecond


def _queue(row: Row, bid: bool) -> tuple[Formula, Formula, Formula, Formula, Formula]:
    """Whether the price stayed, improved, fell back (1 or 0), quantity before, and what is unexplained by trades."""
    tick = row.bid_tick[0] if bid else -row.ask_tick[0]
    size = (row.bid_size if bid else row.ask_size)[0]
    before, traded = size.lag(1), row.sell_volume if bid else row.buy_volume
    up, down = tick >= tick.lag(1), tick <= tick.lag(1)
    left = size - before + traded
    left = left * (abs(left) >= (size + before) * RESIDUE)
    return up * down, 1.0 - down, 1.0 - up, before, left


def arrivals(row: Row, bid: bool) -> Formula:
    """Quantity that joined the best queue of a side since the previous row."""
    stayed, improved, _, _, left = _queue(row, bid)
    return stayed * left.greatest(0.0) + improved * (row.bid_size if bid else row.ask_size)[0]


def cancels(row: Row, bid: bool) -> Formula:
    """Quantity that left the best queue of a side since the previous row without being traded."""
    stayed, _, fell, before, left = _queue(row, bid)
    gone = (before - (row.sell_volume if bid else row.buy_volume)).greatest(0.0)
    return stayed * (-left).greatest(0.0) + fell * gone


def depletion(row: Row, bid: bool) -> Formula:
    """Quantity that left the best queue of a side since the previous row, cancelled or traded."""
    return cancels(row, bid) + (row.sell_volume if bid else row.buy_volume)


def seconds(row: Row, span: int) -> Formula:
    """Seconds the last rows took, by the exchange's clock."""
    return row.elapsed.greatest(FLOOR).sum(span)


def _rate(quantity: Formula, row: Row) -> Formula:
    return quantity.sum(QUEUE_SPAN) / seconds(row, QUEUE_SPAN)


def _define_side(side: str) -> None:
    bid = side == "bid"

    def rate(what: str, source: str):
        formula = f"{what} at the best {side} over {QUEUE_SPAN} rows / the seconds these took"
        return {"unit": "quantity / s", "formula": formula, "source": source}

    @feature(f"{side}_arrival_rate_{QUEUE_SPAN}", **rate("arrivals", CTS))
    def arrival_rate(row: Row) -> Formula:
        """How fast limit orders join the best queue."""
        return _rate(arrivals(row, bid), row)

    @feature(f"{side}_cancel_rate_{QUEUE_SPAN}", **rate("cancels", CTS))
    def cancel_rate(row: Row) -> Formula:
        """How fast limit orders are pulled from the best queue."""
        return _rate(cancels(row, bid), row)

    @feature(f"{side}_depletion_rate_{QUEUE_SPAN}", **rate("cancels and trades", CTS))
    def depletion_rate(row: Row) -> Formula:
        """How fast the best queue is eaten up, cancels and trades together."""
        return _rate(depletion(row, bid), row)

    @feature(
        f"{side}_depletion_time_{QUEUE_SPAN}",
        unit="log(1 + seconds)",
        formula=f"log(1 + T), T = q^{side[0]}_1 / {side}_depletion_rate_{QUEUE_SPAN}",
        source="ours, after Cont, Stoikov & Talreja 2010",
        sparse=True,
    )
    def depletion_time(row: Row) -> Formula:
        """How long the best queue lasts if nothing joins it; NaN where nothing left the queue of late."""
        size = (row.bid_size if bid else row.ask_size)[0]
        return (size * seconds(row, QUEUE_SPAN) / depletion(row, bid).sum(QUEUE_SPAN)).log1p()


for _side in ("bid", "ask"):
    _define_side(_side)


@feature(
    f"depletion_imbalance_{QUEUE_SPAN}",
    unit="-1..1",
    formula="(T^b - T^a) / (T^b + T^a), T as in the depletion times; 0 where nothing left either queue",
    source="ours, after the race of the queues in Cont & de Larrard 2013",
)
def depletion_imbalance(row: Row) -> Formula:
    """Which best queue goes first: above 0 the ask's, so that the price would rise."""
    bid, ask = (depletion(row, side).sum(QUEUE_SPAN) for side in (True, False))
    return imbalance(row.bid_size[0] * ask, row.ask_size[0] * bid)


@feature(
    f"arrival_imbalance_{QUEUE_SPAN}",
    unit="-1..1",
    formula=f"(A^b - A^a) / (A^b + A^a), A the arrivals at the best over {QUEUE_SPAN} rows; 0 without any",
    source=CKS,
)
def arrival_imbalance(row: Row) -> Formula:
    """Which best queue limit orders join."""
    return imbalance(*(arrivals(row, bid).sum(QUEUE_SPAN) for bid in (True, False)))


@feature(
    f"cancel_imbalance_{QUEUE_SPAN}",
    unit="-1..1",
    formula=f"(C^a - C^b) / (C^a + C^b), C the cancels at the best over {QUEUE_SPAN} rows; 0 without any",
    source=CKS,
)
def cancel_imbalance(row: Row) -> Formula:
    """Which best queue limit orders leave: above 0 the ask's, so that the way up is freed."""
    return imbalance(*(cancels(row, bid).sum(QUEUE_SPAN) for bid in (False, True)))


def _both(row: Row, what) -> Formula:
    return (what(row, True) + what(row, False)).sum(QUEUE_SPAN)


@feature(
    f"cancel_ratio_{QUEUE_SPAN}",
    unit="0..1",
    formula=f"cancels / (cancels + trades) at both bests over {QUEUE_SPAN} rows",
    source="Hasbrouck & Saar 2009",
    sparse=True,
)
def cancel_ratio(row: Row) -> Formula:
    """Share of what left the best queues that was pulled and not traded; NaN where nothing left them."""
    gone = _both(row, cancels)
    return gone / (gone + row.volume.sum(QUEUE_SPAN))


@feature(
    f"order_to_trade_{QUEUE_SPAN}",
    unit="log(1 + ratio)",
    formula=f"log(1 + (arrivals + cancels) / trades), quantities at both bests over {QUEUE_SPAN} rows",
    source="Hendershott, Jones & Menkveld 2011 (messages per trade); in quantities",
    sparse=True,
)
def order_to_trade(row: Row) -> Formula:
    """How much is offered and pulled for each unit that is traded; NaN while the window holds no trade."""
    return ((_both(row, arrivals) + _both(row, cancels)) / row.volume.sum(QUEUE_SPAN)).log1p()
