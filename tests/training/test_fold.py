from dataclasses import replace

import numpy as np
import pytest

from genesis_lib.errors import InputError
from genesis_lib.training import Label, PurgedKFold, Rows, TrainingConfig, cross_validate
from genesis_lib.training.fold import thinned
from genesis_lib.training.samples import HeadSamples

QUICK = TrainingConfig(epochs=1, sequences=4, stretch=64, threads=1, quiet=True)


@pytest.fixture(scope="module")
def rows(make_planted):
    return Rows.of([make_planted(2000, 1), make_planted(1600, 2, day=1)], 3, ("obi_1", "queue_change", "log_spread"))


def test_thinning_leaves_training_alone(rows):
    samples = HeadSamples.of(rows, Label(horizon=5), 60)
    fold = next(iter(samples.folds(rows, PurgedKFold(2))))
    few = thinned(fold, samples, rows, 7)
    assert np.array_equal(few.train, fold.train) and thinned(fold, samples, rows, 1) is fold
    for name in ("validation", "test"):
        row = samples.row[getattr(few, name)]
        assert ((row - np.where(row < 2000, 0, 2000)) % 7 == 0).all()
        assert len(row) == pytest.approx(len(getattr(fold, name)) / 7, abs=4)


@pytest.mark.parametrize("model", ["majority", "logistic", "boosted"])
def test_estimators_go_through_the_same_folds(rows, model):
    result = cross_validate(rows, Label(horizon=5), model=model, training=QUICK, splitter=PurgedKFold(2))
    assert result.model == model and result.stride == 1
    if model == "majority":
        assert result.scores()["log_loss"] == pytest.approx(result.scores("majority")["log_loss"], abs=0.01)
    else:
        assert result.scores()["log_loss"] < result.scores("majority")["log_loss"] - 0.05
        assert result.best.first.architecture["kind"] == model and result.parameters > 3


def test_what_is_kept_stands_for_what_would_be_computed_and_for_nothing_else(rows, tmp_path):
    label, splitter = Label(horizon=5), PurgedKFold(2)
    told = {"model": "logistic", "training": QUICK, "splitter": splitter, "keep": tmp_path}
    first = cross_validate(rows, label, **told)
    files = sorted(tmp_path.glob("fold-*.safetensors"))
    assert len(files) == 2
    stamps = [file.stat().st_mtime_ns for file in files]
    again = cross_validate(rows, label, **told)
    assert [file.stat().st_mtime_ns for file in files] == stamps, "read, not computed"
    assert again.scores() == first.scores() and again.fold_table().equals(first.fold_table())
    other = cross_validate(rows, Label(horizon=9), **told)
    assert other.scores() != first.scores() and [file.stat().st_mtime_ns for file in files] != stamps


def test_the_ensemble_of_seeds_is_their_mean(rows):
    result = cross_validate(
        rows, Label(horizon=5), model="logistic", training=QUICK, splitter=PurgedKFold(2), seeds=(1, 2)
    )
    for fold in result.folds:
        assert [member.seed for member in fold.members] == [1, 2]
        assert np.allclose(fold.proba["ensemble"], (fold.members[0].proba + fold.members[1].proba) / 2)


def test_a_horizon_that_no_training_sample_has_is_named(rows):
    labels = [Label(horizon=5), Label(seconds=3600)]
    with pytest.raises(InputError, match="fold 0: no training sample has a label 60 minutes ahead"):
        cross_validate(rows, labels, model="majority", training=QUICK, splitter=replace(PurgedKFold(2)))
