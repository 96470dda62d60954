import numpy as np
import pytest

from genesis_lib.errors import ModelError
from genesis_lib.models.paper import PaperDeepLOBConfig
from genesis_lib.models.scaler import Scaler
from genesis_lib.models.streaming_lstm import ServedPaperDeepLOB

SHAPES = [
    PaperDeepLOBConfig(levels=2, window=24, channels=4, branch=3, hidden=5),  # one output between the ends
    PaperDeepLOBConfig(levels=1, window=25, channels=4, branch=3, hidden=17, heads=2),
    PaperDeepLOBConfig(levels=5, window=60),
]


@pytest.mark.parametrize("config", SHAPES, ids=lambda c: f"{c.levels}x{c.window}")
def test_equal_to_torch_through_a_gap(config, make_lived_in, walk):
    rows = 3.0 + 2.0 * np.random.default_rng(1).normal(size=(60 + config.window, config.inputs))
    rows[20, 0] = np.nan
    assert walk(make_lived_in(config), Scaler.fit(rows[21:]), rows) < 1e-6


def test_equal_on_a_whole_recording(recorded_rows, make_lived_in, walk):
    whole = np.isfinite(recorded_rows).all(axis=1)
    net = make_lived_in(PaperDeepLOBConfig())
    assert walk(net, Scaler.fit(recorded_rows[whole]), recorded_rows, every=400, count=600) < 1e-6


def test_weights_that_do_not_fit_are_named(make_lived_in):
    net = make_lived_in(SHAPES[0])
    weights, shape = net.arrays(), net.config.as_dict()
    with pytest.raises(ModelError, match=r"lstm\.bias_ih_l0 must have shape \(24,\), got \(20,\)"):
        ServedPaperDeepLOB(weights, shape | {"hidden": 6})
    with pytest.raises(ModelError, match="window must be at least 24"):
        ServedPaperDeepLOB(weights, shape | {"window": 23})
    with pytest.raises(ModelError, match="at most 256"):
        wide = PaperDeepLOBConfig(levels=1, window=24, channels=1, branch=1, hidden=257)
        ServedPaperDeepLOB(make_lived_in(wide).arrays(), wide.as_dict())
