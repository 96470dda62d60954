"""A row taken apart: levels in ticks, mid and spread, and only one row back."""

import numpy as np

from genesis_lib.detectors.view import View
from genesis_lib.types import Trade


def test_levels_are_whole_ticks_and_empty_ones_are_left_out(market):
    row = market.rows[-1]
    levels = row.levels.copy()
    levels[3:, :2] = np.nan
    view = View(row._replace(levels=levels))
    assert [tick for tick, _ in view.bids] == [2000, 1999, 1998] and len(view.asks) == 10
    assert [quantity for _, quantity in view.asks] == levels[:, 3].tolist()
    assert (view.mid, view.spread) == (2000.5, 1.0) and view.sides == (view.bids, view.asks)
    assert view.depth(0) == sum(levels[:3, 1]) and view.flow == row.flow.tolist() and view.ts == row.ts_exchange


def test_the_row_before_has_no_row_before(market):
    first, second = View(market.rows[0]), None
    for row in market.rows[1:5]:
        first, second = View(row, before=first), first
    assert first.before is second and second.before is None


def test_changes_are_those_of_prices_that_both_rows_show(market):
    rows = [market.rows[-1]._replace(levels=market.rows[-1].levels.copy()) for _ in range(2)]
    rows[1].levels[2, 1] += 5.0  # a bid grows
    rows[1].levels[:9, 2:] = rows[0].levels[1:, 2:]  # the best ask goes, the tenth is new
    rows[1].levels[9, 2:] = rows[0].levels[9, 2] + 0.5, 7.0
    first = View(rows[0])
    bid, ask = rows[0].levels[2, 1], rows[0].levels[0, 3]
    assert View(rows[1], before=first).changes == [(0, 1998, bid, bid + 5.0), (1, 2001, ask, 0.0)]
    assert first.changes == [] and View(rows[0], before=View(rows[0])).changes == []


def test_what_was_taken_is_told_by_the_side_that_was_hit(market):
    first = View(market.rows[0])
    trades = [Trade("X", 0, 0, n, tick, 2.0, side) for n, (tick, side) in enumerate([(2001, 1), (2001, 1), (1999, -1)])]
    assert View(market.rows[1], trades, before=first).taken == {(1, 2001): 4.0, (0, 1999): 2.0}
    unsigned = [Trade("X", 0, 0, 1, 2001, 3.0, 0), Trade("X", 0, 0, 2, 2000, 1.0, 0)]
    assert View(market.rows[1], unsigned, before=first).taken == {(1, 2001): 3.0, (0, 2000): 1.0}


def test_without_single_trades_the_volumes_of_the_row_are_what_was_taken(market):
    market.add(1, buys=3.0, sells=2.0)
    before = View(market.rows[-2])
    assert View(market.rows[-1], before=before).taken == {(1, 2001): 3.0, (0, 2000): 2.0}
