import numpy as np
import pytest

from genesis_lib.errors import ModelError
from genesis_lib.models.deeplob import DeepLOBConfig
from genesis_lib.models.scaler import Scaler
from genesis_lib.models.streaming_deeplob import ServedDeepLOB

SHAPES = [
    DeepLOBConfig(levels=2, window=9, channels=4, branch=3, hidden=5),  # nothing lies between the ends
    DeepLOBConfig(levels=2, window=10, channels=4, branch=3, hidden=5, heads=2),
    DeepLOBConfig(levels=1, window=14, channels=8, branch=4, hidden=16),
    DeepLOBConfig(levels=5, window=100),
]


@pytest.mark.parametrize("config", SHAPES, ids=lambda c: f"{c.levels}x{c.window}")
def test_equal_to_torch_through_a_gap(config, make_lived_in, walk):
    rows = 3.0 + 2.0 * np.random.default_rng(1).normal(size=(60 + config.window, config.inputs))
    rows[20, 0] = np.nan
    assert walk(make_lived_in(config), Scaler.fit(rows[21:]), rows) < 1e-6


def test_equal_on_a_whole_recording(recorded_rows, make_lived_in, walk):
    whole = np.isfinite(recorded_rows).all(axis=1)
    assert np.flatnonzero(~whole).tolist() == [1, 2], "a diff waited for the snapshot, and the row after it"
    net = make_lived_in(DeepLOBConfig())
    assert walk(net, Scaler.fit(recorded_rows[whole]), recorded_rows, every=150, count=3_000) < 1e-6


def test_manifests_of_before_heads_are_read(make_lived_in):
    net = make_lived_in(SHAPES[0])
    shape = {key: value for key, value in net.config.as_dict().items() if key not in ("heads", "inputs")}
    assert ServedDeepLOB(net.arrays(), shape).heads == 1


def test_weights_that_do_not_fit_are_named(make_lived_in):
    net = make_lived_in(SHAPES[0])
    weights, shape = net.arrays(), net.config.as_dict()
    with pytest.raises(ModelError, match=r"dense\.weight must have shape \(5, 120\)"):
        ServedDeepLOB(weights, shape | {"window": 10})
    with pytest.raises(ModelError, match=r"head\.bias"):
        ServedDeepLOB({k: v for k, v in weights.items() if k != "head.bias"}, shape)
    with pytest.raises(ModelError, match="slope"):
        ServedDeepLOB(weights, {k: v for k, v in shape.items() if k != "slope"})
    with pytest.raises(ModelError, match="window must be at least 9"):
        ServedDeepLOB(weights, shape | {"window": 8})
