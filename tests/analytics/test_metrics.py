import math
from collections import namedtuple
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.analytics.metrics import (
    SECONDS_PER_YEAR,
    equity_metrics,
    max_drawdown,
    round_trips,
    sharpe,
    sharpe_error,
    trade_metrics,
)
from genesis_lib.errors import InputError

T = namedtuple("T", "id timestamp side price size type pnl")
NS = 10**9
LOG = [
    T(1, 0 * NS, "BUY", 100.0, 2.0, "ENTRY", 0.0),
    T(2, 3 * NS, "SELL", 101.0, 0.5, "EXIT", 0.5),
    T(3, 4 * NS, "SELL", 102.0, 1.5, "EXIT", 3.0),
    T(4, 10 * NS, "SELL", 100.0, 1.0, "ENTRY", 0.0),
    T(5, 12 * NS, "BUY", 101.0, 1.0, "EXIT", -1.0),
    T(6, 20 * NS, "BUY", 100.0, 1.0, "ENTRY", 0.0),
]
money = st.floats(-1e6, 1e6)


def plain_sharpe(equity, seconds):
    changes = [b - a for a, b in pairwise(equity)]
    mean = math.fsum(changes) / len(changes)
    variance = math.fsum((c - mean) ** 2 for c in changes) / (len(changes) - 1)
    return mean / math.sqrt(variance) * math.sqrt(365.25 * 24 * 3600 / seconds)


@given(st.lists(st.integers(-1000, 1000), min_size=3, max_size=50), st.sampled_from([1.0, 60.0]))
def test_sharpe_against_a_plain_one(equity, seconds):
    if len(set(np.diff(equity))) < 2:
        assert math.isnan(sharpe(equity, seconds))
    else:
        assert sharpe(equity, seconds) == pytest.approx(plain_sharpe(equity, seconds), rel=1e-9, abs=1e-9)


def test_sharpe_and_its_error_of_known_returns():
    changes = np.random.default_rng(1).normal(0.1, 1.0, 100_000)
    equity = np.concatenate(([0.0], np.cumsum(changes)))
    year = math.sqrt(SECONDS_PER_YEAR)
    assert abs(sharpe(equity) - 0.1 * year) < 3 * sharpe_error(equity)
    assert sharpe_error(equity) == pytest.approx(year / math.sqrt(100_000), rel=0.02)
    assert math.isnan(sharpe([1.0, 2.0])) and math.isnan(sharpe_error([0.0, 0.0, 0.0]))


@given(st.lists(money, max_size=40))
def test_drawdown_against_all_pairs(equity):
    values = [0.0, *equity]
    worst = max((values[i] - values[j] for i in range(len(values)) for j in range(i, len(values))), default=0.0)
    assert max_drawdown(equity) == pytest.approx(worst, rel=1e-12, abs=1e-9)


def test_round_trips_by_hand():
    first, second = round_trips(LOG)
    assert (first["direction"], first["size"], first["pnl"], first["closed"]) == (1, 2.0, 3.5, 4 * NS)
    assert first["turnover"] == pytest.approx(200 + 50.5 + 153)
    assert (second["direction"], second["pnl"]) == (-1, -1.0)


def test_trade_figures_by_hand():
    found = trade_metrics(LOG)
    assert found["round_trips"] == 2 and found["win_rate"] == 0.5
    assert found["expectancy"] == 1.25 and found["profit_factor"] == 3.5
    assert found["mean_holding_s"] == 3.0
    assert found["turnover"] == pytest.approx(200 + 50.5 + 153 + 100 + 101 + 100)


def test_fees_turn_small_wins_into_losses():
    assert trade_metrics(LOG, 100.0)["win_rate"] == 0.0  # 1 % of 403.5 is more than 3.5
    assert trade_metrics(LOG, 50.0)["expectancy"] == pytest.approx((3.5 - 2.0175 - 1.0 - 1.005) / 2)


def test_an_empty_log_has_no_rates():
    found = trade_metrics([])
    assert found["round_trips"] == 0 and found["turnover"] == 0.0
    assert all(math.isnan(found[key]) for key in ("win_rate", "expectancy", "profit_factor", "mean_holding_s"))
    assert trade_metrics(LOG[:3])["profit_factor"] == math.inf


def test_a_log_that_begins_with_an_exit_is_refused():
    with pytest.raises(InputError, match="trade 2 is an EXIT"):
        round_trips(LOG[1:])


def test_sampling_twice_in_a_second_does_not_change_the_ratio():
    times, equity = [i * NS for i in range(10)], [0.0, 1, 0, 2, 1, 3, 2, 5, 4, 6]
    once = equity_metrics(times, equity)
    again = equity_metrics([*times[:5], 4 * NS + 5, *times[5:]], [*equity[:5], 1.0, *equity[5:]])
    assert once["sharpe"] == again["sharpe"] == pytest.approx(plain_sharpe(equity, 1.0))


def test_a_clock_that_jumps_a_year_costs_no_memory():
    found = equity_metrics([0, NS, 2 * NS, 10**9 * NS], [0.0, 1.0, 0.0, 3.0])
    assert math.isfinite(found["sharpe"]) and found["max_drawdown"] == 1.0


def test_lengths_must_agree():
    with pytest.raises(InputError, match="one length"):
        equity_metrics([1], [])
    assert equity_metrics([], [])["max_drawdown"] == 0.0
