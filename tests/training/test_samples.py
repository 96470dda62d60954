import numpy as np
import pytest

from genesis_lib.features import FEATURES, OFI_INPUTS, FeatureSet
from genesis_lib.training.dataset import Rows, Samples
from genesis_lib.training.labels import Label
from genesis_lib.training.samples import HeadSamples
from genesis_lib.training.splits import PurgedKFold

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
