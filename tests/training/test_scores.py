import math

import numpy as np
import pytest

from genesis_lib.training.scores import calibration_error, class_scores, confusion, of_confusion, reliability, scores


def test_figures_by_hand():
    classes = np.array([0, 0, 1, 2])
    proba = np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.1, 0.8, 0.1], [0.2, 0.3, 0.5]])
    got = scores(classes, proba)
    assert got["accuracy"] == 0.75
    assert got["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert got["log_loss"] == pytest.approx(-(math.log(0.6) + math.log(0.2) + math.log(0.8) + math.log(0.5)) / 4)
    # each in a bin of its own: |0.6-1| + |0.7-0| + |0.8-1| + |0.5-1|, over 4
    assert got["ece"] == pytest.approx((0.4 + 0.7 + 0.2 + 0.5) / 4)
    answered = proba.argmax(axis=1)
    assert confusion(classes, answered).tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert class_scores(classes, answered)["recall"].tolist() == [0.5, 1.0, 1.0]


def test_a_constant_answer_has_no_correlation():
    classes = np.array([0, 1, 2, 1])
    got = scores(classes, np.tile([0.2, 0.5, 0.3], (4, 1)))
    assert got["mcc"] == 0.0 and got["accuracy"] == 0.5


def test_given_answers_override_the_most_probable_class():
    classes = np.array([0, 1])
    assert scores(classes, np.array([[0.1, 0.9, 0], [0.1, 0.9, 0]]), np.array([0, 1]))["accuracy"] == 1.0


def test_frequencies_are_calibrated():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.34, 1.0, 200_000)
    classes = np.where(rng.random(200_000) < confidence, 0, 1)
    proba = np.stack([confidence, (1 - confidence) / 2, (1 - confidence) / 2], axis=1)
    assert calibration_error(classes, proba) < 0.01


def test_they_are_those_of_scikit_learn_down_to_missing_classes():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    for most in (1, 2, 3, 3, 3):
        classes, answered = rng.integers(0, most, 50), rng.integers(0, 3, 50)
        counts = confusion(classes, answered)
        assert np.array_equal(counts, metrics.confusion_matrix(classes, answered, labels=[0, 1, 2]))
        got = of_confusion(counts)
        f1 = metrics.f1_score(classes, answered, labels=[0, 1, 2], average="macro", zero_division=0)
        assert got["macro_f1"] == pytest.approx(f1)
        assert got["mcc"] == pytest.approx(metrics.matthews_corrcoef(classes, answered))
        want = metrics.precision_recall_fscore_support(classes, answered, labels=[0, 1, 2], zero_division=0)
        assert np.allclose(list(class_scores(classes, answered).values()), want)


def test_many_confusions_at_once():
    counts = np.random.default_rng(1).integers(0, 9, (4, 3, 3))
    for key, values in of_confusion(counts).items():
        assert values == pytest.approx(np.array([of_confusion(one)[key] for one in counts]))


def test_reliability_counts_every_answer():
    proba = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [1.0, 0.0, 0.0]])
    number, confidence, hits = reliability(np.array([0, 0, 0]), proba, bins=10)
    assert number.tolist() == [0, 0, 0, 0, 0, 1, 0, 0, 1, 1]
    assert hits.sum() == 2 and confidence[[5, 8, 9]] == pytest.approx([0.5, 0.8, 1.0])
