"""A click on an alarm shows the book about it."""

import pytest

from genesis_lib.analytics.depth_history import depth_history
from genesis_lib.analytics.surveillance import AFTER, ALERTS
from genesis_lib.detectors import Alert
from genesis_lib.errors import InputError
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.widgets import AlertExplorer

START = 1_735_689_600_000_000_000
S = 1_000_000_000


@pytest.fixture(scope="module")
def history():
    simulator = Simulator(2, minutes=0.4)
    return depth_history(simulator, simulator.instrument, START, START + 20 * S, columns=80, provenance="simulated")


def alarms():
    return [Alert("spread_shock", "info", 55.0, START + k * S, f"Number {k}.") for k in (5, 12, 99)]


def test_a_click_moves_the_book_below(history):
    explorer = AlertExplorer(history, alarms())
    assert explorer.chosen.message == "Number 5." and len(explorer.alerts_shown) == 2
    first = next(trace for trace in explorer.data if trace.name == AFTER).x
    # What the browser sends for a click on the second point of the alarms' trace.
    number = next(i for i, trace in enumerate(explorer.data) if trace.name == ALERTS)
    message = {"event_type": "plotly_click", "points": {"trace_indexes": [number], "point_indexes": [1]}}
    message["points"] |= {"xs": [0], "ys": [0]}
    message |= {"device_state": {"alt": False, "ctrl": False, "meta": False, "shift": False, "button": 0, "buttons": 1}}
    explorer._js2py_pointsCallback = message
    assert explorer.chosen.message == "Number 12." and "Number 12." in explorer.layout.annotations[-1].text
    assert list(first) != list(next(trace for trace in explorer.data if trace.name == AFTER).x)


def test_without_alarms_there_is_nothing_to_choose(history):
    explorer = AlertExplorer(history, [])
    assert explorer.chosen is None and explorer.alerts_shown == []
    with pytest.raises(InputError, match="number must be"):
        explorer.choose(0)
