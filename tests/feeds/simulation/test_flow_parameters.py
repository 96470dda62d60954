from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest

from genesis_lib.errors import InputError
from genesis_lib.feeds.simulation.flow_parameters import (
    MARKETS,
    WHOLE,
    FlowParameters,
    branching_ratio,
    day_profile,
    distance_table,
    size_table,
)


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


def test_bursts_die_out_and_the_ratio_is_the_spectral_radius():
    for _, p in MARKETS.values():
        matrix = np.array(p.excitation())
        matrix[0, 0] += p.excite_slow
        matrix[1, 1] += p.excite_slow
        assert np.isclose(np.abs(np.linalg.eigvals(matrix)).max(), branching_ratio(p))
        assert 0.5 < branching_ratio(p) < 0.9


def test_a_day_is_smooth_and_begins_as_it_ends():
    day = np.array(day_profile())
    assert len(day) == 1441 and day[0] == 1.0 and np.isclose(day[-1], 1.0)
    assert np.abs(np.diff(day)).max() < 0.005
    assert abs(day.argmax() - 16 * 60) < 2 and 1.6 < day.max() < 1.8
    assert abs(day.argmin() - 4 * 60) < 2 and 0.9 < day.min() < 0.95


def test_far_orders_stand_as_far_as_on_real_books():
    table = np.array(distance_table(240_000.0))
    assert len(table) == 4096 and table.min() >= 20 and table.max() <= 240_000
    assert 200 < np.median(table) < 500
    assert 1_000 < np.quantile(table, 0.75) < 3_000
    assert len(np.unique(table[table > 20_000])) < 40  # by far on few prices


def test_the_weights_of_the_factors_keep_the_volatility():
    assert all(np.isclose(p.shared**2 + p.particular**2, 1.0) for _, p in MARKETS.values())


@pytest.mark.parametrize("name", [field.name for field in fields(FlowParameters)])
def test_a_number_that_makes_no_market_is_refused(name):
    for value in (math.nan, math.inf, -1, *([0, 1.5] if name in WHOLE else [])):
        with pytest.raises(InputError, match=f"^{name} must be a "):
            FlowParameters(**{name: value})


@pytest.mark.parametrize("name", ["price", "interval_ms", "target", "doubt", "tail"])
def test_nothing_is_divided_by_zero(name):
    with pytest.raises(InputError, match=f"{name} must be a finite number greater than 0, got 0.0"):
        FlowParameters(**{name: 0.0})


@pytest.mark.parametrize("given", [{"excite_same": 0.67}, {"excite_slow": 0.5}, {"excite_makers": 0.5}])
def test_bursts_that_never_end_are_refused(given):
    with pytest.raises(InputError, match=r"must be below 1.*got a branching ratio of 1"):
        FlowParameters(**given)
