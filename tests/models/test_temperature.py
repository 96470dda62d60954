import numpy as np
import pytest

from genesis_lib.errors import InputError
from genesis_lib.models.temperature import fit_temperature, log_loss


def softmax(logits):
    power = np.exp(logits - logits.max(axis=1, keepdims=True))
    return power / power.sum(axis=1, keepdims=True)


RNG = np.random.default_rng(0)
HONEST = RNG.normal(size=(20_000, 3))
CLASSES = (RNG.random((20_000, 1)) > np.cumsum(softmax(HONEST), axis=1)).sum(axis=1)


@pytest.mark.parametrize("boast", [0.6, 1.0, 2.5])
def test_finds_how_much_was_boasted(boast):
    temperature = fit_temperature(HONEST * boast, CLASSES, len(CLASSES))
    assert temperature == pytest.approx(boast, rel=0.05)
    sure = softmax(HONEST * boast / temperature).max(axis=1)
    assert np.mean(HONEST.argmax(axis=1) == CLASSES) == pytest.approx(sure.mean(), abs=0.02)


def test_is_the_least_loss_of_all_temperatures():
    temperature = fit_temperature(HONEST * 2, CLASSES, 1e9)
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
    assert fit_temperature(np.eye(3), np.arange(3), 1e9) == pytest.approx(0.5, rel=0.01)
    assert fit_temperature(np.eye(3) * 9, np.array([1, 2, 0]), 1e9) == pytest.approx(5, rel=0.01)


def test_a_stretch_of_one_class_does_not_make_it_certain():
    quiet = HONEST.copy()
    quiet[:, 1] += 3.0
    classes = np.ones(3000, int)
    assert fit_temperature(quiet[:3000], classes, 3000) < 0.75, "every sample alone would sharpen it"
    assert 0.9 < fit_temperature(quiet[:3000], classes, 20) < 1.0
    assert fit_temperature(quiet[:3000], classes) == fit_temperature(quiet[:3000], classes, 3000 / 150)


def test_few_witnesses_flatten_what_they_would_not_sharpen():
    assert fit_temperature(HONEST * 3.0, CLASSES, 20) > 1.8
    assert fit_temperature(HONEST / 3.0, CLASSES, 20) > 0.9


@pytest.mark.parametrize("boast", [0.6, 2.0])
def test_more_witnesses_move_it_further(boast):
    path = [fit_temperature(HONEST * boast, CLASSES, count) for count in (0, 1, 10, 100, 1000, 10_000)]
    assert path[0] == pytest.approx(1.0, abs=1e-6) and path[-1] == pytest.approx(boast, rel=0.05)
    assert (np.diff(path) * np.sign(boast - 1) > 0).all()


@pytest.mark.parametrize("witnesses", [-1.0, np.nan, np.inf])
def test_witnesses_are_counted(witnesses):
    with pytest.raises(InputError, match="witnesses must be a finite number"):
        fit_temperature(HONEST, CLASSES, witnesses)


def test_log_loss_is_that_of_the_softmax():
    given = softmax(HONEST)[np.arange(len(CLASSES)), CLASSES]
    assert log_loss(HONEST, CLASSES) == pytest.approx(-np.log(given).mean())
    assert log_loss(np.array([[1000.0, 0.0, 0.0]]), np.array([0])) == 0.0
