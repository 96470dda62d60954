import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis_lib.models.streaming_windows import WindowNet, WindowStream, product, standard


class Newest(WindowNet):
    """Tells the first and the last value of each column's window."""

    window, width, heads, CHUNK = 4, 3, 2, 5

    def score(self, windows):
        return np.stack([windows[:, 0], windows[:, -1]], axis=1)


def test_each_answer_sees_its_own_window():
    rows = np.arange(36.0).reshape(12, 3)
    net = Newest()
    batch = net.logits(rows)
    assert np.isnan(batch[:3]).all()
    assert np.array_equal(batch[3:, 0], rows[:-3]) and np.array_equal(batch[3:, 1], rows[3:])
    assert np.isnan(net.logits(rows[:3])).all()
    stream = net.stream()
    steps = [stream.step(row) for row in rows]
    assert steps[:3] == [None] * 3 and np.array_equal(np.array(steps[3:]), batch[3:])


def test_reset_keeps_nothing():
    stream = WindowStream(Newest())
    for row in np.full((9, 3), 7.0):
        stream.step(row)
    stream.reset()
    stream.ahead()
    assert not stream._rows.any()
    assert [stream.step(np.full(3, 1.0)) is None for _ in range(4)] == [True, True, True, False]


@given(n=st.integers(1, 90), k=st.sampled_from([3, 40, 600]), m=st.sampled_from([1, 64, 300]), stacked=st.booleans())
@settings(max_examples=30, deadline=None)
def test_products_in_pieces_are_the_product(n, k, m, stacked):
    rng = np.random.default_rng(n)
    x, matrix = rng.normal(size=(*((2,) * stacked), n, k)), rng.normal(size=(k, m))
    assert np.allclose(product(x, matrix), x @ matrix, rtol=0, atol=1e-9 * k)


def test_what_does_not_vary_is_zero():
    x = np.full((1, 5, 2), 3.0)
    x[0, :, 1] = np.arange(5)
    got = standard(x, 1)
    assert not got[0, :, 0].any() and got[0, :, 1].std() == pytest.approx(1, abs=1e-4)
