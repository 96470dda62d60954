import numpy as np
import pytest

from genesis_lib import training
from genesis_lib.errors import InputError
from genesis_lib.training import Label, PurgedKFold, Rows, cross_validate, splits
from genesis_lib.training.leaky import LeakyShuffle, leak_table


def test_each_sample_is_tested_once_and_is_in_one_part_alone():
    time = np.arange(500)
    folds = list(LeakyShuffle(5).split(time, time, time, np.zeros(500, int)))
    assert np.array_equal(np.sort(np.concatenate([fold.test for fold in folds])), time)
    for fold in folds:
        parts = np.concatenate([fold.train, fold.validation, fold.test])
        assert len(np.unique(parts)) == len(parts) == 500 and (np.diff(fold.train) > 0).all()
        assert len(fold.validation) == 75


def test_nobody_finds_it_by_accident():
    assert not hasattr(splits, "LeakyShuffle") and "LeakyShuffle" not in training.__all__
    assert LeakyShuffle not in splits.SPLITTERS.values()
    assert LeakyShuffle().as_dict()["kind"] == "leaky-shuffle", "a model judged by it cannot hide that"


def test_what_is_tested_was_touched_in_training_or_not(make_planted):
    rows, label = Rows.of([make_planted(2000, 5, depth=3)], 3, "obi_1, return_10"), Label(horizon=40)
    shuffled, purged = (
        cross_validate(rows, label, model="logistic", splitter=splitter, stride=10)
        for splitter in (LeakyShuffle(2), PurgedKFold(2))
    )
    table = leak_table(rows, label, [shuffled, purged], "persistence")
    assert table.share_touched.to_dict() == {"LeakyShuffle": 1.0, "PurgedKFold": 0.0}
    assert table.accuracy["PurgedKFold"] == purged.scores("persistence")["accuracy"]
    assert leak_table(rows, label, [purged]).mcc["PurgedKFold"] == purged.scores()["mcc"]


@pytest.mark.slow
def test_noise_is_learnt_by_shuffling_and_not_by_purging(make_planted):
    """Of a random walk nothing can be known: what the shuffle shows above chance is the leak."""
    columns = "return_10, return_50, return_100, log_realised_vol_50, log_realised_vol_100, nofi_sum_50, nofi_sum_100"
    rows, label = Rows.of([make_planted(3000, 5, depth=3, signal=0.0)], 3, columns), Label(horizon=40)
    shuffled, purged = (
        cross_validate(rows, label, model="boosted", splitter=splitter)
        for splitter in (LeakyShuffle(3), PurgedKFold(2))
    )
    table = leak_table(rows, label, [shuffled, purged])
    assert table.mcc["LeakyShuffle"] > 0.3 > 0.15 > abs(table.mcc["PurgedKFold"])


def test_refusals():
    with pytest.raises(InputError, match="folds must be at least 2, got 1"):
        LeakyShuffle(1)
    with pytest.raises(InputError, match="validation must lie"):
        LeakyShuffle(validation=0.9)
    few = np.arange(10)
    with pytest.raises(InputError, match="10 samples are too few for 5 folds"):
        next(LeakyShuffle(5).split(few, few, few, few))
