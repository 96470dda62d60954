from __future__ import annotations

import math

import numpy as np
import pytest

from genesis_lib.analytics.mid_prices import NS, MidPrices


def walk(mids: MidPrices, ticks: np.ndarray, per_second: int = 4, sizes: float = 5.0) -> MidPrices:
    for i, tick in enumerate(ticks):
        mids.quote(i * NS // per_second, (int(tick), sizes, int(tick) + 1, sizes))
    return mids


def test_returns_of_seconds_are_those_of_the_last_mids() -> None:
    rng = np.random.default_rng(5)
    ticks = 100_000 + np.cumsum(rng.integers(-3, 4, 4000))
    facts = walk(MidPrices(), ticks).facts(1000.0)
    ends = np.log(ticks[3:-1:4] + 0.5)  # the last mid of each whole second
    returns = np.diff(ends) * 1e4
    assert facts["volatility"] == pytest.approx(np.std(returns), rel=1e-6)
    assert facts["signature_5"] == pytest.approx(np.sqrt(np.mean((ends[5:] - ends[:-5]) ** 2) / 5) * 1e4, rel=1e-6)
    x = np.abs(returns)
    assert facts["abs_acf_1"] == pytest.approx((np.mean(x[1:] * x[:-1]) - x.mean() ** 2) / x.var(), rel=1e-6)
    moves = np.abs(np.diff(ticks))
    assert facts["moves_per_second"] == pytest.approx((moves > 0).sum() / 1000)
    assert facts["move_p50"] == pytest.approx(np.median(moves[moves > 0]), rel=0.02)


def test_order_flow_explains_what_it_moves() -> None:
    rng, mids = np.random.default_rng(1), MidPrices()
    bid = 50_000
    for i in range(1200):
        push = int(rng.integers(-2, 3))
        bid += push
        mids.quote(i * NS // 2, (bid, 5.0, bid + 1, 5.0))
    facts = mids.facts(600.0)
    assert facts["ofi_r2"] > 0.8 and facts["ofi_r2_ahead"] < 0.05


def test_nothing_is_measured_across_a_break() -> None:
    mids = MidPrices()
    walk(mids, np.full(40, 1000))
    mids.forget()
    for i in range(40):
        mids.quote((100 + i) * NS, (5000, 5.0, 5001, 5.0))
    facts = mids.facts(50.0)
    assert facts["moves_per_second"] == 0 and facts["volatility"] == 0.0
    assert math.isnan(facts["minute_acf"])


def test_the_touch_after_a_move_is_told_in_units_of_the_usual() -> None:
    mids = MidPrices()
    for i in range(4000):
        held = 1.0 if i % 40 == 0 else 10.0  # thin where the price has just moved
        bid = 1000 + i // 40
        mids.quote(i * NS // 10, (bid, held, bid + 1, held))
    facts = mids.facts(400.0)
    assert facts["touch_after_move"] == pytest.approx(0.1, rel=0.1)
    assert facts["touch_second_later"] == pytest.approx(1.02, rel=0.05)


def test_a_quiet_second_counts() -> None:
    mids = MidPrices()
    mids.quote(0, (1000, 1.0, 1001, 1.0))
    mids.quote(10 * NS, (1000, 1.0, 1001, 1.0))
    assert mids.second.n == 9  # ten ends of seconds
