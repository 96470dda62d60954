"""Every detector sees every valid row, what was told before it, and nothing of before an invalid one."""

import numpy as np
import pytest

from genesis_lib.detectors import DETECTORS, Detector
from genesis_lib.detectors.watch import MOST_EVENTS, Watch
from genesis_lib.errors import InputError
from genesis_lib.feeds import RowBuilder
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.types import DepthUpdate, Trade


class Notes(Detector):
    """Writes down what it is shown."""

    kind, summary = "notes", "everything"

    def __init__(self):
        self.views, self.forgotten = [], 0

    def look(self, view):
        self.views.append((view.ts, view.trades, view.updates, view.before is not None))
        return self.alert(view, 1.0, "Seen.", ticks=[view.bids[0][0]])

    def forget(self):
        self.forgotten += 1


def test_what_was_told_since_the_row_before_comes_with_the_row():
    simulator, notes, told = Simulator(3, minutes=0.2), Notes(), 0
    watch, builder = Watch([notes]), RowBuilder(simulator.instrument)
    for event in simulator:
        watch.observe(event)
        row = builder.push(event)
        if row is None:
            continue
        (alert,) = watch.step(row)
        ts, trades, updates, has_before = notes.views[-1]
        assert tuple(trades) == builder.trades and alert.timestamp == ts == row.ts_exchange
        assert alert.evidence == {"ticks": [round(row.levels[0, 0] / 0.1)]}
        assert updates == ([event] if type(event) is DepthUpdate else [])
        assert has_before == (told > 0)
        told += 1
    assert told > 100


def test_an_invalid_row_is_not_looked_at_and_ends_what_came_before(market):
    notes = Notes()
    watch = Watch([notes])
    trade = Trade("X", 1, 1, 1, 2000, 1.0, 1)
    watch.step(market.rows[0])
    watch.observe(trade)
    assert watch.step(market.rows[1]._replace(valid=False)) == [] and notes.forgotten == 1
    watch.observe(trade._replace(market=False))
    watch.step(market.rows[2])
    assert len(notes.views) == 2 and notes.views[-1][1:] == ([], [], False)


def test_a_stream_without_rows_does_not_fill_the_memory():
    watch = Watch([Notes()])
    sides, ticks, quantities = np.zeros(1, np.int8), np.ones(1, np.int64), np.ones(1)
    for k in range(MOST_EVENTS + 10):
        watch.observe(DepthUpdate("X", k, k, k, k, k, sides, ticks, quantities))
        watch.observe(Trade("X", k, k, k, 1, 1.0, 1))
    assert len(watch._updates) == len(watch._trades) == MOST_EVENTS


def test_kinds_and_a_new_start(market):
    watch = Watch()
    assert watch.kinds == tuple(DETECTORS)
    old = watch.detectors
    watch.forget()
    assert watch.kinds == tuple(DETECTORS) and not {map(id, old)} & {map(id, watch.detectors)}
    with pytest.raises(InputError, match="did you mean 'spoofing'"):
        Watch(["spofing"])
