import numpy as np
import pytest

from genesis_lib.errors import InputError
from genesis_lib.models.linear import log_loss
from genesis_lib.training.calibration import calibrated, fit_temperature, reliability_table
from genesis_lib.training.scores import calibration_error

RNG = np.random.default_rng(0)
HONEST = RNG.normal(size=(20_000, 3))
CLASSES = (RNG.random((20_000, 1)) > np.cumsum(calibrated(HONEST), axis=1)).sum(axis=1)


@pytest.mark.parametrize("boast", [0.3, 1.0, 2.5])
def test_finds_how_much_was_boasted(boast):
    temperature = fit_temperature(HONEST * boast, CLASSES)
    assert temperature == pytest.approx(boast, rel=0.05)
    probabilities = calibrated(HONEST * boast, temperature)
    assert calibration_error(CLASSES, probabilities) < 0.02
    assert np.array_equal(probabilities.argmax(1), HONEST.argmax(1))


def test_is_the_least_loss_of_all_temperatures():
    temperature = fit_temperature(HONEST * 2, CLASSES)
    best = log_loss(HONEST * 2 / temperature, CLASSES)
    for other in (0.5, 1.0, temperature * 0.98, temperature * 1.02, 5.0):
        assert best <= log_loss(HONEST * 2 / other, CLASSES)


def test_what_has_no_answer_or_no_label_is_left_out():
    logits, classes = HONEST.copy() * 2, CLASSES.copy()
    logits[::3] = np.nan
    classes[1::3] = -1
    assert fit_temperature(logits, classes) == fit_temperature(HONEST[2::3] * 2, CLASSES[2::3])
    assert fit_temperature(np.full((4, 3), np.nan), np.zeros(4, int)) == 1.0
    with pytest.raises(InputError, match=r"logits must have shape \(5, 3\)"):
        fit_temperature(HONEST[:4], CLASSES[:5])


def test_certainty_stays_within_bounds():
    assert fit_temperature(np.eye(3), np.arange(3)) == pytest.approx(0.05, rel=0.01)
    assert fit_temperature(np.eye(3) * 9, np.array([1, 2, 0])) == pytest.approx(20, rel=0.01)


def test_a_temperature_a_head():
    logits = RNG.normal(size=(5, 2, 3))
    both = calibrated(logits, np.array([1.0, 3.0]))
    assert np.allclose(both[:, 1], calibrated(logits[:, 1], 3.0)) and np.allclose(both.sum(axis=-1), 1)


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
