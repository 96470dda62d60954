import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.training.folds import Fold, paths, stretches
from genesis_lib.training.splits import PurgedKFold, WalkForward


@given(st.integers(2, 6), st.integers(60, 400))
@settings(max_examples=30, deadline=None)
def test_stretches_tell_each_fold_whole(folds, n):
    time = np.arange(n)
    for fold in PurgedKFold(folds, 0.02).split(time - 3, time, time + 3, np.zeros(n, int)):
        runs = stretches(fold, n)
        for part in ("train", "validation", "test"):
            told = [i for first, last in runs[part] for i in range(first, last)]
            assert told == getattr(fold, part).tolist()
        assert sum(last - first for part in ("purge", "embargo") for first, last in runs[part]) == fold.purged


def test_what_a_fold_may_not_look_at_is_in_no_stretch():
    time = np.arange(100)
    first = next(WalkForward(3, 0.0).split(time, time, time, np.zeros(100, int)))
    runs = stretches(first, 100)
    assert list(runs) == ["purge", "train", "validation", "test", "embargo"]
    assert max(last for found in runs.values() for _, last in found) == 50 and len(first.unused) == 50


def test_paths_take_each_test_of_a_piece_once():
    none = np.empty(0, np.int64)
    folds = [
        Fold(0, none, none, np.array([0, 1, 4]), 0, piece=np.array([0, 0, 1])),
        Fold(1, none, none, np.array([0, 1, 7]), 0, piece=np.array([0, 0, 2])),
        Fold(2, none, none, np.array([4, 7]), 0, piece=np.array([1, 2])),
    ]
    found = [{number: at.tolist() for number, at in path.items()} for path in paths(folds)]
    assert found == [{0: [0, 1, 2], 1: [2]}, {1: [0, 1], 2: [0, 1]}]
    assert paths([]) == []
