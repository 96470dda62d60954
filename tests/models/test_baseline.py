import json

import numpy as np
import pytest

from genesis_lib.errors import ModelError
from genesis_lib.models.baseline import NAMES, Baselines
from genesis_lib.models.scaler import Scaler
from genesis_lib.models.temperature import fit_temperature

RNG = np.random.default_rng(0)
FLOW = RNG.normal(size=(4000, 3)).astype(np.float32)
CLASSES = np.digitize(FLOW[:, 1] + 0.5 * RNG.normal(size=4000), [-0.5, 0.5])
KNOWN = np.where(RNG.random(4000) < 0.7, CLASSES, RNG.integers(0, 3, 4000))
COLUMNS = ("a", "b", "c")


@pytest.fixture(scope="module")
def fitted():
    held = FLOW[2400:3000], CLASSES[2400:3000]
    return Baselines.fit(FLOW[:2400], CLASSES[:2400], KNOWN[:2400], COLUMNS, Scaler.fit(FLOW[:2400]), validation=held)


def test_each_does_what_its_name_says(fitted):
    answers = fitted.predict(FLOW[3000:], KNOWN[3000:])
    assert tuple(answers) == NAMES
    hits = {name: np.mean(guess == CLASSES[3000:]) for name, (guess, _) in answers.items()}
    assert len(set(answers["majority"][0])) == 1
    assert np.array_equal(answers["persistence"][0], KNOWN[3000:])
    assert hits["logistic_ofi"] > 0.7 > hits["majority"]
    for _, proba in answers.values():
        assert np.allclose(proba.sum(axis=1), 1, atol=1e-5) and (proba > 0).all()


def test_persistence_says_how_often_what_was_known_came_again(fitted):
    _, proba = fitted.predict(FLOW, KNOWN)["persistence"]
    for known in range(3):
        again = np.mean(CLASSES[:2400][KNOWN[:2400] == known] == known)
        assert np.allclose(proba[known == KNOWN, known], again, atol=1e-3)


def test_trees_find_what_is_not_linear():
    classes = np.digitize(np.abs(FLOW[:, 0]) + 0.3 * RNG.normal(size=4000), [0.4, 1.0])
    held = FLOW[2400:3000], classes[2400:3000]
    known = np.ones(4000, int)
    made = Baselines.fit(FLOW[:2400], classes[:2400], known[:2400], COLUMNS, Scaler.fit(FLOW[:2400]), validation=held)
    answers = made.predict(FLOW[3000:], known[3000:])
    hits = {name: np.mean(guess == classes[3000:]) for name, (guess, _) in answers.items()}
    assert hits["boosted_ofi"] > hits["logistic_ofi"] + 0.2


def test_without_validation_samples_no_trees_are_grown():
    made = Baselines.fit(FLOW, CLASSES, KNOWN, COLUMNS, Scaler.fit(FLOW))
    assert made.boosted is None and made.names == NAMES[:3] == tuple(made.predict(FLOW, KNOWN))


def test_weighing_rare_classes_up_is_no_strength():
    from sklearn.linear_model import LogisticRegression

    rare = np.where(RNG.random(4000) < 0.9, 1, CLASSES)
    scaler = Scaler.fit(FLOW[:2400])
    held = FLOW[2400:3000], rare[2400:3000]
    made = Baselines.fit(FLOW[:2400], rare[:2400], KNOWN[:2400], COLUMNS, scaler, validation=held)
    _, proba = made.predict(FLOW[3000:], KNOWN[3000:])["logistic_ofi"]
    balanced = LogisticRegression(class_weight="balanced").fit(scaler.transform(FLOW[:2400]), rare[:2400])
    ours, theirs = (
        -np.log(chance[np.arange(1000), rare[3000:]]).mean()
        for chance in (proba, balanced.predict_proba(scaler.transform(FLOW[3000:])))
    )
    assert ours < 0.8 * theirs


def test_both_are_calibrated_on_the_validation_samples():
    held = FLOW[2400:3000], np.where(np.arange(600) % 2, CLASSES[2400:3000], RNG.integers(0, 3, 600))  # half is noise
    scaler = Scaler.fit(FLOW[:2400])
    told = FLOW[:2400], CLASSES[:2400], KNOWN[:2400], COLUMNS, scaler
    made = Baselines.fit(*told, validation=held, witnesses=1e9)
    few = Baselines.fit(*told, validation=held, witnesses=1.0)
    answers, shy = (each.predict(held[0], np.ones(600, int)) for each in (made, few))
    for name in ("logistic_ofi", "boosted_ofi"):
        assert fit_temperature(np.log(answers[name][1]), held[1], 1e9) == pytest.approx(1.0, abs=0.01)
    # The trees stop where these samples tell them to; the regression is surer than they allow.
    assert fit_temperature(np.log(shy["logistic_ofi"][1]), held[1], 1e9) > 1.2, "one witness hardly moves it"


# What a model holds that was registered before there were trees and transitions.
OLD = {
    "prior": [0.25, 0.5, 0.25],
    "hit_rate": 0.6,
    "columns": ["a", "b"],
    "scaler": {"mean": [0.0, 1.0], "std": [1.0, 2.0], "clip": 10.0},
    "coefficients": [[1.0, 0.0], [0.0, 0.0], [-1.0, 0.5]],
    "intercepts": [0.0, 0.25, 0.0],
}


def test_an_older_model_says_what_it_said():
    made = Baselines.of(OLD)
    answers = made.predict(np.array([[1.0, 3.0], [-2.0, 1.0]]), np.array([2, 0]))
    assert tuple(answers) == NAMES[:3] and made.as_dict() == OLD
    assert np.allclose(answers["persistence"][1], [[0.2, 0.2, 0.6], [0.6, 0.2, 0.2]])
    assert answers["persistence"][0].tolist() == [2, 0]
    power = np.exp([[1.0, 0.25, -0.5], [-2.0, 0.25, 2.0]])
    assert np.allclose(answers["logistic_ofi"][1], power / power.sum(axis=1, keepdims=True))
    assert np.allclose(answers["majority"][1], [0.25, 0.5, 0.25])


def test_plain_numbers_bring_back_the_same_answers(fitted):
    again = Baselines.of(json.loads(json.dumps(fitted.as_dict())))
    for name, (guess, proba) in again.predict(FLOW, KNOWN).items():
        expected = fitted.predict(FLOW, KNOWN)[name]
        assert np.array_equal(guess, expected[0]) and np.array_equal(proba, expected[1])


@pytest.mark.parametrize("present", [[1], [0, 2], [1, 2]])
def test_classes_that_never_occur_are_never_answered(present):
    chosen = np.isin(CLASSES, present)
    made = Baselines.fit(FLOW[chosen], CLASSES[chosen], KNOWN[chosen], COLUMNS, Scaler.fit(FLOW))
    guess, _ = made.predict(FLOW[chosen], KNOWN[chosen])["logistic_ofi"]
    assert set(guess) == set(present)
    assert np.mean(guess == CLASSES[chosen]) > 0.75


def test_damage_is_named(fitted):
    table = fitted.as_dict()
    with pytest.raises(ModelError, match="baselines"):
        Baselines.of(table | {"prior": [1.0]})
    with pytest.raises(ModelError, match="baselines: transitions must have shape"):
        Baselines.of(table | {"transitions": [0.5]})
    with pytest.raises(ModelError, match="trees: value is damaged"):
        Baselines.of(table | {"boosted": table["boosted"] | {"value": "!"}})
    with pytest.raises(ModelError, match="ask about column 2 of 1"):
        narrow = {"mean": [0.0], "std": [1.0], "clip": 10.0}
        Baselines.of(table | {"columns": ["a"], "scaler": narrow, "coefficients": [[0.0]] * 3})
    with pytest.raises(ModelError, match="damaged"):
        Baselines.of({k: v for k, v in table.items() if k != "scaler"})
