from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from genesis_lib.errors import InputError
from genesis_lib.models.baseline import NAMES
from genesis_lib.models.deeplob import DeepLOBConfig
from genesis_lib.models.kinds import restore
from genesis_lib.models.scaler import Scaler
from genesis_lib.training import Label, PurgedKFold, Rows, TrainingConfig, cross_validate, crossval
from genesis_lib.training.calibration import calibrated
from genesis_lib.training.samples import HeadSamples


def test_it_learns_what_was_planted(small_cv):
    _, result = small_cv
    net, majority = result.scores(), result.scores("majority")
    assert net["accuracy"] > majority["accuracy"] + 0.10
    assert net["mcc"] > 0.15 and net["log_loss"] < majority["log_loss"]
    assert result.scores("logistic_ofi")["accuracy"] > majority["accuracy"] + 0.10


def test_it_learns_nothing_where_there_is_nothing(make_planted):
    rows = Rows.of([make_planted(2400, 3, signal=0.0)], 3)
    result = cross_validate(
        rows,
        Label(horizon=5),
        config=DeepLOBConfig(window=20, channels=8, branch=4, hidden=16),
        training=TrainingConfig(epochs=3, patience=2, batch_size=128, threads=1, quiet=True),
        splitter=PurgedKFold(2),
        stride=2,
    )
    assert abs(result.scores()["mcc"]) < 0.1


def test_everything_of_a_fold_comes_from_its_training_samples(small_cv):
    rows, result = small_cv
    samples = HeadSamples.of(rows, result.label, result.config.window, result.stride)
    for fold, got in zip(samples.folds(rows, result.splitter), result.folds):
        used = np.zeros(len(rows), bool)
        for position in fold.train:
            used[samples.start[position] : samples.row[position] + 1] = True
        expected = Scaler.fit(rows.inputs[used])
        assert np.array_equal(got.first.scaler.mean, expected.mean) and np.array_equal(
            got.first.scaler.std, expected.std
        )
        everything = Scaler.fit(rows.inputs[rows.starts >= 0])
        assert not np.array_equal(got.first.scaler.mean, everything.mean)
        assert got.label.threshold == np.quantile(np.abs(samples.move[fold.train]), 1 / 3)
        train = got.label.classes(samples.move[fold.train])
        assert np.allclose(got.baselines.prior, np.bincount(train, minlength=3) / len(train))
        assert not used[samples.row[fold.test]].any()


def test_tables(small_cv):
    _, result = small_cv
    folds, n = result.fold_table(), sum(len(fold.classes) for fold in result.folds)
    assert list(folds.index) == [0, 1] and folds["best"].sum() == 1
    assert {"train", "validation", "test", *NAMES} <= set(folds.columns)
    assert folds["validation_gain"].idxmax() == result.best.number
    assert list(result.baseline_table().index) == list(result.models)
    assert result.confusion().to_numpy().sum() == n == result.class_table()["support"].sum()
    diagonal = np.trace(result.confusion().to_numpy()) / n
    assert abs(diagonal - result.scores()["accuracy"]) < 1e-12
    assert isinstance(result.share_table(), pd.DataFrame) and len(result.share_table()) == 6


def test_the_best_fold_does_not_hear_of_the_test(small_cv):
    _, result = small_cv
    spoiled = tuple(
        replace(
            fold,
            members=(
                replace(
                    fold.first,
                    scores=fold.first.scores | {"test": dict.fromkeys(fold.first.scores["test"], -fold.number)},
                ),
            ),
        )
        for fold in result.folds
    )
    assert replace(result, folds=spoiled).best.number == result.best.number


def test_the_test_answers_are_those_of_the_registered_weights(small_cv):
    rows, result = small_cv
    fold = result.folds[1]
    net = restore(fold.first.architecture, fold.first.weights)
    windows = fold.rows[:, None] + np.arange(1 - result.config.window, 1)
    with torch.inference_mode():
        logits = net(torch.from_numpy(fold.first.scaler.transform(rows.inputs[windows])))[:, 0].numpy()
    mine = calibrated(logits, fold.first.temperature[0])
    assert len(mine) > 100 and np.abs(mine - fold.proba["deeplob"]).max() < 1e-5


def test_the_same_seed_gives_the_same_folds(small_cv):
    rows, result = small_cv
    again = cross_validate(
        rows,
        result.label,
        config=result.config,
        training=result.training,
        splitter=result.splitter,
        stride=result.stride,
    )
    for one, other in zip(again.folds, result.folds):
        assert np.array_equal(one.proba["deeplob"], other.proba["deeplob"])
        assert one.first.history == other.first.history


def test_two_folds_at_once_give_the_same_with_one_bar(small_cv, capfd):
    rows, result = small_cv
    training = replace(result.training, epochs=2, quiet=False)
    alone = cross_validate(
        rows,
        result.label,
        config=result.config,
        training=replace(training, quiet=True),
        splitter=result.splitter,
        stride=result.stride,
    )
    capfd.readouterr()
    again = cross_validate(
        rows,
        result.label,
        config=result.config,
        training=training,
        splitter=result.splitter,
        stride=result.stride,
        jobs=2,
    )
    said = capfd.readouterr()
    assert said.out == "" and "folds: 100%" in said.err
    assert again.scores() == pytest.approx(alone.scores(), abs=1e-9)


def test_strides_and_seeds_that_tell_nothing_are_refused(planted_sessions):
    rows = Rows.of(planted_sessions, 3, "obi_1")
    for stride in (0, -1, 2.5):
        with pytest.raises(InputError, match="stride must be a whole number of at least 1 row"):
            cross_validate(rows, Label(horizon=5), model="majority", stride=stride)
    with pytest.raises(InputError, match="seeds must differ, got 7, 8, 7"):
        cross_validate(rows, Label(horizon=5), model="majority", seeds=(7, 8, 7))


def test_what_is_kept_is_of_this_code_alone(planted_sessions, tmp_path, monkeypatch):
    rows, splitter = Rows.of(planted_sessions, 3, "obi_1"), PurgedKFold(2)
    task = crossval._task(rows, (Label(horizon=5),), "majority", None, None, None, None, None)
    for folder in crossval.DECIDE:
        (tmp_path / "package" / folder).mkdir(parents=True)
    source = tmp_path / "package" / "training" / "fold.py"
    source.write_text("one")
    monkeypatch.setattr(crossval.genesis_lib, "__file__", str(tmp_path / "package" / "__init__.py"))
    found = []
    for text in ("one", "another", "one"):
        source.write_text(text)
        crossval._code.cache_clear()
        found.append(crossval._key(rows, task, splitter))
    monkeypatch.undo()
    crossval._code.cache_clear()
    assert found[0] == found[2] != found[1] and crossval._key(rows, task, splitter) not in found
