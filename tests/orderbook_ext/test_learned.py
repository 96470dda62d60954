"""Kernels that learn: against an eigenvector, and against a market whose expected move is known."""

import math

import numpy as np
import pytest

from orderbook_ext import _learned_py as learned


def test_component_finds_the_first_principal_component():
    draw = np.random.default_rng(0)
    direction = np.array([0.1, 0.2, 0.3, 0.4])
    x = draw.normal(0, 3, (3000, 1)) * direction + draw.normal(0, 0.1, (3000, 4)) + 5.0
    kernel = learned.Component(500)
    got = np.array([kernel.advance(*row) for row in x.tolist()])
    vector = np.linalg.eigh(np.cov(x[-500:].T))[1][:, -1]
    vector = vector / np.abs(vector).sum() * np.sign(vector.sum())
    assert np.isnan(got[: learned.COMPONENT_WARMUP]).all() and np.isfinite(got[learned.COMPONENT_WARMUP :]).all()
    np.testing.assert_allclose(kernel.weights, vector, atol=0.01)
    np.testing.assert_allclose(got[-100:], x[-100:] @ vector, atol=0.1)


def test_component_projects_with_the_weights_of_before():
    draw = np.random.default_rng(1)
    first, second = learned.Component(200), learned.Component(200)
    for row in draw.normal(0, 1, (300, 3)).tolist():
        first.advance(*row)
        second.advance(*row)
    x = np.array([1e6, -2.0, 3.0])
    weights = np.array(first.weights)
    assert first.advance(*x) == pytest.approx(weights @ x / np.abs(weights).sum())
    assert second.advance(0.0, 0.0, 0.0) == 0.0


def test_component_of_what_is_missing():
    kernel = learned.Component(2)
    assert all(math.isnan(v) for v in (kernel.advance(1.0, 2.0), kernel.advance(math.nan, 1.0)))
    kernel.advance(2.0, 1.0)
    weights = list(kernel.weights)
    assert math.isnan(kernel.advance(math.nan, 9.0)) and kernel.weights == weights
    assert kernel.advance(4.0, math.nan) == pytest.approx(4.0 * weights[0] / sum(map(abs, weights)))
    kernel.reset()
    assert math.isnan(kernel.advance(1.0, 1.0))


def walk(rows: int, seed: int):
    """A one-tick market whose mid rises by a tick with the chance that the best quantities say, at one row in five."""
    draw = np.random.default_rng(seed)
    lean, mid = 0.5, 0.0
    for _ in range(rows):
        yield lean, 1.0, mid
        if draw.random() < 0.2:
            mid += 1.0 if draw.random() < lean else -1.0
            lean = draw.random()


def test_move_learns_the_expected_move():
    kernel = learned.Move(100)
    got = [(lean, kernel.advance(lean, spread, mid)) for lean, spread, mid in walk(60_000, 0)]
    assert all(math.isnan(value) for _, value in got[:99]) and math.isfinite(got[99][1])
    # after a move the lean is drawn anew and even: what is expected is the next move alone, 2 lean - 1
    late = np.array(got[40_000:])
    bucket = np.round((late[:, 0] - 0.5) * 10) / 10 + 0.5
    assert np.abs(late[:, 1] - (2 * bucket - 1)).max() < 0.15


def test_move_follows_what_the_state_after_expects():
    kernel = learned.Move(1)
    # from the heavy bid one tick up into the same state, until the lean turns: more than one move is expected
    values = [kernel.advance(0.98, 1.0, float(i)) for i in range(2000)]
    assert values[-1] > 2.0 and kernel.adjust[0] == -kernel.adjust[learned.STATES - learned.SPREADS]


def test_move_is_mirrored_and_careful():
    kernel = learned.Move(1)
    assert kernel.advance(0.9, 1.0, 0.0) == 0.0
    after = kernel.advance(0.9, 1.0, 1.0)
    assert 0.0 < after <= 1.0 / (1.0 + learned.MOVE_PRIOR) + 1e-12
    assert kernel.advance(0.1, 1.0, 1.0) < 0.0
    assert math.isnan(kernel.advance(math.nan, 1.0, 1.0)) and math.isnan(kernel.advance(0.5, math.nan, 1.0))
    for lean, spread in ((-5.0, 0.0), (5.0, 1e9), (math.inf, math.inf)):
        assert math.isfinite(kernel.advance(lean, spread, 1.0))
    kernel.reset()
    assert kernel.advance(0.9, 1.0, 7.0) == 0.0


def test_an_even_book_expects_nothing():
    kernel = learned.Move(1)
    for i in range(500):
        assert kernel.advance(0.48 if i % 2 else 0.54, 1.0, float(i)) == 0.0
        kernel.advance(0.8, 1.0, float(i))
        kernel.advance(0.2, 1.0, float(i))
    assert kernel.adjust[5 * learned.SPREADS] == 0.0
