import json

import numpy as np
import pytest

from genesis_lib.errors import ModelError
from genesis_lib.models.baseline import NAMES, Baselines
from genesis_lib.models.scaler import Scaler

RNG = np.random.default_rng(0)
FLOW = RNG.normal(size=(4000, 3))
CLASSES = np.digitize(FLOW[:, 1] + 0.5 * RNG.normal(size=4000), [-0.5, 0.5])
KNOWN = np.where(RNG.random(4000) < 0.7, CLASSES, RNG.integers(0, 3, 4000))
COLUMNS = ("a", "b", "c")


@pytest.fixture(scope="module")
def fitted():
    return Baselines.fit(FLOW[:3000], CLASSES[:3000], KNOWN[:3000], COLUMNS, Scaler.fit(FLOW[:3000]))


def test_each_does_what_its_name_says(fitted):
    answers = fitted.predict(FLOW[3000:], KNOWN[3000:])
    assert tuple(answers) == NAMES
    hits = {name: np.mean(guess == CLASSES[3000:]) for name, (guess, _) in answers.items()}
    assert len(set(answers["majority"][0])) == 1
    assert np.array_equal(answers["persistence"][0], KNOWN[3000:])
    assert hits["logistic_ofi"] > 0.7 > hits["majority"]
    for _, proba in answers.values():
        assert np.allclose(proba.sum(axis=1), 1, atol=1e-5) and (proba > 0).all()


def test_equals_scikit_learn(fitted):
    from sklearn.linear_model import LogisticRegression

    scaled = fitted.scaler.transform(FLOW).astype(float)
    model = LogisticRegression(C=1.0, max_iter=500, class_weight="balanced").fit(scaled[:3000], CLASSES[:3000])
    _, proba = fitted.predict(FLOW[3000:], KNOWN[3000:])["logistic_ofi"]
    assert np.allclose(proba, model.predict_proba(scaled[3000:]), atol=1e-9)


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
    with pytest.raises(ModelError, match="damaged"):
        Baselines.of({k: v for k, v in table.items() if k != "scaler"})
