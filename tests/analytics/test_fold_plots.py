import numpy as np
import pandas as pd
import pytest

from genesis_lib.analytics.fold_plots import (
    PARTS,
    fold_parts,
    fold_timeline_figure,
    leak_figure,
    learning_figure,
    reliability_figure,
    score_figure,
)
from genesis_lib.errors import InputError
from genesis_lib.training import Label, PurgedKFold, Rows, WalkForward
from genesis_lib.training.leaky import LeakyShuffle
from genesis_lib.types import FLOW_FIELDS, Instrument, Snapshots

DAY = 86_400 * 10**9


def session(rows: int, seed: int, begin: int = 0) -> Snapshots:
    rng = np.random.default_rng(seed)
    touch = 1000 + np.cumsum(rng.integers(-1, 2, rows))
    levels = np.empty((rows, 2, 4))
    for level in range(2):
        levels[:, level] = np.stack(
            [touch - level, rng.uniform(1, 9, rows), touch + 1 + level, rng.uniform(1, 9, rows)], 1
        )
    time = begin + 50_000_000 * np.arange(rows)
    flow = np.zeros((rows, len(FLOW_FIELDS)))
    return Snapshots(Instrument("made-up", "A", 1.0, 1.0), time, time, levels, flow, np.ones(rows, bool), "simulated")


@pytest.fixture(scope="module")
def rows():
    return Rows.of([session(2000, 1), session(1500, 2, DAY)], 2)


def maps(figure):
    return [trace for trace in figure.data if trace.type == "heatmap"]


def legend(figure):
    return {
        trace.name: trace.marker.color for trace in figure.data if trace.type == "scatter" and trace.showlegend is None
    }


def test_every_moment_is_drawn_as_what_its_sample_is(rows):
    label, splitter = Label(horizon=20), PurgedKFold(3)
    samples, parts = fold_parts(rows, label, splitter)
    figure = fold_timeline_figure(rows, label, splitter)
    left, right = maps(figure)
    assert len(left.y) == len(right.y) == 3 and legend(figure).keys() == {
        "train",
        "validation",
        "test",
        "purged",
        "embargo",
    }
    time = rows.time[samples.row]
    drawn = np.asarray(left.x, "datetime64[ns]").astype(np.int64)
    for fold in range(3):
        shares = [np.mean(np.asarray(left.z)[fold] == code) for code in range(len(PARTS))]
        first = time < DAY
        want = [np.mean(parts[fold][first] == code) for code in range(len(PARTS))]
        assert shares == pytest.approx(want, abs=0.02), "as much of the axis as of the samples"
        tested = drawn[np.asarray(left.z)[fold] == list(PARTS).index("test")]
        held = time[first & (parts[fold] == list(PARTS).index("test"))]
        assert held.min() - 10**9 < tested.min() and tested.max() < held.max() + 10**9


def test_a_walk_forward_does_not_look_ahead_and_a_shuffle_is_confetti(rows):
    long = Rows.of([session(16_000, 3)], 2)
    assert "unused" in legend(fold_timeline_figure(long, Label(horizon=20), WalkForward()))
    mixed, clean = (
        np.abs(np.diff(np.asarray(maps(fold_timeline_figure(rows, Label(horizon=20), each))[0].z), axis=1))
        .astype(bool)
        .mean()
        for each in (LeakyShuffle(3), PurgedKFold(3))
    )
    assert mixed > 0.2 > 0.05 > clean


def test_learning_curves_are_those_of_each_fold():
    curves = pd.DataFrame(
        {"predictions": [1, 2, 1, 2], "train_loss": 1.0, "validation_loss": [1.1, 1.0, 1.2, 1.1]}, index=[0, 0, 1, 1]
    )
    figure = learning_figure(curves)
    assert [trace.name for trace in figure.data if trace.showlegend] == ["fold 0", "fold 1"] and len(figure.data) == 4


def test_a_kind_that_learns_in_one_step_has_no_curve_and_the_figure_says_so():
    for none in (pd.DataFrame(), pd.DataFrame({"predictions": [], "train_loss": [], "validation_loss": []})):
        figure = learning_figure(none)
        assert not figure.data and "learns in one step" in figure.layout.annotations[0].text


def test_scores_stand_on_their_intervals():
    own = {key: {"value": 0.5, "low": 0.4, "high": 0.7} for key in ("log_loss", "mcc", "macro_f1", "accuracy")}
    none = {key: {"value": 0.3, "low": None, "high": None} for key in own}
    figure = score_figure({"net": own, "tree": none})
    assert len(figure.data) == 4 and len(figure.layout.shapes) == 4
    assert figure.data[0].error_x.array == pytest.approx((0.2, 0)) and figure.data[0].error_x.arrayminus[
        0
    ] == pytest.approx(0.1)
    with pytest.raises(InputError, match="no model"):
        score_figure({})


def test_reliability_is_drawn_a_line_a_model():
    table = pd.DataFrame({"confidence": [0.4, 0.9], "accuracy": [0.35, 0.7], "count": [75, 25]})
    figure = reliability_figure({"net": table, "tree": table[:0]})
    assert [trace.name for trace in figure.data] == ["calibrated", "net", "tree"]
    assert tuple(figure.data[1].y) == (0.35, 0.7) and figure.data[1].marker.size[0] > figure.data[1].marker.size[1]


def test_a_leak_is_drawn_beside_the_truth():
    table = pd.DataFrame(
        {"share_touched": [1.0, 0.0], "accuracy": [0.9, 0.4], "macro_f1": [0.9, 0.3], "mcc": [0.8, -0.1]},
        index=["LeakyShuffle", "PurgedKFold"],
    )
    figure = leak_figure(table)
    assert figure.data[0].y == (0.9, 0.9, 0.8) and "100% touched" in figure.data[0].name
    assert figure.layout.yaxis.range[0] < -0.1
