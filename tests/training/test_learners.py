"""Learners: what they answer is what is served, one step goes downhill, and what was given is never changed."""

import copy

import numpy as np
import pytest
import torch

from genesis_lib.errors import ModelError
from genesis_lib.models.causal import CausalConfig
from genesis_lib.models.ensemble import Member, assemble
from genesis_lib.models.kinds import build
from genesis_lib.models.linear import unscaled
from genesis_lib.models.predictor import folded
from genesis_lib.models.scaler import Scaler
from genesis_lib.models.tabl import TABLConfig
from genesis_lib.training.calibration import calibrated
from genesis_lib.training.estimators import fit_estimator
from genesis_lib.training.learners import REACH, STEP, learner

RNG = np.random.default_rng(0)
N, F = 500, 4
ROWS = RNG.normal(size=(N, F)).astype(np.float32)
ROWS[300] = np.nan
STARTS = np.where(np.arange(N) < 300, 0, 301)
STARTS[300] = -1
CLASSES = np.stack([np.digitize(np.nan_to_num(ROWS[:, 0]), [-0.4, 0.4])] * 2, axis=1)
COLUMNS = tuple("abcd")
SCALER = Scaler(np.full(F, 0.1), np.full(F, 1.5), 10.0)
COOL = (1.3, 0.8)


def network(config):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        net = build(config).eval()
    return net.config.as_dict(), net.arrays(), SCALER


def made(kind):
    if kind == "causal":
        return network(CausalConfig(levels=0, extra=F, heads=2, channels=4))
    if kind == "tabl":
        return network(TABLConfig(inputs=F, window=30, heads=2))
    if kind == "ensemble":
        one, other = made("logistic"), made("boosted")
        parts = [Member(*each, COOL, tuple(range(F)), weight) for each, weight in ((one, 0.7), (other, 0.3))]
        return (*assemble(parts, F), unscaled(F))
    config = {"window": 20} | ({"rounds": 3} if kind == "boosted" else {})
    at = np.flatnonzero(STARTS >= 0)
    part = ROWS[at], CLASSES[at]
    return fit_estimator(kind, *part, *part, COLUMNS, config=config)


@pytest.fixture(scope="module", params=["logistic", "causal", "tabl", "ensemble"])
def model(request):
    shape, weights, scaler = made(request.param)
    return dict(shape), weights, scaler


def ready(shape):
    """Rows with a whole window before them."""
    rows = np.arange(N)
    return rows[(STARTS >= 0) & (rows - STARTS >= shape["window"] - 1)]


def test_answers_what_is_served(model):
    shape, weights, scaler = model
    student = learner(shape, weights, scaler, COOL, ROWS, STARTS)
    ends = ready(shape)[::-3]  # in any order
    net = folded(weights, shape)
    cool = np.ones((2, 1)) if shape["kind"] == "ensemble" else np.array(COOL)[:, None]
    expected = np.full((N, 2, 3), np.nan)
    for first, last in ((0, 300), (301, N)):
        expected[first:last] = calibrated(net.logits(scaler.transform(ROWS[first:last])) / cool)
    assert np.abs(np.exp(student.log_probabilities(ends)) - expected[ends]).max() < 2e-6


def test_a_step_goes_downhill_and_changes_nothing_that_was_given(model):
    shape, weights, scaler = model
    before = copy.deepcopy((shape, weights))
    student = learner(shape, weights, scaler, COOL, ROWS, STARTS)
    ends = ready(shape)

    def loss():
        said = student.log_probabilities(ends)
        return -np.take_along_axis(said, CLASSES[ends][:, :, None], 2).mean()

    losses = [loss()]
    for _ in range(8):
        student.update(ends, CLASSES[ends])
        losses.append(loss())
    assert losses[-1] < losses[0]
    assert shape == before[0] and all(np.array_equal(before[1][name], array) for name, array in weights.items())
    after = student.weights()
    assert set(after) == set(weights) and any(not np.array_equal(after[name], weights[name]) for name in weights)
    folded(after, shape)  # and it can be served


def test_only_labels_that_are_there_teach(model):
    shape, weights, scaler = model
    ends = ready(shape)[:100]
    none = np.full((100, 2), -1)
    student = learner(shape, weights, scaler, COOL, ROWS, STARTS)
    student.update(ends, none)
    assert all(np.allclose(array, weights[name], atol=1e-12) for name, array in student.weights().items())
    half = CLASSES[ends].copy()
    half[:, 1] = -1
    student.update(ends, half)
    if shape["kind"] == "logistic":
        assert np.array_equal(student.weights()["coefficients"][1], weights["coefficients"][1])
        assert not np.array_equal(student.weights()["coefficients"][0], weights["coefficients"][0])


def test_members_that_cannot_learn_stay():
    shape, weights, scaler = made("ensemble")
    student = learner(shape, weights, scaler, (1.0, 1.0), ROWS, STARTS)
    student.update(ready(shape), CLASSES[ready(shape)])
    after = student.weights()
    assert np.array_equal(after["member1.value"], weights["member1.value"])
    assert not np.array_equal(after["member0.coefficients"], weights["member0.coefficients"])


def test_fewer_labels_make_a_smaller_step():
    shape, weights, scaler = made("logistic")
    moved = []
    for count in (STEP, STEP // 5):
        student = learner(shape, weights, scaler, COOL, np.tile(ROWS[:100], (6, 1)), np.zeros(600, int))
        student.update(np.arange(count), np.tile(CLASSES[:100], (6, 1))[:count])
        moved.append(student.weights()["intercepts"] - weights["intercepts"])
    assert np.allclose(moved[0], 5 * moved[1])


@pytest.mark.parametrize("kind", ["majority", "boosted"])
def test_what_cannot_learn_says_so(kind):
    with pytest.raises(ModelError, match=f"{kind} cannot learn online"):
        learner(*made(kind), COOL, ROWS, STARTS)
    part = Member(*made(kind), COOL, tuple(range(F)), 1.0)
    with pytest.raises(ModelError, match="none of the ensemble's members can learn"):
        learner(*assemble([part], F), unscaled(F), COOL, ROWS, STARTS)


def test_a_network_stays_near_what_it_was_trained_to_be():
    shape, weights, scaler = made("causal")
    student = learner(shape, weights, scaler, COOL, ROWS, STARTS, rate=1.0)
    ends = ready(shape)[:200]
    for _ in range(5):
        student.update(ends, CLASSES[ends])
    gone = sum(
        float(np.square(each.detach() - home).sum()) for each, home in zip(student._net.parameters(), student._home)
    )
    assert 0 < gone**0.5 <= REACH * student._length * 1.001


def test_labels_of_one_class_only_pull_a_network_home():
    shape, weights, scaler = made("causal")
    student = learner(shape, weights, scaler, COOL, ROWS, STARTS)
    ends = ready(shape)[:200]

    def gone():
        return max(
            float((each - home).detach().abs().max()) for each, home in zip(student._net.parameters(), student._home)
        )

    student.update(ends, np.ones((200, 2), int))
    assert gone() == 0
    student.update(ends, CLASSES[ends])
    far = gone()
    student.update(ends, np.ones((200, 2), int))
    assert 0 < gone() < far
