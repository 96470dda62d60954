from dataclasses import replace

import numpy as np
import pytest

from genesis_lib.features import FEATURES, OFI_INPUTS, FeatureSet
from genesis_lib.training.dataset import Rows, Samples
from genesis_lib.training.labels import Label
from genesis_lib.training.samples import HeadSamples
from genesis_lib.training.splits import CombinatorialPurged, PurgedKFold, WalkForward

LABELS = (Label(horizon=10), Label(horizon=60), Label(seconds=1.0))


@pytest.fixture(scope="module")
def broken(make_planted):
    """Two sessions, the first with an invalid row."""
    first, second = make_planted(700, 1), make_planted(500, 2, day=1)
    first.valid[400] = False
    return Rows.of([first, second])


def test_the_primary_label_decides_where_there_are_samples(broken):
    samples, plain = HeadSamples.of(broken, LABELS), Samples.of(broken, LABELS[0])
    assert np.array_equal(samples.row, plain.row) and np.array_equal(samples.move, plain.move)
    assert np.array_equal(samples.moves[:, 0], plain.move) and np.array_equal(samples.knowns[:, 0], plain.known)
    for head, label in enumerate(LABELS):
        move, end = label.moves(broken.mid, broken.starts, broken.time, broken.spread)
        assert np.array_equal(samples.moves[:, head], move[samples.row], equal_nan=True)
        assert (samples.end >= end[samples.row]).all(), "known when the last of its labels is"
    missing = np.isnan(samples.moves).any(axis=0)
    assert missing.tolist() == [False, True, True] and np.isfinite(samples.knowns).all()
    both = np.isfinite(samples.moves).all(axis=1)
    assert (samples.end[both] - samples.row[both] == 60).all()


def test_what_was_seen_reaches_back_as_far_as_the_columns_do(make_planted):
    session = make_planted(900, 3)
    rows = Rows.of([session], 5, ("obi_1", "return_50"))
    samples = HeadSamples.of(rows, Label(horizon=10), 20)
    flow = FeatureSet(OFI_INPUTS(5), 5).warmup
    back = max(19 + 50, flow)
    late = samples.row >= back
    assert late.sum() > 100 and np.array_equal(samples.seen[late], samples.row[late] - back)
    assert (samples.seen >= 0).all()


def test_what_was_seen_never_lies_in_another_session(broken):
    samples = HeadSamples.of(broken, LABELS[0])
    assert np.array_equal(broken.session[samples.seen], broken.session[samples.row])
    assert (samples.seen <= samples.start).all()


def test_columns_that_look_back_in_seconds_are_purged_by_them(make_planted):
    timed = [name for name, item in FEATURES.items() if item.warmup_seconds and not item.sparse]
    if not timed:
        pytest.skip("no column looks back in seconds")
    session = make_planted(12_000, 3)
    name = min(timed, key=lambda each: FEATURES[each].warmup_seconds)
    rows = Rows.of([session], 5, ("obi_1", name))
    if (rows.starts >= 0).sum() < 500:
        pytest.skip(f"{name} has no value here")
    samples = HeadSamples.of(rows, Label(horizon=10), 20)
    seen = rows.time[samples.start] - rows.time[samples.seen]
    inner = samples.seen > 0
    assert (seen[inner] >= FEATURES[name].warmup_seconds * 1e9 - 1).all()


def test_no_training_sample_meets_what_it_is_tested_on(make_planted):
    rows = Rows.of([make_planted(3000, 1), make_planted(2600, 2, day=1)])
    samples = HeadSamples.of(rows, LABELS, 60)
    begin, _, end = samples.times(rows)
    folds = list(samples.folds(rows, PurgedKFold(2)))
    for fold in folds:
        for position in fold.test[::17]:
            meets = (begin[fold.train] <= end[position]) & (end[fold.train] >= begin[position])
            assert not meets.any()
    assert min(len(fold.train) for fold in folds) > 200


BACKWARD = (
    Label("smoothed-past", horizon=300),
    Label("smoothed-past", seconds=15.0),
    Label("volatility", horizon=10, span=400),
    Label("triple-barrier", horizon=30, span=400),
    Label("smoothed", seconds=20.0),
)


@pytest.mark.parametrize("label", BACKWARD, ids=lambda label: f"{label.kind}-{label.ahead}")
def test_the_past_that_a_label_or_a_guess_looks_at_was_seen(label, make_planted):
    """What changes a sample's label, or the newest known move, lies within what the sample is purged by."""
    rows = Rows.of([make_planted(2200, 4)], 3, ("obi_1",))
    samples = HeadSamples.of(rows, label, 20, 40)
    for changed in (300, 800, 1300):
        mid = rows.mid.copy()
        mid[changed] += 20.0
        other = replace(rows, mid=mid)
        move, _ = label.moves(other.mid, other.starts, other.time, other.spread)
        touched = ~np.isclose(move[samples.row], samples.move, 1e-9, 1e-12)
        guess = HeadSamples.of(other, label, 20, 40)
        if np.array_equal(guess.row, samples.row):  # else a barrier is passed elsewhere, and other labels are known
            touched |= ~np.isclose(guess.known, samples.known, 1e-9, 1e-12)
        within = (samples.seen <= changed) & (changed <= samples.end)
        assert touched.any() and not (touched & ~within).any()


@pytest.mark.parametrize("splitter", [PurgedKFold(2), WalkForward(2), CombinatorialPurged(4, tested=1)])
def test_labels_that_look_far_back_are_purged_by_their_past(splitter, make_planted):
    rows = Rows.of([make_planted(5000, 1), make_planted(4400, 2), make_planted(4000, 3, day=1)], 3, ("obi_1",))
    label = Label("smoothed-past", seconds=12.0)
    samples = HeadSamples.of(rows, (Label(horizon=10), label), 20, 7)
    pasts = rows.time[samples.row] - 12 * 10**9
    for fold in samples.folds(rows, splitter):
        first, last = pasts[fold.test], rows.time[samples.end[fold.test]]
        for part in (fold.train, fold.validation):
            for position in part[::23]:
                meets = (first <= rows.time[samples.end[position]]) & (last >= pasts[position])
                assert not meets.any()


def test_samples_that_share_a_row_share_a_moment_though_the_clock_steps_back(make_planted):
    rows = Rows.of([make_planted(1200, 1)], 3, ("obi_1",))
    time = rows.time.copy()
    rng = np.random.default_rng(0)
    time += np.where(rng.random(len(time)) < 0.02, -(3 * 10**9), 0)
    rows = replace(rows, time=time)
    samples = HeadSamples.of(rows, Label(horizon=10), 20, 5)
    first, _, last = samples.times(rows)
    shared = (samples.seen[:, None] <= samples.end) & (samples.end[:, None] >= samples.seen)
    assert ((first[:, None] <= last) & (last[:, None] >= first))[shared].all()
    assert (first <= rows.time[samples.row]).all() and (last >= rows.time[samples.row]).all()
    for at in range(0, len(samples), 40):
        inside = time[samples.seen[at] : samples.end[at] + 1]
        assert (first[at], last[at]) == (inside.min(), inside.max())
