"""A row taken apart: levels in ticks, mid and spread, and only one row back."""

import numpy as np

from genesis_lib.detectors.view import View


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
