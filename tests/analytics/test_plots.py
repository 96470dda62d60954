import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.analytics import plots
from genesis_lib.errors import InputError
from genesis_lib.execution import TradeEvent
from genesis_lib.types import Instrument, Snapshots

NS = 10**9
TIMES = np.arange(100) * NS


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=300), st.integers(4, 60))
def test_thinning_keeps_ends_and_extremes_in_order(values, most):
    values = np.array(values)
    at = plots.thin(values, most)
    assert len(at) <= most and (np.diff(at) > 0).all()
    assert at[0] == 0 and at[-1] == len(values) - 1
    assert values[at].min() == values.min() and values[at].max() == values.max()


def test_entries_and_exits_stand_at_their_price_and_time():
    trades = [
        TradeEvent(1, 5 * NS, "BUY", 10.0, 1.0, "ENTRY", 0.5, 0.0),
        TradeEvent(2, 6 * NS, "SELL", 11.0, 1.0, "EXIT", 0.5, 1.0),
        TradeEvent(3, 7 * NS, "SELL", 12.0, 1.0, "ENTRY", 0.5, 0.0),
    ]
    figure = plots.price_figure(TIMES, np.full(100, 10.5), trades)
    marks = {trace.name: (list(trace.x), list(trace.y)) for trace in figure.data if trace.mode == "markers"}
    assert marks["long entry"] == ([np.datetime64(5000, "ms")], [10.0])
    assert marks["long exit"][1] == [11.0] and marks["short entry"][1] == [12.0] and marks["short exit"][1] == []


def test_too_many_trades_are_thinned_and_it_is_said():
    trades = [TradeEvent(i, i, "BUY", 1.0, 1.0, "ENTRY", 0.5, 0.0) for i in range(4000)]
    figure = plots.price_figure(TIMES, np.ones(100), trades)
    assert "3,000 of 4,000" in figure.layout.title.text
    assert sum(len(trace.x) for trace in figure.data if trace.mode == "markers") == 3000


def test_equity_is_shaded_down_from_its_peak():
    figure = plots.equity_figure(TIMES, np.sin(np.arange(100)), np.cos(np.arange(100)) - 1)
    for peak, equity in (figure.data[:2], figure.data[2:]):
        assert equity.fill == "tonexty" and (peak.y >= equity.y).all()
        assert (np.diff(peak.y) >= 0).all() and peak.y[0] >= 0.0


def test_probabilities_break_where_there_are_none():
    values = np.full((100, 3), 1 / 3)
    values[:10] = np.nan
    figure = plots.probability_figure(TIMES, values)
    assert [trace.name for trace in figure.data] == ["DOWN", "NEUTRAL", "UP"]
    assert np.isnan(figure.data[0].y[:10]).all()


def test_every_profit_falls_into_a_bin():
    figure = plots.profit_figure([-3.0, -0.5, 0.0, 1.0, 2.5])
    loss, gain = figure.data
    assert (list(loss.x), list(gain.x)) == ([-3.0, -0.5, 0.0], [1.0, 2.5])
    assert loss.xbins.start <= -3.0 and loss.xbins.size == gain.xbins.size
    assert plots.profit_figure([]).layout.title.text


def test_the_confusion_matrix_is_read_row_by_row():
    figure = plots.confusion_figure(np.array([[8, 2, 0], [0, 0, 0], [1, 1, 2]]))
    heat = figure.data[0]
    assert heat.z[0][0] == 0.8 and heat.z[1][1] == 0.0 and heat.text[2][2].startswith("2<br>50.0%")
    with pytest.raises(InputError, match="shape"):
        plots.confusion_figure(np.zeros((2, 2)))


def test_class_shares_stack_to_one():
    figure = plots.class_share_figure({"train": (0.3, 0.4, 0.3), "test": (0.2, 0.6, 0.2)})
    assert sum(trace.x[1] for trace in figure.data) == pytest.approx(1.0)


def test_every_figure_has_the_one_template_and_is_json():
    figures = [
        plots.price_figure(TIMES, np.ones(100)),
        plots.equity_figure(TIMES, np.ones(100), np.ones(100)),
        plots.probability_figure(TIMES, np.ones((100, 3))),
        plots.profit_figure([1.0]),
        plots.confusion_figure(np.eye(3)),
        plots.class_share_figure({}),
    ]
    for figure in figures:
        assert figure.layout.template.layout.colorway == plots.TEMPLATE.layout.colorway
        json.loads(figure.to_json())


def test_depth_shows_medians_of_valid_rows_alone():
    instrument = Instrument("v", "S", 0.1, 0.001)
    levels = np.tile(np.array([[100.0, 1.0, 100.1, 2.0], [99.9, 3.0, 100.2, 4.0]]), (3, 1, 1))
    levels[2, :, 1] = 1e9
    times, flow = np.arange(3), np.zeros((3, 7))
    rows = Snapshots(instrument, times, times, levels, flow, np.array([True, True, False]))
    bids, asks = plots.depth_figure(rows).data
    assert (list(bids.x), list(bids.y)) == ([-1, -2], [1.0, 3.0])
    assert (list(asks.x), list(asks.y)) == ([1, 2], [2.0, 4.0])
    with pytest.raises(InputError, match="no valid row"):
        plots.depth_figure(rows[2:])
