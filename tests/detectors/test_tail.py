"""The return level: of a known distribution, in event time, of bounded memory, not pulled by one shock."""

import math
from itertools import count

import numpy as np
import pytest

from genesis_lib.detectors.tail import AGAIN, BIN, BINS, Tail

NS = 1_000_000_000


def fed(values, period_ns, step=NS, **options):
    tail = Tail(period_ns, **options)
    for k, value in enumerate(values):
        tail.learn(k * step, float(value))
    return tail


def test_an_exponential_tail_gives_the_level_that_the_period_asks_for():
    draws = np.random.default_rng(1).exponential(0.5, 20_000)
    tail = fed(draws, 3600 * NS, memory_ns=10**6 * NS)
    assert tail.level == pytest.approx(0.5 * math.log(3600), rel=0.12)  # passed by one value in 3600
    assert tail.median == pytest.approx(0.5 * math.log(2), abs=2 * BIN)
    assert tail.excess(tail.level) == pytest.approx(1.0) and tail.excess(tail.median) == 0.0


def test_the_level_holds_on_values_not_seen():
    rng, passed, hours = np.random.default_rng(2), 0, 0
    for _ in range(20):
        tail = fed(rng.exponential(1.0, 3600), 3600 * NS)
        passed += int((rng.exponential(1.0, 7200) > tail.level).sum())
        hours += 2
    assert 0.2 < passed / hours < 4.0


def test_a_longer_period_asks_for_more_and_a_short_one_gives_no_less_than_the_tail():
    draws = np.random.default_rng(3).exponential(1.0, 5000)
    levels = [fed(draws, period * NS).level for period in (1, 60, 3600, 86_400)]
    assert levels == sorted(levels) and levels[0] < levels[-1] and math.isfinite(levels[0])


def test_a_shock_is_no_habit_but_what_stays_is():
    draws = np.random.default_rng(4).exponential(1.0, 3000)
    calm = fed(draws, 3600 * NS).level
    shocked = fed([*draws, 1e6, 1e6, 1e6, *draws[:AGAIN]], 3600 * NS).level
    assert shocked == pytest.approx(calm, rel=0.3)
    assert fed([*draws, *(draws + 10.0), *(draws + 10.0)], 3600 * NS).level > 10.0 + calm / 2


def test_what_is_long_ago_is_forgotten():
    loud, quiet = np.random.default_rng(5).exponential(2.0, (2, 4000)) * [[1.0], [0.1]]
    tail = fed([*loud, *quiet, *quiet], 600 * NS, memory_ns=600 * NS)
    assert tail.level == pytest.approx(fed(quiet, 600 * NS, memory_ns=600 * NS).level, rel=0.4)


def test_one_value_only_and_many_in_one_go():
    tail = Tail(3600 * NS)
    assert tail.level == math.inf and not tail.ready(1, 0) and tail.excess(3.0) == 0.0
    for k in range(200):
        tail.learn(k * NS, 2.0)
    assert 2.0 <= tail.level < 3.0 and tail.ready(200, 199 * NS) and not tail.ready(200, 200 * NS)
    tail.learn(200 * NS, 0.0, 5000.0)
    for k in range(AGAIN):
        tail.learn((201 + k) * NS, 0.0)
    assert tail.median == pytest.approx(0.0, abs=BIN), "seconds without anything count as many"


def test_memory_is_bounded_and_long_runs_stay_finite():
    tail, times = Tail(3600 * NS), count(0, NS // 10)
    rng = np.random.default_rng(6)
    for value in rng.uniform(-1e4, 1e4, 20_000):
        tail.learn(next(times), float(value))
    assert len(tail._bins) <= BINS and math.isfinite(tail.level) and math.isfinite(tail.median)
