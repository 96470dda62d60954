"""Depth through time against a book replayed by hand."""

import numpy as np
import pytest

from genesis_lib.analytics.depth_history import REACH, depth_history
from genesis_lib.errors import InputError
from genesis_lib.feeds import RowBuilder
from genesis_lib.feeds.simulation.simulator import Simulator
from genesis_lib.types import DepthSnapshot, DepthUpdate, Gap, Instrument, Trade

X = Instrument("test", "X", 0.5, 0.001)


def levels(*rows):
    sides, ticks, quantities = zip(*rows)
    return np.array(sides, np.int8), np.array(ticks, np.int64), np.array(quantities, float)


def snapshot(ts, *rows):
    return DepthSnapshot("X", ts, ts, 1, *levels(*rows))


def update(ts, *rows):
    return DepthUpdate("X", ts, ts, 1, 1, 1, *levels(*rows))


EVENTS = [
    snapshot(0, (0, 100, 5.0), (0, 97, 2.0), (1, 101, 4.0), (1, 110, 1.0)),
    Trade("X", 5, 5, 1, 101, 0.5, 1),
    update(10, (1, 101, 0.0), (1, 102, 3.0)),
    Trade("X", 12, 12, 2, 100, 0.1, -1, False),
    Gap("X", 20, 20, "lost", 1, 2),
    snapshot(30, (0, 100, 7.0), (1, 101, 6.0)),
]


def test_each_moment_shows_the_book_as_it_stood_at_its_end():
    history = depth_history(EVENTS, X, 0, 40, columns=4)
    assert history.times.tolist() == [10, 20, 30, 40] and history.step == 1

    def at(tick):
        return history.sizes[np.flatnonzero(history.ticks == tick)[0]].tolist()

    assert at(100)[:1] == [5.0] and np.isnan(at(100)[1]) and at(100)[2:] == [7.0, 7.0]
    assert at(101)[0] == 0.0 and at(101)[2] == 6.0 and at(102)[0] == 3.0 and at(102)[2] == 0.0
    assert history.best[0].tolist() == [100.0, 102.0] and np.isnan(history.best[1]).all()
    assert history.trade_times.tolist() == [5] and history.trade_sides.tolist() == [1]
    assert [history.column(ts) for ts in (-5, 10, 25, 99)] == [0, 0, 1, 3]


def test_what_came_before_the_span_is_in_the_book_and_not_in_the_figure():
    history = depth_history(EVENTS, X, 8, 18, columns=2)
    assert history.best[-1].tolist() == [100.0, 102.0] and not len(history.trade_times)
    assert history.ticks[0] == 100 - REACH and history.ticks[-1] == 102 + REACH


def test_rows_alone_show_what_they_hold():
    simulator = Simulator(2, minutes=0.1)
    events, builder = list(simulator), RowBuilder(simulator.instrument)
    rows = [row for row in map(builder.push, events) if row is not None]
    span = (rows[20].ts_exchange, rows[-1].ts_exchange)
    full, thin = (depth_history(source, simulator.instrument, *span, columns=30) for source in (events, rows))
    assert np.array_equal(full.best, thin.best)
    last = rows[-1].levels
    shown = {int(t): q for t, q in zip(thin.ticks, thin.sizes[:, -1]) if q > 0}
    assert shown == pytest.approx({round(p / 0.1): q for p, q in [*last[:, :2], *last[:, 2:]]}, rel=1e-6)
    assert set(shown) <= {int(t) for t, q in zip(full.ticks, full.sizes[:, -1]) if q > 0}


def test_a_far_journey_is_shown_in_coarser_prices_and_loses_no_quantity():
    far = [snapshot(0, (0, 1000, 1.0), (1, 1001, 1.0)), snapshot(10, (0, 5000, 2.0), (0, 4999, 4.0), (1, 5001, 3.0))]
    history = depth_history(far, X, columns=2)
    assert history.step > 1 and history.sizes[:, -1].sum() == 9.0


@pytest.mark.parametrize("bad", [{"columns": 1}, {"start": 5, "end": 5}, {"start": 21, "end": 29}])
def test_spans_without_a_book_are_refused(bad):
    with pytest.raises(InputError, match=r"columns must|end must|no known book"):
        depth_history(EVENTS, X, **{"start": 0, "end": 40, **bad})
    with pytest.raises(InputError, match="holds none"):
        depth_history([], X)
