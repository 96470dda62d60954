import numpy as np
import pytest

from genesis_lib.errors import InputError
from genesis_lib.training.calibration import calibrated, reliability_before_and_after, reliability_table, witnesses
from genesis_lib.training.scores import calibration_error

RNG = np.random.default_rng(0)
HONEST = RNG.normal(size=(20_000, 3))
CLASSES = (RNG.random((20_000, 1)) > np.cumsum(calibrated(HONEST), axis=1)).sum(axis=1)


def test_a_temperature_a_head():
    logits = RNG.normal(size=(5, 2, 3))
    both = calibrated(logits, np.array([1.0, 3.0]))
    assert np.allclose(both[:, 1], calibrated(logits[:, 1], 3.0)) and np.allclose(both.sum(axis=-1), 1)


def test_samples_that_share_rows_testify_together():
    assert witnesses(np.arange(0, 3000, 10), overlap=120) == pytest.approx(300 / 12)
    assert witnesses(np.arange(3000), overlap=120) == pytest.approx(3000 / 120)
    apart = np.arange(0, 90_000, 500)
    assert witnesses(apart, overlap=120) == len(apart) and witnesses(apart[:1]) <= 1 and witnesses(apart[:0]) == 0


def test_the_table_adds_up_to_the_calibration_error():
    probabilities = calibrated(HONEST * 2)
    table = reliability_table(CLASSES, probabilities)
    weighted = (table["count"] * (table.confidence - table.accuracy).abs()).sum() / len(CLASSES)
    assert weighted == pytest.approx(calibration_error(CLASSES, probabilities))
    assert table["count"].sum() == len(CLASSES)
    assert ((table.low <= table.confidence) & (table.confidence <= table.high)).all()


def test_the_table_of_one_class():
    sure = np.tile([0.05, 0.25, 0.7], (10, 1))
    classes = np.array([2] * 4 + [1] * 6)
    table = reliability_table(classes, sure, bins=10, of=2)
    assert len(table) == 1 and table.accuracy[0] == 0.4 and table.confidence[0] == pytest.approx(0.7)
    assert table["count"][0] == 10
    with pytest.raises(InputError, match="of must be a class"):
        reliability_table(classes, sure, of=3)
    with pytest.raises(InputError, match="bins must be at least 1"):
        reliability_table(classes, sure, bins=0)


def test_what_the_probabilities_were_before():
    boast = HONEST * 2
    tables = reliability_before_and_after(CLASSES, calibrated(boast, 2.0), 2.0)
    assert list(tables) == ["as trained", "calibrated (T = 2.00)"]
    for table, probabilities in zip(tables.values(), (calibrated(boast), calibrated(HONEST))):
        assert np.allclose(table, reliability_table(CLASSES, probabilities))
