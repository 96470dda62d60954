"""Simulated events as arrays: what `OrderFlow.step` tells, made without an object for each event."""

from __future__ import annotations

import numpy as np

from genesis_lib.feeds.simulation.flow import MS, OrderFlow
from genesis_lib.storage.event_block import SNAPSHOT, TEXT, TICKER, TRADE, UPDATE, EventBlock

NOTHING = np.empty(0, np.int64)


def snapshot_block(flow: OrderFlow) -> EventBlock:
    """The snapshot of a flow as a block of one event."""
    start = flow.snapshot()
    times = np.array([start.ts_exchange]), np.array([start.ts_receive])
    book = {"book_id": np.array([start.last_id]), "book_first": np.zeros(1, np.int64)}
    book["book_previous"] = book["book_first"]
    ends, levels = np.array([len(start.ticks)]), (start.sides, start.ticks, start.quantities)
    return EventBlock(flow.instrument, np.array([SNAPSHOT], np.uint8), *times, ends, *levels, more=book | _others())


def next_block(flow: OrderFlow, messages: int, until: int | None = None) -> EventBlock:
    """The events of the next steps of a flow, in which nobody else acts.

    Parameters
    ----------
    messages
        Depth messages, at least 1.
    until
        Event time (ms since 1970); the first message at or after it is the last of the block, though the flow went on.

    Returns
    -------
    EventBlock
        Its `events` are those that as many calls of `step` give.
    """
    rows, sides, ticks, lots = flow.run(messages)
    if until is not None and rows[-1, 1] >= until:
        over = (rows[:, 0] == UPDATE) & (rows[:, 1] >= until)
        rows = rows[: int(np.argmax(over)) + 1]
    kind, ms, received, number, *cells = rows.T
    book, trade, ticker = kind == UPDATE, kind == TRADE, kind == TICKER
    ends = np.cumsum(cells[1][book])
    levels = slice(int(ends[-1]))
    more = {"book_id": number[book], "book_first": cells[0][book] + 1, "book_previous": cells[0][book]}
    trades = number[trade], cells[0][trade], flow.quantities(cells[1][trade]), cells[2][trade].astype(np.int8)
    bids, asks = (flow.quantities(cells[at][ticker]) for at in (1, 3))
    tickers = number[ticker], cells[0][ticker], bids, cells[2][ticker], asks
    return EventBlock(
        flow.instrument,
        kind.astype(np.uint8),
        ms * MS,
        received.copy(),
        ends,
        sides[levels],
        ticks[levels],
        flow.quantities(lots[levels]),
        more | _others(trades, tickers),
    )


def _others(trades=None, tickers=None) -> dict[str, np.ndarray | list[str]]:
    """The columns of everything but the book; a simulated venue tells no marks and has no gaps."""
    number, tick, quantity, side = trades or (NOTHING, NOTHING, np.empty(0), np.empty(0, np.int8))
    names = ("id", "bid_tick", "bid_quantity", "ask_tick", "ask_quantity")
    empty = (NOTHING, NOTHING, np.empty(0), NOTHING, np.empty(0))
    return {
        "trade_id": number,
        "trade_tick": tick,
        "trade_quantity": quantity,
        "trade_side": side,
        "trade_market": np.ones(len(number), np.bool_),
        **{f"ticker_{name}": column for name, column in zip(names, tickers or empty)},
        "mark": np.empty(0),
        "mark_next_funding": NOTHING,
        TEXT: [],
        "gap_expected": NOTHING,
        "gap_got": NOTHING,
    }
