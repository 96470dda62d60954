import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.errors import InputError
from genesis_lib.training import bootstrap
from genesis_lib.training.bootstrap import FEWEST_BLOCKS, MEASURES, Blocks, Interval, block_interval, score_intervals
from genesis_lib.training.scores import scores


def autocorrelated(series: int, n: int, seed: int, keep: float = 0.95) -> np.ndarray:
    """Paths (series, n) of a stationary first-order autoregression with mean 0 and variance 1."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(n, series)) * np.sqrt(1 - keep**2)
    noise[0] /= np.sqrt(1 - keep**2)
    for i in range(1, n):
        noise[i] += keep * noise[i - 1]
    return noise.T


def covered(paths: np.ndarray, block: int, truth: float) -> float:
    """Share of the paths whose 95 % interval of the mean holds the true mean."""
    group = np.zeros(paths.shape[1], int)
    found = [block_interval(path, Blocks(block, group, draws=200, seed=i)) for i, path in enumerate(paths)]
    return float(np.mean([one.low <= truth <= one.high for one in found]))


def test_blocks_cover_the_truth_of_an_autocorrelated_process_where_single_samples_do_not():
    paths = autocorrelated(200, 4000, seed=1)
    assert covered(paths, 150, 0.0) > 0.86  # 27 blocks: a little less than 0.95, as the literature has it
    assert covered(paths, 1, 0.0) < 0.45, "resampled one by one, neighbours pass for independent witnesses"


def test_the_width_is_that_of_the_long_run_variance():
    path = autocorrelated(1, 200_000, seed=2, keep=0.9)[0]
    true = np.sqrt((1 + 0.9) / (1 - 0.9) / len(path))  # of the mean of such a process
    found = block_interval(path, Blocks(500, np.zeros(len(path), int), seed=3))
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(true, rel=0.1)


def test_accuracy_and_its_difference_are_covered_too():
    hits = 0
    for seed in range(60):
        latent = autocorrelated(2, 6000, seed=100 + seed, keep=0.9)
        right = latent > np.array([[0.0], [0.2533471]])  # true accuracies 0.5 and 0.4
        answers = {str(i): (np.where(row, 1, 0), np.full((6000, 3), 1 / 3)) for i, row in enumerate(right)}
        got = score_intervals(np.ones(6000, int), answers, Blocks(100, np.zeros(6000, int), draws=200, seed=seed))
        lead = got.differences["1"]["accuracy"]
        hits += (lead.low <= 0.1 <= lead.high) + (
            got.scores["0"]["accuracy"].low <= 0.5 <= got.scores["0"]["accuracy"].high
        )
    assert hits / 120 > 0.86


def drawn_whole(blocks: Blocks, values: np.ndarray) -> np.ndarray:
    """What `Blocks.totals` sums, found by forming each draw."""
    n, group = len(values), blocks.group
    many, rng = max(round(blocks.count), 1), np.random.default_rng(blocks.seed)
    result = []
    at, shift = np.divmod(rng.integers(0, n * blocks.block, (blocks.draws, many)), blocks.block)
    for row in range(blocks.draws):
        taken = []
        for i, move in zip(at[row], shift[row]):
            low = i
            while low > 0 and group[low - 1] == group[i]:
                low -= 1
            high = i
            while high < n and group[high] == group[i]:
                high += 1
            first = max(min(i - move, high - blocks.block), low)
            piece = np.arange(first, min(first + blocks.block, high))
            assert len(set(group[piece])) == 1, "a block reaches over the end of a session"
            taken.append(piece)
        taken = np.concatenate(taken)
        result.append([values[taken].sum(), len(taken)])
    return np.array(result)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(1, 30), st.integers(0, 99))
def test_totals_are_those_of_draws_that_are_formed(sizes, block, seed):
    group = np.repeat(np.arange(len(sizes)), sizes)
    values = np.random.default_rng(seed).normal(size=len(group))
    blocks = Blocks(block, group, draws=100, seed=seed)
    assert np.allclose(blocks.totals(values[:, None]), drawn_whole(blocks, values))


def test_the_same_seed_draws_the_same_whatever_fits_in_memory(monkeypatch):
    group, values = np.repeat([0, 1], [500, 300]), np.random.default_rng(0).normal(size=(800, 2))
    whole = Blocks(7, group, seed=4).totals(values)
    monkeypatch.setattr(bootstrap, "PIECE", 300)
    assert np.array_equal(whole, Blocks(7, group, seed=4).totals(values))
    assert not np.array_equal(whole, Blocks(7, group, seed=5).totals(values))


def test_blocks_reach_over_rows_not_samples():
    assert Blocks.covering(150, np.arange(0, 5000, 5), np.zeros(1000, int)).block == 30
    assert Blocks.covering(150, np.arange(1000), np.zeros(1000, int)).block == 150
    two = np.concatenate([np.arange(0, 100, 3), np.arange(9000, 9100, 3)])
    assert Blocks.covering(10, two, np.repeat([0, 1], 34)).block == 4, "the jump between sessions is no step"


def test_values_are_the_scores_and_differences_are_of_pairs():
    rng = np.random.default_rng(0)
    classes, proba = rng.integers(0, 3, 3000), rng.dirichlet([1, 1, 1], (2, 3000))
    answers = {name: (each.argmax(1), each) for name, each in zip(("net", "tree"), proba)}
    got = score_intervals(classes, answers | {"again": answers["net"]}, Blocks(20, np.zeros(3000, int)))
    for name, each in zip(("net", "tree"), proba):
        want = scores(classes, each)
        for key in MEASURES:
            found = got.scores[name][key]
            assert found.value == pytest.approx(want[key], abs=1e-12) and found.low < found.value < found.high
    lead = got.differences["tree"]["log_loss"]
    assert lead.value == pytest.approx(got.scores["net"]["log_loss"].value - got.scores["tree"]["log_loss"].value)
    assert all(got.differences["again"][key] == Interval(0.0, 0.0, 0.0) for key in MEASURES)
    table = json.loads(json.dumps(got.as_dict()))
    assert table["block"] == 20 and table["blocks"] == 150 and table["confidence"] == 0.95


def test_a_lead_is_beyond_its_interval_only_where_it_is():
    assert Interval(0.1, 0.05, 0.2).beyond_zero and Interval(-0.1, -0.2, -0.05).beyond_zero
    assert not Interval(0.1, -0.05, 0.2).beyond_zero and not Interval(0.1, float("nan"), float("nan")).beyond_zero


def test_too_few_blocks_give_no_interval():
    classes = np.zeros(100, int)
    answers = {"net": (classes, np.full((100, 3), 1 / 3))}
    found = score_intervals(classes, answers, Blocks(30, np.zeros(100, int))).scores["net"]["accuracy"]
    assert found.value == 1.0 and np.isnan(found.low) and found.as_dict()["low"] is None
    assert FEWEST_BLOCKS > 100 / 30


def test_refusals():
    group = np.zeros(50, int)
    with pytest.raises(InputError, match="block must be at least 1 sample, got 0"):
        Blocks(0, group)
    with pytest.raises(InputError, match="no samples"):
        Blocks(1, group[:0])
    with pytest.raises(InputError, match="draws must be at least 100, got 10"):
        Blocks(1, group, draws=10)
    with pytest.raises(InputError, match="must have 50 rows, got 40"):
        Blocks(1, group).totals(np.zeros((40, 1)))
    with pytest.raises(InputError, match="no model"):
        score_intervals(group, {}, Blocks(1, group))
    with pytest.raises(InputError, match="confidence must lie"):
        score_intervals(group, {"net": (group, np.full((50, 3), 1 / 3))}, Blocks(1, group), confidence=95)
