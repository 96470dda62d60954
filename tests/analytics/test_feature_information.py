from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.analytics.feature_information import (
    account,
    centred_ranks,
    compare,
    false_discovery,
    information,
    redundancy,
    shifted_sums,
)
from genesis_lib.errors import InputError


class Rows:
    """The part of `FeatureRows` that is measured, made up."""

    def __init__(self, columns, move, horizon=10):
        self.names, self.values = tuple(columns), np.column_stack(list(columns.values()))
        self.move, self.label, self.starts = move, SimpleNamespace(horizon=horizon), np.zeros(len(move), int)

    def __len__(self):
        return len(self.move)


def spearman(x, y):
    """Plain numpy, for values without ties."""
    rank = [np.argsort(np.argsort(values)) for values in (x, y)]
    return np.corrcoef(*rank)[0, 1]


def overlapping(n, horizon, rng):
    """Moves of a random walk, `horizon` rows ahead, and its steps."""
    steps = rng.normal(size=n + horizon)
    walk = np.cumsum(steps)
    return walk[horizon:] - walk[:n], walk[:n], steps[:n]


def test_it_is_spearmans_correlation():
    rng = np.random.default_rng(0)
    x = rng.normal(size=1000)
    y = 0.5 * x + rng.normal(size=1000)
    found = information([Rows({"x": x, "minus": -np.exp(x)}, y)], block=50)
    assert found.ic == pytest.approx([spearman(x, y), -spearman(x, y)], abs=1e-12)
    assert (found.low < found.ic).all() and (found.ic < found.high).all() and (found.p == 1 / 2001).all()
    assert found.blocks == 20 and found.table().loc["x", "rows"] == 1000


def test_missing_values_are_left_out():
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 800))
    gone = rng.random(800) < 0.3
    y[700:] = np.nan
    found = information([Rows({"x": np.where(gone, np.nan, x)}, y)], block=40)
    both = ~gone & np.isfinite(y)
    assert found.rows[0] == both.sum()
    assert found.ic[0] == pytest.approx(spearman(x[both], y[both]), abs=1e-12)


def test_a_planted_leak_is_perfect_and_a_shuffled_one_is_nothing():
    rng = np.random.default_rng(2)
    move, _, _ = overlapping(4000, 20, rng)
    found = information([Rows({"peek": move**3, "shuffled": rng.permutation(move)}, move, 20)], block=100)
    peek, shuffled = found.table().itertuples()
    assert peek.ic == pytest.approx(1.0) and peek.low > 0.999
    assert abs(shuffled.ic) < 4 / np.sqrt(4000) and shuffled.p > 0.001


def test_slow_columns_do_not_fool_the_shifts_as_they_fool_a_count_of_rows():
    """Two random walks: taken as independent rows nearly all pairs are significant, by shifts about one in twenty."""
    naive, shifted, worth = 0, 0, []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        move, _, _ = overlapping(3000, 50, rng)
        slow = np.convolve(rng.normal(size=3200), np.ones(201), "valid")
        found = information([Rows({"slow": slow}, move, 50)], block=250, shifts=400, draws=20)
        naive += abs(found.ic[0]) > 1.96 / np.sqrt(3000)
        shifted += found.p[0] <= 0.05
        worth.append(found.worth[0])
    assert naive > 30
    assert shifted <= 10  # 3 expected
    assert np.median(worth) < 150  # of 3,000 rows


def test_the_interval_covers_the_truth_of_overlapping_moves():
    """True correlation 0: 95 % intervals of blocks hold it about as often, those of single rows seldom."""
    covered = 0
    for seed in range(60):
        rng = np.random.default_rng(100 + seed)
        move, _, _ = overlapping(3000, 20, rng)
        slow = np.convolve(rng.normal(size=3020), np.ones(21), "valid")
        found = information([Rows({"slow": slow}, move, 20)], block=150, shifts=50, draws=300)
        covered += found.low[0] <= 0 <= found.high[0]
    assert covered >= 50


def test_sessions_are_ranked_apart_and_pooled():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 600))
    y += x
    # Another day, another level of both: pooled ranks would make a correlation of it.
    noise = rng.normal(size=(2, 600))
    found = information([Rows({"x": x}, y), Rows({"x": noise[0] + 99}, noise[1] + 99)], block=50)
    assert found.ic[0] == pytest.approx((spearman(x, y) + spearman(*noise)) / 2, abs=1e-9)


@pytest.mark.parametrize("n", [5, 8, 33])
def test_shifts_by_hand(n):
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=(2, n))
    assert shifted_sums(x, y) == pytest.approx([np.sum(np.roll(x, k) * y) for k in range(n)])


def test_false_discovery_by_hand():
    # Benjamini and Hochberg 1995, section 3.2: of these 15, four are rejected at 5 %.
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590]
    q = false_discovery(np.array([*p, 1.0]))
    assert (q <= 0.05).sum() == 4
    assert q[:4] == pytest.approx([0.0015, 0.003, 0.0095, 0.035625])
    assert np.isnan(false_discovery(np.array([0.01, np.nan]))).tolist() == [False, True]
    assert false_discovery(np.array([0.01, np.nan]))[0] == 0.01  # what was not tested does not count


@given(st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=60))
def test_false_discovery_keeps_the_order(p):
    p = np.array(p)
    q = false_discovery(p)
    assert (q >= p - 1e-12).all() and (q <= 1.0).all()
    order = np.argsort(p)
    assert (np.diff(q[order]) >= -1e-12).all()


def test_only_what_comes_true_is_kept():
    rng = np.random.default_rng(4)

    def day(luck):
        true, lucky, noise, y = rng.normal(size=(4, 1500))
        y = y + true + luck * lucky
        return Rows({"noise": noise, "lucky": lucky, "true": true}, y)

    table = compare(information([day(0.5)], block=50), information([day(-0.5)], block=50))
    assert table.index[0] == "true" and table.kept.to_dict() == {"true": True, "lucky": False, "noise": False}
    assert table.found["lucky"] and table.ic_test["lucky"] < -0.2
    counts = account(table)
    assert counts["found: false discovery rate 10 %"] == table.found.sum() and counts.iloc[-2] == 1
    assert counts["features that can be measured"] == 3


def test_a_column_that_does_not_vary_or_is_seldom_there_has_no_correlation():
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(2, 1000))
    early = np.where(np.arange(1000) < 200, x, np.nan)  # four blocks
    found = information([Rows({"flat": np.ones(1000), "early": early, "x": x}, y)], block=50)
    assert np.isnan(found.ic).tolist() == [True, True, False]
    table = compare(found, found)
    assert not table.kept[["flat", "early"]].any() and account(table).iloc[0] == 1


def test_relatives_are_grouped_and_the_components_counted():
    rng = np.random.default_rng(6)
    a, b, c = rng.normal(size=(3, 2000))
    columns = {"a": a, "b": b, "a_cubed": a**3, "minus_a": -a, "flat": np.ones(2000), "c": c}
    found = redundancy([Rows(columns, a)], groups=3)
    assert found.dropped == ("flat",) and sorted(found.names) == ["a", "a_cubed", "b", "c", "minus_a"]
    by_size = dict(zip(found.representatives, found.sizes))
    assert sorted(by_size.values()) == [1, 1, 3] and {"b", "c"} < set(by_size)
    assert found.needed(0.9) == 3 and found.needed(0.6) == 1  # three fifths of the variance are a's
    assert found.among(["a", "minus_a"])[0, 1] == pytest.approx(-1.0)
    own = [found.group[found.names.index(name)] for name in ("a", "a_cubed", "minus_a")]
    assert len(set(own)) == 1


def test_ranks_are_centred():
    x, y, count = centred_ranks(np.array([5.0, np.nan, 1.0, 5.0]), np.array([1.0, 2.0, np.nan, 3.0]))
    assert count == 2 and x.tolist() == [0, 0, 0, 0] and y.tolist() == [-0.25, 0, 0, 0.25]


def test_what_is_wrong_is_named():
    y = np.arange(100.0)
    with pytest.raises(InputError, match="longer than the horizon of 10 rows, got 10"):
        information([Rows({"x": y}, y)], block=10)
    with pytest.raises(InputError, match="100 rows, too few for three blocks of 40"):
        information([Rows({"x": y}, y)], block=40)
    with pytest.raises(InputError, match="the same features"):
        information([Rows({"x": y}, y), Rows({"z": y}, y)], block=20)
    with pytest.raises(InputError, match="got none"):
        information([])
    with pytest.raises(InputError, match="1 of 2 features vary"):
        redundancy([Rows({"x": y, "flat": 0 * y}, y)])
