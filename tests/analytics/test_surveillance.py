"""Figures of surveillance hold what they were given, and say what they are of."""

import numpy as np
import pytest

from genesis_lib.analytics.depth_history import depth_history
from genesis_lib.analytics.surveillance import (
    AFTER,
    ALERTS,
    MOST_TRADES,
    book_figure,
    depth_history_figure,
    precision_recall_figure,
    quantile_scale,
    within,
)
from genesis_lib.detectors import Alert
from genesis_lib.detectors.evaluation import Watched
from genesis_lib.errors import InputError
from genesis_lib.feeds.simulation.simulator import Simulator

PLANT = {"spread_shock": 1, "liquidity_gap": 1}


SPAN = (1_735_689_605_000_000_000, 1_735_689_685_000_000_000)


@pytest.fixture(scope="module")
def made():
    """A short session: its depth, what was planted, and an alarm for each episode."""
    simulator = Simulator(5, minutes=1.5, plant=PLANT)
    history = depth_history(list(simulator), simulator.instrument, *SPAN, columns=200, provenance="simulated")
    alerts = [Alert(label["kind"], "info", 60.0, label["start"] + 10**8, "Found.") for label in simulator.labels]
    alerts.append(Alert("spread_shock", "critical", 90.0, SPAN[1] + 10**10, "Later than the span."))
    return history, alerts, simulator.labels


@pytest.fixture
def history(made):
    return made[0]


def test_alarms_and_episodes_stand_in_the_lane_of_their_kind(made):
    history, alerts, labels = made
    figure = depth_history_figure(history, alerts, labels)
    alarms = next(trace for trace in figure.data if trace.name == ALERTS)
    assert list(alarms.y) == [alert.kind for alert in within(history, alerts)] and len(alarms.y) == 2
    planted = [trace for trace in figure.data if trace.name == "planted"]
    assert {trace.y[0] for trace in planted} == set(PLANT)
    assert "SIMULATED" in figure.layout.title.text and "SIMBTC" in figure.layout.title.text
    heatmap = next(trace for trace in figure.data if trace.type == "heatmap")
    assert heatmap.z.shape == (len(history.ticks), 200)


def test_a_span_without_alarms_says_so(history):
    figure = depth_history_figure(history)
    assert "no alarm" in [note.text for note in figure.layout.annotations]


def test_too_many_trades_are_thinned_to_the_largest_and_it_is_said(history):
    figure = depth_history_figure(history)
    shown = sum(len(trace.x) for trace in figure.data if "took" in (trace.name or ""))
    assert shown == min(MOST_TRADES, len(history.trade_sizes))
    noted = any("largest of" in note.text for note in figure.layout.annotations)
    assert noted == (len(history.trade_sizes) > MOST_TRADES)


def test_colours_step_at_quantiles():
    sizes = np.concatenate([np.zeros(50), np.geomspace(0.01, 1000, 200)])
    places = [place for place, _ in quantile_scale(sizes)]
    assert places[0] == 0.0 and places[-1] == 1.0 and places == sorted(set(places))
    assert places[3] < 0.001, "half of the colours lie below the median, however large the largest is"
    for flat in (np.zeros(3), np.ones(3), np.array([np.nan, 2.0])):
        assert [place for place, _ in quantile_scale(flat)][-1] == 1.0


def test_the_book_about_an_alarm(made):
    history, alerts, _ = made
    alert = alerts[0]
    after, before = book_figure(history, alert).data
    assert (before.name, after.name) == ("1 s before", AFTER)
    assert len(before.x) == len(after.x) == 29 or len(before.x) == 28
    assert np.nansum(before.x) > 0 and alert.kind in book_figure(history, alert).layout.title.text


def test_an_unknown_book_is_not_drawn(history):
    blank = type(history)(
        **{name: getattr(history, name) for name in history.__slots__} | {"best": np.full_like(history.best, np.nan)}
    )
    with pytest.raises(InputError, match="not known"):
        book_figure(blank, Alert("spread_shock", "info", 60.0, SPAN[0], "x."))


def test_the_curve_begins_at_the_threshold(made):
    _, alerts, labels = made
    figure = precision_recall_figure([Watched(alerts, labels, 1.0)])
    curves = {trace.name: (list(trace.x), list(trace.y), list(trace.customdata)) for trace in figure.data}
    assert curves["liquidity_gap"] == ([1.0], [1.0], [60.0])
    assert curves["spread_shock"] == ([1.0, 0.0], [0.5, 0.0], [60.0, 90.0])
