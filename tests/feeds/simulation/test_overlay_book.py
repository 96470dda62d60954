from __future__ import annotations

import doctest

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.feeds.simulation import overlay_book
from genesis_lib.feeds.simulation.overlay_book import OverlaidBook
from genesis_lib.types import DepthSnapshot, DepthUpdate, Instrument

BTC = Instrument("binance-usdm", "BTCUSDT", 0.1, 0.001)


def test_example():
    assert doctest.testmod(overlay_book).failed == 0


def update(levels) -> DepthUpdate:
    sides, ticks, lots = zip(*levels) if levels else ((), (), ())
    columns = np.array(sides, np.int8), np.array(ticks, np.int64), np.array(lots, np.int64) / 1000
    return DepthUpdate("BTCUSDT", 0, 0, 1, 1, 0, *columns)


def level(side: int):
    ticks = st.integers(990, 999) if side == 0 else st.integers(1001, 1010)
    return st.tuples(st.just(side), ticks, st.integers(0, 5000))


LEVELS = st.one_of(level(0), level(1))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("diff"), st.lists(LEVELS, max_size=6)),
        st.tuples(st.just("add"), LEVELS),
        st.tuples(st.just("thin"), LEVELS, st.sampled_from([0.02, 0.1, 0.2, 1.0])),
        st.tuples(st.just("between")),
    ),
    max_size=40,
)


@settings(max_examples=80, deadline=None)
@given(STEPS)
def test_what_is_told_rebuilds_the_overlaid_book_and_in_the_end_the_recorded_one(steps):
    book = OverlaidBook(BTC)
    start = update([(0, 995, 700), (1, 1005, 900)])
    book.apply(DepthSnapshot("BTCUSDT", 0, 0, 1, *start[6:]))
    recorded = {(0, 995): 0.7, (1, 1005): 0.9}
    seen = dict(recorded)
    added = []

    def take(columns):
        for side, tick, quantity in zip(*(column.tolist() for column in columns)):
            seen[side, tick] = quantity
            if not quantity:
                del seen[side, tick]

    for step in [*steps, ("end",)]:
        if step[0] == "diff":
            event = update(step[1])
            book.apply(event)
            for side, tick, lots in step[1]:
                recorded[side, tick] = lots / 1000
            take(book.tell(event))
        elif step[0] == "add":
            if step[1][2]:
                book.add(*step[1])
                added.append(step[1])
            continue
        elif step[0] == "thin":
            book.thin(step[1][0], step[1][1], step[2])
            continue
        elif step[0] == "end":
            for side, tick, lots in added:
                book.add(side, tick, -lots)
            book.thin(0, 0, 1.0)
            book.thin(1, 2000, 1.0)
            assert book.untouched
        take(book.take_changed())
        held = {key: quantity for key, quantity in recorded.items() if quantity}
        expected = {key: book.told(*key, held.get(key, 0.0)) for key in {*held, *((s, t) for s, t, _ in added)}}
        assert seen == {key: quantity for key, quantity in expected.items() if quantity}
        assert all(seen[key] > 0 for key in held)  # no recorded level is lost
    assert seen == {key: quantity for key, quantity in recorded.items() if quantity}
