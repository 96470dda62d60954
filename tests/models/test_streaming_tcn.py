import numpy as np
import pytest

from genesis_lib.errors import ModelError
from genesis_lib.features import model_inputs
from genesis_lib.models.kinds import kind
from genesis_lib.models.scaler import Scaler
from genesis_lib.models.streaming_tcn import ServedTCN
from genesis_lib.models.tcn import TCNConfig

SHAPES = [
    TCNConfig(inputs=30),
    TCNConfig(inputs=9, channels=5, heads=3, slope=0.2),
    TCNConfig(inputs=4, channels=3, window=64),
]


@pytest.mark.parametrize("config", SHAPES, ids=lambda c: f"{c.inputs}x{c.channels}")
def test_equal_to_torch_through_a_gap(config, make_lived_in, walk):
    rng = np.random.default_rng(1)
    rows = 3.0 + 2.0 * rng.normal(size=(190 + config.window, config.inputs))
    rows[20, 0] = np.nan
    assert walk(make_lived_in(config), Scaler.fit(rows[21:]), rows) < 1e-6


def test_equal_on_a_whole_recording(recorded_rows, make_lived_in, walk):
    net = make_lived_in(kind("tcn-32").configure(model_inputs(10)))
    whole = np.isfinite(recorded_rows).all(axis=1)
    assert walk(net, Scaler.fit(recorded_rows[whole]), recorded_rows, every=100, count=3000) < 1e-6


def test_the_window_is_exactly_what_an_answer_depends_on(make_lived_in):
    net = make_lived_in(SHAPES[0])
    served = ServedTCN(net.arrays(), net.config.as_dict())
    rows = np.random.default_rng(2).normal(size=(100, 30))
    first, other = rows.copy(), np.vstack([np.full((1, 30), 9.0), rows])
    assert np.array_equal(served.logits(rows)[-1], served.logits(other)[-1])
    first[0] += 1.0
    assert not np.array_equal(served.logits(rows)[-1], served.logits(first)[-1])


def test_weights_that_do_not_fit_are_named(make_lived_in):
    net = make_lived_in(SHAPES[2])
    weights, shape = net.arrays(), net.config.as_dict()
    with pytest.raises(ModelError, match=r"front\.weight must have shape \(6, 4, 1\), got \(3, 4, 1\)"):
        ServedTCN(weights, shape | {"channels": 6})
    with pytest.raises(ModelError, match=r"memory\.weight"):
        ServedTCN(weights, shape | {"window": 80})
    with pytest.raises(ModelError, match="window must be at least 64"):
        ServedTCN(weights, shape | {"window": 63})
