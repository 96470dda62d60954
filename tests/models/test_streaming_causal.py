import numpy as np
import pytest

from genesis_lib.errors import ModelError
from genesis_lib.features import model_inputs
from genesis_lib.models.causal import CausalConfig
from genesis_lib.models.kinds import kind
from genesis_lib.models.scaler import Scaler
from genesis_lib.models.streaming_causal import ServedCausal

SHAPES = [
    CausalConfig(),
    CausalConfig(channels=32, extra=20, skip=True, heads=2),
    CausalConfig(levels=0, extra=57, skip=True),
    CausalConfig(levels=3, extra=1, window=54, channels=5, hidden=7),
    CausalConfig(levels=1, window=61, channels=3, hidden=5, heads=3),
]


@pytest.mark.parametrize("config", SHAPES, ids=lambda c: f"{c.levels}+{c.extra}x{c.channels}")
def test_equal_to_torch_through_a_gap(config, make_lived_in, walk):
    rng = np.random.default_rng(1)
    rows = 3.0 + 2.0 * rng.normal(size=(190 + config.window, config.inputs))
    rows[20, 0] = np.nan
    assert walk(make_lived_in(config), Scaler.fit(rows[21:]), rows) < 1e-6


@pytest.mark.parametrize("name", ["causal-16", pytest.param("causal-32", marks=pytest.mark.slow)])
def test_equal_on_a_whole_recording(name, recorded_rows, make_lived_in, walk):
    net = make_lived_in(kind(name).configure(model_inputs(10)))
    whole = np.isfinite(recorded_rows).all(axis=1)
    every, count = (1, None) if name == "causal-16" else (300, 1_500)  # the wide one differs in nothing but its width
    assert walk(net, Scaler.fit(recorded_rows[whole]), recorded_rows, every, count) < 1e-6


def test_the_window_is_exactly_what_an_answer_depends_on(make_lived_in):
    net = make_lived_in(SHAPES[0])
    served = ServedCausal(net.arrays(), net.config.as_dict())
    rows = np.random.default_rng(2).normal(size=(100, 40))
    first, other = rows.copy(), np.vstack([np.full((1, 40), 9.0), rows])
    assert np.array_equal(served.logits(rows)[-1], served.logits(other)[-1])
    first[0] += 1.0
    assert not np.array_equal(served.logits(rows)[-1], served.logits(first)[-1])


def test_weights_that_do_not_fit_are_named(make_lived_in):
    net = make_lived_in(SHAPES[3])
    weights, shape = net.arrays(), net.config.as_dict()
    with pytest.raises(ModelError, match=r"extra\.norm\.running_mean must have shape \(6,\), got \(5,\)"):
        ServedCausal(weights, shape | {"channels": 6})
    with pytest.raises(ModelError, match=r"memory\.conv\.weight"):
        ServedCausal(weights, shape | {"window": 60})
    with pytest.raises(ModelError, match="window must be at least 54"):
        ServedCausal(weights, shape | {"window": 53})
