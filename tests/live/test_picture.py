import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genesis_lib.live.picture import NEW_POINTS, POINTS, TRADES, Picture, ladder, thin
from genesis_lib.types import FLOW_FIELDS, Snapshot

orderbook = pytest.importorskip("orderbook_ext", exc_type=ImportError)


def row(i, valid=True, depth=3):
    levels = np.array([[100.0 - k, 1.0, 101.0 + k, 2.0] for k in range(depth)])
    return Snapshot(i * 10**6, i * 10**6, levels, np.zeros(len(FLOW_FIELDS)), valid, 1.0)


def step(i, probabilities=(0.2, 0.3, 0.5), alerts=()):
    return SimpleNamespace(
        row=row(i), probabilities=np.array(probabilities), signal="UP", confidence=0.5, fills=(), alerts=alerts
    )


def trade(i):
    return SimpleNamespace(id=i)


@given(st.lists(st.integers(0, 900), max_size=12))
def test_frames_put_together_are_the_picture_whoever_came_when(bursts):
    picture, frames, late, i = Picture(), [], [], 0
    for n in bursts:
        for _ in range(n):
            picture.add(step(i))
            i += 1
        points, _, _ = picture.cut([])
        assert len(points) == min(n, NEW_POINTS)
        frames.append(points)
        late.append(picture.whole([])[0])
    for at, whole in enumerate(late):
        seen = np.concatenate(frames[: at + 1])[-POINTS:]
        assert np.array_equal(seen, whole)


@given(st.lists(st.integers(), max_size=60), st.integers(2, 20))
def test_thinning_keeps_the_ends_and_the_order(points, most):
    numbered = list(enumerate(points))
    kept = thin(numbered, most)
    assert len(kept) == min(len(points), most) and kept == sorted(kept, key=lambda p: p[0])
    assert kept[:1] == numbered[:1] and kept[-1:] == numbered[-1:]


def test_each_trade_and_alert_is_new_once_and_the_last_fifty_stay():
    picture = Picture()
    picture.add(step(0, alerts=({"kind": "gap"},)))
    trades = [trade(i) for i in range(1, 4)]
    assert [t.id for t in picture.cut(trades)[1]] == [1, 2, 3]
    assert picture.cut(trades)[1:] == ([], [])
    trades += [trade(i) for i in range(4, 99)]
    assert [t.id for t in picture.cut(trades)[1]] == list(range(98 - TRADES + 1, 99))
    _, last, alerts = picture.whole(trades)
    assert [t.id for t in last] == list(range(98 - TRADES + 1, 99)) and alerts == [{"kind": "gap"}]
    picture.clear()
    assert picture.whole([])[1:] == ([], []) and len(picture.whole([])[0]) == 0
    assert [t.id for t in picture.cut([trade(99)])[1]] == [99]


def test_a_prediction_that_is_not_there_yet_is_no_number():
    picture = Picture()
    picture.add(step(1, (math.nan,) * 3))
    assert picture.signal["p"] is None
    points, _, _ = picture.cut([])
    assert np.isnan(points[0, 2:5]).all() and points[0, :2].tolist() == [1.0, 100.5] and points[0, 5] == 1.0


def test_a_row_is_one_point_however_often_it_is_shown():
    picture, same = Picture(), step(1)
    picture.add(same)
    picture.add(same)
    assert picture.rows == 1


def test_the_ladder_is_the_books_where_there_is_one_and_the_rows_else():
    book = orderbook.OrderBook(tick_size=1.0, lot_size=1.0)
    assert np.isnan(ladder(book, None, 12)).all()
    table = ladder(book, row(1), 12)
    assert table.shape == (12, 4) and np.array_equal(table[:3], row(1).levels) and np.isnan(table[3:]).all()
    book.snapshot(np.array([[50.0, 1.0]]), np.array([[51.0, 2.0]]))
    assert ladder(book, row(1), 12)[0].tolist() == [50.0, 1.0, 51.0, 2.0]


def test_another_time_begins_with_its_own_past():
    picture = Picture()
    for n in range(5):
        picture.add(step(n))
    picture.alert({"kind": "fault"})
    picture.cut([])
    past = [step(100 + n) for n in range(300)]
    picture.start_anew(past, past[-1].row)
    points, trades, alerts = picture.whole([])
    assert (len(points), trades, alerts, picture.rows) == (300, [], [], 5)
    assert picture.row is past[-1].row and len(picture.cut([])[0]) == 0
    picture.start_anew([], None)
    assert picture.row is None and len(picture.whole([])[0]) == 0
