from __future__ import annotations

import numpy as np

from genesis_lib.feeds.simulation.flow_parameters import MARKETS, size_table


def test_size_table_draws_from_a_lognormal_in_whole_lots():
    table = np.array(size_table(1.0, 0.5, 0.001)) * 0.001
    assert np.isclose(np.median(table), 1.0, rtol=0.01)
    assert np.isclose(np.log(table).std(), 0.5, rtol=0.01)


def test_size_table_is_never_below_a_lot_or_above_the_largest():
    table = size_table(0.001, 3.0, 0.001, largest=5.0)
    assert min(table) == 1
    assert max(table) == 5000


def test_every_market_is_of_the_simulator():
    assert {instrument.venue for instrument, _ in MARKETS.values()} == {"simulator"}
    assert all(symbol == instrument.symbol and symbol.startswith("SIM") for symbol, (instrument, _) in MARKETS.items())
