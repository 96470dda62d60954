import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.training.folds import Fold, paths
from genesis_lib.training.splits import PurgedKFold, WalkForward


@given(st.integers(2, 6), st.integers(60, 400))
@settings(max_examples=30, deadline=None)
def test_every_sample_is_in_one_part_or_left_out(folds, n):
    time = np.arange(n)
    for splitter in (PurgedKFold(folds, 0.02), WalkForward(folds, 0.02)):
        for fold in splitter.split(time - 1, time, time + 1, np.zeros(n, int)):
            used = np.concatenate([fold.train, fold.validation, fold.test, fold.unused])
            assert len(np.unique(used)) == len(used) == n - fold.purged
            assert len(fold.embargoed) <= fold.purged and not np.isin(fold.embargoed, used).any()


def test_what_comes_after_a_walks_test_is_not_looked_at():
    time = np.arange(100)
    first = next(WalkForward(3, 0.0).split(time, time, time, np.zeros(100, int)))
    assert first.unused.tolist() == list(range(50, 100))


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
