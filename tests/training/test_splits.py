from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import KFold
from sklearn.neighbors import KNeighborsClassifier

from genesis_lib.errors import InputError
from genesis_lib.training.intervals import DAY, days, spans
from genesis_lib.training.splits import CombinatorialPurged, PurgedKFold, WalkForward, paths, splitter


@st.composite
def layouts(draw):
    """Sessions that may be recorded at once, one after the other, or days apart, with holes in them."""
    parts = []
    for number in range(draw(st.integers(1, 4))):
        n = draw(st.integers(60, 160))
        origin = draw(st.integers(0, 4)) * draw(st.sampled_from([700, DAY // 2]))
        time = origin + np.cumsum(draw(st.lists(st.sampled_from([0, 1, 1, 2, 3, 40]), min_size=n, max_size=n)))
        window, horizon = draw(st.integers(1, 8)), draw(st.integers(1, 8))
        rows = np.arange(window, n - horizon)
        parts.append((time[rows - window], time[rows], time[rows + horizon], np.full(len(rows), number)))
    return tuple(np.concatenate(part).astype(np.int64) for part in zip(*parts))


SPLITS = [
    lambda folds, **rest: PurgedKFold(folds, **rest),
    lambda folds, **rest: CombinatorialPurged(folds + 1, tested=2, **rest),
    lambda folds, **rest: WalkForward(folds, **rest),
    lambda folds, **rest: WalkForward(folds, rolling=1, **rest),
]


def folds_of(made, layout):
    """The folds, or none where there is too little data for them: that is refused, not squeezed."""
    try:
        return list(made.split(*layout))
    except InputError:
        return []


@pytest.mark.parametrize("make", SPLITS, ids=["kfold", "combinatorial", "expanding", "rolling"])
@given(
    layout=layouts(),
    folds=st.integers(2, 4),
    embargo=st.sampled_from([0.0, 0.01, 0.05]),
    unit=st.sampled_from(["moment", "stretch", "day"]),
)
@settings(max_examples=60, deadline=None)
def test_no_part_shares_any_time_with_a_part_that_judges_it(make, layout, folds, embargo, unit):
    start, time, end, session = layout
    made = make(folds, embargo=embargo, validation=0.2, unit=unit)
    folds = folds_of(made, layout)
    group = spans(start, end, session)
    whole = {"stretch": group, "day": days(start, group)}.get(unit)
    for fold in folds:
        everyone = np.concatenate([fold.train, fold.validation, fold.test, fold.embargoed, fold.unused])
        assert len(np.unique(everyone)) == len(everyone), "no sample is in two parts"
        assert fold.purged == len(time) - len(everyone) + len(fold.embargoed)
        for mine, judge in ((fold.train, fold.test), (fold.train, fold.validation), (fold.validation, fold.test)):
            apart = (end[mine][:, None] < start[judge]) | (start[mine][:, None] > end[judge])
            assert apart.all()
        assert not np.isin(time[fold.train], time[fold.test]).any(), "what was recorded at one moment is on one side"
        if whole is not None:
            assert not np.isin(whole[fold.train], whole[fold.test]).any(), "nor is anything of a group on both"
            assert not np.isin(whole[fold.validation], whole[fold.test]).any()
        for g in np.unique(group[fold.test]):
            inside = np.flatnonzero(group == g)
            margin = int(embargo * (end[inside].max() - start[inside].min()))
            judge = fold.test[group[fold.test] == g]
            for mine in (fold.train, fold.validation):
                if isinstance(made, WalkForward):
                    assert (end[mine][:, None] < start[judge] - margin).all(), "trained on the past alone"
                else:
                    late = start[mine][:, None] > end[judge] + margin
                    assert (late | (end[mine][:, None] < start[judge])).all()
        if isinstance(made, WalkForward):
            assert end[fold.train].max() < start[fold.validation].min()


@pytest.mark.parametrize("make", SPLITS[:2], ids=["kfold", "combinatorial"])
@given(layout=layouts(), folds=st.integers(2, 4), unit=st.sampled_from(["moment", "stretch", "day"]))
@settings(max_examples=40, deadline=None)
def test_every_path_tests_every_sample_once(make, layout, folds, unit):
    made = make(folds, embargo=0.0, unit=unit)
    done = folds_of(made, layout)
    found = paths(done)
    assert len(found) == (0 if not done else made.path_count if isinstance(made, CombinatorialPurged) else 1)
    for path in found:
        tested = np.concatenate([done[number].test[at] for number, at in path.items()])
        assert np.array_equal(np.sort(tested), np.arange(len(layout[0])))


@given(layout=layouts(), folds=st.integers(2, 4), rolling=st.sampled_from([None, 1, 2]))
@settings(max_examples=20, deadline=None)
def test_a_walk_forward_goes_on_from_where_it_was(layout, folds, rolling):
    time = layout[1]
    made = folds_of(WalkForward(folds, 0.0, rolling=rolling), layout)
    tested = [fold.test for fold in made]
    assert all(time[a].max() < time[b].min() for a, b in pairwise(tested))
    for fold in made:
        past = np.concatenate([fold.train, fold.validation])
        behind = np.flatnonzero(time < time[fold.test].min())
        if rolling is None:
            assert time[past].min() == time.min() or fold.purged, "an expanding past begins with the recording"
        else:
            assert len(past) <= np.ceil(rolling * len(time) / (folds + 1)) + max(np.unique(time, return_counts=True)[1])
        assert np.isin(past, behind).all()


def test_combinatorial_folds_by_hand():
    time = np.arange(60)
    made = CombinatorialPurged(6, 0.0, 0.1)
    folds = list(made.split(time, time, time, np.zeros(60, np.int64)))
    assert len(folds) == 15 and made.path_count == len(paths(folds)) == 5
    assert [tuple(np.unique(fold.piece)) for fold in folds[:3]] == [(0, 1), (0, 2), (0, 3)]
    fold = folds[1]
    assert fold.test.tolist() == [*range(10), *range(20, 30)]
    assert fold.validation.tolist() == list(range(42, 48)), "in the middle of the longest run that is not tested"
    assert paths(folds)[0].keys() == {0, 1, 2, 3, 4}, "the first test of every piece"


def test_walks_by_hand():
    time = np.arange(60)
    session = np.zeros(60, np.int64)
    first, second = list(WalkForward(2, 0.0, 0.25).split(time, time, time, session))
    assert (first.train.max(), first.validation.tolist(), first.test.tolist()) == (
        14,
        list(range(15, 20)),
        list(range(20, 40)),
    )
    assert first.unused.tolist() == list(range(40, 60)) and second.train.min() == 0
    rolled = list(WalkForward(2, 0.0, 0.25, rolling=1).split(time, time, time, session))[1]
    assert rolled.train.tolist() == list(range(20, 35)) and rolled.unused.tolist() == list(range(20))
    held = next(WalkForward(2, 0.05, 0.25).split(time, time, time, session))
    assert held.validation.tolist() == [14, 15, 16, 17], "int(0.05 * 59) moments before the tested ones are left out"
    assert held.embargoed.tolist() == [12, 13, 18, 19] and held.purged == 4


def test_a_walk_chooses_on_what_its_test_leaves_over():
    """Windows reach back farther than the validation piece is long: purging must not take all of it."""
    rows = np.arange(400, 1600)
    made = list(WalkForward(3, 0.0, 0.1).split(rows - 100, rows, rows + 20, np.zeros(1200, np.int64)))
    for fold in made:
        past = fold.test.min() - 120
        assert fold.validation.tolist() == list(range(past - round(0.1 * past), past))
        assert fold.train.tolist() == list(range(fold.validation.min() - 120))


def test_days_stay_whole_and_what_is_told_to_be_tied_is():
    hour = DAY // 24
    begins = np.array([0, 0, 8, 24, 32, 48, 56, 72]) * hour  # day and night sessions, the first with two instruments
    time = np.concatenate([begin + np.arange(100) for begin in begins])
    session = np.repeat(np.arange(8), 100)
    for fold in PurgedKFold(4, unit="day").split(time, time, time, session):
        assert len(np.unique(time[fold.test] // DAY)) == 1 and len(fold.test) in (100, 200, 300)
    tests = [
        np.unique(session[f.test]).tolist() for f in PurgedKFold(3, unit="stretch").split(time, time, time, session)
    ]
    assert tests == [[0, 1, 2], [3, 4], [5, 6, 7]]
    tied = PurgedKFold(2, unit="stretch", together=(0, 0, 1, 1, 2, 2, 2, 2))
    assert [np.unique(session[f.test]).tolist() for f in tied.split(time, time, time, session)] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
    ]
    with pytest.raises(InputError, match="4 whole days make no 5 pieces"):
        list(PurgedKFold(5, unit="day").split(time, time, time, session))
    with pytest.raises(InputError, match="together numbers 1 sessions"):
        list(PurgedKFold(5, together=(0,)).split(time, time, time, session))


def test_splitters_are_made_by_name():
    assert splitter("kfold") == PurgedKFold() and splitter("combinatorial").folds == 6
    assert splitter("walk-forward", 3, 0.02, rolling=2) == WalkForward(3, 0.02, rolling=2)
    for name in ("kfold", "walk-forward", "combinatorial"):
        told = splitter(name, 4, unit="day").as_dict()
        assert told["kind"] == name and splitter(told.pop("kind"), **told).as_dict() == {"kind": name, **told}
    with pytest.raises(InputError, match="split must be one of"):
        splitter("shuffled")
    with pytest.raises(InputError, match="no setting 'tested'"):
        splitter("kfold", tested=2)


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


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: PurgedKFold(1), "folds"),
        (lambda: PurgedKFold(5, 1.0), "embargo"),
        (lambda: PurgedKFold(5, 0.0, 0.0), "validation"),
        (lambda: PurgedKFold(unit="hour"), "unit"),
        (lambda: CombinatorialPurged(4, tested=4), "tested"),
        (lambda: WalkForward(4, rolling=0), "rolling"),
    ],
)
def test_bad_settings_are_named(make, word):
    with pytest.raises(InputError, match=word):
        make()


def test_too_few_samples_are_refused():
    time = np.arange(300)
    with pytest.raises(InputError, match="too few"):
        list(PurgedKFold(5).split(time[:10], time[:10], time[:10], time[:10] * 0))
    with pytest.raises(InputError, match="nothing left to"):
        list(PurgedKFold(5).split(time - 200, time, time + 200, time * 0))


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("kfold", {"folds": 2.5}, "folds must be a whole number of at least 2, got 2.5"),
        ("kfold", {"folds": float("nan")}, "folds must be a whole number"),
        ("kfold", {"folds": 1}, "folds must be a whole number of at least 2, got 1"),
        ("kfold", {"embargo": float("nan")}, r"embargo must lie in \[0, 1\), got nan"),
        ("combinatorial", {"tested": 1.5}, "tested must be at least 1, a whole number, and fewer"),
        ("walk-forward", {"rolling": 0.5}, "rolling must be a whole number of at least 1 piece, got 0.5"),
    ],
)
def test_numbers_that_cut_nothing_are_refused(name, settings, said):
    with pytest.raises(InputError, match=said):
        splitter(name, **settings)
