"""Rows as whole books: what `RowsAndTrades` gives the builder."""

from __future__ import annotations

import numpy as np

from genesis_lib.feeds import RowBuilder
from genesis_lib.feeds.formats.rows_and_trades import merged, whole_book
from genesis_lib.types import FLOW_FIELDS, Instrument, Snapshot, Trade


def test_a_row_and_its_book_are_the_same() -> None:
    levels = np.array([[100.5, 1.0, 101.0, 2.0], [100.0, 3.0, np.nan, np.nan]])
    row = Snapshot(5, 6, levels, np.zeros(len(FLOW_FIELDS)), True, 0.5)
    instrument = Instrument("v", "X", 0.5, 1.0)
    event = whole_book(row, instrument)
    assert event.sides.tolist() == [0, 0, 1] and event.ticks.tolist() == [201, 200, 202]
    assert np.array_equal(RowBuilder(instrument, 2).push(event).levels, levels, equal_nan=True)


def test_trades_come_before_the_book_of_their_time() -> None:
    rows = [Snapshot(0, time, None, None, True, 1.0) for time in (10, 20)]
    trades = [Trade("X", 0, time, 1, 1, 1.0, 1) for time in (5, 20, 30)]
    found = [(type(item).__name__, item.ts_receive) for item in merged(iter(trades), iter(rows))]
    assert found == [("Trade", 5), ("Snapshot", 10), ("Trade", 20), ("Snapshot", 20), ("Trade", 30)]
