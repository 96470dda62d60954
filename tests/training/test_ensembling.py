"""Ensembles over kinds and seeds in cross-validation: scored on what no member saw, weighted by validation alone."""

from dataclasses import replace

import numpy as np
import pytest

from genesis_lib.errors import InputError
from genesis_lib.models.boosted import BoostedConfig
from genesis_lib.models.linear import LogisticConfig
from genesis_lib.models.predictor import Predictor, folded
from genesis_lib.training import Label, PurgedKFold, Rows, cross_validate
from genesis_lib.training.calibration import calibrated
from genesis_lib.training.ensembling import combine, fit_weights, mixed
from genesis_lib.training.scores import scores

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def results(planted_sessions):
    rows = Rows.of(planted_sessions, 3, inputs="ofi")
    made = [
        cross_validate(
            rows, Label(horizon=5), model=model, config=config, splitter=PurgedKFold(2), stride=2, seeds=seeds
        )
        for model, config, seeds in (
            ("logistic", LogisticConfig(penalty=1e-3, balanced=False), (7,)),
            ("boosted", BoostedConfig(rounds=20), (7, 8)),
            ("majority", None, (7,)),
        )
    ]
    return rows, made


@pytest.mark.parametrize("mean", ["probability", "logit"])
@pytest.mark.parametrize("weights", ["mean", "fitted"])
def test_what_is_registered_gives_what_was_scored(results, weights, mean):
    rows, parts = results
    result = combine(parts, weights, mean=mean)
    assert result.model == "ensemble" and result.inputs == rows.columns
    assert result.models[:4] == ("ensemble", "logistic", "boosted", "majority-2")
    for fold in result.folds:
        trained = fold.first
        assert len(trained.architecture["members"]) == 4
        net = folded(trained.weights, trained.architecture)
        assert np.allclose(fold.proba["ensemble"].sum(axis=1), 1)
        every = np.full((len(rows), 3), np.nan)
        for part in rows.session_slices():
            at = np.arange(part.start, part.stop)[rows.starts[part] >= 0]
            logits = net.logits(trained.scaler.transform(rows.inputs[at]))[:, 0]
            every[at] = calibrated(logits, trained.temperature[0])
        assert np.allclose(every[fold.rows], fold.proba["ensemble"], atol=1e-9)
        assert trained.scores["test"] == scores(fold.classes, fold.proba["ensemble"])
    assert result.scores() == result.scores("ensemble") and result.baseline_table().notna().all(axis=None)
    assert result.fold_table()["best"].sum() == 1
    assert result.every_seed == (7, 8), "a lineage names the seeds of all members"
    assert list(result.seed_table().index) == [7]


def test_a_mean_weighs_kinds_alike_and_seeds_of_a_kind_alike(results):
    fold = combine(results[1]).folds[0]
    assert [m["weight"] for m in fold.first.architecture["members"]] == pytest.approx([1 / 3, 1 / 6, 1 / 6, 1 / 3])


def test_seeds_of_one_kind_make_an_ensemble(results):
    boosted = results[1][1]
    result = combine(boosted)
    assert result.models[:2] == ("ensemble", "boosted")
    for fold, before in zip(result.folds, boosted.folds):
        temperature = fold.first.temperature[0]
        own = calibrated(np.log(before.proba["ensemble"]), temperature)
        assert np.allclose(fold.proba["ensemble"], own)


def test_test_samples_have_no_say_in_the_weights(results):
    _, parts = results
    for result in combine(parts, "fitted").folds:
        shares = [member["weight"] for member in result.first.architecture["members"]]
        assert min(shares) >= 0 and sum(shares) == pytest.approx(1)
    spoilt = [
        replace(
            part,
            folds=tuple(
                replace(f, members=tuple(replace(m, proba=m.proba[::-1].copy()) for m in f.members)) for f in part.folds
            ),
        )
        for part in parts
    ]
    one, other = combine(parts, "fitted"), combine(spoilt, "fitted")
    for mine, theirs in zip(one.folds, other.folds):
        weights = [[member["weight"] for member in f.first.architecture["members"]] for f in (mine, theirs)]
        assert weights[0] == weights[1] and mine.first.temperature == theirs.first.temperature
        assert not np.allclose(mine.proba["ensemble"], theirs.proba["ensemble"])


def test_served_row_by_row(results):
    rows, parts = results
    trained = combine(parts, "fitted").best.first
    streak = rows.inputs[rows.starts == rows.starts.max()][:160]
    predictor = Predictor(folded(trained.weights, trained.architecture), trained.scaler, trained.temperature)
    single = np.array([predictor.step(row.astype(np.float64)) for row in streak])
    net = folded(trained.weights, trained.architecture)
    batch = calibrated(net.logits(trained.scaler.transform(streak))[:, 0], trained.temperature[0])
    assert np.isnan(single[:99]).all() and np.allclose(single[99:], batch[99:], atol=1e-6)


@pytest.mark.parametrize("mean", ["probability", "logit"])
def test_weights_have_the_least_loss(mean):
    truth = RNG.normal(size=(4000, 3))
    classes = (RNG.random((4000, 1)) > np.cumsum(calibrated(truth), axis=1)).sum(axis=1)
    proba = np.stack([calibrated(truth + RNG.normal(size=truth.shape) * noise) for noise in (0.5, 1.0, 6.0)])
    weights = fit_weights(proba, classes, mean)
    assert weights.sum() == pytest.approx(1) and weights.min() >= 0 and weights[2] < 0.05 < weights[1] < weights[0]

    def loss(w):
        return -mixed(proba, w, mean)[np.arange(4000), classes].mean()

    best = loss(weights)
    for _ in range(200):
        other = np.abs(weights + RNG.normal(size=3) * 0.05)
        assert best <= loss(other / other.sum()) + 1e-7


def test_one_model_has_all_the_weight():
    assert fit_weights(np.full((1, 5, 3), 1 / 3), np.zeros(5, int)).tolist() == [1.0]
    assert fit_weights(np.full((2, 0, 3), 1 / 3), np.zeros(0, int)).tolist() == [0.5, 0.5]


def test_results_over_other_samples_are_refused(results):
    _, (logistic, _, majority) = results
    other = replace(majority, folds=tuple(replace(fold, rows=fold.rows + 1) for fold in majority.folds))
    with pytest.raises(InputError, match="fold 0: the test samples of logistic and majority differ"):
        combine([logistic, other])
    with pytest.raises(InputError, match="predict other labels"):
        combine([logistic, replace(logistic, labels=(Label(horizon=6),))])
    with pytest.raises(InputError, match="have 2 and 1 folds"):
        combine([logistic, replace(logistic, folds=logistic.folds[:1])])
    shifted = replace(logistic.folds[0], validation_classes=2 - logistic.folds[0].validation_classes)
    with pytest.raises(InputError, match="classes of the validation samples"):
        combine([logistic, replace(logistic, folds=(shifted, logistic.folds[1]))])


def test_arguments_are_checked(results):
    with pytest.raises(InputError, match="results is empty"):
        combine([])
    with pytest.raises(InputError, match="weights must be one of mean, fitted"):
        combine(results[1], "best")
    with pytest.raises(InputError, match="mean one of probability, logit"):
        combine(results[1], mean="median")
