import numpy as np
import pytest

from genesis_lib.errors import ModelError
from genesis_lib.models.folding import Layer
from genesis_lib.models.predictor import Predictor, folded
from genesis_lib.models.scaler import Scaler
from genesis_lib.models.streaming import CompiledNet, Sketch
from orderbook_ext import Stream

COMPILED = ("deeplob", "causal-16", "deeplob-lstm")
compiled = pytest.mark.parametrize("name", COMPILED)


def drawn():
    """Three inputs; a convolution over rows 0, -2, -4 and the sum of the newest two of those, a head."""
    rng = np.random.default_rng(0)
    weight, head = rng.normal(size=(3, 3, 4)), rng.normal(size=(1, 4, 3))
    sketch = Sketch(3)
    rows, mixed, before, both, out = (
        sketch.ring(5, 3), sketch.ring(2, 4), sketch.block(1, 4), sketch.block(1, 4), sketch.block(1, 3)
    )  # fmt: skip
    sketch.copy(sketch.row, 0, rows, -1)
    sketch.conv(Layer(weight, np.ones(4), 0.1), rows, mixed, dilation=2)
    sketch.copy(mixed, 0, before, 0)
    sketch.add(mixed, before, both)
    sketch.conv(Layer(head, np.zeros(3)), both, out)
    return sketch, out, weight, head[0]


def test_a_sketch_does_what_was_drawn():
    sketch, out, weight, head = drawn()
    net = CompiledNet(sketch, out, 6, 1)
    rows = np.random.default_rng(1).normal(size=(20, 3))
    mixed = np.array([1 + sum(rows[t - 4 + 2 * k] @ weight[k] for k in range(3)) for t in range(4, 20)])
    mixed = np.where(mixed > 0, mixed, 0.1 * mixed)
    want = (mixed[1:] + mixed[:-1]) @ head
    got = net.logits(rows)[:, 0]
    assert np.isnan(got[:5]).all() and np.abs(got[5:] - want).max() < 1e-5
    stream = net.stream()
    steps = [stream.step(row) for row in rows]
    assert steps[:5] == [None] * 5 and np.array_equal(np.array(steps[5:])[:, 0], got[5:])


def test_a_drawing_that_does_not_hold_is_refused():
    sketch, out, *_ = drawn()
    with pytest.raises(ModelError, match="cannot be streamed: output: 6 floats"):
        CompiledNet(sketch, out, 6, 2)
    sketch.conv(Layer(np.zeros((1, 9, 3)), np.zeros(3)), sketch.row, out)
    with pytest.raises(ModelError, match="operation 5: src"):
        CompiledNet(sketch, out, 6, 1)


@compiled
def test_nothing_is_kept_of_rows_before_a_gap(name, make_tiny, make_lived_in):
    """Two streams with different pasts are the same after a gap, also in what they hold."""
    net = make_lived_in(make_tiny(name))
    served = folded(net.arrays(), net.config.as_dict())
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(served.window + 5, served.width))
    gap = np.full(served.width, 0.5)
    gap[-1] = np.nan
    used, fresh = (Predictor(served, Scaler.fit(rows)) for _ in range(2))
    for row in 100.0 * rows:
        used.step(row)
    assert np.isnan(used.step(gap)).all() and used.remaining == used.warmup and np.isnan(used.heads).all()
    for row in rows:
        assert np.array_equal(used.step(row), fresh.step(row), equal_nan=True)
        assert used.remaining == fresh.remaining


@compiled
def test_many_streams_share_the_weights_and_nothing_else(name, make_tiny, make_lived_in):
    net = make_lived_in(make_tiny(name))
    served = folded(net.arrays(), net.config.as_dict())
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(served.window + 4, 7, served.width))
    scaler = Scaler.fit(rows.reshape(-1, served.width))
    alone = [[Predictor(served, scaler).step(rows[t, k]) for t in range(0)] for k in range(7)]
    for k in range(7):
        predictor = Predictor(served, scaler)
        alone[k] = [predictor.step(rows[t, k]) for t in range(len(rows))]
    together = [Predictor(served, scaler) for _ in range(7)]
    assert all(predictor._stream.plan is served.plan for predictor in together)
    for t in range(len(rows)):
        for k, predictor in enumerate(together):
            assert np.array_equal(predictor.step(rows[t, k]), alone[k][t], equal_nan=True)
    assert served.plan.floats < 20_000, "a stream holds its rings alone"


@compiled
def test_temperatures_and_heads(name, make_tiny, make_lived_in):
    net = make_lived_in(make_tiny(name, heads=3))
    served = folded(net.arrays(), net.config.as_dict())
    rows = np.random.default_rng(4).normal(size=(served.window + 3, served.width))
    scaler = Scaler.fit(rows)
    logits = served.logits(scaler.transform(rows))[-1]
    predictor = Predictor(served, scaler, [0.5, 1.0, 3.0], head=2)
    step = [predictor.step(row) for row in rows][-1]
    for head, temperature in enumerate((0.5, 1.0, 3.0)):
        power = np.exp(logits[head] / temperature)
        assert np.abs(predictor.heads[head] - power / power.sum()).max() < 1e-12
    assert np.array_equal(step, predictor.heads[2])


def test_streams_take_raw_or_scaled_rows(make_tiny, make_lived_in):
    net = make_lived_in(make_tiny("causal-16"))
    served = folded(net.arrays(), net.config.as_dict())
    rows = 5 + 3 * np.random.default_rng(5).normal(size=(served.window + 3, served.width))
    scaler = Scaler(rows.mean(axis=0), rows.std(axis=0), 1.5)
    raw, scaled = served.raw_stream(scaler, [1.0, 1.0], 0), Stream(served.plan)
    scaled_rows = scaler.transform(rows)
    assert np.array_equal(raw.run(rows, logits=True), scaled.run(scaled_rows, logits=True), equal_nan=True)
