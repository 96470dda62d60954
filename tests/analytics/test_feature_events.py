import numpy as np
import pytest

from genesis_lib.analytics.feature_events import MID, cluster_band, event_paths, upside_down
from genesis_lib.analytics.feature_study import FeatureRows
from genesis_lib.errors import InputError
from genesis_lib.features import FeatureSet
from genesis_lib.training.labels import Label
from genesis_lib.training.sessions import gather_sessions
from genesis_lib.types import Instrument, Snapshots


@pytest.fixture(scope="module")
def simulated():
    return gather_sessions("simulator", minutes=1.0)[0]


def made_up(mids, bid_size, valid=None):
    n = len(mids)
    levels = np.ones((n, 1, 4))
    levels[:, 0, 0], levels[:, 0, 2] = np.asarray(mids) - 0.5, np.asarray(mids) + 0.5
    levels[:, 0, 1] = bid_size
    time = np.arange(n, dtype=np.int64) * 10**8
    valid = np.ones(n, bool) if valid is None else np.asarray(valid)
    return Snapshots(Instrument("test", "X", 1.0, 1.0), time, time, levels, np.zeros((n, 7)), valid, "simulated")


def test_paths_by_hand():
    # Up at row 3, down at row 7; ahead of the rise 9 lots bid, else 1: the size of a queue, seen from both sides.
    mids = [10, 10, 10, 11, 11, 11, 11, 10, 10, 10]
    size = np.array([1.0, 9, 9, 1, 1, 1, 1, 1, 1, 1])
    session = FeatureRows.of(made_up(mids, size), Label("smoothed", 1), ["bid_size_1"])
    paths = event_paths([session], ["bid_size_1"], before=2, after=2, draws=20)
    assert paths.names == (MID, "bid_size_1") and paths.offsets.tolist() == [-2, -1, 0, 1, 2]
    assert paths.moves == (1, 1) and paths.clusters == (1, 1)
    assert paths.mean[0, 0].tolist() == [0, 0, 1, 1, 1] and paths.mean[1, 0].tolist() == [0, 0, 1, 1, 1]
    upright = FeatureSet(["bid_size_1"]).batch(session.rows)[:, 0]
    turned = FeatureSet(["ask_size_1"]).batch(session.rows)[:, 0]  # what the bid is, once the book is turned over
    pooled = np.concatenate([upright, turned])
    assert paths.mean[0, 1] == pytest.approx((upright[1:6] - pooled.mean()) / pooled.std())
    assert paths.mean[1, 1] == pytest.approx((turned[5:10] - pooled.mean()) / pooled.std())
    assert np.array_equal(paths.low, paths.mean) and np.array_equal(paths.high, paths.mean)  # one cluster a side
    assert paths.peak().loc["bid_size_1", "before"] > 0


def test_a_move_with_a_fault_or_an_end_near_it_is_left_out():
    mids = [10, 11, 11, 11, 12, 12, 12, 12, 11, 11, 11, 10]
    valid = [True] * 5 + [False] + [True] * 6
    session = FeatureRows.of(made_up(mids, 1.0, valid), Label("smoothed", 1), ["mid"])
    with pytest.raises(InputError, match="2 unbroken rows before and 2 after"):
        event_paths([session], ["mid"], before=2, after=2)  # the rises lie at the beginning and at the fault


def test_turning_the_book_over_negates_what_has_a_sign_and_swaps_what_has_a_side(simulated):
    odd = ["obi_1", "nofi_sum_20", "stoikov_divergence", "hawkes_imbalance_1s", "depletion_imbalance_50", "return_10"]
    odd += ["nsigned_volume_10", "semivariance_imbalance_100", "trade_sign_lee_ready"]
    even = ["spread_ticks", "row_intensity_1s", "trade_rate_50", "realised_vol_50", "effective_spread_50"]
    there = FeatureSet(odd + even).batch(simulated)
    turned = FeatureSet(odd + even).batch(upside_down(simulated))
    flipped = there * np.where(np.arange(len(odd + even)) < len(odd), -1.0, 1.0)
    usable = np.isfinite(there).all(axis=1)
    assert usable.sum() > 500
    # returns are relative to a price that is a little another one in the mirror
    assert np.allclose(turned[usable], flipped[usable], rtol=1e-2, atol=1e-9)
    bid, ask = ["bid_replenishment_50", "bid_size_3"], ["ask_replenishment_50", "ask_size_3"]
    mirrored, sides = FeatureSet(bid).batch(upside_down(simulated)), FeatureSet(ask).batch(simulated)
    assert np.allclose(mirrored, sides, equal_nan=True)
    again = upside_down(upside_down(simulated))
    assert np.allclose(again.levels, simulated.levels) and np.allclose(again.flow, simulated.flow, rtol=1e-6, atol=1e-3)


def test_the_band_counts_clusters_and_not_moves():
    # 100 moves in 4 clusters that agree within: the mean scatters like one of 4, not of 100.
    value = np.repeat([1.0, 2.0, 3.0, 4.0], 25)
    paths, rng = value[:, None, None], np.random.default_rng(0)
    mean, low, high = cluster_band(paths, np.repeat([0, 1, 2, 3], 25), 4000, rng)
    _, low_alone, high_alone = cluster_band(paths, np.arange(100), 4000, rng)
    assert mean[0, 0] == 2.5
    assert (high - low)[0, 0] == pytest.approx(2 * 1.645 * value.std() / 2, rel=0.15)
    assert (high_alone - low_alone)[0, 0] == pytest.approx(2 * 1.645 * value.std() / 10, rel=0.15)


def test_a_missing_value_is_left_out_of_its_mean():
    paths = np.array([[[1.0]], [[np.nan]], [[3.0]]])
    mean, low, high = cluster_band(paths, np.arange(3), 100, np.random.default_rng(0))
    assert mean.item() == 2.0 and 1.0 <= low.item() <= high.item() <= 3.0
