import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import KFold
from sklearn.neighbors import KNeighborsClassifier

from genesis_lib.errors import InputError
from genesis_lib.training.splits import PurgedKFold, overlaps, spans, stretches


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9)), max_size=12),
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9)), max_size=12),
)
@settings(max_examples=200, deadline=None)
def test_overlaps_equals_the_double_loop(mine, theirs):
    a = np.array(mine, np.int64).reshape(-1, 2)
    b = np.array(theirs, np.int64).reshape(-1, 2)
    got = overlaps(a[:, 0], a.sum(axis=1), b[:, 0], b.sum(axis=1))
    assert got.tolist() == [any(s <= t + m and t <= s + k for t, m in theirs) for s, k in mine]


@st.composite
def layouts(draw):
    """Sessions that may be recorded at once, one after the other, or far apart."""
    parts = []
    for number in range(draw(st.integers(1, 4))):
        n = draw(st.integers(60, 160))
        origin = draw(st.integers(0, 4)) * 700
        time = origin + np.cumsum(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
        window, horizon = draw(st.integers(1, 8)), draw(st.integers(1, 8))
        rows = np.arange(window, n - horizon)
        parts.append((time[rows - window], time[rows], time[rows + horizon], np.full(len(rows), number)))
    return tuple(np.concatenate(part).astype(np.int64) for part in zip(*parts))


@given(layout=layouts(), folds=st.integers(2, 4), embargo=st.sampled_from([0.0, 0.01, 0.05]))
@settings(max_examples=60, deadline=None)
def test_no_part_shares_any_time_with_a_part_that_judges_it(layout, folds, embargo):
    start, time, end, session = layout
    try:
        made = list(PurgedKFold(folds, embargo, 0.2).split(start, time, end, session))
    except InputError:
        return  # too little data for these folds is refused, not squeezed
    tested = np.concatenate([fold.test for fold in made])
    assert np.array_equal(np.sort(tested), np.arange(len(time))), "every sample is tested exactly once"
    for fold in made:
        for mine, judge in ((fold.train, fold.test), (fold.train, fold.validation), (fold.validation, fold.test)):
            apart = (end[mine][:, None] < start[judge]) | (start[mine][:, None] > end[judge])
            assert apart.all()
        assert fold.purged == len(time) - sum(map(len, (fold.train, fold.validation, fold.test)))


def test_embargo_keeps_a_distance_after_the_tested_piece():
    time = np.arange(10_000)
    start, end = time - 5, time + 5
    session = np.zeros(10_000, np.int64)
    for embargo in (0.0, 0.02):
        fold = list(PurgedKFold(5, embargo).split(start, time, end, session))[1]
        after = fold.train[fold.train > fold.test.max()].min()
        assert start[after] - end[fold.test].max() == 1 + int(embargo * 10_009)


def test_sessions_recorded_at_once_are_cut_at_the_same_moments():
    time = np.concatenate([np.arange(1000), np.arange(1000) + 0, np.arange(1000) + 10_000])
    session = np.repeat([0, 1, 2], 1000)
    assert np.array_equal(spans(time, time, session), np.repeat([0, 0, 1], 1000))
    for fold in PurgedKFold(5).split(time - 3, time, time + 3, session):
        first, second = (time[fold.test[session[fold.test] == s]] for s in (0, 1))
        assert np.array_equal(first, second)
        assert {0, 1, 2} == set(session[fold.test]), "each stretch is tested in each fold"


def test_shuffled_folds_leak_and_purged_ones_do_not():
    """On a random walk nothing can be foretold; neighbours in the training set foretell it all the same."""
    rng = np.random.default_rng(5)
    walk = np.cumsum(rng.normal(size=4000))
    horizon, rows = 50, np.arange(50, 3950)
    past = walk[rows[:, None] - np.arange(50)]  # the level itself, as in so many published experiments
    classes = (walk[rows + horizon] > walk[rows]).astype(int)

    def accuracy(parts):
        hits = [KNeighborsClassifier(5).fit(past[a], classes[a]).predict(past[b]) == classes[b] for a, b in parts]
        return np.mean(np.concatenate(hits))

    shuffled = accuracy(KFold(5, shuffle=True, random_state=0).split(past))
    folds = PurgedKFold(5, 0.02).split(rows - 49, rows, rows + horizon, np.zeros(len(rows), np.int64))
    purged = accuracy((fold.train, fold.test) for fold in folds)
    assert shuffled > 0.85
    assert purged < 0.60


@pytest.mark.parametrize(("given", "word"), [((1,), "folds"), ((5, 1.0), "embargo"), ((5, 0.0, 0.0), "validation")])
def test_bad_settings_are_named(given, word):
    with pytest.raises(InputError, match=word):
        PurgedKFold(*given)


def test_too_few_samples_are_refused():
    time = np.arange(300)
    with pytest.raises(InputError, match="too few"):
        list(PurgedKFold(5).split(time[:10], time[:10], time[:10], time[:10] * 0))
    with pytest.raises(InputError, match="nothing left to"):
        list(PurgedKFold(5).split(time - 200, time, time + 200, time * 0))


@given(st.integers(2, 6), st.integers(60, 400))
@settings(max_examples=30, deadline=None)
def test_stretches_tell_each_fold_whole(folds, n):
    time = np.arange(n)
    for fold in PurgedKFold(folds, 0.02).split(time - 3, time, time + 3, np.zeros(n, int)):
        runs = stretches(fold, n)
        for part in ("train", "validation", "test"):
            told = [i for first, last in runs[part] for i in range(first, last)]
            assert told == getattr(fold, part).tolist()
        assert sum(last - first for first, last in runs["purge"]) == fold.purged
