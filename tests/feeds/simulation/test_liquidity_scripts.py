from __future__ import annotations

import numpy as np
import pytest

SEEDS = (17, pytest.param(18, marks=pytest.mark.slow))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_gap_opens_behind_the_touch(published, side_of, seed):
    seen = published("liquidity_gap", seed)
    for label in seen.labels:
        (side,) = side_of[label["side"]]
        hole = np.abs(seen.prices[:, 1, side] - seen.prices[:, 0, side])
        inside = seen.inside(label)
        assert np.median(hole[inside]) >= 0.8 * label["ticks"] - 2
        assert np.median(hole[seen.before(label)]) < 5
        assert np.median(seen.spread[inside]) <= 2


@pytest.mark.parametrize("seed", SEEDS)
def test_a_depth_shock_takes_what_it_says(published, side_of, seed):
    seen = published("depth_shock", seed)
    for label in seen.labels:
        hit = side_of[label["side"]]
        inside, before = seen.inside(label), seen.before(label)
        for side in (0, 1):
            left = np.median(seen.depth[inside, side]) / np.median(seen.depth[before, side])
            assert left < 1.0 - label["share"] + 0.12 if side in hit else left > 0.2


@pytest.mark.parametrize("seed", SEEDS)
def test_a_spread_shock_opens_the_spread_and_closes_it_again(published, seed):
    seen = published("spread_shock", seed)
    for label in seen.labels:
        inside = seen.inside(label)
        assert np.median(seen.spread[inside]) >= label["ticks"]
        assert np.median(seen.spread[seen.before(label)]) == 1
        assert np.median(seen.spread[seen.after(label)]) <= 2


@pytest.mark.parametrize("seed", SEEDS)
def test_a_flash_crash_falls_and_recovers(published, seed):
    seen = published("flash_crash", seed)
    for label in seen.labels:
        inside, drawn = seen.inside(label), label["parameters"]
        start = seen.instrument.ticks(label["price"])
        low = seen.mid[inside].min()
        assert (start - low) / start >= 0.98 * drawn["fall"]
        assert seen.mid[inside][-1] - low >= 0.9 * drawn["recovers"] * (start - low) - 5
        assert label["side"] == "bid"
