"""Pressure, convexity and gaps of the book against plain readings of their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.features import FeatureSet


def convexity(ticks, sizes):
    """The least-squares bend of one side by polynomial fitting: y - u on u^2 - u."""
    there = np.isfinite(ticks)
    behind, sizes = np.abs(ticks - ticks[0])[there][1:], sizes[there][1:]
    if len(behind) == 0:
        return np.nan
    u, y = behind / behind.max(), np.cumsum(sizes) / sizes.sum()
    bend = u * u - u
    return np.linalg.lstsq(bend[:, None], y - u, rcond=None)[0][0] if (bend != 0).any() else np.nan


def read(x):
    want = {name: np.empty(x.rows) for name in ("bid", "ask", "b_wide", "a_wide", "b_press", "a_press")}
    for i in range(x.rows):
        for side, ticks, sizes in (("bid", x.bid[i], x.bid_size[i]), ("ask", x.ask[i], x.ask_size[i])):
            want[side][i] = convexity(ticks[:10], sizes[:10])
            there = np.isfinite(ticks[:10])
            steps = np.abs(np.diff(ticks[:10][there]))
            want[side[0] + "_wide"][i] = steps.max() if len(steps) else 0.0
            want[side[0] + "_press"][i] = (sizes[:10][there] / np.abs(ticks[:10][there] - x.mid[i])).sum()
    bid_gap, ask_gap = x.bid[:, 0] - x.bid[:, 1], x.ask[:, 1] - x.ask[:, 0]
    b, a = want["b_press"], want["a_press"]
    return {
        "book_pressure": (b - a) / (b + a),
        "depth_convexity_bid": want["bid"],
        "depth_convexity_ask": want["ask"],
        "depth_convexity_difference": want["ask"] - want["bid"],
        "bid_gap": bid_gap,
        "ask_gap": ask_gap,
        "gap_imbalance": (ask_gap - bid_gap) / (ask_gap + bid_gap),
        "bid_gap_widest": want["b_wide"],
        "ask_gap_widest": want["a_wide"],
    }


@given(seed=st.integers(0, 2**16), levels=st.sampled_from([3, 5, 10, 12]), empty=st.sampled_from([0.0, 0.2]))
@settings(max_examples=6, deadline=None)
def test_on_made_rows(make, agree, seed, levels, empty):
    agree(make(150, levels, seed, 0.02, empty), read)


def test_on_the_simulator(simulated, agree):
    agree(simulated[:800], read)


def test_on_a_recording(recorded, agree):
    agree(recorded[:1500], read)


def test_a_book_whose_quantity_grows_with_depth_is_convex(make):
    rows = make(3, 10)
    rows.levels[:, :, 0] = rows.instrument.price(20_000 - np.arange(10))
    rows.levels[:, :, 2] = rows.instrument.price(20_001 + np.arange(10))
    rows.levels[0, :, 1], rows.levels[1, :, 1] = np.arange(1, 11), np.arange(10, 0, -1)
    rows.levels[2, :, 1] = 1.0
    convex, concave, flat = FeatureSet(["depth_convexity_bid"]).batch(rows)[:, 0]
    assert convex > 0.1 and concave < -0.1 and flat == pytest.approx(0.0, abs=1e-12)


def test_a_far_quantity_weighs_less(make):
    rows = make(1, 10)
    rows.levels[:, :, 1::2] = 1.0
    rows.levels[0, 9, 1] += 5.0
    far = FeatureSet(["book_pressure"]).batch(rows)[0, 0]
    rows.levels[0, 9, 1], rows.levels[0, 0, 1] = 1.0, 6.0
    near = FeatureSet(["book_pressure"]).batch(rows)[0, 0]
    assert near > 2 * far
