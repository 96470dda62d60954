from dataclasses import replace

import numpy as np
import pytest

from genesis_lib.analytics.feature_regression import (
    PENALTIES,
    Line,
    Questions,
    answer,
    best_feature,
    chosen_penalties,
    cross_validated,
    out_of_sample,
)
from genesis_lib.analytics.feature_study import FeatureRows
from genesis_lib.errors import InputError
from genesis_lib.training.labels import DOWN, NEUTRAL, UP, Label
from genesis_lib.training.sessions import gather_sessions
from genesis_lib.training.splits import PurgedKFold

LABEL = Label("smoothed", 20)
NAMES = ("obi_1", "nofi_sum_20", "hawkes_imbalance_1s", "vpin")


def made_up(n=1500, seed=0, length=20):
    """Questions whose move column 0 half tells and the others do not; the last is half missing."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 4))
    move = values[:, 0] + rng.normal(size=n)
    values[rng.random(n) < 0.5, 3] = np.nan
    time = np.arange(n, dtype=np.int64) * 100
    known = np.roll(move, 1)
    return Questions(
        NAMES, values, move, known, time - 100 * length, time, time + 100 * length, np.zeros(n, int), LABEL
    )


@pytest.fixture(scope="module")
def studied():
    return [FeatureRows.of(rows, LABEL, NAMES) for rows in gather_sessions("simulator", minutes=1.0)]


def test_questions_lie_past_every_warm_up_and_span_all_that_they_use(studied):
    asked = Questions.of(studied, 3)
    rows = np.searchsorted(studied[0].time, asked.time)
    assert len(asked) > 50 and np.isfinite(asked.values[:, :3]).all()
    assert (asked.start <= asked.time - int(5e9)).all()  # what the excitation of one second waits for
    assert (asked.end == studied[0].time[np.minimum(rows + 20, len(studied[0]) - 1)]).all()
    assert np.array_equal(asked.values, studied[0].values[rows], equal_nan=True)
    # The newest known move is the one that ended at the decision, never a later one.
    assert np.array_equal(asked.known, np.nan_to_num(studied[0].move[rows - 20]))


def test_the_best_feature_comes_from_training_rows_alone():
    questions = made_up()
    assert best_feature(questions, np.arange(700)) == "obi_1"
    values = questions.values.copy()
    values[700:, 1] = 9 * questions.move[700:]
    assert best_feature(replace(questions, values=values), np.arange(700)) == "obi_1"
    assert best_feature(replace(questions, values=values), np.arange(700, 1500)) == "nofi_sum_20"


def test_a_line_is_fitted_on_its_rows_and_puts_missing_values_at_the_mean():
    questions = made_up()
    classes = np.where(questions.move > 0, UP, DOWN)
    line = Line.fit(questions.values[:800], classes[:800], [0, 3], 1.0)
    seen = questions.values[:800, 3]
    assert line.scaler.mean == pytest.approx([questions.values[:800, 0].mean(), np.nanmean(seen)])
    assert line.scaler.std[1] == pytest.approx(np.nanstd(seen))
    odds = line.probabilities(questions.values[800:])
    assert odds.sum(axis=1) == pytest.approx(np.ones(700)) and (odds[:, NEUTRAL] == 0).all()
    assert np.mean((odds[:, UP] > 0.5) == (classes[800:] == UP)) > 0.7
    missing, mean = np.array([[1.0, 0, 0, np.nan]]), np.array([[1.0, 0, 0, np.nanmean(seen)]])
    assert line.probabilities(missing) == pytest.approx(line.probabilities(mean), abs=1e-6)


def test_a_line_survives_columns_and_classes_that_do_not_vary():
    values = np.column_stack([np.full(50, 3.3), np.full(50, np.nan), np.arange(50.0)])
    line = Line.fit(values, np.repeat([DOWN, UP], 25), [0, 1, 2], 1.0)
    assert np.isfinite(line.probabilities(values)).all()
    only = Line.fit(values, np.full(50, NEUTRAL), [2], 1.0).probabilities(values)
    assert (only == [0.0, 1.0, 0.0]).all()


def test_what_can_be_known_is_found_and_what_cannot_is_not():
    found = cross_validated(made_up(), {"useless": NAMES[1:3]}, folds=4)
    assert found.asked == 1500 and len(found.best) == 4 and set(found.best) == {"obi_1"}
    assert min(found.purged) >= 40 and all(set(chosen.values()) <= set(PENALTIES) for chosen in found.penalties)
    assert found.table.mcc["best feature"] > 0.2 > 0.1 > abs(found.table.mcc["useless"])
    assert found.table.log_loss["best feature"] < found.table.log_loss["majority"] - 0.05
    assert found.table.log_loss["useless"] > found.table.log_loss["majority"] - 0.02


def test_purging_is_what_keeps_overlapping_moves_from_answering():
    """A column that only numbers the stretch: neighbours share their move, so an unpurged fold would know it."""
    rng = np.random.default_rng(3)
    n, horizon = 2400, 40
    steps = rng.normal(size=n + horizon)
    move = np.convolve(steps, np.ones(horizon), "valid")[:n]
    time = np.arange(n, dtype=np.int64)
    stretch = (time[:, None] // horizon % 60 == np.arange(60)).astype(float)
    columns = tuple(f"c{i}" for i in range(60))
    asked = Questions(
        columns,
        stretch,
        move,
        np.zeros(n),
        time - 5,
        time,
        time + horizon,
        np.zeros(n, int),
        Label("smoothed", horizon),
    )
    interleaved = np.arange(n) % 2 == 0
    penalties = {"best feature": 1.0, "stretch": 1.0}
    truth, leaked, _ = answer(
        asked, np.flatnonzero(interleaved), asked, np.flatnonzero(~interleaved), {"stretch": columns}, penalties
    )
    purged = cross_validated(asked, {"stretch": columns}, folds=4)
    assert np.mean(leaked["stretch"][0] == truth) > 0.5
    assert abs(purged.table.mcc["stretch"]) < 0.15
    for fold in PurgedKFold(4).split(asked.start, asked.time, asked.end, asked.session):
        first, last = fold.test[0], fold.test[-1]
        assert not ((fold.train + horizon >= first - 5) & (fold.train - 5 <= last + horizon)).any()


def test_nothing_is_learnt_from_the_rows_that_are_scored():
    questions, sets = made_up(), {"all": NAMES}
    train, test = np.arange(1000), np.arange(1100, 1500)
    penalties = {"best feature": 0.01, "all": 0.01}
    _, before, _ = answer(questions, train, questions, test, sets, penalties)
    turned = replace(questions, move=np.where(np.arange(1500) < 1000, questions.move, -questions.move))
    _, after, _ = answer(turned, train, turned, test, sets, penalties)
    for name in ("majority", "best feature", "all"):
        assert np.array_equal(before[name][1], after[name][1])
    folds = list(PurgedKFold(3).split(questions.start, questions.time, questions.end, questions.session))[:1]
    unseen = np.zeros(1500, bool)
    unseen[folds[0].test] = True
    spoilt = replace(questions, move=np.where(unseen, 99.0, questions.move))
    assert chosen_penalties(questions, folds, sets) == chosen_penalties(spoilt, folds, sets)


def test_another_session():
    found = out_of_sample(made_up(seed=1), made_up(seed=2), {"all": NAMES}, folds=3)
    assert list(found.table.index) == ["majority", "persistence", "best feature", "all"]
    assert found.best == ("obi_1",) and found.asked == 1500 and found.table.mcc["majority"] == 0.0
    turned = made_up(seed=2)
    turned = replace(turned, values=-turned.values)
    assert out_of_sample(made_up(seed=1), turned, {"all": NAMES}, folds=3).table.mcc["all"] < -0.2


def test_what_is_wrong_is_named(studied):
    with pytest.raises(InputError, match="stride must be at least 1, got 0"):
        Questions.of(studied, 0)
    with pytest.raises(InputError, match="got none"):
        Questions.of([])
    short = [FeatureRows.of(rows, LABEL, NAMES) for rows in gather_sessions("simulator", minutes=0.08)]
    with pytest.raises(InputError, match="no row is past the warm-up"):
        Questions.of(short)
    with pytest.raises(InputError, match="the same features and the same label"):
        out_of_sample(made_up(), replace(made_up(), label=Label("smoothed", 30)), {})
