from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.errors import InputError
from genesis_lib.feeds import read_sessions
from genesis_lib.training.label_value import best_positions, label_value, positions, round_trips, share_table
from genesis_lib.training.labels import KINDS, Label
from genesis_lib.types import Instrument, Snapshots

SECOND = 10**9


def book(mids, spread=1.0, valid=None, seconds=1.0):
    """Rows of one level a side about the mids, evenly spaced."""
    mids = np.asarray(mids, float)
    n = len(mids)
    levels = np.ones((n, 1, 4))
    levels[:, 0, 0], levels[:, 0, 2] = mids - spread / 2, mids + spread / 2
    time = (np.arange(n) * seconds * SECOND).astype(np.int64)
    flow = np.zeros((n, 7))
    valid = np.ones(n, bool) if valid is None else np.asarray(valid)
    return Snapshots(Instrument("test", "X", 0.5, 1.0), time, time, levels, flow, valid, "simulated")


@given(st.lists(st.tuples(st.integers(-1, 2), st.integers(1, 6)), max_size=60))
@settings(max_examples=100, deadline=None)
def test_positions_equal_the_walk_and_never_overlap(rows):
    classes = np.array([c for c, _ in rows], np.int64)
    end = np.array([i + k for i, (_, k) in enumerate(rows)], np.int64)
    expected, free = [], 0
    for i in range(len(rows)):
        if i >= free and classes[i] in (0, 2):
            expected.append(i)
            free = end[i]
    assert positions(classes, end).tolist() == expected


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(-3, 5)), max_size=9))
@settings(max_examples=100, deadline=None)
def test_the_best_positions_are_the_best_of_all_choices(offers):
    row = np.arange(len(offers))
    end = row + np.array([k for k, _ in offers], np.int64) if offers else row
    earned = np.array([e for _, e in offers], float)
    most = 0.0
    for chosen in range(1 << len(offers)):
        taken = [i for i in range(len(offers)) if chosen >> i & 1]
        if all(end[a] <= b for a, b in pairwise(taken)):
            most = max(most, sum(earned[i] for i in taken))
    count, total = best_positions(row, end, earned)
    assert total == most and (count > 0) == (most > 0)


def test_round_trips_by_hand():
    bid, ask = np.array([99.0, 101.0, 97.0]), np.array([101.0, 103.0, 98.0])
    found = round_trips(bid, ask, np.array([2, 0, -1]), np.array([1, 2, -1]), 10.0, np.array([0, 1]))
    assert found["gross"] == pytest.approx([1e4 * 2 / 100, 1e4 * 4.5 / 102])
    assert found["after_spread"] == pytest.approx([0.0, 1e4 * (101 - 98) / 102])
    assert found["after_fees"] == pytest.approx([-10 * 202 / 100, 1e4 * 3 / 102 - 10 * 199 / 102])


def test_value_of_labels_by_hand():
    rows = book([100.0, 100, 104, 104, 100, 100, 100])
    table = label_value([rows], [Label("smoothed", 1, 0.0), Label("smoothed", 1, 0.5)], fee_bps=0.0)
    first = table.iloc[0]
    assert (first.trades, first.rows, first.UP, first.DOWN) == (2, 6, 1 / 6, 1 / 6)
    assert first.total_gross == pytest.approx(1e4 * (4 / 100 + 4 / 104))
    assert first.total_after_spread == pytest.approx(1e4 * (3 / 100 + 3 / 104))
    assert first.after_spread == pytest.approx(first.total_after_spread / 2) and first.won == 1.0
    none = table.iloc[1]
    assert none.trades == 0 and none.total_after_fees == 0 and np.isnan(none.after_fees) and np.isnan(none.won)
    assert label_value([rows], [Label("smoothed", 1, 0.0)], fee_bps=300.0).iloc[0].won == 0.0


def test_a_spread_threshold_trades_only_what_pays():
    rng = np.random.default_rng(0)
    rows = book(1000 + rng.integers(-2, 3, 4000).cumsum() * 0.5, spread=2.0)
    fee = 4.0
    labels = [
        Label(horizon=20, threshold=0.0),
        Label(horizon=20, threshold="spread"),
        Label(horizon=20, threshold="spread", fee_bps=fee),
    ]
    table = label_value([rows], labels, fee)
    assert table.trades.is_monotonic_decreasing and table.trades.iloc[-1] > 20
    assert table.after_fees.is_monotonic_increasing
    assert table.after_fees.iloc[0] < 0 < table.after_fees.iloc[-1]
    assert (table.best_total >= np.maximum(table.total_after_fees, 0)).all() and (table.best_trades > 20).all()
    assert table.best_total.iloc[0] > table.best_total.iloc[-1], "fewer classes leave less to choose from"
    both = table.gross >= table.after_spread
    assert (both & (table.after_spread >= table.after_fees)).all()


def test_no_position_crosses_a_gap_or_a_session():
    mids = np.repeat([100.0, 110.0], 10)
    broken = book(mids, valid=np.arange(20) != 10)
    for sessions in ([broken], [book(mids[:10]), book(mids[10:])]):
        for label in (Label(horizon=3, threshold=0.0), Label(seconds=3, threshold=0.0)):
            assert label_value(sessions, [label], 0.0).trades.tolist() == [0]


def test_a_label_that_no_row_has_is_told_and_not_dropped():
    table = label_value([book([100.0, 101, 102])], [Label(horizon=1), Label(seconds=60), Label(horizon=9)], 1.0)
    assert table.rows.tolist() == [2, 0, 0] and table.trades.tolist()[1:] == [0, 0]
    assert table.threshold.isna().tolist() == [False, True, True]


def test_the_table_of_shares():
    rng = np.random.default_rng(4)
    mid = 100 + rng.integers(-1, 2, 500).cumsum() * 0.5
    time, spread = np.arange(500) * SECOND, np.full(500, 0.5)
    labels = [Label(kind, k) for kind in KINDS for k in (5, 20)] + [Label(seconds=60), Label(threshold="spread")]
    table = share_table(mid, np.ones(500, bool), labels, time, spread)
    assert len(table) == 10 and np.allclose(table[["DOWN", "NEUTRAL", "UP"]].sum(axis=1), 1)
    assert table.horizon.tolist()[-2:] == ["1 minute", "20 rows"] and table.threshold.iloc[-1] == "spread"


def test_what_cannot_be_told_is_refused():
    with pytest.raises(InputError, match="sessions"):
        label_value([], [Label()], 1.0)
    with pytest.raises(InputError, match="labels"):
        label_value([book([1.0, 2.0])], [], 1.0)
    with pytest.raises(InputError, match="fee_bps"):
        label_value([book([1.0, 2.0])], [Label(horizon=1)], -1.0)


def test_knowing_seconds_of_a_real_market_does_not_pay_a_takers_fees(usdm_2023):
    rows = read_sessions(usdm_2023)
    labels = [Label.parse(text, threshold=t) for text in ("50", "1m") for t in (0.0, "spread")]
    table = label_value(rows, [*labels, replace(labels[-1], fee_bps=5.0)], fee_bps=5.0)
    assert isinstance(table, pd.DataFrame) and (table.rows > 10_000).all()
    assert (table.gross[:4] > 0).all() and (table.after_fees[:4] < 0).all()
    assert table.trades.iloc[-1] == 0, "no mean of a minute lay as far away as a taker's costs"
    assert table.after_spread[1] > table.after_spread[0] > table.after_fees[0]
