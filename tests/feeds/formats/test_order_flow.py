"""Orders to levels: what the blocks say comes out as events, and the book of the events is the book of the orders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.feeds.formats.order_flow import FlowBlock, OrderFlowRecording
from genesis_lib.types import DepthSnapshot, DepthUpdate, Gap, Instrument, Trade
from orderbook_ext import OrderAction, OrderBook, OrderLevelBook

ADD, REDUCE, CANCEL, CLEAR, MODIFY = (
    OrderAction.ADD,
    OrderAction.REDUCE,
    OrderAction.CANCEL,
    OrderAction.CLEAR,
    OrderAction.MODIFY,
)


class Given(OrderFlowRecording):
    """Events as a test gives them: a list of events, each a list of (action, id, side, tick, quantity)."""

    kind = "given"

    def __init__(self, events: list[list[tuple]], *, lot: float = 1.0, size: int = 3, **marks) -> None:
        super().__init__((Path("given"),), Instrument("v", "s", 1.0, lot))
        self.groups, self.size, self.marks = events, size, marks

    def blocks(self) -> Iterator[FlowBlock]:
        self.counts = Counter()
        for start in range(0, len(self.groups), self.size):
            groups = self.groups[start : start + self.size]
            rows = [row for group in groups for row in group]
            columns = zip(*rows) if rows else ([],) * 5
            actions, ids, sides, ticks, quantities = (np.array(c, t) for c, t in zip(columns, "bqbqq"))
            ends = np.cumsum([len(group) for group in groups])
            times = np.arange(start, start + len(groups)) + 1
            block = FlowBlock(actions, ids, sides, ticks, quantities, ends, times, times)
            for name in ("gaps", "fresh"):
                inside = {n - start for n in self.marks.get(name, ()) if start <= n < start + len(groups)}
                if name == "fresh":
                    block.fresh |= inside
                else:
                    block.gaps.update({n: self.marks["gaps"][n + start] for n in inside})
            block.trades += [
                (n - start, t) for n, t in self.marks.get("trades", ()) if start <= n < start + len(groups)
            ]
            yield block


def names(session: OrderFlowRecording) -> list[str]:
    return [type(event).__name__ for event in session.events()]


def test_trades_come_before_their_event_and_gaps_last_until_the_book_is_told_whole() -> None:
    trade = Trade("s", 2, 2, 1, 5, 1.0, 1)
    events = [
        [(ADD, 1, 0, 5, 3)],
        [(REDUCE, 1, 0, 0, 1)],
        [(ADD, 2, 1, 7, 1)],
        [(ADD, 3, 0, 4, 1)],
        [(CLEAR, 0, 0, 0, 1), (ADD, 9, 0, 6, 2), (ADD, 10, 1, 8, 2)],
        [(ADD, 11, 0, 5, 2)],
    ]
    session = Given(events, trades=[(1, trade)], gaps={2: "lost", 3: "lost again"}, fresh={4})
    got = list(session.events())
    assert names(session) == [
        "DepthUpdate",
        "Trade",
        "DepthUpdate",
        "Gap",
        "DepthUpdate",
        "DepthUpdate",
        "DepthSnapshot",
        "DepthUpdate",
    ]
    assert got[3].cause == "lost" and got[2].quantities.tolist() == [2.0]
    whole = got[6]
    assert list(zip(whole.sides.tolist(), whole.ticks.tolist(), whole.quantities.tolist())) == [
        (0, 6, 2.0),
        (1, 8, 2.0),
    ]


def test_a_book_that_does_not_start_empty_is_a_gap_at_once() -> None:
    session = Given([[(ADD, 1, 0, 5, 3)], [(CANCEL, 77, 0, 0, 1)]])
    session.starts_empty = "orders from before"
    assert names(session) == ["Gap", "DepthUpdate"] and session.counts["unknown order"] == 1
    whole = Given([[(CLEAR, 0, 0, 0, 1), (ADD, 1, 0, 5, 3)], [(ADD, 2, 0, 5, 3)]], fresh={0})
    whole.starts_empty = "orders from before"
    assert names(whole) == ["DepthSnapshot", "DepthUpdate"]


def test_an_order_that_was_never_told() -> None:
    session = Given([[(ADD, 1, 0, 5, 3)], [(ADD, 2, 0, 5, 1), (CANCEL, 2, 0, 0, 1)], [(CANCEL, 5, 0, 0, 1)]])
    events = list(session.events())
    gap = next(event for event in events if type(event) is Gap)
    assert gap.ts_exchange == 3 and gap.cause == "order 5 was never told, so something was lost"
    changed = Given([[(ADD, 1, 0, 5, 3)], [(MODIFY, 8, 1, 9, 4)], [(CANCEL, 8, 1, 9, 4)]])
    changed.adds_by_modify = True
    assert names(changed) == ["DepthUpdate"] * 3 and changed.counts == {"added by a change": 1}


def test_lots_become_quantities() -> None:
    assert [e.quantities.tolist() for e in Given([[(ADD, 1, 0, 5, 3)]], lot=0.1).events()] == [[0.3]]
    assert [e.quantities.tolist() for e in Given([[(ADD, 1, 0, 5, 3)]], lot=100.0).events()] == [[300.0]]


messages = st.lists(
    st.tuples(
        st.sampled_from((ADD, REDUCE, CANCEL, MODIFY)),
        st.integers(1, 9),
        st.integers(0, 1),
        st.integers(1, 6),
        st.integers(1, 9),
    ),
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(messages, max_size=12), st.integers(1, 5))
def test_the_levels_of_the_events_are_those_of_the_orders(events: list, size: int) -> None:
    session = Given(events, size=size)
    levels, orders = OrderBook(1.0, 1.0), OrderLevelBook(1.0, 1.0, strict=False)
    for event in session.events():
        if type(event) is DepthUpdate:
            levels.apply_ticks(event.sides, event.ticks, event.quantities)
    for block in session.blocks():
        orders.apply(*block.rows())
    assert np.array_equal(levels.top(8), orders.top(8), equal_nan=True)


@pytest.mark.parametrize("size", [1, 100])
def test_blocks_make_no_difference(size: int) -> None:
    events = [[(ADD, n, n % 2, 5 + n, 3)] for n in range(20)] + [[(CANCEL, n, 0, 0, 1)] for n in range(20)]
    got = [(e.ts_exchange, e.ticks.tolist(), e.quantities.tolist()) for e in Given(events, size=size).events()]
    assert got == [(e.ts_exchange, e.ticks.tolist(), e.quantities.tolist()) for e in Given(events, size=7).events()]
    assert DepthSnapshot not in map(type, Given(events).events())


@pytest.mark.parametrize(
    "wrong",
    [
        (ADD, 1, 0, 11, 5),  # added a second time
        (REDUCE, 2, 0, 0, 6),  # more than is left of it
        (CANCEL, 3, 0, 0, 0),  # gone a second time, within the same block
    ],
)
def test_a_message_that_cannot_be_is_no_silent_matter(wrong: tuple) -> None:
    sound = [[(ADD, 1, 0, 10, 5), (ADD, 2, 1, 12, 5)], [(ADD, 3, 0, 9, 5)], [(CANCEL, 3, 0, 0, 0)]]
    session = Given(sound, size=8)
    assert "Gap" not in names(session) and not session.counts["contradiction"]
    session = Given([*sound, [wrong], [(ADD, 4, 0, 8, 1)]], size=8)
    assert names(session)[0] == "Gap" and session.counts["contradiction"] == 1 and not session.counts["unknown order"]
    again = [[(CLEAR, 0, 0, 0, 0), (ADD, 1, 0, 10, 5), (ADD, 2, 1, 12, 5)]]
    healed = Given([*sound, [wrong], [(ADD, 5, 0, 8, 1)], [(CANCEL, 5, 0, 0, 0)], *again], size=6, fresh={6})
    assert names(healed)[0] == "Gap" and names(healed)[-1] == "DepthSnapshot"
