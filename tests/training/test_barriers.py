import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.training import barriers
from genesis_lib.training.barriers import first_passage


def slow(price, at, last, up, down):
    for j in range(at + 1, last + 1):
        change = price[j] / price[at] - 1.0
        if change > up or change < -down:
            return j, np.sign(change)
    return -1, 0.0


@given(
    steps=st.lists(st.integers(-2, 2), min_size=2, max_size=70),
    horizons=st.lists(st.integers(0, 40), min_size=70, max_size=70),
    widths=st.tuples(st.sampled_from([0.0, 0.002, 0.01]), st.sampled_from([0.0, 0.004, 0.01])),
)
@settings(max_examples=150, deadline=None)
def test_first_passage_equals_the_walk_row_by_row(steps, horizons, widths):
    price = 1000.0 + np.cumsum(steps)
    n = len(price)
    at = np.arange(n)
    last = np.minimum(at + np.array(horizons[:n]), n - 1)
    up, down = np.full(n, widths[0]), np.full(n, widths[1])
    row, side = first_passage(price, at, last, up, down)
    assert list(zip(row, side)) == [slow(price, *query) for query in zip(at, last, up, down)]


def test_pieces_make_the_same_of_it(monkeypatch):
    rng = np.random.default_rng(0)
    price = 1000.0 + rng.integers(-1, 2, 3000).cumsum()
    at = np.arange(0, 2800, 3)
    asked = price, at, at + rng.integers(1, 200, len(at)), *rng.uniform(0, 0.01, (2, len(at)))
    whole = first_passage(*asked)
    monkeypatch.setattr(barriers, "TOGETHER", 37)
    assert all(np.array_equal(a, b) for a, b in zip(whole, first_passage(*asked)))


def test_a_gap_elsewhere_does_not_matter():
    price = np.array([10.0, 11.0, np.nan, 20.0, 20.0, 25.0])
    row, side = first_passage(price, np.array([0, 3]), np.array([1, 5]), np.full(2, 0.05), np.full(2, 0.05))
    assert row.tolist() == [1, 5] and side.tolist() == [1.0, 1.0]
