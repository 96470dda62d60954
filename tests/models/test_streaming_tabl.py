import numpy as np
import pytest

from genesis_lib.errors import ModelError
from genesis_lib.models.scaler import Scaler
from genesis_lib.models.streaming_tabl import ServedTABL
from genesis_lib.models.tabl import TABLConfig

SHAPES = [TABLConfig(inputs=5, window=7, features=(6, 8), times=(4, 3), heads=2), TABLConfig(inputs=57)]


@pytest.mark.parametrize("config", SHAPES, ids=lambda c: f"{c.inputs}x{c.window}")
def test_equal_to_torch_through_a_gap(config, make_lived_in, walk):
    rows = 3.0 + 2.0 * np.random.default_rng(1).normal(size=(60 + config.window, config.inputs))
    rows[20, 0] = np.nan
    assert walk(make_lived_in(config), Scaler.fit(rows[21:]), rows) < 1e-6


def test_equal_on_a_whole_recording(recorded_rows, make_lived_in, walk):
    whole = np.isfinite(recorded_rows).all(axis=1)
    net = make_lived_in(TABLConfig())
    assert walk(net, Scaler.fit(recorded_rows[whole]), recorded_rows, every=100, count=400) < 1e-6


def test_weights_that_do_not_fit_are_named(make_lived_in):
    net = make_lived_in(SHAPES[0])
    weights, shape = net.arrays(), net.config.as_dict()
    with pytest.raises(ModelError, match=r"mix1\.left must have shape \(9, 5\)"):
        ServedTABL(weights, shape | {"features": [9, 8]})
    with pytest.raises(ModelError, match="features must hold two whole numbers"):
        ServedTABL(weights, shape | {"features": [9]})
