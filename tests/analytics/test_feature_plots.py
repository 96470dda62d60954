import numpy as np
import pandas as pd
import pytest

from genesis_lib.analytics import feature_plots
from genesis_lib.analytics.feature_events import MID, EventPaths
from genesis_lib.analytics.feature_information import Redundancy
from genesis_lib.errors import InputError
from genesis_lib.types import Instrument, Snapshots


@pytest.fixture
def compared():
    """A table of `compare`: one kept, one found and lost, one never found, one that could not be measured."""
    columns = {
        "ic": [0.4, -0.3, 0.01, np.nan], "low": [0.3, -0.4, -0.1, np.nan], "high": [0.5, -0.2, 0.1, np.nan],
        "worth": [50.0, 90.0, 800.0, np.nan], "rows": [900.0, 900.0, 900.0, 40.0], "q": [0.001, 0.01, 0.9, np.nan],
        "ic_test": [0.35, 0.1, 0.0, np.nan], "low_test": [0.2, -0.1, -0.1, np.nan],
        "high_test": [0.45, 0.2, 0.1, np.nan], "worth_test": [40.0, 80.0, 700.0, np.nan],
        "p_test": [0.001, 0.4, 0.9, np.nan], "found": [True, True, False, False], "kept": [True, False, False, False],
    }  # fmt: skip
    return pd.DataFrame(columns, index=["good", "lost", "nothing", "missing"])


def test_paths_stand_beside_their_bands():
    offsets = np.arange(-3, 4)
    mean = np.arange(2 * 5 * 7, dtype=float).reshape(2, 5, 7)
    paths = EventPaths((MID, "a", "b", "c", "d"), offsets, mean, mean - 1, mean + 2, (7, 8), (3, 4))
    figure = feature_plots.event_figure(paths, across=3)
    lines = [trace for trace in figure.data if trace.mode != "markers" and trace.fill is None]
    assert len(lines) == 10 and list(lines[3].y) == mean[1, 1].tolist() and list(lines[3].x) == offsets.tolist()
    assert [line.name for line in lines if line.showlegend] == ["7 moves up", "8 moves down, book turned over"]
    bands = [trace for trace in figure.data if trace.fill == "toself"]
    assert list(bands[3].y) == [*(mean[1, 1] + 2), *(mean[1, 1] - 1)[::-1]]
    assert [note.text for note in figure.layout.annotations][:5] == list(paths.names)


def test_groups_of_relatives_are_framed_and_named():
    found = Redundancy(
        ("x", "a", "b", "c", "d", "y"), np.eye(6), np.array([1, 2, 2, 2, 2, 3]), ("x", "c", "y"), (1, 4, 1),
        np.linspace(1 / 6, 1, 6), (),
    )  # fmt: skip
    figure = feature_plots.correlation_figure(found)
    assert list(figure.layout.yaxis.ticktext) == ["c and 3 more"] and list(figure.layout.yaxis.tickvals) == [2]
    (frame,) = figure.layout.shapes
    assert (frame.x0, frame.x1, frame.y0, frame.y1) == (0.5, 4.5, 0.5, 4.5)
    assert figure.data[0].z.shape == (6, 6) and list(figure.data[0].x) == list(found.names)


def test_each_feature_stands_once_where_it_was_measured_and_came_true(compared):
    figure = feature_plots.sample_figure({"a": compared, "b": compared.head(1)}, "t", ["good", "missing"])
    marks = [(trace.name, list(trace.x), list(trace.y)) for trace in figure.data if trace.mode == "markers"]
    assert ("found and kept", [0.4], [0.35]) in marks and ("found, not kept", [-0.3], [0.1]) in marks
    assert sum(trace.showlegend for trace in figure.data if trace.mode == "markers") == 3
    named = [(note.text, note.x, note.y) for note in figure.layout.annotations if note.text == "good"]
    assert named == [("good", 0.4, 0.35)] * 2 and "missing" not in {note.text for note in figure.layout.annotations}
    with pytest.raises(InputError, match="at least one comparison"):
        feature_plots.sample_figure({}, "t")


def test_intervals_are_drawn_where_they_are(compared):
    figure = feature_plots.interval_figure(compared.head(2), "t")
    measured, true = figure.data
    assert list(measured.x) == [0.4, -0.3] and measured.error_x.array == pytest.approx([0.1, 0.1])
    assert true.error_x.arrayminus == pytest.approx([0.15, 0.2])
    assert [colour == feature_plots.PAPER for colour in measured.marker.color] == [False, True]  # hollow: not kept
    with pytest.raises(InputError, match="no feature to draw"):
        feature_plots.interval_figure(compared.head(0), "t")


def test_the_line_of_chance_follows_what_rows_are_worth(compared):
    figure = feature_plots.worth_figure(compared, "t", ["lost"])
    kept, lost, line = figure.data
    assert list(kept.x) == [50.0] and list(lost.y) == pytest.approx([0.3, 0.01]) and list(lost.text) == ["lost", ""]
    assert line.y == pytest.approx(1.96 / np.sqrt(line.x)) and min(line.x) < 50 < 800 < max(line.x)
    (naive,) = [shape for shape in figure.layout.shapes if shape.type == "line"]
    assert naive.y0 == pytest.approx(1.96 / 30)
    with pytest.raises(InputError, match="could be measured"):
        feature_plots.worth_figure(compared.tail(1), "t")


def test_costs_stand_against_the_move():
    columns = {"move": [0.1, 2.0], "spread": [0.3, 0.3], "fees": [10.0, 10.0]}
    figure = feature_plots.foresight_figure(pd.DataFrame(columns, index=[10, 1000]))
    drawn = {trace.name: list(trace.y) for trace in figure.data}
    assert drawn == {"mean move": [0.1, 2.0], "spread": [0.3, 0.3], "spread and taker fees": [10.3, 10.3]}
    assert list(figure.data[0].x) == ["10", "1,000"]


def test_models_are_scored_against_the_majority():
    table = pd.DataFrame({"mcc": [0.0, 0.2], "log_loss": [1.0, 0.9]}, index=["majority", "line"])
    figure = feature_plots.contest_figure({"here": table, "there": table - 0.1})
    assert len(figure.data) == 4 and list(figure.data[0].x) == [0.0, 0.2]
    assert list(figure.data[1].x) == pytest.approx([0.0, -0.1]) and list(figure.data[3].x) == pytest.approx([0.0, -0.1])


def test_a_title_says_what_its_figure_was_made_of():
    time, levels = np.arange(3), np.ones((3, 1, 4))
    sessions = (
        Snapshots(Instrument("test", "X", 1.0, 1.0), time, time, levels, np.zeros((3, 7)), np.ones(3, bool), kind)
        for kind in ("recorded", "simulated")
    )
    real, made = sessions
    assert feature_plots.sourced("t", [real], [real]) == "t (RECORDED)"
    assert feature_plots.sourced("t", [made]) == "t (SIMULATED)"
    assert feature_plots.sourced("t", [made], [real]) == "t (RECORDED and SIMULATED)"
    with pytest.raises(InputError, match="at least one"):
        feature_plots.sourced("t", [])


def test_groups_are_counted():
    table = pd.DataFrame({"features": [3, 5], "rows": [0, 99]}, index=["one", "two"])
    (bars,) = feature_plots.group_figure(table).data
    assert list(bars.x) == [3, 5] and list(bars.y) == ["one", "two"]
