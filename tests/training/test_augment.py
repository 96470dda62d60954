from dataclasses import replace

import numpy as np
import pytest

from genesis_lib.features import FEATURES, FeatureSet
from genesis_lib.training.augment import Augmentation, mirror, upside_down
from genesis_lib.training.dataset import Rows
from genesis_lib.training.labels import Label

ODD = ("obi_1", "nofi_1", "nofi_total_10", "trade_imbalance_10", "nsigned_volume_10", "microprice_divergence")
EVEN = ("spread", "log_spread", "log_realised_vol_50", "row_rate_50", "log_total_size", "trade_count")


def traded(session):
    """Trades on some rows, at the touch."""
    rng = np.random.default_rng(3)
    flow = session.flow.copy()
    hit = rng.random(len(session)) < 0.4
    buys, sells = rng.integers(0, 5, (2, len(session))) * hit
    bid, ask = session.levels[:, 0, 0], session.levels[:, 0, 2]
    flow[:, 0], flow[:, 1], flow[:, 2] = (buys > 0).astype(int) + (sells > 0), buys, sells
    flow[:, 3], flow[:, 4] = buys * ask + sells * bid, buys - sells
    flow[:, 5], flow[:, 6] = buys * ask - sells * bid, (buys + sells) * (ask - bid)
    return replace(session, flow=flow)


def test_a_mirrored_row_of_the_book_is_the_row_of_the_mirrored_book(make_planted):
    session = traded(make_planted(300, 4))
    rows, other = Rows.of([session], 5), Rows.of([upside_down(session)], 5)
    order, sign = mirror(rows.columns)
    assert np.allclose(rows.inputs[:, order] * sign, other.inputs, atol=1e-5)
    together = Rows.of([session], 5, mirrored=True)
    assert np.array_equal(together.mirrored, other.inputs) and np.array_equal(together.inputs, rows.inputs)


def test_what_leans_up_leans_down_and_what_leans_nowhere_stays(make_planted):
    session = traded(make_planted(400, 4))
    odd, even = ([name for name in names if name in FEATURES] for names in (ODD, EVEN))
    assert len(odd) >= 5 and len(even) >= 4
    for names, sign in ((odd, -1.0), (even, 1.0)):
        mine, other = (FeatureSet(names).batch(each)[200:] for each in (session, upside_down(session)))
        assert np.isfinite(mine).all() and np.abs(mine).max(axis=0).min() > 0
        assert np.allclose(mine, sign * other, rtol=1e-6, atol=1e-9), names


def test_twice_upside_down_is_the_market_itself_but_for_its_level(make_planted):
    session = traded(make_planted(300, 5))
    again = upside_down(upside_down(session))
    shift = again.levels[0, 0, 0] - session.levels[0, 0, 0]
    assert np.allclose(again.levels[:, :, ::2] - session.levels[:, :, ::2], shift, atol=1e-6)
    assert np.array_equal(again.levels[:, :, 1::2], session.levels[:, :, 1::2])
    assert np.array_equal(again.flow[:, [0, 1, 2, 4]], session.flow[:, [0, 1, 2, 4]])
    volume = session.flow[:, 1] + session.flow[:, 2]
    assert np.allclose(again.flow[:, 3], session.flow[:, 3] + shift * volume)


def test_labels_turn_with_the_market(make_planted):
    session = make_planted(600, 6)
    mine, other = (Rows.of([each]) for each in (session, upside_down(session)))
    moves, turned = (Label(horizon=10).moves(rows.mid, rows.starts)[0] for rows in (mine, other))
    known = np.isfinite(moves)
    assert known.sum() > 400 and np.array_equal(np.sign(turned[known]), -np.sign(moves[known]))
    assert np.allclose(turned[known], -moves[known], rtol=0.02), "relative to a mid a little higher or lower"


@pytest.mark.parametrize("lowest", [1, 40_000])
def test_prices_stay_positive_and_on_the_grid(make_planted, lowest):
    session = make_planted(300, 7)
    levels = session.levels.copy()
    levels[:, :, ::2] += lowest * 0.5 - levels[:, :, 0].min()
    turned = upside_down(replace(session, levels=levels))
    assert turned.levels[:, :, ::2].min() > 0
    assert np.array_equal(np.rint(turned.levels[:, :, ::2] / 0.5) * 0.5, turned.levels[:, :, ::2])
    assert (turned.levels[:, 0, 0] < turned.levels[:, 0, 2]).all()


def test_windows_are_turned_and_shifted_by_whole_stretches():
    rng = np.random.default_rng(0)
    scaled = rng.normal(size=(300, 4)).astype(np.float32)
    sizes = np.array([False, True, False, True])
    augmentation = Augmentation(-scaled, sizes, 0.5)
    rows = np.concatenate([np.arange(20, 60), np.arange(100, 130)])
    targets, seen = np.array([[0, -1], [1, 2], [2, 0]]), set()
    for _ in range(20):
        values, turned = augmentation.windows(scaled, rows, targets, rng)
        flip = turned.tolist() == [[2, -1], [1, 0], [0, 2]]
        assert flip or turned.tolist() == targets.tolist()
        seen.add(flip)
        base = -scaled[rows] if flip else scaled[rows]
        assert np.array_equal(values[:, ~sizes], base[:, ~sizes])
        shift = values[:, sizes] - base[:, sizes]
        assert np.ptp(shift[:40]) < 1e-5 and np.ptp(shift[40:]) < 1e-5, "one shift for a stretch"
        assert abs(shift[0, 0] - shift[-1, 0]) > 1e-4, "another for the next"
    assert seen == {True, False}


def test_each_stretch_is_turned_by_itself():
    rng = np.random.default_rng(0)
    scaled = rng.normal(size=(300, 4)).astype(np.float32)
    sizes = np.array([False, False, True, False])
    rows = np.arange(0, 240, 30)[:, None] + np.arange(40)
    targets = rng.integers(-1, 3, (8, 20, 2))
    values, turned = Augmentation(-scaled, sizes).sequences(scaled, rows, targets, rng)
    flips = np.array([np.array_equal(values[i][:, ~sizes], -scaled[rows[i]][:, ~sizes]) for i in range(8)])
    assert 0 < flips.sum() < 8
    for i, flip in enumerate(flips):
        sign = -1 if flip else 1
        assert np.array_equal(values[i][:, ~sizes], sign * scaled[rows[i]][:, ~sizes])
        assert np.ptp(values[i][:, 2] - sign * scaled[rows[i], 2]) < 1e-5
        expected = np.where(targets[i] < 0, -1, 2 - targets[i]) if flip else targets[i]
        assert np.array_equal(turned[i], expected)
