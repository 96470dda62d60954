"""Ensembles as they are served: every member its own columns, scaling, temperature and window."""

import json

import numpy as np
import pytest

from genesis_lib.errors import ModelError
from genesis_lib.models.ensemble import EnsembleNet, Member, assemble
from genesis_lib.models.linear import unscaled
from genesis_lib.models.predictor import Predictor, folded
from genesis_lib.models.scaler import Scaler

RNG = np.random.default_rng(0)
ROWS = RNG.normal(2.0, 3.0, size=(60, 5)).astype(np.float32)


def linear(columns, window, seed, heads=2):
    rng = np.random.default_rng(seed)
    g = len(columns)
    shape = {"kind": "logistic", "inputs": g, "window": window, "heads": heads}
    tensors = {"coefficients": rng.normal(size=(heads, 3, g)), "intercepts": rng.normal(size=(heads, 3))}
    scaler = Scaler(rng.normal(size=g), rng.uniform(1, 3, g), 4.0)
    return Member(shape, tensors, scaler, tuple(rng.uniform(0.5, 2, heads)), tuple(columns), 0.0)


PARTS = [linear((0, 1, 2, 3, 4), 7, 1), linear((3, 1), 12, 2), linear((4,), 1, 3)]
WEIGHTS = (0.5, 0.3, 0.2)
MEMBERS = [part._replace(weight=weight) for part, weight in zip(PARTS, WEIGHTS)]


def softmax(logits):
    power = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return power / power.sum(axis=-1, keepdims=True)


def own_answers(member, rows):
    """Probabilities of a member by itself, as an artifact of its own would give them."""
    net = folded(member.weights, member.architecture)
    scaled = member.scaler.transform(rows[:, list(member.columns)])
    return softmax(net.logits(scaled) / np.array(member.temperature)[:, None])


@pytest.mark.parametrize("mean", ["probability", "logit"])
def test_is_the_weighted_mean_of_its_members(mean):
    shape, tensors = assemble(MEMBERS, 5, mean)
    net = EnsembleNet(tensors, json.loads(json.dumps(shape)))
    own = np.stack([own_answers(member, ROWS) for member in MEMBERS])
    expected = (
        np.tensordot(WEIGHTS, own, 1) if mean == "probability" else softmax(np.tensordot(WEIGHTS, np.log(own), 1))
    )
    answers = softmax(net.logits(ROWS))
    assert (net.window, net.width, net.heads) == (12, 5, 2)
    assert np.isnan(answers[:11]).all()
    assert np.allclose(answers[11:], expected[11:], rtol=0, atol=1e-12)


@pytest.mark.parametrize("mean", ["probability", "logit"])
def test_a_row_a_step_equals_all_at_once(mean):
    shape, tensors = assemble(MEMBERS, 5, mean)
    net = EnsembleNet(tensors, shape)
    batch, stream = net.logits(ROWS), net.stream()
    for _ in range(2):
        single = [stream.step(row) for row in ROWS]
        assert all(answer is None for answer in single[:11])
        assert np.allclose(single[11:], batch[11:], rtol=0, atol=1e-12)
        stream.ahead()
        stream.reset()


def test_a_broken_row_makes_every_member_wait_anew():
    shape, tensors = assemble(MEMBERS, 5)
    predictor = Predictor(EnsembleNet(tensors, shape), unscaled(5))
    rows = ROWS.copy()
    rows[30, 4] = np.nan  # which two of the members do not look at
    answered = [np.isfinite(predictor.step(row)).all() for row in rows]
    assert answered == [False] * 11 + [True] * 19 + [False] * 12 + [True] * 18


def test_one_member_alone_says_what_it_says():
    shape, tensors = assemble([MEMBERS[1]._replace(weight=1.0)], 5)
    answers = softmax(EnsembleNet(tensors, shape).logits(ROWS))
    assert np.allclose(answers[11:], own_answers(MEMBERS[1], ROWS)[11:], rtol=0, atol=1e-12)


def test_an_ensemble_may_be_a_member():
    inner, tensors = assemble(MEMBERS, 5)
    member = Member(inner, tensors, unscaled(5), (1.0, 1.0), (0, 1, 2, 3, 4), 1.0)
    shape, outer = assemble([member], 5)
    assert np.allclose(EnsembleNet(outer, shape).logits(ROWS)[11:], EnsembleNet(tensors, inner).logits(ROWS)[11:])


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda s: s.update(mean="median"), "mean must be one of probability, logit"),
        (lambda s: s.update(members=[]), "at least one member"),
        (lambda s: s.update(window=7), "window of an ensemble must be the longest"),
        (lambda s: s.pop("members"), "'members' is missing"),
        (lambda s: s["members"][0].update(weight=0.4), "add up to 1, got 0.9"),
        (lambda s: s["members"][1].update(weight=-0.3), r"member 1: weight must lie in \[0, 1\]"),
        (lambda s: s["members"][1].update(columns=[3, 5]), r"member 1: columns must lie in \[0, 5\)"),
        (lambda s: s["members"][1].update(columns=[3]), "member 1 takes 2 columns, got 1"),
        (lambda s: s["members"][1].update(temperature=[1.0]), "member 1: temperature must hold a positive number"),
        (lambda s: s["members"][1].pop("scaler"), "member 1: 'scaler' is missing"),
        (lambda s: s["members"][2]["architecture"].update(kind="oracle"), "member 2: architecture kind must be one of"),
        (lambda s: s.update(heads=1), "member 0 answers for 2 heads, the ensemble for 1"),
    ],
)
def test_damage_is_named(change, cause):
    shape, tensors = assemble(MEMBERS, 5)
    shape = json.loads(json.dumps(shape))
    change(shape)
    with pytest.raises(ModelError, match=cause):
        EnsembleNet(tensors, shape)


def test_what_does_not_fit_is_refused_when_put_together():
    with pytest.raises(ModelError, match="add up to 1"):
        assemble(PARTS, 5)
    with pytest.raises(ModelError, match="member 1 answers for 1 heads"):
        assemble([MEMBERS[0], linear((0,), 1, 9, heads=1)], 5)
    with pytest.raises(ModelError, match="at least one member"):
        assemble([], 5)
