"""The book of sent strings against the slow way: a dict, sorted at each look."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.feeds.formats.sent_levels import ASK, BID, SentLevels

levels = st.tuples(st.sampled_from((BID, ASK)), st.integers(1, 12), st.sampled_from(("0", "0.000", "1.50", "2")))


@settings(deadline=None)
@given(st.lists(st.lists(levels, max_size=6), max_size=20), st.sampled_from((None, 3)))
def test_equals_the_slow_way(messages: list[list[tuple[int, int, str]]], depth: int | None) -> None:
    book, slow = SentLevels(depth), ({}, {})
    for message in messages:
        book.change([(side, tick, f"{tick}.0", quantity) for side, tick, quantity in message])
        gone = book.cut()
        for side, tick, quantity in message:
            slow[side].pop(tick, None)
            if float(quantity):
                slow[side][tick] = (f"{tick}.0", quantity)
        for side in (BID, ASK):
            order = sorted(slow[side], reverse=side == BID)
            assert {tick for where, tick in gone if where == side} == set(order[depth:] if depth else ())
            for tick in order[depth:] if depth else ():
                del slow[side][tick]
            assert book.best(side, 4) == [slow[side][tick] for tick in order[:depth]][:4]
    sides, ticks, quantities = book.columns()
    told = dict(zip(zip(sides.tolist(), ticks.tolist()), quantities.tolist()))
    assert told == {(side, tick): float(sent[1]) for side in (BID, ASK) for tick, sent in slow[side].items()}
    assert len(book) == len(told)
    book.clear()
    assert not len(book)
