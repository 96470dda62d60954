from __future__ import annotations

import json

import numpy as np
import pytest

from genesis_lib.analytics import calibration_plots as plots
from genesis_lib.analytics.calibration import KNOWN_OFF, STATISTICS, Statistic
from genesis_lib.analytics.calibration_report import CalibrationReport, calibrated
from genesis_lib.feeds.simulation.labelled import write_labelled
from genesis_lib.feeds.simulation.simulator import Simulator

FIGURES = [
    plots.depth_profile_figure,
    plots.spread_figure,
    plots.sign_memory_figure,
    plots.volatility_memory_figure,
    plots.gap_figure,
    plots.verdict_figure,
]


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> CalibrationReport:
    path = write_labelled(tmp_path_factory.mktemp("made"), Simulator(3, "SIMBTC", 0.4))["path"]
    return calibrated([path], ["SIMBTC", "SIMETH"], seed=4, minutes=0.4)


@pytest.fixture(scope="module")
def alone() -> CalibrationReport:
    return calibrated(minutes=0.2)


@pytest.mark.parametrize("draw", FIGURES, ids=lambda draw: draw.__name__)
def test_every_figure_has_a_panel_a_market_and_is_json(report, alone, draw) -> None:
    figure = draw(report)
    assert {trace.xaxis or "x" for trace in figure.data} == {"x", "x2"}
    assert [a.text for a in figure.layout.annotations] == ["SIMBTC", "SIMETH"]
    json.loads(figure.to_json())
    assert draw(alone).data  # without a recording it shows the simulator


def test_a_recording_and_the_simulator_are_told_apart(report) -> None:
    names = [trace.name for trace in plots.depth_profile_figure(report).data]
    assert names == ["SIMBTC 2025-01-01", "SIMBTC (simulated)", "SIMBTC 2025-01-01", "SIMETH (simulated)"]


def test_equal_pauses_lie_on_the_line(tmp_path) -> None:
    path = write_labelled(tmp_path, Simulator(3, "SIMBTC", 0.3))["path"]
    figure = plots.gap_figure(calibrated([path], ["SIMBTC"], seed=3, minutes=0.3))
    assert np.array_equal(figure.data[0].x, figure.data[0].y)


def test_the_verdicts_show_each_statistic_once_a_market(report) -> None:
    figure = plots.verdict_figure(report)
    for axis in ("x", "x2"):
        shown = [text for trace in figure.data if (trace.xaxis or "x") == axis for text in trace.y]
        assert sorted(shown) == sorted(one.text for one in STATISTICS)


@pytest.mark.parametrize(
    ("statistic", "value", "place"),
    [
        (Statistic("f", "f", times=2.0), 15.0, 0.0),
        (Statistic("f", "f", times=2.0), 40.0, 1.0),
        (Statistic("f", "f", times=2.0), 2.5, -2.0),
        (Statistic("f", "f", times=2.0), -1.0, -3.0),
        (Statistic("d", "d", plus=0.5), 20.25, 0.5),
        (Statistic("d", "d", plus=0.5), np.nan, 0.0),
    ],
)
def test_a_place_is_in_units_of_the_tolerance(statistic, value, place) -> None:
    assert plots._place(statistic, [10.0, 20.0], value) == pytest.approx(place)


def test_the_table_shows_each_verdict_in_its_colour(report, alone) -> None:
    (table,) = plots.verdict_table(report.calibrations[0]).data
    assert [name.strip("</b>") for name in table.header["values"]] == [
        "statistic", "SIMBTC 2025-01-01", "SIMBTC", "verdict", "tolerance",
    ]  # fmt: skip
    verdicts = report.calibrations[0].verdicts().values()
    assert all(cell.startswith(verdict.words) for cell, verdict in zip(table.cells["values"][3], verdicts, strict=True))
    assert list(table.cells.font.color[3]) == [plots.VERDICTS[verdict.kind] for verdict in verdicts]
    assert list(table.cells.align) == ["left", "right", "right", "left", "left"]
    assert len(plots.verdict_table(alone.calibrations[0]).data[0].cells["values"]) == 2


def test_what_is_known_to_be_off_has_its_reason() -> None:
    (table,) = plots.known_table().data
    assert set(table.cells["values"][0]) <= set(KNOWN_OFF)
    assert all(len(why) > 10 for why in table.cells["values"][2])
