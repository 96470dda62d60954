"""Stoikov's microprice: a chain whose answer is known, the equations solved at once, and what it foretells."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from genesis_lib.features import FeatureSet
from orderbook_ext._learned_py import LEANS, MOVE_PRIOR, SPREADS

FLIP, MOVE, WITH = 0.02, 0.05, 0.8  # a row's chances: the lean turns, the mid moves, the move goes the lean's way


def chain(make, rows, seed=0):
    """A book that leans 3 to 1 one way or the other, and moves by two ticks rather the way it leans."""
    draw, book = np.random.default_rng(seed), make(rows, 1, seed)
    lean = np.cumprod(np.where(draw.random(rows) < FLIP, -1, 1))
    moves = (draw.random(rows) < MOVE) * np.where(draw.random(rows) < WITH, 2, -2) * lean
    mid = 20_000 + np.concatenate([[0], np.cumsum(moves[:-1])])
    book.levels[:, 0, 0], book.levels[:, 0, 2] = book.instrument.price(mid), book.instrument.price(mid + 1)
    book.levels[:, 0, 1], book.levels[:, 0, 3] = 5.0 + 2.5 * lean, 5.0 - 2.5 * lean
    return book, lean


def solved(levels, tick):
    """The adjustment of every state by counting the chain and solving its equations, all rows at once."""
    bid, ask = (np.round(levels[:, 0, k] / tick).astype(int) for k in (0, 2))
    twice, lean = bid + ask, levels[:, 0, 1] / (levels[:, 0, 1] + levels[:, 0, 3])
    bucket, wide = np.rint((lean - 0.5) * 10).astype(int), np.clip(ask - bid, 1, SPREADS) - 1
    state, mirror = ((5 + side * bucket) * SPREADS + wide for side in (1, -1))
    size = LEANS * SPREADS
    seen, moved, after = np.zeros(size), np.zeros(size), np.zeros((size, size))
    changes = np.flatnonzero(np.diff(twice)) + 1
    for start, end in zip(np.concatenate([[0], changes[:-1]]), changes):
        change = (twice[end] - twice[end - 1]) / 2
        for i in range(start, end):
            for here, there, sign in ((state[i], state[end], 1), (mirror[i], mirror[end], -1)):
                seen[here] += 1
                moved[here] += sign * change
                after[here, there] += 1
    return np.linalg.solve(np.diag(seen + MOVE_PRIOR) - after, moved), state


def test_a_known_chain_is_learned(make):
    rows, lean = chain(make, 40_000)
    learned = FeatureSet(["stoikov_divergence"]).batch(rows)[-2_000:, 0]
    drift = MOVE * 2 * (2 * WITH - 1)  # ticks the next row moves the lean's way, on average
    truth = drift / (2 * FLIP)  # and all rows to come: the lean fades by 1 - 2 FLIP a row
    assert truth == pytest.approx(1.5)
    np.testing.assert_allclose(learned / lean[-2_000:], truth, rtol=0.15)


def test_the_recursion_reaches_the_solution(make):
    rows, _ = chain(make, 20_000, seed=1)
    answer, state = solved(rows.levels, 0.1)
    assert FeatureSet(["stoikov_divergence"]).batch(rows)[-1, 0] == pytest.approx(answer[state[-1]], rel=0.01)


def test_equal_queues_tell_nothing(make):
    rows, _ = chain(make, 3_000, seed=3)
    rows.levels[2_000:, 0, 1] = rows.levels[2_000:, 0, 3]
    assert (FeatureSet(["stoikov_divergence"]).batch(rows)[2_000:] == 0.0).all()


def test_a_mirrored_market_gives_the_mirrored_answer(make):
    rows, _ = chain(make, 3_000, seed=2)
    column = FeatureSet(["stoikov_divergence"]).batch(rows)
    flipped = rows.levels[:, :, [2, 3, 0, 1]]
    flipped[:, :, ::2] = 4_000.0 - flipped[:, :, ::2]
    rows.levels[:] = flipped
    np.testing.assert_allclose(FeatureSet(["stoikov_divergence"]).batch(rows), -column, atol=1e-9)


def test_the_price_is_the_mid_and_the_adjustment(simulated):
    moved, price, mid = FeatureSet(["stoikov_divergence", "stoikov_microprice", "mid"]).batch(simulated).T
    np.testing.assert_allclose(price, mid + moved * simulated.instrument.tick_size, rtol=1e-12)


def test_it_foretells_the_mid_of_a_recording(recorded):
    moved, weighted, mid = FeatureSet(["stoikov_divergence", "microprice_divergence", "mid"]).batch(recorded).T
    ahead = mid[50:] - mid[:-50]
    known = np.isfinite(moved[:-50]) & np.isfinite(ahead)
    moved, weighted, ahead = moved[:-50][known], weighted[:-50][known], ahead[known] / 0.1
    assert spearmanr(moved, ahead).statistic > 0.25
    slope = moved @ ahead / (moved @ moved)
    assert 0.3 < slope < 3.0, "an expected move in ticks, not merely a score"
    answer, _ = solved(recorded.levels[recorded.valid], 0.1)
    assert np.abs(moved).max() < 3 * np.abs(answer).max()
