import numpy as np
import pytest

from genesis_lib.errors import ModelError
from genesis_lib.models import attention
from genesis_lib.models.attention import AttentionConfig
from genesis_lib.models.scaler import Scaler
from genesis_lib.models.streaming_attention import ServedAttention, positions

SHAPES = [AttentionConfig(inputs=5, window=9, width=4, layers=2, pooled=2, heads=2), AttentionConfig(inputs=57)]


@pytest.mark.parametrize("config", SHAPES, ids=lambda c: f"{c.inputs}x{c.window}")
def test_equal_to_torch_through_a_gap(config, make_lived_in, walk):
    rows = 3.0 + 2.0 * np.random.default_rng(1).normal(size=(50 + config.window, config.inputs))
    rows[20, 0] = np.nan
    assert walk(make_lived_in(config), Scaler.fit(rows[21:]), rows) < 1e-6


def test_equal_on_a_recording(recorded_rows, make_lived_in, walk):
    rows = recorded_rows[:700]
    whole = np.isfinite(rows).all(axis=1)
    assert walk(make_lived_in(AttentionConfig()), Scaler.fit(rows[whole]), rows, every=20, count=130) < 1e-6


def test_positions_are_the_trained_ones():
    assert np.array_equal(positions(100, 32), attention.positions(100, 32).numpy())


def test_weights_that_do_not_fit_are_named(make_lived_in):
    net = make_lived_in(SHAPES[0])
    weights, shape = net.arrays(), net.config.as_dict()
    with pytest.raises(ModelError, match=r"times\.0\.before\.weight|embed\.weight must have shape \(6, 5\)"):
        ServedAttention(weights, shape | {"width": 6})
    with pytest.raises(ModelError, match="width even"):
        ServedAttention(weights, shape | {"width": 3})
